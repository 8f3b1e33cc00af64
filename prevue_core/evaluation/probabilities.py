"""How far predicted probabilities can be trusted.

`scores` has shape (n, k): a row for each sample, a column for each class, rows sum to 1. The numbers are those of
`sklearn.metrics` and `sklearn.calibration`.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from prevue_core.evaluation.arrays import Bools, Floats, Ints, mean_of, ratio, weights_of

Scores = npt.NDArray[np.floating[Any]]

_SMALLEST = np.finfo(float).eps  # what a probability of 0 counts as, lest one sample make the log loss infinite


def log_losses(target: Ints, scores: Scores) -> Floats:
    """Return -log(probability of the true class) of each sample, 0 for the best."""
    return np.asarray(-np.log(given_to(target, scores).clip(_SMALLEST, 1 - _SMALLEST)))


def given_to(classes: Ints, scores: Scores) -> Floats:
    """Return the score of one class of each sample."""
    return scores[np.arange(len(classes)), classes].astype(float, copy=False)


def log_loss(target: Ints, scores: Scores, weight: Floats | None = None) -> float:
    """Return the mean of the log losses."""
    return mean_of(log_losses(target, scores), weight)


def brier_losses(target: Ints, scores: Scores) -> Floats:
    """Return the squared distance to the true class: 0 to 1 for two classes, 0 to 2 for more (Brier 1950, 2)."""
    given = given_to(target, scores)
    if scores.shape[1] == 2:
        return np.asarray((1 - given) ** 2)
    return np.asarray(np.einsum("ij,ij->i", scores, scores, dtype=float) - given**2 + (1 - given) ** 2)


def brier_score(target: Ints, scores: Scores, weight: Floats | None = None) -> float:
    """Return the mean of the Brier losses."""
    return mean_of(brier_losses(target, scores), weight)


def places_of(target: Ints, scores: Scores, classes: Ints | None = None) -> Ints:
    """Return of each sample how many classes have a higher score than the true one, or the same and come later.

    `classes`: whose the columns of `scores` are, where these are some of each sample's only; the true class is there.
    """
    numbers = np.arange(scores.shape[1]) if classes is None else classes
    column = target if classes is None else (classes == target[:, None]).argmax(axis=1)
    given = scores[np.arange(len(target)), column][:, None]
    before = (scores > given) | ((scores == given) & (numbers > target[:, None]))
    return np.asarray(before.sum(axis=1))


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
    return mean_of(np.abs(bins.share - bins.mean), bins.weight)


def score_histogram(target: Ints, score: Floats, classes: int, bins: int = 40) -> tuple[Ints, Floats]:
    """Return how many samples of each true class have a score in each bin, (classes, bins), and bins + 1 edges."""
    edges = np.histogram_bin_edges(score, bins, (0, 1) if score.min() >= 0 and score.max() <= 1 else None)
    place = np.searchsorted(edges[1:-1], score, side="right")
    return np.bincount(target * bins + place, minlength=classes * bins).reshape(classes, bins), edges


def logistic(logit: Floats) -> Floats:
    """Return probabilities for logits, each by itself."""
    power = np.exp(-np.abs(logit))  # of the larger ones nothing is left, where exp(logit) would be infinite
    return np.where(logit >= 0, 1, power) / (1 + power)


def softmax(logits: Floats) -> Floats:
    """Return probabilities for logits of shape (n, k)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
