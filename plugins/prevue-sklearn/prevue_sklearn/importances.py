"""What a fitted estimator holds for important: `feature_importances_` and `coef_` as tables."""

from typing import Any

import numpy as np

import prevue
from prevue_core.result_kinds import MAX_CELLS
from prevue_sklearn.steps import last_step, named_inputs

MOST = 1_000  # features that are told, those of the highest values
FEATURE = "feature"


def log_importances(run: prevue.Run, estimator: Any) -> None:
    """Log the tables `importances` and `coefficients` of what predicts in the end, the largest values first."""
    final = last_step(estimator)
    importances = _array(final, "feature_importances_")
    if importances is not None and importances.ndim == 1:
        _log(run, "importances", {"importance": importances}, estimator)
    coefficients = _array(final, "coef_")
    if coefficients is not None and 0 < coefficients.ndim <= 2:
        _log(run, "coefficients", _by_target(final, np.atleast_2d(coefficients)), estimator)


def _array(estimator: Any, attribute: str) -> Any:
    try:
        value = getattr(estimator, attribute)  # a property may compute it, and raise
        return np.asarray(value.toarray() if hasattr(value, "toarray") else value, dtype=float)
    except (AttributeError, TypeError, ValueError, NotImplementedError):
        return None


def _by_target(estimator: Any, coefficients: Any) -> dict[str, Any]:
    """Return a row of coefficients for each class or target. Of two classes the second is told of."""
    if len(coefficients) == 1:
        return {"coefficient": coefficients[0]}
    classes = getattr(estimator, "classes_", ())
    is_by_class = len(classes) == len(coefficients)
    names = [f"class {name}" for name in classes] if is_by_class else [f"target {n}" for n in range(len(coefficients))]
    return dict(zip(names, coefficients, strict=True))


def _log(run: prevue.Run, name: str, columns: dict[str, Any], estimator: Any) -> None:
    columns = dict(list(columns.items())[: MAX_CELLS - 1])
    size = np.max(np.abs(np.stack(list(columns.values()))), axis=0)
    kept = np.argsort(-size, kind="stable")[: min(MOST, MAX_CELLS // (len(columns) + 1))]
    names = named_inputs(estimator, len(size))
    told: dict[str, Any] = {FEATURE: [names[index] for index in kept]}
    run.log_result("table", name, _payload({**told, **{c: v[kept] for c, v in columns.items()}}, len(size)))


def _payload(columns: dict[str, Any], rows: int) -> dict[str, Any]:
    named = [{"name": name, "values": list(values)} for name, values in columns.items()]
    return {"columns": named, "row_count": rows}
