"""What a series holds, worked out by plain loops: the oracle of ingest's sums and of what queries read."""

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

# Few steps, so that some come twice and out of order; few values, so that extremes come twice too.
steps = st.integers(-4, 12) | st.sampled_from([-(2**63), 2**63 - 1])
# The databases do not keep the sign of zero.
values = st.sampled_from([0.0, 1.0, -1.5, math.nan, math.inf, -math.inf]) | st.floats().map(lambda value: value + 0.0)
points = st.lists(st.tuples(steps, values), min_size=1, max_size=8)


def kept(points: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Return the values of each step, in order of step: of equal steps the point that came last."""
    return dict(sorted(dict(points).items()))


def mean(values: Iterable[float]) -> float | None:
    """Return the mean of finite values, rounded once, or None where there are none."""
    exact = list(map(Fraction, values))
    return float(sum(exact) / len(exact)) if exact else None


def sums(points: Iterable[tuple[int, float]]) -> dict[str, Any]:
    """Return what `series` should hold of `points`, given in the order in which they came."""
    points = list(points)
    values = kept(points)
    finite = {step: value for step, value in values.items() if math.isfinite(value)}
    low_step = min(finite, key=lambda step: (finite[step], step), default=None)
    high_step = min(finite, key=lambda step: (-finite[step], step), default=None)
    return {
        "rewritten": len(values) < len(points),
        "count": len(values),
        "nan_count": sum(map(math.isnan, values.values())),
        "inf_count": list(values.values()).count(math.inf),
        "ninf_count": list(values.values()).count(-math.inf),
        "first_step": min(values),
        "first": values[min(values)],
        "last_step": max(values),
        "last": values[max(values)],
        "low_step": low_step,
        "low": None if low_step is None else finite[low_step],
        "high_step": high_step,
        "high": None if high_step is None else finite[high_step],
    }
