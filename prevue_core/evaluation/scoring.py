"""The scores of an evaluation by name, and their intervals. A score that is not defined is None."""

from functools import partial
from typing import Any

import numpy as np

from prevue_core.evaluation import confusion, probabilities, ranking
from prevue_core.evaluation.areas import area_intervals
from prevue_core.evaluation.arrays import Floats, Ints, mean_of, ratio, weights_of
from prevue_core.evaluation.confusion import Matrix, MatrixScore
from prevue_core.evaluation.matrices import drawn_scores
from prevue_core.evaluation.regression import regression_scores, relative_errors
from prevue_core.evaluation.resampling import REPEATS, Interval, drawn_sums, interval_of
from prevue_core.evaluation.samples import Samples

PARTS = ("precision", "recall", "f")
TOP = 5  # of top-k accuracy

_MEANS: tuple[confusion.Means, ...] = ("macro", "weighted")  # of one class a sample, micro is the accuracy
_MEANS_OF_LABELS: tuple[confusion.Means, ...] = ("micro", *_MEANS)
_OF_MATRICES: dict[str, MatrixScore] = {
    "accuracy": confusion.accuracy,
    "balanced_accuracy": confusion.balanced_accuracy,
    "matthews": confusion.matthews,
    "kappa": confusion.kappa,
}


def scores(
    samples: Samples, beta: float = 1.0, of_positive: dict[str, float | None] | None = None
) -> dict[str, float | None]:
    """Return the scores of all samples together, by name; `of_positive`: the areas of two classes, where known."""
    if samples.task == "regression":
        errors = regression_scores(samples.target, samples.prediction, samples.weight)
        return {name: number(value) for name, value in errors._asdict().items()}
    matrix, losses = _matrix_or_margins(samples), losses_of(samples)
    found = {name: number(score(matrix)) for name, score in matrix_scores(samples, beta).items()}
    found |= {name: number(mean_of(each, samples.weight)) for name, each in losses.items()}
    if samples.task != "binary" or samples.score is None:
        return found
    positive = samples.target == samples.positive
    return found | (of_positive or areas(ranking.rank(positive, samples.score, samples.weight)))


def intervals(samples: Samples, beta: float = 1.0, repeats: int = REPEATS) -> dict[str, dict[str, Any]]:
    """Return the 95% bootstrap interval of the scores that have one: low, high, level and repeats."""
    if samples.task == "regression":
        outcomes = regression_outcomes(drawn_sums(regression_parts(samples), repeats))
    else:
        (outcomes,) = drawn_scores([samples], matrix_scores(samples, beta), repeats)
        losses = losses_of(samples)
        sums = drawn_sums(weighed(list(losses.values()), samples.weight), repeats) if losses else np.empty((0, 1))
        outcomes |= {name: ratio(sums[:, place], sums[:, 0]) for place, name in enumerate(losses, 1)}
    found = {name: interval_of(each) for name, each in outcomes.items()}
    if samples.task == "binary" and samples.score is not None:
        found |= area_intervals(samples.target == samples.positive, samples.score, samples.weight, repeats)
    return {name: told(one) for name, one in found.items()}


def areas(ranked: ranking.Ranking) -> dict[str, float | None]:
    """Return the areas below ROC and precision-recall; None where one is not defined."""
    return {
        "roc_auc": number(ranking.roc_auc(ranked)),
        "average_precision": number(ranking.average_precision(ranked)),
    }


def told(found: Interval | None) -> Any:
    """Return an interval for JSON."""
    return None if found is None else {**found._asdict(), "low": number(found.low), "high": number(found.high)}


def number(value: Any) -> float | None:
    """Return a number for JSON: None where it is not defined."""
    return float(value) if np.isfinite(value) else None


def losses_of(samples: Samples) -> dict[str, Floats]:
    """Return by name the scores that are means over the samples: what each of these has."""
    if samples.task == "multilabel":
        wrong = samples.target != samples.prediction
        return {
            "subset_accuracy": np.asarray(~wrong.any(axis=1), float),
            "hamming_loss": np.asarray(wrong.mean(axis=1)),
        }
    found: dict[str, Floats] = {}
    if (given := samples.probabilities()) is not None:
        found["log_loss"] = probabilities.log_losses(samples.target, given)
        found["brier"] = probabilities.brier_losses(samples.target, given)
    if samples.task == "multiclass" and samples.scores is not None and samples.scores.shape[1] > TOP:
        found[f"top_{TOP}_accuracy"] = np.asarray(score_places(samples) < TOP, float)
    return found


def score_places(samples: Samples) -> Ints:
    """Return of each sample how many classes have a higher score than the true one."""
    return probabilities.places_of(samples.target, np.asarray(samples.scores), samples.classes)


def top_accuracies(samples: Samples, most: int) -> list[float]:
    """Return the accuracy among the 1, 2 ... `most` highest scores of samples of several classes, as far as known."""
    most = min(most, len(samples.labels) if samples.classes is None else TOP)
    places, weight = score_places(samples), samples.weight
    return [mean_of(places < k, weight) for k in range(1, most + 1)]


def weighed(each: list[Floats], weight: Floats | None) -> Floats:
    """Return what each sample brings to its weight and to weighted sums: (n, 1 + c)."""
    weight = weights_of(weight, len(each[0]))
    return np.column_stack([weight, *(weight * column for column in each)])


# what follows from matrices


def matrix_of(samples: Samples) -> Floats:
    """Return the confusion matrix, (k, k); of several labels at once one for each, (k, 2, 2)."""
    if samples.task != "multilabel":
        return confusion.confusion_matrix(samples.target, samples.prediction, len(samples.labels), samples.weight)
    pairs = zip(samples.target.T, samples.prediction.T, strict=True)
    return np.stack([confusion.confusion_matrix(*pair, 2, samples.weight) for pair in pairs])


def _matrix_or_margins(samples: Samples) -> Matrix:
    """Return the matrix, or its margins where it can't tell which classes are present: those of weightless samples."""
    matrix, weight = matrix_of(samples), samples.weight
    if samples.task == "multilabel" or weight is None or weight.all():
        return matrix
    of_each = np.concatenate([samples.target, samples.prediction])
    return confusion.margins(matrix)._replace(present=np.bincount(of_each, minlength=len(samples.labels)) > 0)


def matrix_scores(samples: Samples, beta: float = 1.0) -> dict[str, MatrixScore]:
    """Return by name the scores that follow from what `matrix_of` returns, and from many such at once.

    Of two classes precision, recall and F are the positive's.
    """
    is_multilabel = samples.task == "multilabel"
    kinds = _MEANS_OF_LABELS if is_multilabel else _MEANS
    means = ((how, place, f"{how}_{name}") for how in kinds for place, name in enumerate(PARTS))
    if is_multilabel:
        return {name: partial(_mean_of_labels, how, place, beta) for how, place, name in means}
    if samples.task == "binary":
        positive = samples.positive or 0
        of_positive = {name: partial(_of_class, positive, place, beta) for place, name in enumerate(PARTS)}
        return {**_OF_MATRICES, **of_positive}
    return {**_OF_MATRICES, **{name: partial(_mean_of_classes, how, place, beta) for how, place, name in means}}


def _of_class(label: int, place: int, beta: float, matrix: Matrix) -> Floats:
    return np.asarray(confusion.class_scores(matrix, beta)[place][..., label])


def _mean_of_classes(how: confusion.Means, place: int, beta: float, matrix: Matrix) -> Floats:
    return confusion.mean_scores(matrix, how, beta)[place]


def _mean_of_labels(how: confusion.Means, place: int, beta: float, matrices: Matrix) -> Floats:
    each = confusion.margins(matrices)  # (..., k, 2)
    if how == "micro":
        together = confusion.Margins(*(part.sum(axis=-2) for part in each))
        return np.asarray(confusion.class_scores(together, beta)[place][..., 1])
    found = confusion.class_scores(each, beta)
    values, support = found[place][..., 1], found.support[..., 1]
    return confusion.mean_over(values, support if how == "weighted" else np.ones_like(support))


# regression


def regression_parts(samples: Samples) -> Floats:
    """Return what each sample brings to the sums from which all scores follow, (n, 7)."""
    # The median of equal ones is one of them; their mean may be off, and be taken for a spread.
    error, target = samples.prediction - samples.target, samples.target - np.median(samples.target)
    return weighed(
        [abs(error), error**2, error, target, target**2, relative_errors(error, samples.target)], samples.weight
    )


def regression_outcomes(sums: Floats) -> dict[str, Floats]:
    """Return the scores, (r,), by name, of sums over drawn samples."""
    whole = sums[:, 0]
    size, square, error, target, target_square, relative = ratio(sums[:, 1:], whole[:, None]).T
    spread = target_square - target**2
    share = np.divide(square, spread, out=np.full_like(spread, np.nan), where=spread > 0)
    return {"mae": size, "rmse": np.sqrt(square), "mape": relative, "r2": 1 - share, "bias": error}
