"""Parts of long series from their rollups: which level answers, and what of its buckets lies in the range."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from prevue_core.db import points, rollups
from prevue_core.db.buckets import Bucket, bucket_of, first_step_of, merged, number_of
from prevue_core.db.rollups import Level

POINTS_READ = 16  # times the budget: so many points are read where buckets would be fewer than a quarter of it


@dataclass
class Part:
    """A range of steps of a series, `low` to `high`, in which it has points or may have some."""

    row: Any  # of `series`
    low: int
    high: int
    shifts: list[int]  # its levels, the finest first, down to the one that is looked at
    level: Level = field(default_factory=dict)

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
        return sum(bucket.count for bucket in self.level.values())


def buckets_of(parts: Iterable[Part], budget: int) -> dict[int, list[Bucket]]:
    """Return the buckets of parts of one run's long series, by the series' number.

    They are exactly those points that lie in the range, cut by the finest level that has at most `budget` buckets
    there, or by the coarsest. Left out are series whose points should be read instead: there are at most `budget`
    in the range, or buckets of the finest level are less than a quarter of it and the points are not too many.
    """
    found = [part for part in _looked_up(parts, budget) if not _is_short(part, budget)]
    _trim(found)
    return {
        part.row.series_no: [part.level[number] for number in sorted(part.level)]
        for part in found
        if part.count > budget
    }


def _looked_up(parts: Iterable[Part], budget: int) -> list[Part]:
    """Fill in the level of each part: where it is thin, the next finer one has at most four times as much."""
    found: list[Part] = []
    waiting: list[Part] = []
    for part in parts:
        while len(part.shifts) > 1 and _finer(part) <= budget:
            part.shifts.pop()
        waiting.append(part)
    while waiting:
        thin: list[Part] = []
        for (shift, (low, high)), members in _alike(waiting, lambda part: (part.shift, part.numbers)):
            stored = rollups.read(members[0].row.run_id, [part.row.series_no for part in members], shift, low, high)
            for part in members:
                part.level = stored[part.row.series_no]
                is_thin = len(part.shifts) > 1 and 4 * len(part.level) < budget
                (thin if is_thin else found).append(part)
        for part in thin:
            part.shifts.pop()
        waiting = thin
    return found


def _finer(part: Part) -> int:
    """Return how many buckets the next finer level may have in the range."""
    return number_of(part.high, part.shifts[-2]) - number_of(part.low, part.shifts[-2]) + 1


def _is_short(part: Part, budget: int) -> bool:
    is_thin = 4 * len(part.level) < budget
    return part.count <= (POINTS_READ * budget if is_thin else budget)


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
            part.level.pop(number, None)
            if pieces[part.row.series_no]:
                part.level[number] = merged(pieces[part.row.series_no])


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
