"""Series cut down to a budget: from their points, or for long ones from their rollups.

Whatever the budget: every stored extreme is in the answer, so is the last point, and bucket edges depend on steps
only, so that a live chart does not flicker and the buckets of parallel runs align.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from prevue_core.contract import MAX_INT64, MIN_INT64
from prevue_core.db import points, rollups
from prevue_core.db.buckets import Bucket, Point, bucket_of, cut, fitted, shift_within
from prevue_core.db.connection import reading
from prevue_core.db.models import Series
from prevue_core.db.queries import axes, cursors, levels
from prevue_core.db.queries.axes import STEP, Axis
from prevue_core.db.queries.cursors import Seen
from prevue_core.db.queries.levels import Part
from prevue_core.db.stored import to_unix

MAX_BUDGET = 5_000

# By the name of a column: the field of a bucket that is in it.
_FIELDS = {
    "step": "last_step", "time": "last_time", "epoch": "last_epoch", "first": "first_value", "last": "last_value",
    "mean": "mean", "low": "low_value", "high": "high_value", "count": "count",
    "nan_count": "nan_count", "inf_count": "inf_count", "ninf_count": "ninf_count",
}  # fmt: skip


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
    # Where another axis than the step was asked for: of the bucket's last point; of a metric its finite values'
    # mean, with the lowest and the highest. None: it has none there.
    x: list[float | None] | None = None
    x_low: list[float | None] | None = None
    x_high: list[float | None] | None = None


@dataclass
class SeriesPart:
    """What was asked of one series."""

    run_id: str
    rank: int
    split: str
    name: str
    kind: str
    exact: bool  # the points themselves, not buckets
    shift: int  # buckets are 2**shift steps wide; of points 0
    count: int  # points in the range
    cursor: str | None  # what `news` takes; None for a part of a series
    columns: Columns
    from_step: int | None = None  # of `news`: these rows take the place of all from this step on; None: of all


def series(
    run_ids: list[str],
    names: list[str] | None = None,
    splits: list[str] | None = None,
    ranks: list[int] | None = None,
    *,
    low_step: int | None = None,
    high_step: int | None = None,
    budget: int = 1_000,
    axis: Axis = STEP,
    columns: Collection[str] | None = None,
) -> list[SeriesPart]:
    """Return the asked series (None: all) of `run_ids`, in the order of the runs and of the series in them.

    Of each, the points from `low_step` to `high_step`, both included, in the range of `axis`: the points themselves if
    they are at most `budget`, otherwise buckets of equally many steps, at most `budget` of them and at least a quarter
    where points are evenly spread. Other columns than `columns` (None: all) need not be filled in.
    """
    with reading():
        query = Series.select().where(Series.run_id.in_(run_ids))
        if names is not None:
            query = query.where(Series.name.in_(names))
        if splits is not None:
            query = query.where(Series.split.in_(splits))
        if ranks is not None:
            query = query.where(Series.rank.in_(ranks))
        found = sorted(query, key=lambda row: (run_ids.index(str(row.run_id)), row.series_no))
        low, high = MIN_INT64 if low_step is None else low_step, MAX_INT64 if high_step is None else high_step
        ranges = axes.ranges(found, axis, low, high)
        alike = defaultdict(list)
        for row in found:
            alike[row.run_id, ranges[row.run_id, row.rank, row.split]].append(row)
        shown = shown_fields(columns, axis.kind)
        parts = [part for (_, (low, high)), rows in alike.items() for part in parts_of(rows, low, high, budget, shown)]
        if axis.kind != "step":
            axes.add_x(parts, axis, ranges)
            for part in parts:
                part.cursor = None
    order = {(str(row.run_id), row.rank, row.split, row.name): place for place, row in enumerate(found)}
    return sorted(parts, key=lambda part: order[part.run_id, part.rank, part.split, part.name])


def shown_fields(columns: Collection[str] | None, kind: str = "step") -> set[str]:
    """Return which fields of buckets are needed for `columns` (None: all) over a kind of axis."""
    if columns is None:
        return set(_FIELDS.values())
    needed = {"step", "count", {"epoch": "epoch", "wall": "time", "relative": "time"}.get(kind, "step")}
    return {field for name, field in _FIELDS.items() if name in needed or name in columns}


def parts_of(rows: Sequence[Any], low: int, high: int, budget: int, shown: Collection[str]) -> list[SeriesPart]:
    """Return series of one run: the long ones from rollups, nearly all others with one scan of the range."""
    long = {row.series_no: part for row in rows if (part := _long_part(row, low, high, budget))}
    levels.look_up(list(long.values()), budget, shown)
    short = [row for row in rows if row.series_no not in long or long[row.series_no].is_short]
    rising = points.read_even(short, low, high)
    rising |= points.read([row for row in short if row.series_no not in rising], low, high)
    whole = (low, high) == (MIN_INT64, MAX_INT64)
    return [
        _of_points(row, rising[row.series_no], budget, whole, long.get(row.series_no))
        if row.series_no in rising
        else _of_level(row, long[row.series_no], budget, whole)
        for row in rows
    ]


def _long_part(row: Any, low: int, high: int, budget: int) -> Part | None:
    """Return the range as a part of a series that has rollups, or None where its points are certainly few."""
    if row.stride is None:
        return None
    low, high = max(low, row.first_step), min(high, row.last_step)
    return Part(row, low, high, rollups.levels_of(row)) if high - low >= budget else None


def _of_level(row: Any, long: Part, budget: int, whole: bool) -> SeriesPart:
    found: Sequence[rollups.Row] = list(long.level.values())
    source, shift, count = cursors.LEVEL, long.shift, long.count
    if len(found) > budget:
        source = cursors.MERGED
        buckets = [rollups.bucket_of_row(one) for one in found]
        shift = shift_within(buckets[0].first_step, buckets[-1].last_step, budget)
        found = fitted(buckets, budget)
    return part_of(row, columns_of(found), source, shift, count, whole)


def _of_points(row: Any, rising: Sequence[Point], budget: int, whole: bool, long: Part | None) -> SeriesPart:
    if len(rising) <= budget:
        return part_of(row, exact_columns(rising), cursors.POINTS, 0, len(rising), whole)
    shift = shift_within(rising[0][0], rising[-1][0], budget)
    buckets = [bucket_of(part) for _, part in cut(rising, shift)]
    return part_of(row, columns_of(buckets), cursors.CUT, shift, len(rising), whole, len(long.level) if long else -1)


def part_of(
    row: Any, columns: Columns, source: int, shift: int, count: int, whole: bool, finest: int = -1
) -> SeriesPart:
    """Return what was asked of a series, with a cursor where that is the `whole` of it."""
    counts = columns.count
    seen = Seen(
        row.series_no, source, row.row_count, row.count, row.first_step, row.last_step, shift,
        len(counts), counts[-1] if counts else 0, finest,
    )  # fmt: skip
    return SeriesPart(
        run_id=str(row.run_id),
        rank=row.rank,
        split=row.split,
        name=row.name,
        kind=row.kind,
        exact=source == cursors.POINTS,
        shift=shift,
        count=count,
        cursor=seen.text() if whole else None,
        columns=columns,
    )


def exact_columns(rising: Sequence[Point]) -> Columns:
    """Return points as columns."""
    values = [value for _, value, _, _ in rising]
    finite: list[float | None] = [value if math.isfinite(value) else None for value in values]
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


def columns_of(buckets: Sequence[Bucket | rollups.Row]) -> Columns:
    """Return one or more buckets, or rows of rollups, as columns."""
    of = dict(zip(Bucket._fields, zip(*buckets, strict=False), strict=False))  # rows have numbers behind the fields
    found: dict[str, list[Any]] = {name: list(of[field]) for name, field in _FIELDS.items()}
    found["time"] = [to_unix(time) for time in found["time"] if time is not None]
    for name in ("first", "last"):
        if None in found[name]:  # `to_float`, without a call for each
            found[name] = [math.nan if value is None else value for value in found[name]]
    for name in ("nan_count", "inf_count", "ninf_count"):
        if None in found[name]:  # as a rule there are none; what the ends were merged of says 0
            found[name] = [count or 0 for count in found[name]]
    return Columns(**found)
