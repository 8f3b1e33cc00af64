"""Series cut down to a budget.

Whatever the budget: every stored extreme is in the answer, so is the last point, and bucket edges depend on steps
only, so that a live chart does not flicker and the buckets of parallel runs align.
"""

import datetime
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import peewee

from prevue_core.contract import MIN_INT64
from prevue_core.db.models import Metric, Series
from prevue_core.db.queries.stored import to_float, to_unix

MAX_BUDGET = 5_000


@dataclass
class Columns:
    """Points of a series, or buckets of points, in order of step. A point is a bucket of one."""

    step: list[int] = field(default_factory=list)  # of the bucket's last point
    time: list[float] = field(default_factory=list)  # UNIX seconds, of the bucket's last point
    epoch: list[int | None] = field(default_factory=list)  # of the bucket's last point
    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    mean: list[float | None] = field(default_factory=list)  # of finite values, as low and high; None: there is none
    low: list[float | None] = field(default_factory=list)
    high: list[float | None] = field(default_factory=list)
    count: list[int] = field(default_factory=list)  # of all values
    nan_count: list[int] = field(default_factory=list)
    inf_count: list[int] = field(default_factory=list)
    ninf_count: list[int] = field(default_factory=list)


@dataclass
class SeriesPart:
    """What was asked of one series."""

    run_id: str
    rank: int
    split: str
    name: str
    kind: str
    exact: bool  # the points themselves, not buckets
    count: int  # points in the range
    cursor: int  # the highest metric_id in the range, 0 if there is none
    columns: Columns


@dataclass(frozen=True)
class Point:
    """A value of a series with its axes."""

    step: int
    epoch: int | None
    time: datetime.datetime
    value: float
    metric_id: int


def series(
    run_ids: list[str],
    names: list[str] | None = None,
    splits: list[str] | None = None,
    *,
    low_step: int | None = None,
    high_step: int | None = None,
    budget: int = 1_000,
) -> list[SeriesPart]:
    """Return the asked series (None: all) of `run_ids`, in the order of the runs and of the series in them.

    Of each, the points from `low_step` to `high_step`, both included: the points themselves if they are at most
    `budget`, otherwise buckets of equally many steps, at most `budget` of them and at least a quarter where points
    are evenly spread.
    """
    query = Series.select().where(Series.run_id.in_(run_ids))
    if names is not None:
        query = query.where(Series.name.in_(names))
    if splits is not None:
        query = query.where(Series.split.in_(splits))
    found = sorted(query, key=lambda row: (run_ids.index(str(row.run_id)), row.series_no))
    return [_part(row, low_step, high_step, budget) for row in found]


def rows_of(row: Any, *columns: Any) -> "peewee.ModelSelect[Any]":
    """Return a query of the rows of `metrics` that belong to a series."""
    name = Metric.loss_name if row.kind == "loss" else Metric.metric_name
    return Metric.select(*columns).where(
        Metric.run_id == row.run_id, Metric.rank == row.rank, Metric.split == row.split, name == row.name
    )


def values_of(row: Any) -> Iterator[tuple[int, float]]:
    """Yield step and value of a series in order of step, the later value where a step came twice."""
    for point in _points(row, None, None):
        yield point.step, point.value


def _part(row: Any, low_step: int | None, high_step: int | None, budget: int) -> SeriesPart:
    points = list(_points(row, low_step, high_step))
    exact = len(points) <= budget
    width = 1 if exact else _width(points[0].step, points[-1].step, budget)
    columns = Columns()
    for bucket in _buckets(points, width):
        _add_bucket(columns, bucket)
    return SeriesPart(
        run_id=str(row.run_id),
        rank=row.rank,
        split=row.split,
        name=row.name,
        kind=row.kind,
        exact=exact,
        count=len(points),
        cursor=max((point.metric_id for point in points), default=0),
        columns=columns,
    )


def _points(row: Any, low_step: int | None, high_step: int | None) -> Iterator[Point]:
    value = Metric.loss_value if row.kind == "loss" else Metric.metric_value
    query = rows_of(row, Metric.step, Metric.epoch, Metric.timestamp, value, Metric.metric_id)
    if low_step is not None:
        query = query.where(Metric.step >= low_step)
    if high_step is not None:
        query = query.where(Metric.step <= high_step)
    held: Point | None = None
    for step, epoch, time, number, metric_id in query.order_by(Metric.step, Metric.metric_id).tuples().iterator():
        if held is not None and held.step != step:  # of equal steps the last row is kept
            yield held
        held = Point(step, epoch, time, to_float(number), metric_id)
    if held is not None:
        yield held


def _width(first_step: int, last_step: int, budget: int) -> int:
    """Return the smallest power of two whose multiples cut the range into at most `budget` buckets."""
    width = 1
    while _bucket_no(last_step, width) - _bucket_no(first_step, width) + 1 > budget:
        width *= 2
    return width


def _bucket_no(step: int, width: int) -> int:
    # Counted from the lowest step there is, so that one bucket can hold steps on both sides of 0.
    return (step - MIN_INT64) // width


def _buckets(points: Iterable[Point], width: int) -> Iterator[list[Point]]:
    bucket: list[Point] = []
    for point in points:
        if bucket and _bucket_no(point.step, width) != _bucket_no(bucket[0].step, width):
            yield bucket
            bucket = []
        bucket.append(point)
    if bucket:
        yield bucket


def _add_bucket(columns: Columns, bucket: list[Point]) -> None:
    last = bucket[-1]
    values = [point.value for point in bucket]
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=None), max(finite, default=None)
    columns.step.append(last.step)
    columns.time.append(to_unix(last.time))
    columns.epoch.append(last.epoch)
    columns.first.append(values[0])
    columns.last.append(values[-1])
    columns.mean.append(_mean(finite, low, high))
    columns.low.append(low)
    columns.high.append(high)
    columns.count.append(len(values))
    columns.nan_count.append(sum(map(math.isnan, values)))
    columns.inf_count.append(values.count(math.inf))
    columns.ninf_count.append(values.count(-math.inf))


def _mean(finite: list[float], low: float | None, high: float | None) -> float | None:
    if low is None or high is None:
        return None
    try:
        mean = math.fsum(finite) / len(finite)
    except OverflowError:  # values near the largest float: divide first
        mean = math.fsum(value / len(finite) for value in finite)
    return min(max(mean, low), high)  # rounding may lead out: a constant stays that constant
