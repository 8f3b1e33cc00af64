"""Method checks of tests, by their samples."""

from itertools import pairwise
from math import erfc, sqrt
from typing import Any

import numpy as np

from prevue_core.checks import EVALUATION, Check, EvaluationFacts
from prevue_core.evaluation.arrays import Floats
from prevue_core.evaluation.confusion import class_scores
from prevue_core.evaluation.probabilities import calibration, calibration_error, given_to
from prevue_core.evaluation.samples import Samples
from prevue_core.evaluation.scoring import matrix_of

GAP = 0.1  # of accuracy above balanced accuracy
ERROR = 0.05  # of calibration
RARE = 0.003  # p-value: three standard deviations
DOUBLED = 0.01  # share of samples that are there twice
CHANCES = 10  # times as many pairs of equal samples as chance would make
FEWEST = 30  # samples, below which chance explains nearly everything


def no_better_than_dummy(facts: EvaluationFacts) -> str | None:
    """Say whether a model does not beat one that never looks at its inputs."""
    scores, samples = facts.scores(), facts.samples
    if samples.task == "regression":
        if (r2 := scores["r2"]) is None or r2 > 0:
            return None
        return (
            f"R2 is {r2:.3g}: always to predict the mean of the test's targets, {np.mean(samples.target):.4g}, would "
            f"be {'as good' if r2 == 0 else 'better'}."
        )
    if samples.task == "multilabel" or _largest(samples) == 1:
        return None
    accuracy, kappa, share = scores["accuracy"] or 0.0, facts.intervals().get("kappa"), _largest(samples)
    if accuracy > share or kappa is None or kappa["low"] is None or kappa["low"] > 0:
        return None
    return (
        f"Accuracy is {accuracy:.1%}; always to say {_commonest(samples)!r} has {share:.1%}. Kappa, which is 0 for a "
        f"guess, is {scores['kappa'] or 0:.3g}, with {kappa['low']:.3g} to {kappa['high']:.3g} as its 95% interval."
    )


def imbalance(facts: EvaluationFacts) -> str | None:
    """Say whether a large class makes accuracy look better than the model is."""
    if facts.samples.task not in ("binary", "multiclass"):
        return None
    scores, interval = facts.scores(), facts.intervals()["balanced_accuracy"]
    accuracy, balanced = scores["accuracy"] or 0.0, scores["balanced_accuracy"] or 0.0
    if accuracy - balanced < GAP or interval["high"] is None or accuracy <= interval["high"]:
        return None
    matrix = matrix_of(facts.samples)
    found = class_scores(matrix)
    worst = int(np.where(found.support > 0, found.recall, np.inf).argmin())
    return (
        f"Accuracy is {accuracy:.1%} as {_largest(facts.samples):.1%} of the samples are "
        f"{_commonest(facts.samples)!r}; the mean over the classes is {balanced:.1%}. Of "
        f"{facts.samples.labels[worst]!r}, {found.support[worst]:g} samples, only {found.recall[worst]:.1%} are found."
    )


def miscalibrated(facts: EvaluationFacts) -> str | None:
    """Say whether probabilities are not what they say."""
    samples: Samples = facts.samples
    given = samples.probabilities() if samples.task in ("binary", "multiclass") else None
    if given is None or len(samples) < FEWEST:
        return None
    sure = given_to(samples.prediction, given).clip(0, 1)
    right = samples.target == samples.prediction
    error = calibration_error(calibration(right, sure, 10, "width", samples.weight))
    deviation = calibration_deviation(right, sure)
    if error < ERROR or erfc(abs(deviation) / sqrt(2)) >= RARE:
        return None
    return (
        f"The model is on average {sure.mean():.1%} sure of what it says, and right on {right.mean():.1%} of the "
        f"samples; by ten bins the two are {error:.3g} apart (ECE). Were its probabilities right, so large a "
        f"difference, {abs(deviation):.1f} standard deviations (Spiegelhalter's z), would be seen less than once in "
        "300 tests."
    )


def calibration_deviation(right: Any, sure: Floats) -> float:
    """Return z of Spiegelhalter (1986): the Brier score's distance from what it is where the probabilities are right.

    Standard normal there; 0 or infinite where every probability is 0 or 1.
    """
    spread = (((1 - 2 * sure) ** 2) * sure * (1 - sure)).sum()
    distance = ((right - sure) * (1 - 2 * sure)).sum()
    if spread == 0:
        return 0.0 if distance == 0 else float(np.copysign(np.inf, distance))
    return float(distance / sqrt(spread))


def duplicates(facts: EvaluationFacts) -> str | None:
    """Say whether the same sample is in the test several times."""
    names, samples = facts.sample_ids, facts.samples
    if names is not None and len(set(names)) < len(names):
        twice = sorted(names)
        again = next(name for name, other in pairwise(twice) if name == other)
        return (
            f"{len(names) - len(set(names))} of {len(names)} samples have a name that another one has, such as "
            f"{again!r}: what is there twice counts twice, and makes intervals too narrow."
        )
    if len(samples.features) < 2 or len(samples) < FEWEST:
        return None
    rows = np.column_stack([np.nan_to_num(values, nan=-np.inf) for values in samples.features.values()])
    counts = np.unique(np.column_stack([rows, samples.target]), axis=0, return_counts=True)[1]
    extra, pairs = int((counts - 1).sum()), float((counts * (counts - 1.0)).sum() / 2)
    if extra < DOUBLED * len(samples) or pairs < CHANCES * _expected_pairs(rows):
        return None
    return (
        f"{extra} of {len(samples)} samples ({extra / len(samples):.1%}) are equal to another one in target and in all "
        f"{rows.shape[1]} logged features, where chance would make {_expected_pairs(rows):.2g} such pairs: what is "
        "there twice counts twice, and may be in the training set, too."
    )


def _expected_pairs(rows: Floats) -> float:
    """Return how many pairs of rows would be equal, were the columns independent of each other."""
    count, share = len(rows), 1.0
    for column in rows.T:
        seen = np.unique(column, return_counts=True)[1]
        share *= float((seen * (seen - 1.0)).sum() / (count * (count - 1.0)))
    return share * count * (count - 1) / 2


def _support(samples: Samples) -> Floats:
    support: Floats = matrix_of(samples).sum(axis=1)
    return support


def _largest(samples: Samples) -> float:
    """Return the share of the commonest class."""
    support = _support(samples)
    return float(support.max() / (support.sum() or 1))


def _commonest(samples: Samples) -> str:
    return samples.labels[int(_support(samples).argmax())]


CHECKS = [
    Check(
        "dummy",
        "No better than a dummy",
        "Speaks where the accuracy of a classifier is not above the share of the commonest class and the 95% interval "
        "of Cohen's kappa holds 0, or where R2 of a regression is not above 0. Both are what a model comes to that "
        "never looks at its inputs: `DummyClassifier` and `DummyRegressor` of scikit-learn, see *Dummy estimators* in "
        "its user guide.\n\n"
        "Look whether inputs and targets still belong together, and whether the labels have the model's order.",
        no_better_than_dummy,
        EVALUATION,
    ),
    Check(
        "imbalance",
        "Imbalance hidden by accuracy",
        "Speaks where accuracy is 10 points or more above balanced accuracy, and above its 95% interval. Without "
        "imbalance the two are the same: Brodersen and others, *The balanced accuracy and its posterior distribution* "
        "(ICPR 2010). The 10 points are ours.\n\n"
        "Report balanced accuracy, MCC or the recall of each class; weigh or resample the classes, or move the "
        "threshold.",
        imbalance,
        EVALUATION,
    ),
    Check(
        "miscalibrated",
        "Miscalibrated",
        "Speaks where, with 30 samples or more, the expected calibration error of the predicted class (ten bins of "
        "equal width; Guo and others, *On calibration of modern neural networks*, ICML 2017) is 0.05 or more, and "
        "Spiegelhalter's z (*Statistics in Medicine* 5, 1986) is beyond what calibrated probabilities come to three "
        "times in a thousand tests. The 0.05 are ours.\n\n"
        "Scale the logits by a temperature, or use `CalibratedClassifierCV`, on samples that are not the test's.",
        miscalibrated,
        EVALUATION,
    ),
    Check(
        "duplicates",
        "Duplicate samples",
        "Speaks where `sample_ids` have a name twice. Without them, where two or more `features` are logged: where a "
        "hundredth of the samples or more equal another in all of them and in the target, in ten times as many pairs "
        "as chance would make of independent features. In well-known test sets 3% (CIFAR-10) and 10% (CIFAR-100) are "
        "near duplicates: Barz and Denzler, *Do we train on test data?* (2020). The bounds are ours.\n\n"
        "Remove them before the samples are split into training and test.",
        duplicates,
        EVALUATION,
    ),
]
