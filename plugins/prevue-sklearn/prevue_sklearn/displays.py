"""`log_display`: the numbers of scikit-learn's Display objects. Prevue draws them: matplotlib is not needed."""

from collections.abc import Callable
from typing import Any

import numpy as np

import prevue
from prevue.callbacks import harmless
from prevue_core.errors import InvalidValue, shown
from prevue_core.result_kinds import MAX_CELLS, MAX_POINTS
from prevue_sklearn.parameters import plain

Told = list[tuple[str, str, dict[str, Any], str | None]]  # kind, name, payload and split of results

GRID = 100  # values in a row or column of a decision boundary that are kept: a hundred by a hundred fill a matrix


@harmless
def log_display(run: prevue.Run, display: Any, *, name: str | None = None, split: str | None = None) -> None:
    """Log what a Display of scikit-learn would draw, as results of the kinds that Prevue draws. Raises nothing.

    Confusion matrix, ROC, DET, precision and recall, calibration, prediction error, learning and validation curve,
    partial dependence, decision boundary: `from_estimator`, `from_predictions`, or made of its numbers, which needs no
    matplotlib: `LearningCurveDisplay(train_sizes=..., train_scores=..., test_scores=...)`.
    `name`: of the result, in place of its usual one. `split`: the data that it was judged on; None: `test`, or `train`
    and `val` of a learning or validation curve.
    """
    reader = next((_READERS[kind.__name__] for kind in type(display).__mro__ if kind.__name__ in _READERS), None)
    if reader is None:
        raise InvalidValue(f"display {shown(display)} is none that is known; use one of {', '.join(_READERS)}")
    for kind, usual, payload, own_split in reader(display):
        payload = {field: value for field, value in payload.items() if value is not None}
        run.log_result(kind, _renamed(usual, name), payload, split=split or own_split or "test")


def _renamed(usual: str, name: str | None) -> str:
    """Return a result's name: of several of one display, the rest of the name tells which."""
    if name is None:
        return usual
    _, slash, rest = usual.partition("/")
    return f"{name}{slash}{rest}"


def _confusion_matrix(display: Any) -> Told:
    labels = display.display_labels
    names = None if labels is None else [str(label) for label in labels]
    payload = {"values": _list(display.confusion_matrix), "rows": names, "columns": names}
    return [("matrix", "confusion_matrix", {**payload, "x_name": "predicted", "y_name": "true"}, None)]


def _roc_curve(display: Any) -> Told:
    areas, label = _each(display.roc_auc, display.fpr), _label(display)
    return [
        ("roc_curve", f"roc_curve{suffix}", {**_thin(fpr=fpr, tpr=tpr), "auc": _number(area), "label": label}, None)
        for suffix, fpr, tpr, area in zip(*_folds(display.fpr, display.tpr), areas, strict=True)
    ]


def _pr_curve(display: Any) -> Told:
    areas, label = _each(display.average_precision, display.recall), _label(display)
    told = zip(*_folds(display.recall, display.precision), areas, strict=True)
    return [
        (
            "pr_curve",
            f"pr_curve{suffix}",
            {**_thin(recall=recall, precision=precision), "average_precision": _number(area), "label": label},
            None,
        )
        for suffix, recall, precision, area in told
    ]


def _det_curve(display: Any) -> Told:
    names = {"x_name": "false positive rate", "y_name": "false negative rate"}
    return [("curve", "det_curve", {**_thin(x=display.fpr, y=display.fnr), **names}, None)]


def _calibration(display: Any) -> Told:
    curve = {**_thin(x=display.prob_pred, y=display.prob_true), "x_name": "predicted", "y_name": "true"}
    counts, edges = np.histogram(display.y_prob, bins=20, range=(0.0, 1.0))
    spread = {"counts": counts.tolist(), "edges": edges.tolist()}
    return [("curve", "calibration", curve, None), ("histogram", "calibration/predicted", spread, None)]


def _prediction_error(display: Any) -> Told:
    true, predicted = np.ravel(display.y_true), np.ravel(display.y_pred)
    kept = _evenly(len(true), MAX_CELLS // 3)
    columns = {"true": true, "predicted": predicted, "residual": true - predicted}
    named = [{"name": name, "values": _list(values[kept])} for name, values in columns.items()]
    return [("table", "prediction_error", {"columns": named, "row_count": len(true)}, None)]


def _learning_curve(display: Any) -> Told:
    return _bands("learning_curve", display, display.train_sizes, "samples")


def _validation_curve(display: Any) -> Told:
    return _bands(f"validation_curve/{display.param_name}", display, display.param_range, display.param_name)


def _bands(name: str, display: Any, x: Any, x_name: str) -> Told:
    """Return a curve for each split: the mean over the folds, between mean minus and plus a standard deviation."""
    found: Told = []
    places = [plain(value) for value in x]
    places = places if all(isinstance(place, int | float) for place in places) else [str(place) for place in places]
    for split, scores in (("train", display.train_scores), ("val", display.test_scores)):
        mean, std = np.mean(scores, axis=1), np.std(scores, axis=1)
        band = {"y": _list(mean), "low": _list(mean - std), "high": _list(mean + std)}
        names = {"x_name": str(x_name), "y_name": display.score_name or "score"}
        found.append(("curve", name, {"x": places, **band, **names}, split))
    return found


def _partial_dependence(display: Any) -> Told:
    found: Told = []
    for features, result in zip(display.features, display.pd_results, strict=True):
        names = [str(display.feature_names[index]) for index in np.atleast_1d(features)]
        average = result["average"] if "average" in result else np.mean(result["individual"], axis=1)
        values = np.asarray(average)[display.target_idx]
        grid = result["grid_values"] if "grid_values" in result else result["values"]
        axes = [[plain(value) for value in axis] for axis in grid]
        name = f"partial_dependence/{' x '.join(names)}"
        if len(names) == 1:
            places = axes[0] if all(isinstance(place, int | float) for place in axes[0]) else list(map(str, axes[0]))
            payload = {"x": places, "y": _list(values), "x_name": names[0], "y_name": "partial dependence"}
            found.append(("curve", name, payload, "train"))
        else:
            rows, columns = ([_short(place) for place in axis] for axis in axes)
            payload = {"values": _list(values), "rows": rows, "columns": columns}
            found.append(("matrix", name, {**payload, "y_name": names[0], "x_name": names[1]}, "train"))
    return found


def _decision_boundary(display: Any) -> Told:
    response = np.asarray(display.response, dtype=float)
    layers = {"": response} if response.ndim == 2 else {f"/{n}": response[..., n] for n in range(response.shape[-1])}
    down, across = (_evenly(length, GRID) for length in response.shape[:2])
    rows = [_short(value) for value in np.asarray(display.xx1)[down, 0]]
    columns = [_short(value) for value in np.asarray(display.xx0)[0, across]]
    names = {"x_name": display.xlabel or "x0", "y_name": display.ylabel or "x1"}
    return [
        (
            "matrix",
            f"decision_boundary{suffix}",
            {"values": _list(layer[np.ix_(down, across)]), "rows": rows, "columns": columns, **names},
            "train",
        )
        for suffix, layer in layers.items()
    ]


_READERS: dict[str, Callable[[Any], Told]] = {
    "ConfusionMatrixDisplay": _confusion_matrix,
    "RocCurveDisplay": _roc_curve,
    "DetCurveDisplay": _det_curve,
    "PrecisionRecallDisplay": _pr_curve,
    "CalibrationDisplay": _calibration,
    "PredictionErrorDisplay": _prediction_error,
    "LearningCurveDisplay": _learning_curve,
    "ValidationCurveDisplay": _validation_curve,
    "PartialDependenceDisplay": _partial_dependence,
    "DecisionBoundaryDisplay": _decision_boundary,
}


# numbers


def _list(values: Any) -> Any:
    return np.asarray(values, dtype=float).tolist()


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _evenly(length: int, most: int) -> Any:
    """Return the places of at most `most` of `length` values: first, last, and evenly between."""
    return np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(int))


def _thin(**columns: Any) -> dict[str, Any]:
    """Return columns with at most as many points as a curve may have."""
    kept = _evenly(len(next(iter(columns.values()))), MAX_POINTS)
    return {name: _list(np.asarray(values, dtype=float)[kept]) for name, values in columns.items()}


def _folds(*columns: Any) -> tuple[list[str], ...]:
    """Return suffixes for names and each column as lists: `from_cv_results` makes displays of several curves."""
    several = isinstance(columns[0], list)
    lists = [list(column) if several else [column] for column in columns]
    return ([f"/fold {number}" for number in range(len(lists[0]))] if several else [""], *lists)


def _each(value: Any, curves: Any) -> list[Any]:
    count = len(curves) if isinstance(curves, list) else 1
    return list(value) if isinstance(value, list) else [value] * count


def _label(display: Any) -> str | None:
    """Return what the display calls its curve: a class and an estimator."""
    name = getattr(display, "name", None) or getattr(display, "estimator_name", None)
    name = None if isinstance(name, list) else name
    positive = None if getattr(display, "pos_label", None) is None else f"class {display.pos_label}"
    return " of ".join(filter(None, [positive, name])) or None
