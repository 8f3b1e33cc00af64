"""What is new of series since they were answered: for live views, which ask for it each moment.

Rows of an answer stand for steps in order. What is logged behind the last of them changes that one and adds others, so
those are told; a client lets them take the place of all its rows from `from_step` on, and then has what a whole answer
would give. Where something else has changed the whole answer comes: a step came late or again, or the buckets became
wider.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prevue_core.contract import MAX_INT64, MIN_INT64
from prevue_core.db import points
from prevue_core.db.buckets import bucket_of, cut, number_of
from prevue_core.db.connection import reading
from prevue_core.db.models import Series
from prevue_core.db.queries import cursors, levels
from prevue_core.db.queries.cursors import LEVEL, POINTS, Seen
from prevue_core.db.queries.series import (
    Columns,
    SeriesPart,
    columns_of,
    exact_columns,
    part_of,
    parts_of,
    shown_fields,
)


@dataclass
class News:
    """What is new of some runs' series."""

    rows: dict[str, list[Any]]  # by run, of `series`: all that it has, as far as they go now
    parts: list[SeriesPart]


@dataclass
class Tail:
    """A series that goes on: what comes from the last row on that the client has."""

    row: Any
    seen: Seen
    columns: Columns | None = None

    @property
    def is_whole_tail(self) -> bool:
        """Whether all that is new lies in it."""
        new = self.row.count - self.seen.count
        return self.columns is not None and sum(self.columns.count) == self.seen.last_rows + new


def news(
    known: Mapping[str, Sequence[str]],
    names: list[str] | None = None,
    splits: list[str] | None = None,
    *,
    budget: int = 1_000,
    columns: Collection[str] | None = None,
) -> News:
    """Return what is new of the runs in `known`, which has the cursors of the series that the client holds.

    Of the other series those with `names` and `splits` (None: all; none of them with an empty list) come whole. Other
    columns than `columns` (None: all) need not be filled in. Raises InvalidValue for a cursor that is not one.
    """
    shown = shown_fields(columns)
    held = {run_id: {seen.series_no: seen for seen in map(cursors.read, texts)} for run_id, texts in known.items()}
    with reading():
        of_runs: dict[str, list[Any]] = {run_id: [] for run_id in known}
        for row in Series.select().where(Series.run_id.in_(list(known))).order_by(Series.run_id, Series.series_no):
            of_runs[str(row.run_id)].append(row)
        parts = [
            part
            for run_id, members in of_runs.items()
            for part in _of_run(members, held[run_id], names, splits, budget, shown)
        ]
    return News(of_runs, parts)


def _of_run(
    rows: Sequence[Any],
    held: Mapping[int, Seen],
    names: list[str] | None,
    splits: list[str] | None,
    budget: int,
    shown: Collection[str],
) -> Iterator[SeriesPart]:
    whole, tails = [], []
    for row in rows:
        seen = held.get(row.series_no)
        if seen is None:
            is_asked = (names is None or row.name in names) and (splits is None or row.split in splits)
            whole += [row] if is_asked else []
        elif seen.row_count != row.row_count:
            tails.append(Tail(row, seen))
    going_on = [tail for tail in tails if tail.seen.goes_on(tail.row, budget)]
    _read(going_on, shown)
    for tail in tails:
        if tail.is_whole_tail and (part := _tail_part(tail, budget)):
            yield part
        else:
            whole.append(tail.row)
    yield from parts_of(whole, MIN_INT64, MAX_INT64, budget, shown)


def _tail_part(tail: Tail, budget: int) -> SeriesPart | None:
    row, seen, columns = tail.row, tail.seen, tail.columns
    if columns is None or seen.rows - 1 + len(columns.step) > budget:
        return None
    part = part_of(row, columns, seen.source, seen.shift, row.count, whole=True)
    part.cursor, part.from_step = seen.then(row, columns.count).text(), seen.from_step
    return part


def _read(tails: Iterable[Tail], shown: Collection[str]) -> None:
    """Fill in the columns of tails of one run's series; those that are alike are read with one query."""
    from_levels, from_points = defaultdict(list), defaultdict(list)
    for tail in tails:
        if tail.seen.source == LEVEL:
            from_levels[tail.seen.shift, number_of(tail.seen.last_step, tail.seen.shift)].append(tail)
        else:
            from_points[tail.seen.from_step].append(tail)
    for (shift, number), members in from_levels.items():
        found = levels.read([tail.row for tail in members], shift, number, MAX_INT64, shown)
        for tail in members:
            buckets = found[tail.row.series_no]
            tail.columns = columns_of(buckets) if buckets else None
    for from_step, members in from_points.items():
        rising = points.read([tail.row for tail in members], from_step)
        for tail in members:
            tail.columns = _columns(rising[tail.row.series_no], tail.seen)


def _columns(rising: Sequence[Any], seen: Seen) -> Columns | None:
    if not rising:
        return None
    if seen.source == POINTS:
        return exact_columns(rising)
    return columns_of([bucket_of(part) for _, part in cut(rising, seen.shift)])
