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
    `options`: those of `Run.log_evaluation`, such as `sample_ids`, `slices`, `features`, `split` and `step`.
    """
    prediction = estimator.predict(x)
    if not is_classifier(estimator):
        run.log_evaluation(y, prediction, name=name, **{"task": "regression", **options})
        return
    score, score_type = _scores(estimator, x)
    known: dict[str, Any] = {"task": "multilabel"} if np.ndim(y) == 2 else {"labels": list(estimator.classes_)}
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
