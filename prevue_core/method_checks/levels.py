"""What a noisy curve comes to at a place: medians of neighbours, and how much it jumps by itself."""

from collections.abc import Sequence
from statistics import median

from prevue_core.checks import Curve, RunFacts

_OF_NORMAL = 1.4826 / 6**0.5  # the median of |second differences| of noise, times this, is its standard deviation
_RATES = ("lr", "learning_rate")


def loss(facts: RunFacts, split: str) -> Curve | None:
    """Return the loss of a split: the one called `loss`, otherwise that with the shortest name."""
    names = {row["name"] for row in facts.series() if row["split"] == split and row["kind"] == "loss"}
    if not names:
        return None
    return facts.curve("loss" if "loss" in names else min(names, key=lambda name: (len(name), name)), split)


def learning_rate(facts: RunFacts) -> Curve | None:
    """Return the learning rate, None where none was logged."""
    for row in facts.series():
        if row["name"].rsplit("/", 1)[-1] in _RATES:
            return facts.curve(row["name"], row["split"])
    return None


def smoothed(values: Sequence[float]) -> list[float]:
    """Return the median of each value and its neighbours."""
    return [median(values[max(0, place - 1) : place + 2]) for place in range(len(values))]


def beginning(curve: Curve) -> float:
    """Return what a curve begins with: its first value, which a median would miss where it falls at once."""
    return curve.values[0]


def end(curve: Curve) -> float:
    """Return the median of the last three values."""
    return median(curve.values[-3:])


def level_at(curve: Curve, step: float) -> float:
    """Return the median of the three values whose steps are nearest."""
    nearest = sorted(range(len(curve)), key=lambda place: abs(curve.steps[place] - step))[:3]
    return median(curve.values[place] for place in nearest)


def noise(values: Sequence[float]) -> float:
    """Return the standard deviation of what is no trend, 0 for fewer than three values."""
    bends = [abs(a - 2 * b + c) for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    return _OF_NORMAL * median(bends) if bends else 0.0
