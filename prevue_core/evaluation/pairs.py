"""Is B better than A? Two predictions for each of the same samples.

Differences are B minus A. A difference on the same samples has a far smaller interval than two numbers that are looked
at apart: most samples are right, or wrong, with both.
"""

from collections.abc import Mapping
from math import comb, erfc, sqrt
from typing import NamedTuple

import numpy as np

from prevue_core.evaluation.arrays import Bools, Floats, Ints
from prevue_core.evaluation.confusion import MatrixScore, drawn_matrices
from prevue_core.evaluation.resampling import REPEATS, SEED, Interval, draws, interval_of

FEW = 50  # disagreements, up to which McNemar's test counts exactly


class Agreement(NamedTuple):
    """How many samples each is right about."""

    both: int
    only_a: int
    only_b: int
    neither: int


class McNemar(NamedTuple):
    """McNemar's test (1947): would so uneven a split of the disagreements be likely, were both equally good?"""

    statistic: float  # the smaller count of disagreements where exact, else chi square with continuity correction
    p_value: float  # 0 to 1: the share of such, or more, uneven splits among models that are equally good
    exact: bool


def agreement(right_a: Bools, right_b: Bools) -> Agreement:
    """Return how many samples both, only A, only B and neither are right about."""
    both, only_a, only_b = (int(part.sum()) for part in (right_a & right_b, right_a & ~right_b, right_b & ~right_a))
    return Agreement(both, only_a, only_b, len(right_a) - both - only_a - only_b)


def mcnemar(agreed: Agreement) -> McNemar:
    """Return McNemar's test: exact, by the binomial distribution, for up to 50 disagreements."""
    fewer, all_ = min(agreed.only_a, agreed.only_b), agreed.only_a + agreed.only_b
    if all_ <= FEW:
        tail = sum(comb(all_, count) for count in range(fewer + 1)) / 2**all_
        return McNemar(float(fewer), min(1.0, 2 * tail), exact=True)
    statistic = max(0.0, abs(agreed.only_a - agreed.only_b) - 1) ** 2 / all_
    return McNemar(statistic, erfc(sqrt(statistic / 2)), exact=False)  # chi square with one degree of freedom


def matrix_differences(
    target: Ints,
    prediction_a: Ints,
    prediction_b: Ints,
    classes: int,
    scores: Mapping[str, MatrixScore],
    repeats: int = REPEATS,
    seed: int = SEED,
) -> dict[str, Interval]:
    """Return the paired bootstrap intervals of differences of scores that follow from matrices, from the same draws."""
    cells, counts = np.unique((target * classes + prediction_a) * classes + prediction_b, return_counts=True)
    true, rest = np.divmod(cells, classes**2)
    places = (true * classes + rest // classes, true * classes + rest % classes)
    outcomes: dict[str, list[Floats]] = {name: [] for name in scores}
    for drawn in draws(counts, repeats, seed, least_width=classes**2):
        a, b = (drawn_matrices(drawn, place, classes) for place in places)
        for name, score in scores.items():
            outcomes[name].append(score(b) - score(a))
    return {name: interval_of(np.concatenate(parts)) for name, parts in outcomes.items()}
