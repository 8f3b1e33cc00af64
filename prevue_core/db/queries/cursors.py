"""Cursors: what a client holds of a series, so that it can be told only what is new."""

from dataclasses import dataclass, fields, replace
from typing import Any

from prevue_core.contract import MAX_INT64, MIN_INT64
from prevue_core.db import rollups
from prevue_core.db.buckets import first_step_of, number_of, shift_within
from prevue_core.db.queries import levels
from prevue_core.errors import InvalidValue

SOURCES = POINTS, CUT, LEVEL, MERGED = range(
    4
)  # what an answer is: points, buckets of them, a level of rollups, less than that


@dataclass(frozen=True)
class Seen:
    """A series as it was answered whole, or brought up to date since."""

    series_no: int
    source: int
    row_count: int  # of the series, as `count`, `first_step` and `last_step`
    count: int
    first_step: int
    last_step: int
    shift: int  # exponent of the width of its buckets; of points 0
    rows: int  # of the answer
    last_rows: int  # points in its last row
    finest: int  # buckets of the finest rollups, as far as they were counted; -1: there were none

    @property
    def from_step(self) -> int:
        """The first step that the last row may hold: what comes later changes nothing before it."""
        return first_step_of(number_of(self.last_step, self.shift), self.shift)

    def text(self) -> str:
        """Return it as a cursor."""
        return ".".join(str(getattr(self, one.name)) for one in fields(self))

    def then(self, row: Any, counts: list[int]) -> "Seen":
        """Return it after rows with `counts` have taken the place of its last one."""
        return replace(
            self,
            row_count=row.row_count,
            count=row.count,
            last_step=row.last_step,
            rows=self.rows - 1 + len(counts),
            last_rows=counts[-1],
            finest=self._finest(row),
        )

    def goes_on(self, row: Any, budget: int) -> bool:
        """Return whether a whole answer would be cut as this one is, if all that is new came behind or into its end.

        In doubt it is no.
        """
        if row.row_count - self.row_count != row.count - self.count or row.first_step != self.first_step:
            return False  # a step came again, or before the first
        if self.source == POINTS:
            return bool(row.count <= budget)
        if row.count <= budget or self.source == MERGED:
            return False
        return self._cut_goes_on(row, budget) if self.source == CUT else self._level_goes_on(row, budget)

    def _cut_goes_on(self, row: Any, budget: int) -> bool:
        is_thin = row.stride is None or (self.finest >= 0 and 4 * self._finest(row) < budget)
        is_read = row.stride is None or row.count <= levels.POINTS_READ * budget
        return is_thin and is_read and self.shift == shift_within(row.first_step, row.last_step, budget)

    def _level_goes_on(self, row: Any, budget: int) -> bool:
        shifts = rollups.levels_of(row)
        looked_at = levels.pick(shifts, row.first_step, row.last_step, budget)[-1]
        is_enough = 4 * self.rows >= budget or (
            looked_at == shifts[0] and self.count > levels.POINTS_READ * budget  # there is no finer one
        )
        return looked_at == self.shift and is_enough

    def _finest(self, row: Any) -> int:
        """Return how many buckets the finest rollups may have by now."""
        if row.stride is None or self.finest < 0:
            return self.finest
        shift = rollups.levels_of(row)[0]
        return self.finest + number_of(row.last_step, shift) - number_of(self.last_step, shift)


def read(cursor: str) -> Seen:
    """Return what a cursor says. Raises InvalidValue for one that was not made here."""
    try:
        numbers = [int(part) for part in cursor.split(".")]
        seen = Seen(*numbers)
    except (ValueError, TypeError):
        raise _invalid(cursor) from None
    is_sound = 0 <= seen.shift <= 64 and seen.source in SOURCES
    if not is_sound or not all(MIN_INT64 <= number <= MAX_INT64 for number in numbers):
        raise _invalid(cursor)
    return seen


def _invalid(cursor: str) -> InvalidValue:
    return InvalidValue(f"cursor {cursor[:100]!r} is not one of a series; give it as an answer had it, or leave it out")
