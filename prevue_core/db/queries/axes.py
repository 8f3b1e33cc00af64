"""What series are drawn over, if not the step: which steps a range of it stands for, and where each row lies on it."""

import datetime
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import peewee

from prevue_core.contract import MAX_INT64, MIN_INT64
from prevue_core.db import points
from prevue_core.db.buckets import Bucket, number_of
from prevue_core.db.connection import db
from prevue_core.db.models import Metric, Series, TrainingRun
from prevue_core.db.queries import levels
from prevue_core.db.stored import to_unix
from prevue_core.errors import InvalidValue

if TYPE_CHECKING:
    from prevue_core.db.queries.series import SeriesPart

KINDS = ("step", "epoch", "relative", "wall", "metric")

# Up to so many rows the steps of a range are looked up one by one. Behind that, a million rows would cost 0.3 s, and
# the range is found as in a phone book: 40 looks, 3 ms.
LOOKED_AT = 10_000

_EPOCH = datetime.datetime(1970, 1, 1)

Range = tuple[int, int]  # of steps, both included
Place = tuple[Any, int, str]  # run_id, rank, split: what shares steps and their times


@dataclass(frozen=True)
class Axis:
    """What is asked of the x axis. Raises InvalidValue where the parts do not fit together."""

    kind: str = "step"  # relative: seconds since the run began; wall: UNIX seconds
    name: str | None = None  # of a metric
    split: str | None = None  # None: that of each series
    low: float | None = None  # range in units of the axis, both ends included
    high: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidValue(f"x {self.kind!r} is no axis; use one of {', '.join(KINDS)}")
        if self.kind == "metric" and not self.name:
            raise InvalidValue("x 'metric' needs the name of a metric; give it as x_name")
        if self.kind != "metric" and (self.name or self.split):
            raise InvalidValue(
                f"x {self.kind!r} has no name {self.name or self.split!r}; use x 'metric' for another one"
            )
        if self.kind == "metric" and self.is_range:
            given = next(end for end in (self.low, self.high) if end is not None)
            raise InvalidValue(f"{given!r} is no end of a range of a metric; choose steps: low_step and high_step")

    @property
    def is_range(self) -> bool:
        """Whether a part is asked for."""
        return self.low is not None or self.high is not None


STEP = Axis()


def ranges(rows: Iterable[Any], axis: Axis, low: int, high: int) -> dict[Place, Range]:
    """Return the steps from `low` to `high` that lie in the range of the axis, for series given as rows of `series`.

    They go from the first to the last step at which x lies in the range. In long series x is taken to rise with the
    step, as time and epochs do.
    """
    places = defaultdict(list)
    for row in rows:
        places[row.run_id, row.rank, row.split].append(row)
    if not axis.is_range:
        return dict.fromkeys(places, (low, high))
    if axis.kind == "step":
        return dict.fromkeys(
            places, (max(low, _whole(axis.low, math.ceil, low)), min(high, _whole(axis.high, math.floor, high)))
        )
    began = _began({run_id for run_id, _, _ in places}) if axis.kind == "relative" else {}
    return {place: _steps(members, axis, began.get(place[0], 0.0), (low, high)) for place, members in places.items()}


def _whole(value: float | None, rounded: Any, default: int) -> int:
    return default if value is None else min(max(rounded(value), MIN_INT64), MAX_INT64)


def _began(run_ids: Iterable[Any]) -> dict[Any, float]:
    query = TrainingRun.select(TrainingRun.run_id, TrainingRun.started_at)
    return {run.run_id: to_unix(run.started_at) for run in query.where(TrainingRun.run_id.in_(list(run_ids)))}


def _steps(rows: Sequence[Any], axis: Axis, origin: float, within: Range) -> Range:
    """Return the steps of a range of epochs or times, `origin` being the time at which x is 0."""
    low = max(within[0], min(row.first_step for row in rows))
    high = min(within[1], max(row.last_step for row in rows))
    if axis.kind == "epoch":
        column: Any = Metric.epoch
        ends: tuple[Any, Any] = _whole(axis.low, math.ceil, MIN_INT64), _whole(axis.high, math.floor, MAX_INT64)
    else:
        column = Metric.timestamp
        ends = _time(axis.low, origin, datetime.datetime.min), _time(axis.high, origin, datetime.datetime.max)
    if low > high or ends[0] > ends[1]:
        return high + 1, high
    if sum(row.row_count for row in rows) <= LOOKED_AT or any(row.rewritten for row in rows):
        return _looked_at(rows[0], column, ends, (low, high))
    return _reached(rows[0], column, ends, (low, high))


def _time(seconds: float | None, origin: float, default: datetime.datetime) -> datetime.datetime:
    if seconds is None:
        return default
    try:
        return _EPOCH + datetime.timedelta(seconds=origin + seconds)
    except OverflowError:  # a time before the first year, or behind the last
        return datetime.datetime.min if seconds < 0 else datetime.datetime.max


def _looked_at(row: Any, column: Any, ends: tuple[Any, Any], within: Range) -> Range:
    found: Any = (
        Metric.select(peewee.fn.MIN(Metric.step), peewee.fn.MAX(Metric.step))
        .where(Metric.run_id == row.run_id, Metric.rank == row.rank, Metric.split == row.split)
        .where(Metric.step.between(*within), column.between(*ends))
        .tuples()
        .get()
    )
    low, high = found
    return (within[1] + 1, within[1]) if low is None else (low, high)


def _reached(row: Any, column: Any, ends: tuple[Any, Any], within: Range) -> Range:
    """Halve the range until only the step is left at which x reaches an end; a step without x comes before all."""
    first = _first(row, column, within, lambda x: x >= ends[0])
    return first, _first(row, column, (first, within[1]), lambda x: x > ends[1]) - 1


def _first(row: Any, column: Any, within: Range, is_reached: Any) -> int:
    """Return the first step in a range from which on x is as far as asked, or the one behind the range."""
    param = db.param
    where = " AND ".join(f"{name} = {param}" for name in ("run_id", "rank", "split"))
    sql = f"SELECT step, {column.column_name} FROM metrics WHERE {where} AND step >= {param} ORDER BY step LIMIT 1"  # noqa: S608 - names are ours
    low, behind = within[0], within[1] + 1
    while low < behind:
        middle = (low + behind) // 2
        found = db.execute_sql(sql, (str(row.run_id), row.rank, row.split, middle)).fetchone()
        if found is None or (found[1] is not None and is_reached(column.python_value(found[1]))):
            behind = middle
        else:
            low = min(found[0] + 1, behind)
    return low


def add_x(parts: Sequence["SeriesPart"], axis: Axis, ranges: dict[Place, Range]) -> None:
    """Fill in where the rows of series lie on an axis that is not the step."""
    if axis.kind == "metric":
        _add_metric(parts, axis, {(str(run_id), rank, split): steps for (run_id, rank, split), steps in ranges.items()})
    elif axis.kind == "relative":
        began = {str(run_id): time for run_id, time in _began({run_id for run_id, _, _ in ranges}).items()}
        for part in parts:
            part.columns.x = [time - began[part.run_id] for time in part.columns.time]
    else:
        for part in parts:
            part.columns.x = list(part.columns.epoch if axis.kind == "epoch" else part.columns.time)


def _add_metric(parts: Sequence["SeriesPart"], axis: Axis, ranges: dict[Place, Range]) -> None:
    splits = {axis.split} if axis.split else {part.split for part in parts}
    query = Series.select().where(
        Series.run_id.in_([part.run_id for part in parts]), Series.name == axis.name, Series.split.in_(list(splits))
    )
    rows = {(str(row.run_id), row.rank, row.split): row for row in query}
    for part in parts:
        row = rows.get((part.run_id, part.rank, axis.split or part.split))
        steps, columns = part.columns.step, part.columns
        if part.exact:
            values = points.at(row, steps) if row else {}
            columns.x = [value if math.isfinite(value := values.get(step, math.nan)) else None for step in steps]
            continue
        low, high = ranges[part.run_id, part.rank, part.split]
        found: dict[int, Bucket] = levels.cut_to(row, low, high, part.shift) if row else {}
        buckets = [found.get(number_of(step, part.shift)) for step in steps]
        columns.x, columns.x_low, columns.x_high = (
            [getattr(bucket, name, None) for bucket in buckets] for name in ("mean", "low_value", "high_value")
        )
