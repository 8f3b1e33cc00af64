"""How well scores put the positive samples first: ROC and precision-recall, at every threshold there is."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np

from prevue_core.evaluation.arrays import Bools, Floats, ratio

GRID = np.linspace(0, 1, 20_001)  # of mean curves: a twentieth of a pixel of 1 000 apart
_ROUNDING = 1e-12  # of a recall
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


class Ranking(NamedTuple):
    """Samples summed up by score, in falling order: shape (u,) for u different scores.

    A sample is predicted positive where its score is at least the threshold, so `true` and `false` at place i are the
    weights of true and of false positives at the threshold `score[i]`.
    """

    score: Floats
    true: Floats
    false: Floats

    @property
    def positives(self) -> float:
        """The weight of all positive samples."""
        return float(self.true[-1])

    @property
    def negatives(self) -> float:
        """The weight of all others."""
        return float(self.false[-1])


class Curve(NamedTuple):
    """Points of a curve in the order in which it is drawn."""

    x: Floats
    y: Floats
    threshold: Floats


def rank(positive: Bools, score: Floats, weight: Floats | None = None) -> Ranking:
    """Return the ranking of n > 0 samples by `score`, any finite numbers, higher for positives."""
    order = np.argsort(-score)  # of equal scores any may come first; a stable order takes five times as long
    score = score[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # of each stretch of equal scores
    if weight is None:
        true = np.cumsum(positive[order])[last]
        return Ranking(score[last], true.astype(float), last + 1.0 - true)
    weight = weight[order]
    true = np.cumsum(weight * positive[order])[last]
    return Ranking(score[last], true, np.cumsum(weight)[last] - true)


def together(rankings: Iterable[Ranking], positive_scores: Floats) -> Ranking:
    """Return one ranking of all that several rank: of every pair of a sample and a class.

    `positive_scores`: of all positive pairs, different and rising. What scores between two of them is summed up, which
    leaves every corner of the curves where it is, and needs no room for all pairs at once.
    """
    true, false, lowest = *np.zeros((2, 2 * len(positive_scores) + 1)), np.inf
    for one in rankings:
        place = sum(np.searchsorted(positive_scores, one.score, side) for side in _SIDES)
        true += np.bincount(place, np.diff(one.true, prepend=0), len(true))
        false += np.bincount(place, np.diff(one.false, prepend=0), len(true))
        lowest = min(lowest, float(one.score[-1]))
    score = np.append(lowest, np.column_stack([positive_scores, np.nextafter(positive_scores, np.inf)]))
    held = np.flatnonzero(true + false)[::-1]
    return Ranking(score[held], np.cumsum(true[held]), np.cumsum(false[held]))


def of_the_rest(ranking: Ranking) -> Ranking:
    """Return the ranking for those that are not positive, by the score turned round."""
    true, false = (np.cumsum(np.diff(column, prepend=0)[::-1]) for column in (ranking.false, ranking.true))
    return Ranking(-ranking.score[::-1], true, false)


def roc(ranking: Ranking) -> Curve:
    """Return the true positive rate over the false positive rate, from (0, 0) to (1, 1); its first threshold is inf."""
    x, y = ratio(ranking.false, ranking.negatives), ratio(ranking.true, ranking.positives)
    return Curve(np.append(0, x), np.append(0, y), np.append(np.inf, ranking.score))


def roc_auc(ranking: Ranking) -> float:
    """Return the area below ROC: how often a positive scores above a negative, ties half; NaN without either kind."""
    if not ranking.positives or not ranking.negatives:
        return float("nan")
    widths, heights = np.diff(ranking.false, prepend=0), np.append(0, ranking.true)
    # Not by a dot product: BLAS would start its threads for it, which costs more where others are at work.
    return float((widths * (heights[1:] + heights[:-1])).sum() / 2 / (ranking.positives * ranking.negatives))


def precision_recall(ranking: Ranking) -> Curve:
    """Return precision over recall, from recall 0 (with the first threshold's precision) to 1, drawn as steps."""
    precision, recall = ratio(ranking.true, ranking.true + ranking.false), ratio(ranking.true, ranking.positives)
    return Curve(np.append(0, recall), np.append(precision[0], precision), np.append(np.inf, ranking.score))


def as_steps(curve: Curve) -> Curve:
    """Return the corners of a curve that is drawn as steps: across at the new height, as recall grows."""
    x, y, threshold = (np.repeat(column, 2) for column in curve)
    return Curve(x[:-1], y[1:], threshold[1:])


def average_precision(ranking: Ranking) -> float:
    """Return the precision, averaged over the recall gained at each threshold; NaN without positives."""
    if not ranking.positives:
        return float("nan")
    precision = ratio(ranking.true, ranking.true + ranking.false)
    return float((np.diff(np.append(0, ranking.true)) * precision).sum() / ranking.positives)


def mean_curve(heights: Floats, start: float | None = None) -> Curve:
    """Return the mean of curves (macro mean), given by the mean of their heights over GRID; it has no thresholds."""
    y = heights.copy()
    y[0] = y[0] if start is None else start
    return Curve(GRID, y, np.full(len(GRID), np.nan))


def roc_heights(ranking: Ranking) -> Floats:
    """Return the true positive rates at the false positive rates of GRID; of a vertical stretch the upper end."""
    curve = roc(ranking)
    return np.asarray(np.interp(GRID, curve.x, curve.y))


def precision_heights(ranking: Ranking) -> Floats:
    """Return the precision at the recalls of GRID: at each that of the first threshold to reach it."""
    curve = precision_recall(ranking)
    return curve.y[np.searchsorted(curve.x, GRID - _ROUNDING).clip(1, len(curve.x) - 1)]
