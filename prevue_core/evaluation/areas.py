"""Intervals of the areas below ROC and precision-recall: of one model, and of how two differ on the same samples.

Samples of one class and score are drawn together. Of many samples those whose scores are neighbours are, too: scores
are cut into stretches that have equal shares of either class, so that what the cut leaves out is far below an
interval's width, and the interval is put around the areas of all samples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from prevue_core.evaluation import ranking
from prevue_core.evaluation.arrays import Bools, Floats, Ints, ratio
from prevue_core.evaluation.resampling import REPEATS, SEED, Interval, draws, interval_of, levels

FEW = 1_000  # samples, up to which each has a place of its own
STRETCHES = {1: 500, 2: 100}  # of the scores of each, by the number of models

NAMES = ("roc_auc", "average_precision")


class _Cells(NamedTuple):
    """Samples that are drawn together: (c,)."""

    counts: Ints
    weight: Floats  # of one of them
    positive: Bools
    places: list[Ints]  # by the scores of each model, rising


def area_intervals(
    positive: Bools, score: Floats, weight: Floats | None = None, repeats: int = REPEATS, seed: int = SEED
) -> dict[str, Interval]:
    """Return the bootstrap interval of each area, by name."""
    (outcomes,) = _drawn(positive, [score], weight, repeats, seed)
    # The shift of some draws leads beyond what an area can be.
    return {name: interval_of(found.clip(0, 1)) for name, found in zip(NAMES, outcomes, strict=True)}


def area_differences(
    positive: Bools,
    score_a: Floats,
    score_b: Floats,
    weight: Floats | None = None,
    repeats: int = REPEATS,
    seed: int = SEED,
) -> dict[str, Interval]:
    """Return the paired bootstrap interval of B's areas minus A's: each draw takes the same samples for both."""
    a, b = _drawn(positive, [score_a, score_b], weight, repeats, seed)
    return {name: interval_of(found) for name, found in zip(NAMES, b - a, strict=True)}


def _drawn(positive: Bools, scores: Sequence[Floats], weight: Floats | None, repeats: int, seed: int) -> list[Floats]:
    """Return the outcomes of both areas for each model, (2, r)."""
    cells = _cells(positive, scores, weight)
    parts: list[list[Floats]] = [[] for _ in scores]
    for drawn in draws(cells.counts, repeats, seed):
        weighted = drawn * cells.weight
        for place, found in zip(cells.places, parts, strict=True):
            found.append(_areas(weighted, place, cells.positive))
    shifts = [_shift(cells, place, positive, score, weight) for place, score in zip(cells.places, scores, strict=True)]
    return [np.concatenate(found, axis=1) + shift for found, shift in zip(parts, shifts, strict=True)]


def _shift(cells: _Cells, place: Ints, positive: Bools, score: Floats, weight: Floats | None) -> Floats:
    """Return how far the areas of all samples, (2, 1), are from those of their cells."""
    ranked = ranking.rank(positive, score, weight)
    whole = np.array([[ranking.roc_auc(ranked)], [ranking.average_precision(ranked)]])
    return whole - _areas((cells.counts * cells.weight)[None], place, cells.positive)


def _cells(positive: Bools, scores: Sequence[Floats], weight: Floats | None) -> _Cells:
    key, sizes = positive.astype(int), []
    for score in scores:
        place, size = _places(score, positive, STRETCHES[len(scores)])
        key = key * size + place
        sizes.append(size)
    level, count = levels(weight, len(key))
    cells, place, counts = np.unique(key * count + level, return_inverse=True, return_counts=True)
    mean = np.ones(len(cells)) if weight is None else np.bincount(place, weight) / counts
    rest, places = cells // count, []
    for size in reversed(sizes):
        rest, one = np.divmod(rest, size)
        places.append(one)
    return _Cells(counts, mean, rest == 1, places[::-1])


def _places(score: Floats, positive: Bools, stretches: int) -> tuple[Ints, int]:
    """Return the place of each score among the different ones, or of many in its stretch, and how many places are."""
    different, place = np.unique(score, return_inverse=True)
    if len(score) <= FEW or len(different) <= stretches:
        return place, len(different)
    shares = [ratio(found := np.bincount(place, kind, len(different)), found.sum()) for kind in (positive, ~positive)]
    below = np.cumsum(sum(shares) / 2) - sum(shares) / 4
    return (below * stretches).astype(int).clip(0, stretches - 1)[place], stretches


def _areas(drawn: Floats, place: Ints, positive: Bools) -> Floats:
    """Return both areas, (2, r), of weights of cells, (r, c), by their places; NaN where they are not defined."""
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    sums = [np.add.reduceat(drawn[:, order] * kind[order], starts, axis=1) for kind in (positive, ~positive)]
    true, false = (np.cumsum(part[:, ::-1], axis=1) for part in sums)  # from the highest score down
    gained, missed = sums[0][:, ::-1], sums[1][:, ::-1]
    positives, negatives = true[:, -1], false[:, -1]
    above = (missed * (true - gained / 2)).sum(axis=1)  # of equal scores each counts half
    precise = (gained * ratio(true, true + false)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.stack([above / (positives * negatives), precise / positives])
