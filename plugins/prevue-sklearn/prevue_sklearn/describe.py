"""What is told of an estimator: its steps, their shapes and coefficients, as JSON.

Parameters that the user sets, such as `C`, are not told here but in the run's configuration, so that trainings with
different settings are trainings of one model.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import sklearn
from sklearn.base import ClassNamePrefixFeaturesOutMixin, OneToOneFeatureMixin

COEFFICIENTS = ("coef_", "coefs_")
INTERCEPTS = ("intercept_", "intercepts_")


def describe_estimator(estimator: Any, fitted: Mapping[int, Any] | None = None) -> dict[str, Any]:
    """Return the description of an estimator, see the hook `prevue_describe_model`.

    Layers are its steps, those of estimators inside as `outer/inner`, with `input_shape` beside `output_shape`, which
    is that of `transform` or `predict_proba`. Parameters are coefficients and intercepts; an estimator that is not
    fitted has none yet, and one that learns something else, such as trees, has none at all.
    `fitted`: by `id`, what to describe instead of an estimator that is being fitted.
    """
    layers = [_describe_step(name, step) for name, step in _steps(estimator, "", fitted or {})]
    parameters = sum(layer["parameters"] for layer in layers)
    return {
        "name": type(estimator).__name__,
        "framework": "sklearn",
        "framework_version": sklearn.__version__,
        "layers": layers,
        "parameters": parameters,
        "trainable_parameters": parameters,
    }


def last_step(estimator: Any) -> Any:
    """Return what predicts in the end: the last step of a pipeline, the best estimator of a search, or itself."""
    while True:
        if steps := getattr(estimator, "steps", None):
            estimator = steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator


def _steps(estimator: Any, path: str, fitted: Mapping[int, Any]) -> Iterator[tuple[str, Any]]:
    """Yield names and steps; instead of one with estimators inside, those."""
    estimator = fitted.get(id(estimator), estimator)
    inner = _inner(estimator)
    for name, step in inner:
        yield from _steps(step, f"{path}/{name}" if path else name, fitted)
    if not inner:
        yield path or type(estimator).__name__, estimator


def _inner(estimator: Any) -> list[tuple[str, Any]]:
    """Return the named estimators inside of an estimator: fitted ones if it is. Text such as `drop` may be one."""
    if steps := getattr(estimator, "steps", None):  # Pipeline
        return list(steps)
    if transformers := getattr(estimator, "transformers_", getattr(estimator, "transformers", None)):
        return [(name, transformer) for name, transformer, *_ in transformers]  # ColumnTransformer
    if transformers := getattr(estimator, "transformer_list", None):  # FeatureUnion
        return list(transformers)
    if _are_named(estimators := getattr(estimator, "estimators", [])):  # Voting..., Stacking...
        final = getattr(estimator, "final_estimator_", getattr(estimator, "final_estimator", None))
        named = dict(getattr(estimator, "named_estimators_", estimators))
        return [*named.items(), *([] if final is None else [("final_estimator", final)])]
    if hasattr(estimator, "refit") and hasattr(estimator, "estimator"):  # ...SearchCV
        return [("estimator", getattr(estimator, "best_estimator_", estimator.estimator))]
    return []


def _are_named(estimators: Any) -> bool:
    if not isinstance(estimators, list) or not estimators:
        return False
    return all(isinstance(item, tuple) and len(item) == 2 for item in estimators)


def _describe_step(name: str, step: Any) -> dict[str, Any]:
    is_estimator = hasattr(step, "get_params")
    features = getattr(step, "n_features_in_", None)
    parameters = _parameters(step)
    return {
        "name": name,
        "type": type(step).__name__ if is_estimator else str(step),
        "input_shape": None if features is None else [None, int(features)],
        "output_shape": _output_shape(step),
        "parameters": parameters,
        "trainable_parameters": parameters,
    }


def _output_shape(step: Any) -> list[int | None] | None:
    """Return what is certain without asking `step` for anything that takes time."""
    try:
        if hasattr(step, "predict_proba") and not isinstance(step.classes_, list):  # a list: of several outputs
            return [None, len(step.classes_)]
        if isinstance(step, OneToOneFeatureMixin):
            return [None, int(step.n_features_in_)]
        if isinstance(step, ClassNamePrefixFeaturesOutMixin):
            return [None, int(step._n_features_out)]  # what the mixin asks of every class that has it
    except Exception:  # noqa: BLE001 - foreign code: not fitted, or an estimator that keeps no such attribute
        return None
    return None


def _parameters(step: Any) -> int:
    """Return the number of coefficients, with the intercepts that belong to them and are learned."""
    found = COEFFICIENTS + (INTERCEPTS if getattr(step, "fit_intercept", True) else ())
    if not any(hasattr(step, name) for name in COEFFICIENTS):
        return 0
    return sum(_size(getattr(step, name)) for name in found if hasattr(step, name))


def _size(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_size, value))
    return math.prod(getattr(value, "shape", ()))
