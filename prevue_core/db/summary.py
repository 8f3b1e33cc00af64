"""What ingest keeps of each series beside its rows: the sums over its values, and its rollups.

Of a batch only what it touches is worked out. Where steps rise, no rows are read but those that share a bucket of the
rollups with the first new one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import count, pairwise, takewhile
from types import SimpleNamespace
from typing import Any

import peewee

from prevue_core import contract
from prevue_core.db import points, rollups
from prevue_core.db.buckets import Bucket, Point, bucket_of, first_step_of, merged, number_of
from prevue_core.db.connection import execute, insert_rows, marks
from prevue_core.db.models import Series

Key = tuple[str, str]  # split, name
Points = dict[Key, list[Point]]  # in the order logged

NEAR_STEPS = 64  # ranges of steps with fewer between them are read as one
NAMES_ASKED = 500  # series are asked for by so many names; beyond, all of the run are

# What a row of `series` holds of the bucket of all its points.
SUMS = (
    "count", "nan_count", "inf_count", "ninf_count", "low_step", "low_value", "high_step", "high_value",
    "first_step", "first_value", "last_step", "last_value",
)  # fmt: skip

_COLUMNS = tuple(column.column_name for column in Series._meta.sorted_fields)
_COUNTS = ("row_count", "count", "nan_count", "inf_count", "ninf_count")


@dataclass
class Growth:
    """A series, and what a batch brings it."""

    row: Any  # of `series`
    logged: list[Point]
    levels: list[int] = field(init=False)  # of its rollups, before the batch
    shift: int = field(init=False)  # width of the buckets that are touched: without rollups a bucket is a step
    new: dict[int, Point] = field(init=False)  # by step, rising: of equal steps the point logged later
    old: dict[int, Point] = field(default_factory=dict)  # what there was, in the buckets that are touched
    needs_all: bool = False  # `old` is all there was

    def __post_init__(self) -> None:
        self.levels = rollups.levels_of(self.row)
        self.shift = self.levels[0] if self.levels else 0
        self.new = {point[0]: point for point in self.logged}
        if not all(earlier < later for earlier, later in pairwise(self.new)):
            self.new = dict(sorted(self.new.items()))

    @property
    def comes_again(self) -> bool:
        """Whether a step came that was there before, or twice."""
        return len(self.new) < len(self.logged) or not self.new.keys().isdisjoint(self.old)

    def rising(self) -> list[Point]:
        """Return the old and the new points in order of step."""
        if not self.old or next(reversed(self.old)) < next(iter(self.new)):  # as a rule; the old ones rise as well
            return [*self.old.values(), *self.new.values()]
        together = {**self.old, **self.new}
        return [together[step] for step in sorted(together)]


def find(run_id: str, rank: int, keys: Collection[Key]) -> dict[Key, Any]:
    """Return the rows of a run's series under `keys`; those that are not there are left out."""
    if not keys:
        return {}
    splits, names = {split for split, _ in keys}, {name for _, name in keys}
    statement, values = f"SELECT {', '.join(_COLUMNS)} FROM series WHERE run_id = ? AND rank = ?", [run_id, rank]  # noqa: S608
    if len(names) <= NAMES_ASKED:
        statement += f" AND split IN ({marks(splits)}) AND name IN ({marks(names)})"
        values += [*splits, *names]
    found = (SimpleNamespace(**dict(zip(_COLUMNS, row, strict=True))) for row in execute(statement, *values))
    return {key: _known_row(row, run_id) for row in found if (key := (row.split, row.name)) in keys}


def _known_row(row: Any, run_id: str) -> Any:
    row.run_id = run_id
    row.rewritten = bool(row.rewritten)
    return row


def names_of(run_id: str) -> set[Key]:
    """Return the splits and names of all series of a run."""
    rows: Any = Series.select(Series.split, Series.name).where(Series.run_id == run_id).distinct().tuples()
    return set(rows)


def update_series(run_id: str, rank: int, rows: dict[Key, Any], logged: Points) -> dict[Key, Any]:
    """Bring the sums and the rollups of a run's series up to date with `logged` points; `rows` are what `find` gave.

    Return the rows as they are now, new ones included.

    The points' rows must not be in `metrics` yet. The run's row must be locked: two writers would give one number to
    two new series.
    """
    logged = {key: points for key, points in logged.items() if points}
    rows = {**_new_rows(run_id, rank, [key for key in logged if key not in rows]), **rows}
    grown = [Growth(rows[key], points) for key, points in logged.items()]
    _read_touched(grown)
    _read_all([one for one in grown if not one.levels and (one.comes_again or _grows_long(one))])
    changes = [change for one in grown if (change := _change(one))]
    rollups.update(run_id, changes)
    again = {one.row.series_no for one in grown if one.comes_again and one.levels}
    totals = rollups.totals(run_id, [change for change in changes if change.row.series_no in again])
    for one in grown:
        _store(one, totals.get(one.row.series_no) or _total(one))
    rows_to_store = [tuple(getattr(one.row, name) for name in _COLUMNS) for one in grown]
    fixed = ("rank", "split", "name", "kind")
    insert_rows("series", _COLUMNS, rows_to_store, key=("run_id", "series_no"), fixed=fixed)
    return rows


def _new_rows(run_id: str, rank: int, keys: list[Key]) -> dict[Key, Any]:
    """Return rows for new series, numbered in the order in which they were logged."""
    if not keys:
        return {}
    last_no = Series.select(peewee.fn.MAX(Series.series_no)).where(Series.run_id == run_id).scalar()
    numbers = count(0 if last_no is None else last_no + 1)
    return {key: _new_row(run_id, rank, key, number) for key, number in zip(keys, numbers, strict=False)}


def _new_row(run_id: str, rank: int, key: Key, number: int) -> Any:
    split, name = key
    kind = "loss" if contract.place_of(name, split).is_loss else "metric"
    empty = dict.fromkeys(_COLUMNS) | dict.fromkeys(_COUNTS, 0)
    given = {"run_id": run_id, "series_no": number, "rank": rank, "split": split, "name": name, "kind": kind}
    return SimpleNamespace(**{**empty, **given, "rewritten": False})


def _read_touched(grown: list[Growth]) -> None:
    """Read the old points that share a step, or a bucket of rollups, with a new one."""
    by_split = defaultdict(list)
    for one in grown:
        if touched := _touched(one):
            by_split[one.row.split].append((one, touched))
    for members in by_split.values():
        rows = [one.row for one, _ in members]
        for low, high in _joined(set().union(*(_ranges(one, touched) for one, touched in members))):
            found = points.read(rows, low, high)
            for one, touched in members:
                one.old |= {
                    point[0]: point for point in found[one.row.series_no] if number_of(point[0], one.shift) in touched
                }


def _touched(one: Growth) -> set[int]:
    """Return the numbers of the buckets that get a new point and may have old ones."""
    if one.row.last_step is None:
        return set()
    low, high = number_of(one.row.first_step, one.shift), number_of(one.row.last_step, one.shift)
    numbers = takewhile(lambda number: number <= high, (number_of(step, one.shift) for step in one.new))
    return {number for number in numbers if number >= low}


def _ranges(one: Growth, numbers: Iterable[int]) -> set[tuple[int, int]]:
    return {(first_step_of(number, one.shift), first_step_of(number + 1, one.shift) - 1) for number in numbers}


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges in order, those that touch or nearly touch as one."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low - joined[-1][1] <= NEAR_STEPS:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def _grows_long(one: Growth) -> bool:
    return one.row.count + len(one.new) >= rollups.FROM_POINTS  # it has no step twice


def _read_all(grown: list[Growth]) -> None:
    found = points.read([one.row for one in grown])
    for one in grown:
        one.old = {point[0]: point for point in found[one.row.series_no]}
        one.needs_all = True


def _change(one: Growth) -> rollups.Change | None:
    """Return what becomes of the rollups; the first ones fix the stride."""
    if not one.levels and not one.needs_all:
        return None
    rising = one.rising()
    if not one.levels:
        if len(rising) < rollups.FROM_POINTS:
            return None
        one.row.stride = rollups.stride_of([point[0] for point in rising])
    ends = [rising[0][0], rising[-1][0], *([one.row.first_step, one.row.last_step] if one.levels else ())]
    after = rollups.shifts(one.row.stride, min(ends), max(ends))
    return rollups.Change(one.row, one.levels, after, rollups.finest_of(rising, after[0]))


def _total(one: Growth) -> Bucket:
    """Return all points of a series as one bucket, of which only what makes the sums is right."""
    if one.comes_again:
        return bucket_of(one.rising())
    new = bucket_of(list(one.new.values()))
    if not one.row.count:
        return new
    held = new._replace(mean=one.row.low_value, **{name: getattr(one.row, name) for name in SUMS})
    return merged([held, new])


def _store(one: Growth, total: Bucket) -> None:
    for name in SUMS:
        setattr(one.row, name, getattr(total, name))
    one.row.row_count += len(one.logged)
    one.row.rewritten = one.row.rewritten or one.comes_again
