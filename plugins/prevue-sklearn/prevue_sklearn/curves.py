"""What a fitted estimator remembers of its fit: curves by iteration."""

import numbers
from typing import Any

from prevue_sklearn.judging import own_score


def curves(estimator: Any) -> dict[str, list[float]]:
    """Return values by iteration under names for `Run.log`; those on data held back go to `val`.

    `loss_curve_`, `validation_scores_` of multi-layer perceptrons; `train_score_`, `oob_scores_`, `oob_improvement_` of
    gradient boosting; `train_score_`, `validation_score_` of histogram gradient boosting, where it stops early.
    """
    found = {}
    if hasattr(estimator, "validation_score_"):  # histogram gradient boosting; its first value is before any iteration
        name, sign = _scored(estimator)
        for prefix, attribute in (("", "train_score_"), ("val/", "validation_score_")):
            found[f"{prefix}{name}"] = [sign * value for value in getattr(estimator, attribute)]
    else:
        found["loss"] = _values(estimator, "loss_curve_") or _values(estimator, "train_score_")
        found[f"val/{own_score(estimator)}"] = _values(estimator, "validation_scores_")
        found["oob_loss"] = _values(estimator, "oob_scores_")
        found["oob_improvement"] = _values(estimator, "oob_improvement_")
    return {name: values for name, values in found.items() if values}


def iterations(estimator: Any) -> int | None:
    """Return `n_iter_`, the most where it has several; None where there is none."""
    counts: Any = getattr(estimator, "n_iter_", None)
    counts = counts.ravel().tolist() if hasattr(counts, "ravel") else counts
    counts = counts if isinstance(counts, list) else [counts]
    return max((int(count) for count in counts if isinstance(count, int | numbers.Integral)), default=None)


def _values(estimator: Any, attribute: str) -> list[float]:
    values = getattr(estimator, attribute, None)
    return [] if values is None else [float(value) for value in values]


def _scored(estimator: Any) -> tuple[str, float]:
    """Return the name of what histogram gradient boosting keeps, and its sign: it keeps losses below zero."""
    scoring = estimator.scoring
    if scoring == "loss":
        return "loss", -1.0
    return (scoring if isinstance(scoring, str) else "score" if scoring else own_score(estimator)), 1.0
