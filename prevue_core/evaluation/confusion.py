"""The confusion matrix, and all that follows from it alone.

A matrix has shape (k, k): rows are true classes, columns predicted ones. Every function takes one matrix, or many at
once as (..., k, k), or the `Margins` of as many, which are all that scores need: thousands of drawn matrices of
thousands of classes would find no room. The numbers are those of `sklearn.metrics`.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from prevue_core.evaluation.arrays import Bools, Floats, Ints, ratio

Shares = Literal["true", "predicted", "all"]
Means = Literal["macro", "weighted", "micro"]


class Margins(NamedTuple):
    """Weights of samples by class, shape (..., k)."""

    hits: Floats  # predicted to be what they are
    support: Floats  # that are of the class
    predicted: Floats  # that are predicted to be
    present: Bools  # whether a sample is, or is predicted to be, of the class, be it one that weighs nothing


Matrix = Floats | Margins
MatrixScore = Callable[[Matrix], Floats]  # (..., k, k) -> (...)


class ClassScores(NamedTuple):
    """Scores of each class, shape (..., k). A score that is not defined, as nothing was predicted or true, is 0."""

    precision: Floats
    recall: Floats
    f: Floats
    support: Floats  # weight of the samples that are of the class
    predicted: Floats  # and of those predicted to be


def confusion_matrix(target: Ints, prediction: Ints, classes: int, weight: Floats | None = None) -> Floats:
    """Return the weight of samples, shape (classes, classes), by true and predicted class."""
    cells = np.bincount(target * classes + prediction, weight, classes * classes)
    return cells.reshape(classes, classes).astype(float)


def margins(matrix: Matrix) -> Margins:
    """Return the margins of a matrix."""
    if isinstance(matrix, Margins):
        return matrix
    support, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
    return Margins(np.diagonal(matrix, axis1=-2, axis2=-1), support, predicted, support + predicted > 0)


def drawn_margins(drawn: Floats, target: Ints, prediction: Ints, classes: int) -> Margins:
    """Return the margins, (r, k), of the weights of samples in c cells, (r, c), by the classes of the cells, (c,)."""
    of_hits = np.where(target == prediction, target, classes)
    columns = [[np.bincount(of, row, classes + 1)[:classes] for row in drawn] for of in (of_hits, target, prediction)]
    hits, support, predicted = np.array(columns)
    return Margins(hits, support, predicted, support + predicted > 0)


def normalised(matrix: Floats, by: Shares) -> Floats:
    """Return shares: of each true class (rows sum to 1), of each predicted one (columns), or of all samples."""
    axes: dict[str, int | tuple[int, int]] = {"true": -1, "predicted": -2, "all": (-2, -1)}
    return ratio(matrix, matrix.sum(axis=axes[by], keepdims=True))


def class_scores(matrix: Matrix, beta: float = 1.0) -> ClassScores:
    """Return precision, recall and F-beta of each class; `beta` > 1 weighs recall more (van Rijsbergen 1979, 7)."""
    hits, support, predicted, _ = margins(matrix)
    f = ratio((1 + beta**2) * hits, beta**2 * support + predicted)
    return ClassScores(ratio(hits, predicted), ratio(hits, support), f, support, predicted)


def mean_scores(matrix: Matrix, how: Means, beta: float = 1.0) -> tuple[Floats, Floats, Floats]:
    """Return precision, recall and F-beta over all classes that are true or predicted anywhere.

    `macro`: each class counts the same; `weighted`: by its support; `micro`: each sample the same, so all three are the
    accuracy.
    """
    if how == "micro":
        share = accuracy(matrix)
        return share, share, share
    scores = class_scores(matrix, beta)
    weight = scores.support if how == "weighted" else margins(matrix).present.astype(float)
    precision, recall, f = (mean_over(score, weight) for score in scores[:3])
    return precision, recall, f


def mean_over(values: Floats, weight: Floats) -> Floats:
    """Return the mean over the last axis; 0 where no weight is."""
    return ratio((values * weight).sum(-1), weight.sum(-1))


def accuracy(matrix: Matrix) -> Floats:
    """Return the share of samples whose class is predicted, 0 to 1."""
    hits, support, *_ = margins(matrix)
    return ratio(hits.sum(-1), support.sum(-1))


def balanced_accuracy(matrix: Matrix) -> Floats:
    """Return the mean recall of the classes that have samples: 1 / k for chance, whatever their sizes."""
    scores = class_scores(matrix)
    return ratio(scores.recall.sum(-1), (scores.support > 0).sum(-1))


def matthews(matrix: Matrix) -> Floats:
    """Return Matthews' correlation coefficient, -1 to 1, 0 for chance; of k classes as R_k (Gorodkin 2004, 8)."""
    each, support, predicted, _ = margins(matrix)
    hits, total = each.sum(-1), support.sum(-1)
    shared = hits * total - (support * predicted).sum(-1)
    spread = (total**2 - (predicted**2).sum(-1)) * (total**2 - (support**2).sum(-1))
    return ratio(shared, np.sqrt(np.maximum(spread, 0)))


def kappa(matrix: Matrix) -> Floats:
    """Return Cohen's kappa: how much of the agreement that chance leaves open was reached (Cohen 1960, 1).

    NaN where chance leaves nothing open: all samples are of one class, and are predicted to be.
    """
    hits, support, predicted, _ = margins(matrix)
    total, by_chance = support.sum(-1), (support * predicted).sum(-1)
    expected = ratio(by_chance, total)
    # Compared before it is divided, which rounds.
    return np.where(total**2 > by_chance, ratio(hits.sum(-1) - expected, total - expected), np.nan)
