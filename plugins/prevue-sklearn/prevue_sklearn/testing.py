"""A test of a fitted estimator, sample by sample."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier

import prevue
from prevue.callbacks import harmless
from prevue.evaluation_classes import list_of_labels
from prevue.evaluation_columns import label_of


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
    options = {"score_type": score_type, **options}
    if np.ndim(y) == 2:
        run.log_evaluation(y, prediction, score, name=name, **{"task": "multilabel", **options})
        return
    names = _names(estimator.classes_, options.get("labels"))
    labels = list(names.values()) if options.get("labels") is None else _texts(options["labels"])
    options |= {"labels": labels, "pos_label": names.get(options.get("pos_label"), options.get("pos_label"))}
    target, prediction = ([names.get(value, value) for value in np.ma.asarray(of).tolist()] for of in (y, prediction))
    run.log_evaluation(target, prediction, _ordered(score, list(names.values()), labels), name=name, **options)


def _scores(estimator: Any, x: Any) -> tuple[Any, str]:
    if hasattr(estimator, "predict_proba"):
        scores = estimator.predict_proba(x)
        if isinstance(scores, list):  # of several labels, each with those of its classes: that it is there may be none
            pairs = zip(scores, estimator.classes_, strict=True)
            scores = np.column_stack([of_label[:, np.asarray(known) == 1].sum(axis=1) for of_label, known in pairs])
        return scores, "probability"
    if hasattr(estimator, "decision_function"):
        scores = estimator.decision_function(x)
        if not (np.ndim(scores) == 2 and _is_by_pairs(estimator)):
            return scores, "decision"
    return None, "auto"


def _is_by_pairs(estimator: Any) -> bool:
    """Return whether the columns of a decision function are pairs of classes, as those of a SVC may be."""
    settings = getattr(estimator, "best_estimator_", estimator).get_params()
    return any(name.endswith("decision_function_shape") and value == "ovo" for name, value in settings.items())


def _texts(labels: Any) -> list[str]:
    return [label_of(label) for label in list_of_labels(labels)]


def _names(classes: Any, labels: Any) -> dict[Any, str]:
    """Return the label of each class: that which is its text, else that at its place."""
    own = _texts(classes)
    given = own if labels is None else _texts(labels)
    return dict(zip(np.asarray(classes).tolist(), own if set(own) <= set(given) else given, strict=False))


def _ordered(scores: Any, names: list[str], labels: list[str]) -> Any:
    """Return scores, whose columns are of the classes `names`, in the order of `labels`; a single one as two."""
    if np.ndim(scores) == 1:
        scores = np.column_stack([-scores, scores]) / 2  # their difference is the score
    if scores is None or sorted(names) != sorted(labels):
        return scores
    return scores[:, [names.index(label) for label in labels]]
