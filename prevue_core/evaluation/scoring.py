"""The scores of an evaluation by name, and their intervals. A score that is not defined is None."""

from functools import partial
from typing import Any

import numpy as np

from prevue_core.evaluation import confusion, probabilities, ranking
from prevue_core.evaluation.areas import auc_interval
from prevue_core.evaluation.arrays import Floats, Ints, mean_of
from prevue_core.evaluation.confusion import MatrixScore
from prevue_core.evaluation.regression import regression_scores
from prevue_core.evaluation.resampling import Interval, draws, interval_of
from prevue_core.evaluation.samples import Samples

PARTS = ("precision", "recall", "f")
TOP = 5  # of top-k accuracy

_MEANS: tuple[confusion.Means, ...] = ("macro", "weighted")
_OF_MATRICES: dict[str, MatrixScore] = {
    "accuracy": confusion.accuracy,
    "balanced_accuracy": confusion.balanced_accuracy,
    "matthews": confusion.matthews,
    "kappa": confusion.kappa,
}


def scores(samples: Samples, beta: float = 1.0) -> dict[str, float | None]:
    """Return the scores of all samples together, by name."""
    if samples.task == "regression":
        errors = regression_scores(samples.target, samples.prediction, samples.weight)
        return {name: number(value) for name, value in errors._asdict().items()}
    matrix = matrix_of(samples)
    found = {name: number(score(matrix)) for name, score in matrix_scores(samples, beta).items()}
    return {**found, **_other_scores(samples)}


def intervals(samples: Samples, beta: float = 1.0) -> dict[str, dict[str, Any]]:
    """Return the 95% bootstrap interval of the scores that have one: low, high, level and repeats."""
    if samples.task == "regression":
        found = _regression_intervals(samples)
    else:
        found = _matrix_intervals(samples, matrix_scores(samples, beta))
    if samples.task == "binary" and samples.score is not None and samples.weight is None:
        found["roc_auc"] = auc_interval(samples.target == samples.positive, samples.score)
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


def _other_scores(samples: Samples) -> dict[str, float | None]:
    """Return the scores that need more than a matrix."""
    weight, found = samples.weight, {}
    if samples.task == "multilabel":
        wrong = samples.target != samples.prediction
        found["subset_accuracy"] = mean_of(~wrong.any(axis=1), weight)
        found["hamming_loss"] = mean_of(wrong.mean(axis=1), weight)
    elif (given := samples.probabilities()) is not None:
        found["log_loss"] = probabilities.log_loss(samples.target, given, weight)
        found["brier"] = probabilities.brier_score(samples.target, given, weight)
    if samples.task == "multiclass" and samples.scores is not None and samples.scores.shape[1] > TOP:
        found[f"top_{TOP}_accuracy"] = top_accuracies(samples)[TOP - 1]
    numbers = {name: number(value) for name, value in found.items()}
    if samples.task == "binary" and samples.score is not None:
        return numbers | areas(ranking.rank(samples.target == samples.positive, samples.score, weight))
    return numbers


def top_accuracies(samples: Samples, most: int = TOP) -> list[float]:
    """Return the accuracy among the 1, 2 ... `most` highest scores of samples of several classes."""
    scores = np.asarray(samples.scores, float)
    most = min(most, len(samples.labels) if samples.classes is None else TOP)
    return probabilities.top_accuracies(samples.target, scores, most, samples.weight, samples.classes).tolist()


# what follows from matrices


def matrix_of(samples: Samples) -> Floats:
    """Return the confusion matrix, (k, k); of several labels at once one for each, (k, 2, 2)."""
    if samples.task != "multilabel":
        return confusion.confusion_matrix(samples.target, samples.prediction, len(samples.labels), samples.weight)
    pairs = zip(samples.target.T, samples.prediction.T, strict=True)
    return np.stack([confusion.confusion_matrix(*pair, 2, samples.weight) for pair in pairs])


def matrix_scores(samples: Samples, beta: float = 1.0) -> dict[str, MatrixScore]:
    """Return by name the scores that follow from what `matrix_of` returns, and from many such at once.

    Of two classes precision, recall and F are the positive's.
    """
    means = ((how, place, f"{how}_{name}") for how in _MEANS for place, name in enumerate(PARTS))
    if samples.task == "multilabel":
        return {name: partial(_mean_of_labels, how, place, beta) for how, place, name in means}
    if samples.task == "binary":
        positive = samples.positive or 0
        of_positive = {name: partial(_of_class, positive, place, beta) for place, name in enumerate(PARTS)}
        return {**_OF_MATRICES, **of_positive}
    return {**_OF_MATRICES, **{name: partial(_mean_of_classes, how, place, beta) for how, place, name in means}}


def _of_class(label: int, place: int, beta: float, matrix: Floats) -> Floats:
    return np.asarray(confusion.class_scores(matrix, beta)[place][..., label])


def _mean_of_classes(how: confusion.Means, place: int, beta: float, matrix: Floats) -> Floats:
    return confusion.mean_scores(matrix, how, beta)[place]


def _mean_of_labels(how: confusion.Means, place: int, beta: float, matrices: Floats) -> Floats:
    found = confusion.class_scores(matrices, beta)
    values, support = found[place][..., 1], found.support[..., 1]
    return confusion.mean_over(values, support if how == "weighted" else np.ones_like(support))


def _matrix_intervals(samples: Samples, wanted: dict[str, MatrixScore]) -> dict[str, Interval]:
    """Return the intervals of scores, all from the same draws of samples."""
    classes = len(samples.labels)
    outcome = samples.target * (2 if samples.task == "multilabel" else classes) + samples.prediction
    columns = [outcome.reshape(len(samples), -1)] + ([] if samples.weight is None else [samples.weight])
    cells, counts = np.unique(np.column_stack(columns), axis=0, return_counts=True)
    weight = np.ones(len(cells)) if samples.weight is None else cells[:, -1]
    places = cells[:, : len(cells[0]) - (samples.weight is not None)].astype(int)
    is_labels = samples.task == "multilabel"
    outcomes: dict[str, list[Floats]] = {name: [] for name in wanted}
    for drawn in draws(counts, least_width=classes**2):
        weighted = drawn * weight
        matrices = (
            _matrices_of_labels(weighted, places, classes)
            if is_labels
            else confusion.drawn_matrices(weighted, places[:, 0], classes)
        )
        for name, score in wanted.items():
            outcomes[name].append(score(matrices))
    return {name: interval_of(np.concatenate(parts)) for name, parts in outcomes.items()}


def _matrices_of_labels(drawn: Floats, places: Ints, labels: int) -> Floats:
    """Return one matrix for each label: (r, k, 2, 2); `places`: of a cell in each of them, (c, k)."""
    parts = [drawn @ (places == outcome).astype(float) for outcome in range(4)]
    return np.stack(parts, axis=-1).reshape(len(drawn), labels, 2, 2)


def _regression_intervals(samples: Samples) -> dict[str, Interval]:
    weight = np.ones(len(samples)) if samples.weight is None else samples.weight
    error, target = samples.prediction - samples.target, samples.target - samples.target.mean()
    # Every score follows from sums over the samples.
    parts = (np.ones(len(samples)), abs(error), error**2, error, target, target**2)
    each = np.stack([weight * part for part in parts])
    drawn = np.concatenate([counts @ each.T for counts in draws(np.ones(len(samples), int))])
    whole, size, square, error_sum, target_sum, target_square = drawn.T
    spread = target_square - target_sum**2 / whole
    share = np.divide(square, spread, out=np.full_like(spread, np.nan), where=spread > 0)
    found = {"mae": size / whole, "rmse": np.sqrt(square / whole), "bias": error_sum / whole, "r2": 1 - share}
    return {name: interval_of(outcomes) for name, outcomes in found.items()}
