"""Intervals by bootstrap: what a number might have been on another set of samples as large as this one.

The percentile bootstrap (Efron 1979): samples are drawn with replacement, the number is worked out again, and the
middle 95% of the outcomes are the interval. Draws come from a seed, so the same samples give the same interval.
Samples that the number can't tell apart (those of one cell of a confusion matrix, say) are drawn together, by the
multinomial distribution: it is as if each were drawn by itself, and a million samples cost as much as a hundred.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from prevue_core.evaluation.arrays import Floats, Ints

SEED = 20_240_229
REPEATS = 1_000
LEVEL = 0.95
MOST_DRAWN = 100_000_000  # cells times repeats, beyond which fewer repeats are drawn
FEWEST_REPEATS = 100
_AT_ONCE = 4_000_000  # numbers in memory


class Interval(NamedTuple):
    """The middle `level` of `repeats` outcomes; low and high are NaN where fewer than half of them are defined."""

    low: float
    high: float
    repeats: int
    level: float = LEVEL


def interval(
    counts: Ints, number: Callable[[Floats], Floats], repeats: int = REPEATS, seed: int = SEED, level: float = LEVEL
) -> Interval:
    """Return the interval of a number of samples that lie in cells.

    `counts`: how many samples are in each of c cells, shape (c,). `number` takes counts of shape (r, c), as drawn, and
    returns shape (r,), NaN where it isn't defined. Of very many cells fewer repeats are drawn; the answer says so.
    """
    return interval_of(np.concatenate([number(drawn) for drawn in draws(counts, repeats, seed)]), level)


def interval_of(outcomes: Floats, level: float = LEVEL) -> Interval:
    """Return the middle `level` of outcomes, those that are NaN left out."""
    defined = outcomes[~np.isnan(outcomes)]
    if 2 * len(defined) < len(outcomes):
        return Interval(np.nan, np.nan, len(outcomes), level)
    low, high = np.quantile(defined, ((1 - level) / 2, (1 + level) / 2))
    return Interval(float(low), float(high), len(outcomes), level)


def draws(counts: Ints, repeats: int = REPEATS, seed: int = SEED, least_width: int = 1) -> Iterator[Floats]:
    """Yield counts as drawn, shape (r, c), with as many rows at a time as memory is good for.

    Of very many cells fewer repeats are drawn. `least_width`: how many numbers are made of a row, where that is more.
    """
    repeats = max(FEWEST_REPEATS, min(repeats, MOST_DRAWN // max(len(counts), 1)))
    random, total = np.random.default_rng(seed), int(counts.sum())
    shares = counts / total
    at_once = max(1, _AT_ONCE // max(len(counts), least_width))
    for start in range(0, repeats, at_once):
        yield random.multinomial(total, shares, min(at_once, repeats - start)).astype(float)
