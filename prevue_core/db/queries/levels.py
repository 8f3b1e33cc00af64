"""Parts of long series from their rollups: which level answers, and what of its buckets lies in the range."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from prevue_core.db import points, rollups
from prevue_core.db.buckets import Bucket, bucket_of, cut, first_step_of, merged, number_of
from prevue_core.db.rollups import Row

POINTS_READ = 16  # times the budget: so many points are read where buckets would be fewer than a quarter of it

_NON_FINITE = {"nan_count", "inf_count", "ninf_count"}
_count = itemgetter(Bucket._fields.index("count"))


@dataclass
class Part:
    """A range of steps of a series, `low` to `high`, in which it has points or may have some."""

    row: Any  # of `series`
    low: int
    high: int
    shifts: list[int]  # its levels, the finest first, down to the one that is looked at
    level: dict[int, Row] = field(default_factory=dict)  # buckets of that level by number, in order
    is_short: bool = False  # its points are to be read instead

    @property
    def shift(self) -> int:
        """The width of the buckets of the level that is looked at, as an exponent of two."""
        return self.shifts[-1]

    @property
    def numbers(self) -> tuple[int, int]:
        """The numbers of the first and the last bucket that the range touches."""
        return number_of(self.low, self.shift), number_of(self.high, self.shift)

    @property
    def count(self) -> int:
        """Points in the buckets that were found."""
        return sum(map(_count, self.level.values()))


def look_up(parts: Sequence[Part], budget: int, shown: Collection[str]) -> None:
    """Fill in what the rollups have of parts of one run's long series; of their fields at least those `shown`.

    A level is exactly those points that lie in the range, cut by the finest level that has at most `budget` buckets
    there, or by the coarsest. A part is short instead where there are at most `budget` points in the range, or where
    buckets of the finest level are less than a quarter of it and the points are not too many.
    """
    _look_up(parts, budget, {*shown, "count"})
    for part in parts:
        part.is_short = part.count <= (POINTS_READ * budget if _is_thin(part, budget) else budget)
    long = [part for part in parts if not part.is_short]
    _fill([part for part in long if len(part.level) > budget])  # those will be merged
    _trim(long)
    for part in long:
        part.is_short = part.count <= budget


def pick(shifts: list[int], low: int, high: int, budget: int) -> list[int]:
    """Return levels, the finest first, down to the finest that has at most `budget` buckets in a range of steps.

    They are all where none has so few.
    """
    last = len(shifts)
    while last > 1 and number_of(high, shifts[last - 2]) - number_of(low, shifts[last - 2]) < budget:
        last -= 1
    return shifts[:last]


def cut_to(row: Any, low: int, high: int, shift: int) -> dict[int, Bucket]:
    """Return the buckets of 2**`shift` steps of a series from `low` to `high`, by number: to lay them beside another's.

    The caller sees to it that they are not too many.
    """
    shifts = [one for one in rollups.levels_of(row) if one <= shift]
    if not shifts:
        rising = points.read([row], low, high)[row.series_no]
        return {number: bucket_of(part) for number, part in cut(rising, shift)}
    part = Part(row, max(low, row.first_step), min(high, row.last_step), shifts)
    if part.low > part.high:
        return {}
    _fill([part])
    _trim([part])
    pieces: dict[int, list[Bucket]] = defaultdict(list)
    for found in part.level.values():
        bucket = rollups.bucket_of_row(found)
        pieces[number_of(bucket.first_step, shift)].append(bucket)
    return {number: merged(members) for number, members in pieces.items()}


def _look_up(parts: Sequence[Part], budget: int, shown: Collection[str]) -> None:
    """Fill in the level of each part: where it is thin, the next finer one has at most four times as much."""
    waiting = list(parts)
    for part in waiting:
        part.shifts = pick(part.shifts, part.low, part.high, budget)
    while waiting:
        _fill(waiting, shown)
        waiting = [part for part in waiting if len(part.shifts) > 1 and _is_thin(part, budget)]
        for part in waiting:
            part.shifts.pop()


def _fill(parts: Iterable[Part], shown: Collection[str] | None = None) -> None:
    for (shift, (low, high)), members in _alike(parts, lambda part: (part.shift, part.numbers)):
        rows = [part.row for part in members]
        stored = read(rows, shift, low, high, shown)
        for part in members:
            part.level = {row[rollups.NUMBER]: row for row in stored[part.row.series_no]}


def read(rows: Sequence[Any], shift: int, low: int, high: int, shown: Collection[str] | None) -> dict[int, list[Row]]:
    """Return rows of rollups of series of one run, by the series' number.

    With `shown` other fields are None, and so are counts of values that are not finite where no series has any.
    """
    run_id, numbers = rows[0].run_id, [row.series_no for row in rows]
    if shown is None:
        return rollups.rows(run_id, numbers, shift, low, high)
    if not any(row.nan_count or row.inf_count or row.ninf_count for row in rows):
        shown = set(shown) - _NON_FINITE
    return rollups.rows(run_id, numbers, shift, low, high, shown)


def _is_thin(part: Part, budget: int) -> bool:
    return 4 * len(part.level) < budget


def _trim(parts: Iterable[Part]) -> None:
    """Leave in the buckets at the ends of a range only what lies in it."""
    edges = []
    for part in parts:
        low, high = part.numbers
        starts = part.low <= max(part.row.first_step, first_step_of(low, part.shift))
        ends = part.high >= min(part.row.last_step, first_step_of(high + 1, part.shift) - 1)
        if low == high and not (starts and ends):
            edges.append((part, low, part.low, part.high))
        elif low < high:
            edges += [] if starts else [(part, low, part.low, first_step_of(low + 1, part.shift) - 1)]
            edges += [] if ends else [(part, high, first_step_of(high, part.shift), part.high)]
    for (shifts, _, low_step, high_step), members in _alike(edges, lambda edge: (tuple(edge[0].shifts), *edge[1:])):
        pieces = _pieces([part.row for part, *_ in members], shifts, low_step, high_step)
        for part, number, *_ in members:
            if pieces[part.row.series_no]:
                part.level[number] = merged(pieces[part.row.series_no])  # it keeps its place
            else:
                part.level.pop(number, None)


def _pieces(rows: list[Any], shifts: Sequence[int], low_step: int, high_step: int) -> dict[int, list[Bucket]]:
    """Return what lies in a part of one bucket: whole buckets of the next finer level, and the parts beside them."""
    found: dict[int, list[Bucket]] = {row.series_no: [] for row in rows}
    if low_step > high_step:
        return found
    if len(shifts) == 1:
        rising = points.read(rows, low_step, high_step)
        return {number: [bucket_of(part)] if part else [] for number, part in rising.items()}
    low, high = number_of(low_step - 1, shifts[-2]) + 1, number_of(high_step + 1, shifts[-2]) - 1
    if low > high:
        return _pieces(rows, shifts[:-1], low_step, high_step)
    for number, level in rollups.read(rows[0].run_id, found, shifts[-2], low, high).items():
        found[number] += level.values()
    beside = (low_step, first_step_of(low, shifts[-2]) - 1), (first_step_of(high + 1, shifts[-2]), high_step)
    for first, last in beside:
        for number, pieces in _pieces(rows, shifts[:-1], first, last).items():
            found[number] += pieces
    return found


def _alike(members: Iterable[Any], key: Callable[[Any], Any]) -> Iterable[tuple[Any, list[Any]]]:
    """Return members by a key that they share: what is alike is read with one query."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for member in members:
        groups[key(member)].append(member)
    return groups.items()
