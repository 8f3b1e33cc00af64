"""Series cut down to a budget: from their points, or for long ones from their rollups.

Whatever the budget: every stored extreme is in the answer, so is the last point, and bucket edges depend on steps
only, so that a live chart does not flicker and the buckets of parallel runs align.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from prevue_core.contract import MAX_INT64, MIN_INT64
from prevue_core.db import points, rollups
from prevue_core.db.buckets import Bucket, Point, bucket_of, cut, fitted, shift_within
from prevue_core.db.models import Series
from prevue_core.db.queries.levels import Part, buckets_of
from prevue_core.db.stored import to_unix

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
    cursor: int  # rows that were logged, in the range or not: it grows with each
    columns: Columns


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
    of_runs = defaultdict(list)
    for row in found:
        of_runs[row.run_id].append(row)
    low, high = MIN_INT64 if low_step is None else low_step, MAX_INT64 if high_step is None else high_step
    return [part for rows in of_runs.values() for part in _parts(rows, low, high, budget)]


def _parts(rows: Sequence[Any], low: int, high: int, budget: int) -> list[SeriesPart]:
    """Return series of one run: the long ones from rollups, all others with one scan of the range."""
    long = [part for row in rows if (part := _long_part(row, low, high, budget))]
    buckets = buckets_of(long, budget)
    rising = points.read([row for row in rows if row.series_no not in buckets], low, high)
    return [
        _of_buckets(row, buckets[row.series_no], budget)
        if row.series_no in buckets
        else _of_points(row, rising[row.series_no], budget)
        for row in rows
    ]


def _long_part(row: Any, low: int, high: int, budget: int) -> Part | None:
    """Return the range as a part of a series that has rollups, or None where its points are certainly few."""
    if row.stride is None:
        return None
    low, high = max(low, row.first_step), min(high, row.last_step)
    return Part(row, low, high, rollups.levels_of(row)) if high - low >= budget else None


def _of_buckets(row: Any, buckets: Sequence[Bucket], budget: int) -> SeriesPart:
    return _part(row, False, sum(bucket.count for bucket in buckets), _columns(fitted(buckets, budget)))


def _of_points(row: Any, rising: Sequence[Point], budget: int) -> SeriesPart:
    if len(rising) <= budget:
        return _part(row, True, len(rising), _exact_columns(rising))
    shift = shift_within(rising[0][0], rising[-1][0], budget)
    return _part(row, False, len(rising), _columns([bucket_of(part) for _, part in cut(rising, shift)]))


def _part(row: Any, exact: bool, count: int, columns: Columns) -> SeriesPart:
    return SeriesPart(
        run_id=str(row.run_id),
        rank=row.rank,
        split=row.split,
        name=row.name,
        kind=row.kind,
        exact=exact,
        count=count,
        cursor=row.row_count,
        columns=columns,
    )


def _exact_columns(rising: Sequence[Point]) -> Columns:
    values = [value for _, value, _, _ in rising]
    finite = [value if math.isfinite(value) else None for value in values]
    return Columns(
        step=[step for step, _, _, _ in rising],
        time=[to_unix(time) for _, _, time, _ in rising],
        epoch=[epoch for _, _, _, epoch in rising],
        first=values,
        last=values,
        mean=finite,
        low=finite,
        high=finite,
        count=[1] * len(values),
        nan_count=[int(math.isnan(value)) for value in values],
        inf_count=[int(value == math.inf) for value in values],
        ninf_count=[int(value == -math.inf) for value in values],
    )


def _columns(buckets: Sequence[Bucket]) -> Columns:
    return Columns(
        step=[bucket.last_step for bucket in buckets],
        time=[to_unix(bucket.last_time) for bucket in buckets],
        epoch=[bucket.last_epoch for bucket in buckets],
        first=[bucket.first_value for bucket in buckets],
        last=[bucket.last_value for bucket in buckets],
        mean=[bucket.mean for bucket in buckets],
        low=[bucket.low_value for bucket in buckets],
        high=[bucket.high_value for bucket in buckets],
        count=[bucket.count for bucket in buckets],
        nan_count=[bucket.nan_count for bucket in buckets],
        inf_count=[bucket.inf_count for bucket in buckets],
        ninf_count=[bucket.ninf_count for bucket in buckets],
    )
