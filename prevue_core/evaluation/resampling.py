"""Intervals by bootstrap: what a number might have been on another set of samples as large as this one.

The percentile bootstrap (Efron 1979): samples are drawn with replacement, the number is worked out again, and the
middle 95% of the outcomes are the interval. Draws come from a seed, so the same samples give the same interval.
Samples that the number can't tell apart (those of one cell of a confusion matrix, say) are drawn together, by the
multinomial distribution: it is as if each were drawn by itself, and a million samples cost as much as a hundred.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from prevue_core.evaluation.arrays import Floats, Ints

SEED = 20_240_229
REPEATS = 1_000
LEVEL = 0.95
MOST_DRAWN = 100_000_000  # cells, or what is made of them, times repeats, beyond which fewer repeats are drawn
FEWEST_REPEATS = 100
FEW = 5_000  # samples, up to which each is drawn by itself where it has to be
BLOCKS = 10_000  # of random samples, which are drawn together of more: their sums spread as those of samples do
MOST_LEVELS = 16  # of weights, of more than FEW samples
_AT_ONCE = 4_000_000  # numbers in memory


class Interval(NamedTuple):
    """The middle `level` of `repeats` outcomes; low and high are NaN where fewer than half of them are defined."""

    low: float
    high: float
    repeats: int
    level: float = LEVEL


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
    repeats = max(FEWEST_REPEATS, min(repeats, MOST_DRAWN // max(len(counts), least_width)))
    random, total = np.random.default_rng(seed), int(counts.sum())
    shares = counts / total
    at_once = max(1, _AT_ONCE // max(len(counts), least_width))
    for start in range(0, repeats, at_once):
        yield random.multinomial(total, shares, min(at_once, repeats - start)).astype(float)


def drawn_sums(each: Floats, repeats: int = REPEATS, seed: int = SEED) -> Floats:
    """Return sums over drawn samples, (r, c), of what each sample brings to them, (n, c).

    Of more than BLOCKS samples random blocks of equal size are drawn: the deviation that they give is right to 1%.
    """
    random = np.random.default_rng(seed)
    if len(each) > BLOCKS:
        block = random.permutation(len(each)) * BLOCKS // len(each)
        each = np.column_stack([np.bincount(block, column, BLOCKS) for column in each.T])
    count, found = len(each), []
    at_once = max(1, _AT_ONCE // count)
    for start in range(0, repeats, at_once):
        rows = min(at_once, repeats - start)
        places = random.integers(0, count, (rows, count)) + (np.arange(rows) * count)[:, None]
        found.append(np.bincount(places.ravel(), minlength=rows * count).reshape(rows, count) @ each)
    return np.concatenate(found)


def levels(weight: Floats | None, count: int) -> tuple[Ints, int]:
    """Return the number of each sample's weight among the different ones, and how many those are.

    Of many samples weights that are neighbours have the same number.
    """
    if weight is None:
        return np.zeros(count, int), 1
    different, level = np.unique(weight, return_inverse=True)
    if count <= FEW or len(different) <= MOST_LEVELS:
        return level, len(different)
    before = np.cumsum(np.bincount(level)) - 1
    return (before * MOST_LEVELS // count)[level], MOST_LEVELS
