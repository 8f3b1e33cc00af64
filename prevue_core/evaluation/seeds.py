"""Several runs of one recipe that differ in their seed: is the difference of two recipes larger than their spread?"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from prevue_core.evaluation.arrays import Floats
from prevue_core.evaluation.scoring import number

Scores = Mapping[str, float | None]  # of one run, by name

LEVEL = 0.95


class Difference(NamedTuple):
    """How the mean of B differs from that of A.

    low and high are NaN where one of them has a single run, or no seed changed anything: of chance nothing is known.
    """

    mean_a: float
    mean_b: float
    spread_a: float  # standard deviation with n - 1; NaN for one run
    spread_b: float
    difference: float  # mean_b - mean_a
    low: float
    high: float


def compared(a: Sequence[Scores], b: Sequence[Scores]) -> list[dict[str, Any]]:
    """Return for JSON how each score that all runs have differs; runs in which it is not defined are left out."""
    names = [name for name in a[0] if all(name in scores for scores in (*a, *b))]
    return [{"name": name, **_told(_defined(name, a), _defined(name, b))} for name in names]


def _defined(name: str, group: Sequence[Scores]) -> Floats:
    return np.array([scores[name] for scores in group if scores[name] is not None], float)


def _told(a: Floats, b: Floats) -> dict[str, Any]:
    if not len(a) or not len(b):
        return dict.fromkeys((*Difference._fields[:5], "interval"))
    found = seeds_difference(a, b)
    told: dict[str, Any] = {name: number(value) for name, value in found._asdict().items()}
    low, high = told.pop("low"), told.pop("high")
    return {**told, "interval": None if low is None else {"low": low, "high": high, "level": LEVEL}}


def seeds_difference(a: Floats, b: Floats, level: float = LEVEL) -> Difference:
    """Return the difference of means with Welch's interval (Welch 1947), which lets the spreads differ."""
    difference, spreads = float(b.mean() - a.mean()), (_spread(a), _spread(b))
    parts = np.array([spreads[0] ** 2 / len(a), spreads[1] ** 2 / len(b)])
    reach = float(parts.sum() ** 0.5)
    if reach > 0:
        freedom = parts.sum() ** 2 / (parts**2 / (len(a) - 1, len(b) - 1)).sum()
        reach *= t_quantile((1 + level) / 2, float(freedom))
    else:
        reach = float("nan")
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
    if len(values) < 2:
        return float("nan")
    return float(values.std(ddof=1)) if np.ptp(values) else 0.0  # that of equal ones may be some 1e-17
