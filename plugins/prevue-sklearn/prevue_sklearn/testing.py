"""A test of a fitted estimator, sample by sample."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier

import prevue
from prevue.callbacks import harmless


@harmless
def log_test(run: prevue.Run, estimator: Any, x: Any, y: Any, *, name: str = "test", **options: Any) -> None:
    """Predict samples `x`, and log the predictions with their targets `y`: an evaluation, see `Run.log_evaluation`.

    With probabilities where the estimator has them, else with its decision function; the labels are its `classes_`.
    `options`: those of `Run.log_evaluation`, such as `sample_ids`, `slices`, `features`, `split` and `step`; `labels`
    may be the classes in another order, or names for them in the same.
    """
    prediction = estimator.predict(x)
    if not is_classifier(estimator):
        run.log_evaluation(y, prediction, name=name, **{"task": "regression", **options})
        return
    score, score_type = _scores(estimator, x)
    known: dict[str, Any] = {"task": "multilabel"}
    if np.ndim(y) != 2:
        known = {"labels": list(estimator.classes_)}
        score = _ordered(score, known["labels"], **options)
    run.log_evaluation(y, prediction, score, name=name, **{"score_type": score_type, **known, **options})


def _scores(estimator: Any, x: Any) -> tuple[Any, str]:
    if hasattr(estimator, "predict_proba"):
        scores = estimator.predict_proba(x)
        if isinstance(scores, list):  # of several labels: those of each, of which the last is that it is there
            scores = np.column_stack([of_label[:, -1] for of_label in scores])
        return scores, "probability"
    if hasattr(estimator, "decision_function"):
        return estimator.decision_function(x), "decision"
    return None, "auto"


def _ordered(scores: Any, classes: list[Any], *, labels: Any = None, pos_label: Any = None, **_: Any) -> Any:
    """Return scores, which are in the order of `classes`, in that of the labels; a single one as the positive's."""
    labels = classes if labels is None else list(labels)
    if set(labels) != set(classes):  # names for them
        classes = labels
    if np.ndim(scores) == 1:
        return scores if (labels[1] if pos_label is None else pos_label) == classes[1] else -scores
    if scores is None or labels == classes:
        return scores
    return scores[:, [classes.index(label) for label in labels]]
