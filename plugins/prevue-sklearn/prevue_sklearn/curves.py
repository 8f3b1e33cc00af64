"""What a fitted estimator remembers of its fit: curves by iteration, and a search's candidates."""

import numbers
import re
from collections.abc import Iterator
from typing import Any

from sklearn.base import is_classifier

_SCORES = re.compile(r"(mean|std|rank|split\d+)_(train|test)_(.+)", re.DOTALL)


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
        found[f"val/{_own_score(estimator)}"] = _values(estimator, "validation_scores_")
        found["oob_loss"] = _values(estimator, "oob_scores_")
        found["oob_improvement"] = _values(estimator, "oob_improvement_")
    return {name: values for name, values in found.items() if values}


def iterations(estimator: Any) -> int | None:
    """Return `n_iter_`, the most where it has several; None where there is none."""
    counts: Any = getattr(estimator, "n_iter_", None)
    counts = counts.ravel().tolist() if hasattr(counts, "ravel") else counts
    counts = counts if isinstance(counts, list) else [counts]
    return max((int(count) for count in counts if isinstance(count, int | numbers.Integral)), default=None)


def candidates(search: Any) -> Iterator[dict[str, float]]:
    """Yield the numbers that a search has of each candidate, in the order of `cv_results_`.

    `mean_test_score` becomes `search/mean_score` of the split `val`, as that is what folds are tested for; the numbers
    among the candidate's parameters are `search/param_C` and so on.
    """
    columns = {_place(name): column for name, column in search.cv_results_.items() if name != "params"}
    for index in range(len(search.cv_results_["params"])):
        row = {name: column[index] for name, column in columns.items()}
        yield {name: value for name, value in row.items() if _is_number(value)}


def _values(estimator: Any, attribute: str) -> list[float]:
    values = getattr(estimator, attribute, None)
    return [] if values is None else [float(value) for value in values]


def _scored(estimator: Any) -> tuple[str, float]:
    """Return the name of what histogram gradient boosting keeps, and its sign: it keeps losses below zero."""
    scoring = estimator.scoring
    if scoring == "loss":
        return "loss", -1.0
    return (scoring if isinstance(scoring, str) else "score" if scoring else _own_score(estimator)), 1.0


def _own_score(estimator: Any) -> str:
    """Return what `estimator.score` computes."""
    return "accuracy" if is_classifier(estimator) else "r2"


def _place(column: str) -> str:
    match = _SCORES.fullmatch(column)
    if match is None:
        return f"search/{column}"
    statistic, data, scorer = match.groups()
    return f"{'val' if data == 'test' else 'train'}/search/{statistic}_{scorer}"


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)  # what is masked is neither
