"""Several runs of one recipe that differ in their seed: is the difference of two recipes larger than their spread?"""

from typing import NamedTuple

import numpy as np

from prevue_core.evaluation.arrays import Floats


class Difference(NamedTuple):
    """How the mean of B differs from that of A; low and high are NaN where one of them has a single run."""

    mean_a: float
    mean_b: float
    spread_a: float  # standard deviation with n - 1; NaN for one run
    spread_b: float
    difference: float  # mean_b - mean_a
    low: float
    high: float


def seeds_difference(a: Floats, b: Floats, level: float = 0.95) -> Difference:
    """Return the difference of means with Welch's interval (Welch 1947), which lets the spreads differ."""
    difference, spreads = float(b.mean() - a.mean()), (_spread(a), _spread(b))
    parts = np.array([spreads[0] ** 2 / len(a), spreads[1] ** 2 / len(b)])
    reach = float(parts.sum() ** 0.5)
    if reach > 0:
        freedom = parts.sum() ** 2 / (parts**2 / (len(a) - 1, len(b) - 1)).sum()
        reach *= t_quantile((1 + level) / 2, float(freedom))
    return Difference(float(a.mean()), float(b.mean()), *spreads, difference, difference - reach, difference + reach)


def t_quantile(share: float, freedom: float) -> float:
    """Return the t below which `share` (0.5 to 1) of Student's distribution lies; `freedom` from 1 to 1 000 000.

    With x = sqrt(freedom) tan(angle) the density is the power `freedom - 1` of the cosine: its integral over a fine
    grid is turned round. Right to 5 digits.
    """
    angle = np.linspace(0, min(np.pi / 2, 40 / freedom**0.5), 200_001)  # beyond 40 standard deviations lies nothing
    density = np.cos(angle) ** (freedom - 1)
    area = np.append(0, np.cumsum((density[1:] + density[:-1]) / 2))
    return float(freedom**0.5 * np.tan(np.interp((2 * share - 1) * area[-1], area, angle)))


def _spread(values: Floats) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
