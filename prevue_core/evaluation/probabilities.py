"""How far predicted probabilities can be trusted.

`scores` has shape (n, k): a row for each sample, a column for each class, rows sum to 1. The numbers are those of
`sklearn.metrics` and `sklearn.calibration`.
"""

from typing import Literal, NamedTuple

import numpy as np

from prevue_core.evaluation.arrays import Bools, Floats, Ints, ratio, weights_of

_SMALLEST = np.finfo(float).eps  # what a probability of 0 counts as, lest one sample make the log loss infinite


def log_loss(target: Ints, scores: Floats, weight: Floats | None = None) -> float:
    """Return the mean of -log(probability of the true class), 0 for the best."""
    given = scores[np.arange(len(target)), target].clip(_SMALLEST, 1 - _SMALLEST)
    return float(np.average(-np.log(given), weights=weight))


def brier_score(target: Ints, scores: Floats, weight: Floats | None = None) -> float:
    """Return the mean squared distance to the true class: 0 to 1 for two classes, 0 to 2 for more (Brier 1950, 2)."""
    distance = ((scores - (target[:, None] == np.arange(scores.shape[1]))) ** 2).sum(axis=1)
    return float(np.average(distance / (2 if scores.shape[1] == 2 else 1), weights=weight))


def top_k_accuracy(target: Ints, scores: Floats, k: int, weight: Floats | None = None) -> float:
    """Return the share of samples whose true class is among the `k` with the highest scores; of ties the later."""
    given = scores[np.arange(len(target)), target][:, None]
    before = (scores > given) | ((scores == given) & (np.arange(scores.shape[1]) > target[:, None]))
    return float(np.average(before.sum(axis=1) < k, weights=weight))


class Calibration(NamedTuple):
    """Samples in bins of their probability, shape (b,); bins without samples are left out."""

    low: Floats  # edges of each bin
    high: Floats
    samples: Ints
    weight: Floats
    mean: Floats  # of the probabilities in the bin
    share: Floats  # of positives: equal to `mean` where probabilities are right


def calibration(
    positive: Bools,
    probability: Floats,
    bins: int = 10,
    by: Literal["width", "count"] = "width",
    weight: Floats | None = None,
) -> Calibration:
    """Return the samples in `bins` of equal width between 0 and 1, or of (nearly) equal count."""
    edges = np.linspace(0, 1, bins + 1)
    if by == "count":
        edges = np.percentile(probability, edges * 100)
    weight = weights_of(weight, len(probability))
    place = np.searchsorted(edges[1:-1], probability)
    samples = np.bincount(place, minlength=bins)
    total = np.bincount(place, weight, bins).astype(float)
    mean = ratio(np.bincount(place, weight * probability, bins), total)
    share = ratio(np.bincount(place, weight * positive, bins), total)
    full = total > 0
    return Calibration(edges[:-1][full], edges[1:][full], samples[full], total[full], mean[full], share[full])


def calibration_error(bins: Calibration) -> float:
    """Return ECE, the mean distance of share and probability over bins, by their weight (Naeini 2015, 3)."""
    return float(np.average(np.abs(bins.share - bins.mean), weights=bins.weight))


def score_histogram(target: Ints, score: Floats, classes: int, bins: int = 40) -> tuple[Ints, Floats]:
    """Return how many samples of each true class have a score in each bin, (classes, bins), and bins + 1 edges."""
    edges = np.histogram_bin_edges(score, bins, (0, 1) if score.min() >= 0 and score.max() <= 1 else None)
    place = np.searchsorted(edges[1:-1], score, side="right")
    return np.bincount(target * bins + place, minlength=classes * bins).reshape(classes, bins), edges


def softmax(logits: Floats) -> Floats:
    """Return probabilities for logits of shape (n, k)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
