"""Rollups: the buckets of long series, kept at ingest so that a chart reads hundreds of rows instead of millions.

A level has buckets of one width; of the finest it is 16 times the series' `stride`, of each next four times the one
before. The finest is worked out from points, the others from the level below, always whole buckets and never by
adding to one: so rollups bear repetition, and can be dropped and rebuilt.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise, repeat
from operator import itemgetter
from statistics import median_low
from typing import Any

import orjson
import peewee

from prevue_core.contract import MAX_INT64, MIN_INT64, decode_number
from prevue_core.db import points
from prevue_core.db.buckets import Bucket, Point, bucket_of, cut, merged, number_of
from prevue_core.db.connection import db, execute, insert_rows, is_sqlite, marks
from prevue_core.db.copying import ROLLUP_COLUMNS, copy_rollups
from prevue_core.db.models import Rollup, Series, TrainingRun
from prevue_core.db.stored import to_float

# Where buckets would be fewer than a quarter of what a chart shows, points are read, and with them all that was logged
# at the same steps. With 8 runs of 20 names a zoom to 4 000 steps costs 220 ms with levels from 64 on and 20 ms from 16
# on; ingest slows by a fifth either way, and the database grows by 11% instead of 4%.
FROM_POINTS = 1_024  # a shorter series has no rollups
FINEST = 4  # exponent of the finest width in strides
NEXT = 2  # from a level to the next: exponent of the factor
ENOUGH = 64  # a level with at most so many buckets is the last
WIDEST = 62  # exponent: a width has 64 bits

SERIES_AT_ONCE = 500  # SQLite takes 32 766 values in a statement, and there are up to 25 levels

_KEY = ("run_id", "series_no", "width", "bucket")

Level = dict[int, Bucket]  # by number, in order
Row = tuple[Any, ...]  # a bucket's fields, its number, its series' number
NUMBER = len(Bucket._fields)
_SELECT_BELOW = (
    f"SELECT {', '.join(Bucket._fields)}, bucket, width, series_no FROM rollups "  # noqa: S608 - names are ours
    "WHERE run_id = ? AND series_no IN ({}) AND width = ? AND bucket BETWEEN ? AND ?"
)


@dataclass
class Change:
    """What becomes of the rollups of one series: buckets of its finest level, worked out anew."""

    row: Any  # of `series`
    before: Sequence[int]  # levels there were until now, as `shifts` gives them
    after: Sequence[int]
    finest: Level
    levels: dict[int, Level] = field(default_factory=dict)  # by shift: what is to be stored


def stride_of(steps: Sequence[int]) -> int:
    """Return the power of two below the usual distance of rising steps."""
    return 1 << (median_low(later - earlier for earlier, later in pairwise(steps)).bit_length() - 1)


def shifts(stride: int | None, first_step: int, last_step: int) -> list[int]:
    """Return the widths of the levels of a series between two steps, the finest first, as exponents of two."""
    if stride is None:
        return []
    found = [stride.bit_length() - 1 + FINEST]
    while number_of(last_step, found[-1]) - number_of(first_step, found[-1]) >= ENOUGH and found[-1] + NEXT <= WIDEST:
        found.append(found[-1] + NEXT)
    return found


def levels_of(row: Any) -> list[int]:
    """Return the `shifts` of a row of `series`."""
    return [] if row.last_step is None else shifts(row.stride, row.first_step, row.last_step)


def finest_of(rising: Sequence[Point], shift: int) -> Level:
    """Return the buckets of points in order of step."""
    return {number: bucket_of(part) for number, part in cut(rising, shift)}


def read(run_id: Any, numbers: Iterable[int], shift: int, low: int, high: int) -> dict[int, Level]:
    """Return the buckets `low` to `high` of one level, by the series' number."""
    stored = rows(run_id, numbers, shift, low, high)
    return {number: {row[NUMBER]: bucket_of_row(row) for row in found} for number, found in stored.items()}


def rows(
    run_id: Any, numbers: Iterable[int], shift: int, low: int, high: int, shown: Collection[str] | None = None
) -> dict[int, list[Row]]:
    """Return the rows of the buckets `low` to `high` of one level, by the series' number, as the database has them.

    With `shown` fields that are not in it are None, and a time may be UNIX seconds; such rows cannot be merged. A chart
    of many series takes tens of thousands: to make a bucket of each, or to read the rest, would cost as much again.
    """
    found: dict[int, list[Row]] = {number: [] for number in numbers}
    there = (Rollup.run_id == run_id) & Rollup.series_no.in_(list(found)) & (Rollup.width == 1 << shift)
    there &= Rollup.bucket.between(low, high)
    if shown is None or is_sqlite():
        names = Bucket._fields if shown is None else shown
        fields = [getattr(Rollup, name) if name in names else peewee.SQL("NULL") for name in Bucket._fields]
        query = Rollup.select(*fields, Rollup.bucket, Rollup.series_no).where(there)
        for number, members in groupby(db.execute(query).fetchall(), key=itemgetter(-1)):
            found[number] += members
    else:
        found |= _rows_from_json(there, shown)
    for one in found.values():
        one.sort(key=itemgetter(NUMBER))  # they nearly are; PostgreSQL takes a third of its time to sort such rows
    return found


def _rows_from_json(there: Any, shown: Collection[str]) -> dict[int, list[Row]]:
    """Return rows that PostgreSQL tells as a JSON list a field and series: its driver takes three times as long to make
    as many values."""
    names = [name for name in Bucket._fields if name in shown]
    told = [
        peewee.fn.DATE_PART("epoch", Rollup.last_time) if name == "last_time" else getattr(Rollup, name)
        for name in names
    ]
    lists = (peewee.fn.JSON_AGG(one).cast("text") for one in (*told, Rollup.bucket))
    query = Rollup.select(Rollup.series_no, *lists).where(there).group_by(Rollup.series_no)
    found = {}
    for series_no, *texts, buckets in db.execute(query).fetchall():
        columns = {name: _column(name, text) for name, text in zip(names, texts, strict=True)}
        fields = (columns.get(name, repeat(None)) for name in Bucket._fields)
        found[series_no] = list(zip(*fields, orjson.loads(buckets), repeat(series_no), strict=False))
    return found


def _column(name: str, text: str) -> list[Any]:
    values: list[Any] = orjson.loads(text)
    if name.endswith(("count", "step", "epoch")):
        return values
    if "null" in text or '"' in text:  # none is finite, or one is NaN or infinite
        return [value if value is None else decode_number(value) for value in values]
    return list(map(float, values))  # PostgreSQL writes 1.0 as 1


def bucket_of_row(row: Row) -> Bucket:
    """Return what a row of `rows` says."""
    bucket = Bucket._make(row[:NUMBER])
    if bucket.first_value is None or bucket.last_value is None:
        return bucket._replace(first_value=to_float(bucket.first_value), last_value=to_float(bucket.last_value))
    return bucket


def update(run_id: Any, changes: Sequence[Change]) -> None:
    """Store changed buckets, and those above them worked out anew."""
    changes = [change for change in changes if change.finest]
    for change in changes:
        change.levels = {change.after[0]: change.finest}
    stored = _stored(run_id, changes)
    for change in changes:
        for below, level in pairwise(change.after):
            _raise(change, below, level, stored.get((change.row.series_no, 1 << below), {}))
    _store(*_table_rows(run_id, changes))


def totals(run_id: Any, changes: Sequence[Change]) -> dict[int, Bucket]:
    """Return all points of changed series as one bucket each, by the series' number."""
    alike = defaultdict(list)
    for change in changes:
        alike[change.after[-1]].append(change.row.series_no)
    found: dict[int, Level] = {}
    for shift, numbers in alike.items():
        found |= read(run_id, numbers, shift, MIN_INT64, MAX_INT64)
    return {number: merged(list(level.values())) for number, level in found.items()}


def _stored(run_id: Any, changes: Sequence[Change]) -> dict[tuple[int, int], Level]:
    """Return the stored buckets of which those above have to be made, by the series' number and their width."""
    alike = defaultdict(list)  # as a rule all series of a batch are read with one statement
    for change in changes:
        if parts := tuple(_to_read(change)):
            alike[parts].append(change.row.series_no)
    found: dict[tuple[int, int], Level] = defaultdict(dict)
    for parts, all_numbers in alike.items():
        for start in range(0, len(all_numbers), SERIES_AT_ONCE):
            numbers = all_numbers[start : start + SERIES_AT_ONCE]
            one = _SELECT_BELOW.format(marks(numbers))
            values = [value for part in parts for value in (str(run_id), *numbers, *part)]
            for *row, width, series_no in execute(" UNION ALL ".join([one] * len(parts)), *values):
                found[series_no, width][row[NUMBER]] = bucket_of_row(tuple(row))
    return found


def _to_read(change: Change) -> Iterator[tuple[int, int, int]]:
    """Yield width and range of the buckets below each level that are needed and may be stored."""
    low, high = min(change.finest), max(change.finest)
    for below, level in pairwise(change.after):
        low, high = low >> NEXT, high >> NEXT
        if below in change.before:
            is_new = level not in change.before  # then all below it count
            yield 1 << below, *((MIN_INT64, MAX_INT64) if is_new else (low << NEXT, ((high + 1) << NEXT) - 1))


def _raise(change: Change, below: int, level: int, stored: Level) -> None:
    """Work out what changes in a level, of what changed below and what is stored there."""
    changed = change.levels[below]
    is_new = level not in change.before
    parents = {number >> NEXT for number in changed}
    parts = defaultdict(list)
    for number, bucket in {**stored, **changed}.items():
        if is_new or number >> NEXT in parents:
            parts[number >> NEXT].append(bucket)
    change.levels[level] = {number: merged(part) for number, part in parts.items()}


def _store(new: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> None:
    if new and not is_sqlite():
        try:
            with db.atomic():
                copy_rollups(new)  # takes a fourth of the time
            new = []
        except peewee.IntegrityError:  # rows that no series knows of: something else has changed the tables
            pass
    if rows := [*new, *others]:
        insert_rows("rollups", ROLLUP_COLUMNS, rows, key=_KEY)


def _table_rows(run_id: Any, changes: Sequence[Change]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return the rows that cannot be stored yet, and those that may be."""
    new: list[tuple[Any, ...]] = []
    others: list[tuple[Any, ...]] = []
    run_id = str(run_id)
    for change in changes:
        row = change.row
        for shift, level in change.levels.items():
            stored = range(0)
            if shift in change.before:
                stored = range(number_of(row.first_step, shift), number_of(row.last_step, shift) + 1)
            key = run_id, row.series_no, 1 << shift
            for number, bucket in level.items():
                (others if number in stored else new).append((*key, number, *bucket))
    return new, others


def sizes(run_id: Any = None) -> dict[Any, int]:
    """Return how many points each run has, or one run, in series with rollups; runs without such are left out."""
    query = Series.select(Series.run_id, peewee.fn.SUM(Series.row_count)).where(Series.stride.is_null(False))
    if run_id is not None:
        query = query.where(Series.run_id == run_id)
    rows: Any = query.group_by(Series.run_id).order_by(Series.run_id).tuples()
    return {found: int(count) for found, count in rows}


def rebuild(run_id: Any) -> Iterator[int]:
    """Drop the rollups of a run and make them anew from its points; yield how many more are done, now and then.

    Call it in a transaction. Which series have rollups and their strides stay as they are.
    """
    query = TrainingRun.select().where(TrainingRun.run_id == run_id)
    (query if is_sqlite() else query.for_update()).first()  # as ingest does: no writer comes between
    Rollup.delete().where(Rollup.run_id == run_id).execute()
    growing = [_Growing(row) for row in Series.select().where(Series.run_id == run_id, Series.stride.is_null(False))]
    for page in points.pages([one.row for one in growing]):
        update(run_id, [one.change(page[one.row.series_no]) for one in growing if page.get(one.row.series_no)])
        yield sum(map(len, page.values()))
    update(run_id, [one.rest() for one in growing])


class _Growing:
    """The rollups of a series while its points come in order of step."""

    def __init__(self, row: Any) -> None:
        self.row = row
        self._shift = levels_of(row)[0]
        self._open: dict[int, Point] = {}  # of the last bucket, to which more may come, by step
        self._last: int | None = None  # step up to which buckets are stored

    def change(self, new: Sequence[Point]) -> Change:
        self._open |= {point[0]: point for point in new}
        *full, (_, rest) = cut(list(self._open.values()), self._shift)
        self._open = {point[0]: point for point in rest}
        return self._change([point for _, part in full for point in part])

    def rest(self) -> Change:
        return self._change(list(self._open.values()))

    def _change(self, rising: Sequence[Point]) -> Change:
        stride, first = self.row.stride, self.row.first_step
        before = [] if self._last is None else shifts(stride, first, self._last)
        self._last = rising[-1][0] if rising else self._last
        after = [] if self._last is None else shifts(stride, first, self._last)
        return Change(self.row, before, after, finest_of(rising, self._shift))
