"""How far predicted numbers are off. `target` and `prediction` have shape (n,) and are finite."""

from typing import NamedTuple

import numpy as np

from prevue_core.evaluation.arrays import Floats, Ints, mean_of, weights_of


class RegressionScores(NamedTuple):
    """Errors over all samples; those of `sklearn.metrics`."""

    mae: float  # mean |error|
    rmse: float
    mape: float  # mean |error / target|, as a share; a target of 0 counts as the smallest float
    r2: float  # 1 for the best, 0 for always predicting the mean; NaN where all targets are equal or there is one
    bias: float  # mean error: above 0 where too much is predicted
    worst: float  # largest |error|


def regression_scores(target: Floats, prediction: Floats, weight: Floats | None = None) -> RegressionScores:
    """Return the errors of n > 0 samples."""
    error = prediction - target
    size = np.abs(error)
    is_constant = target.min() == target.max()  # whose mean may be off by a rounding, and its spread above 0
    spread = 0.0 if is_constant else mean_of((target - mean_of(target, weight)) ** 2, weight)
    square = mean_of(error**2, weight)
    return RegressionScores(
        mae=mean_of(size, weight),
        rmse=square**0.5,
        mape=mean_of(relative_errors(error, target), weight),
        r2=float(1 - square / spread) if spread > 0 else float("nan"),
        bias=mean_of(error, weight),
        worst=float(size.max()),
    )


def relative_errors(error: Floats, target: Floats) -> Floats:
    """Return |error / target| of each sample."""
    return np.asarray(np.abs(error) / np.maximum(np.abs(target), np.finfo(float).eps))


class Box(NamedTuple):
    """Errors of a stretch of samples: enough to draw a box."""

    low: float  # the stretch of what the samples are grouped by
    high: float
    samples: int
    quantiles: Floats  # of the errors, at 5, 25, 50, 75 and 95%
    mean: float


def errors_by(feature: Floats, error: Floats, bins: int = 10) -> list[Box]:
    """Return boxes of the errors in `bins` of (nearly) equal count by a feature, the target or the prediction."""
    edges = np.unique(np.quantile(feature, np.linspace(0, 1, bins + 1)))
    place = np.searchsorted(edges[1:-1], feature, side="right")
    return [_box(feature[place == number], error[place == number]) for number in np.unique(place)]


def _box(feature: Floats, error: Floats) -> Box:
    quantiles = np.quantile(error, (0.05, 0.25, 0.5, 0.75, 0.95))
    return Box(float(feature.min()), float(feature.max()), len(error), quantiles, float(error.mean()))


def histogram(error: Floats, bins: int = 40, weight: Floats | None = None) -> tuple[Floats, Floats]:
    """Return the weight of errors in each of `bins` of equal width, and the bins + 1 edges, 0 in their middle."""
    reach = float(np.abs(error).max()) or 1.0
    counts, edges = np.histogram(error, bins, (-reach, reach), weights=weights_of(weight, len(error)))
    return counts.astype(float), edges


def largest(error: Floats, most: int) -> Ints:
    """Return the places of the `most` samples with the largest |error|, the worst first, of ties the earlier."""
    return np.argsort(-np.abs(error), kind="stable")[:most]
