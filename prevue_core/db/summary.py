"""The sums over a series' values, kept at ingest: how many, of what kind, from where to where."""

import math
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import peewee

from prevue_core import contract
from prevue_core.db import queries
from prevue_core.db.models import Metric, Series

Points = dict[tuple[str, str], list[tuple[int, float]]]  # by (split, name): (step, value) in the order logged


@dataclass
class Summary:
    """Sums over the values of a series, or of a part of it. NaN and infinities are counted, but are no low or high."""

    count: int = 0
    nan_count: int = 0
    inf_count: int = 0
    ninf_count: int = 0
    first_step: int | None = None
    first_value: float | None = None
    last_step: int | None = None
    last_value: float | None = None
    low_step: int | None = None
    low_value: float | None = None
    high_step: int | None = None
    high_value: float | None = None

    @classmethod
    def of(cls, row: Any) -> "Summary":
        """Return the sums that a row of `series` holds."""
        return cls(**{name: getattr(row, name) for name in NAMES})

    def store(self, row: Any) -> None:
        """Put the sums into a row of `series`."""
        for name in NAMES:
            setattr(row, name, getattr(self, name))

    def add(self, step: int, value: float) -> None:
        """Add the value of a step that was not added before; steps may come in any order."""
        self.count += 1
        if self.first_step is None or step < self.first_step:
            self.first_step, self.first_value = step, value
        if self.last_step is None or step >= self.last_step:
            self.last_step, self.last_value = step, value
        if math.isfinite(value):
            # Of equal extremes the one of the lower step is kept: sums depend on the points, not on their order.
            if self.low_value is None or (value, step) < (self.low_value, self.low_step):
                self.low_step, self.low_value = step, value
            if self.high_value is None or (-value, step) < (-self.high_value, self.high_step):
                self.high_step, self.high_value = step, value
        elif math.isnan(value):
            self.nan_count += 1
        elif value > 0:
            self.inf_count += 1
        else:
            self.ninf_count += 1


NAMES = tuple(column.name for column in fields(Summary))


def update_series(run_id: Any, rank: int, new: Points) -> None:
    """Bring the sums of a run's series up to date with `new` points, whose rows are in `metrics` already.

    The run's row must be locked: two writers would give one number to two new series.
    """
    known = {
        (row.split, row.name): row
        for row in Series.select().where(Series.run_id == run_id, Series.rank == rank)
        if (row.split, row.name) in new
    }
    last_no = Series.select(peewee.fn.MAX(Series.series_no)).where(Series.run_id == run_id).scalar()
    next_no = 0 if last_no is None else last_no + 1
    changed = []
    for (split, name), points in new.items():
        row = known.get((split, name))
        if row is None:
            kind = "loss" if contract.place_of(name, split).is_loss else "metric"
            row = Series(run_id=run_id, series_no=next_no, rank=rank, split=split, name=name, kind=kind)
            next_no += 1
        _add_points(row, points)
        changed.append(row)
    columns = [column for column in Series._meta.sorted_fields if column.name not in ("run_id", "series_no")]
    for chunk in peewee.chunked([row.__data__ for row in changed], 500):
        update = {column: getattr(peewee.EXCLUDED, column.column_name) for column in columns}
        Series.insert_many(chunk).on_conflict(
            conflict_target=[Series.run_id, Series.series_no], update=update
        ).execute()


def _add_points(row: Series, points: list[tuple[int, float]]) -> None:
    steps = [step for step, _ in points]
    if not row.rewritten and not _come_once(row, steps):
        row.rewritten = True
    summary = Summary() if row.rewritten else Summary.of(row)
    # Where a step came twice the later value counts, so sums cannot be added to: the rows are read again.
    for step, value in queries.values_of(row) if row.rewritten else points:
        summary.add(step, value)
    summary.store(row)


def _come_once(row: Series, steps: list[int]) -> bool:
    """Return whether each of `steps` (whose rows are in the table already) is new to the series."""
    ordered = all(a < b for a, b in pairwise(steps))
    if ordered and (row.last_step is None or steps[0] > row.last_step):
        return True
    if len(set(steps)) < len(steps):
        return False
    if row.last_step is None:
        return True
    before = [step for step in steps if step <= row.last_step]
    twice = queries.rows_of(row, Metric.step).where(Metric.step.in_(before)).count()
    return bool(twice == len(before))
