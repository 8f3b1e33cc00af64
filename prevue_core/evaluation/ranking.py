"""How well scores put the positive samples first: ROC and precision-recall, at every threshold there is."""

from typing import NamedTuple

import numpy as np

from prevue_core.evaluation.arrays import Bools, Floats, ratio, weights_of

GRID = 20_001  # points of a mean curve: a twentieth of a pixel of 1 000 apart
_ROUNDING = 1e-12  # of a recall


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
    order = np.argsort(-score, kind="stable")
    score, weight = score[order], weights_of(weight, len(score))[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # of each stretch of equal scores
    true = np.cumsum(weight * positive[order])
    return Ranking(score[last], true[last], np.cumsum(weight)[last] - true[last])


def roc(ranking: Ranking) -> Curve:
    """Return the true positive rate over the false positive rate, from (0, 0) to (1, 1); its first threshold is inf."""
    x, y = ratio(ranking.false, ranking.negatives), ratio(ranking.true, ranking.positives)
    return Curve(np.append(0, x), np.append(0, y), np.append(np.inf, ranking.score))


def roc_auc(ranking: Ranking) -> float:
    """Return the area below ROC: how often a positive scores above a negative, ties half; NaN without either kind."""
    if not ranking.positives or not ranking.negatives:
        return float("nan")
    widths, heights = np.diff(ranking.false, prepend=0), np.append(0, ranking.true)
    return float(widths @ (heights[1:] + heights[:-1]) / 2 / (ranking.positives * ranking.negatives))


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


def mean_curve(curves: list[Curve], points: int = GRID) -> Curve:
    """Return the mean of ROC curves over a grid of false positive rates (macro mean); it has no thresholds."""
    x = np.linspace(0, 1, points)
    y = np.mean([np.interp(x, curve.x, curve.y) for curve in curves], axis=0)  # of a vertical stretch the upper end
    y[0] = 0
    return Curve(x, y, np.full(points, np.nan))


def mean_precision_recall(curves: list[Curve], points: int = GRID) -> Curve:
    """Return the mean of precision over a grid of recalls: at each the precision of the first threshold to reach it."""
    x = np.linspace(0, 1, points)
    places = [np.searchsorted(curve.x, x - _ROUNDING).clip(1, len(curve.x) - 1) for curve in curves]
    y = np.mean([curve.y[place] for curve, place in zip(curves, places, strict=True)], axis=0)
    return Curve(x, y, np.full(points, np.nan))
