"""On which samples two models are right, and whether they are so unevenly by chance."""

from math import comb, erfc, sqrt
from typing import NamedTuple

from prevue_core.evaluation.arrays import Bools

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
