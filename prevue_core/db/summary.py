"""The sums over a series' values: how many, of what kind, from where to where."""

import math
from dataclasses import dataclass, fields
from typing import Any


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
