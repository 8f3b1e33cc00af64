"""What is told of an estimator: its steps, their shapes and coefficients, and what goes from which to which, as JSON.

Parameters that the user sets, such as `C`, are not told here but in the run's configuration, so that trainings with
different settings are trainings of one model. Those in `ARCHITECTURE` make another model of it.
"""

import math
from collections.abc import Mapping
from itertools import pairwise, product
from typing import Any, NamedTuple

import sklearn
from sklearn.base import ClassNamePrefixFeaturesOutMixin, OneToOneFeatureMixin

from prevue_core.contract import MAX_LAYERS

COEFFICIENTS = ("coef_", "coefs_")
INTERCEPTS = ("intercept_", "intercepts_")
WRAPPED = ("estimator", "regressor", "base_estimator")  # parameters that hold what another one is made around
ARCHITECTURE = ("hidden_layer_sizes", "kernel")  # and `activation`, which has a place of its own
DETAILS_CHARS = 200  # kept of their values


def describe_estimator(estimator: Any, fitted: Mapping[int, Any] | None = None) -> dict[str, Any]:
    """Return the description of an estimator, see the hook `prevue_describe_model`.

    Layers are its steps, those of estimators inside as `outer/inner`, with `input_shape` beside `output_shape`, which
    is that of `transform` or `predict_proba`. Parameters are coefficients and intercepts; an estimator that is not
    fitted has none yet, and one that learns something else, such as trees, has none at all. What fits one estimator
    several times has a step behind that one, which counts the parameters of all.
    `fitted`: by `id`, what to describe instead of an estimator that is being fitted.
    """
    found = _Steps(estimator, fitted or {})
    layers = [_describe_step(*step) for step in found.steps]
    parameters = sum(layer["parameters"] for layer in layers)
    left_out = max(0, len(layers) - MAX_LAYERS)
    return {
        "name": type(estimator).__name__,
        "framework": "sklearn",
        "framework_version": sklearn.__version__,
        "layers": layers[:MAX_LAYERS],
        **({"layers_left_out": left_out} if left_out else {"edges": sorted(map(list, found.edges))}),
        "parameters": parameters,
        "trainable_parameters": parameters,
    }


class _Inner(NamedTuple):
    """The named estimators inside of one: after each other, or beside each other and then `final`."""

    estimators: list[tuple[str, Any]]
    is_chain: bool = False
    final: Any = None
    is_final_given_all: bool = False  # what the others are given, too
    copies: int = 1  # of each that were fitted alike, for a class or a part of the data each
    is_step: bool = False  # it has a step of its own, behind those


class _Ends(NamedTuple):
    """The numbers of the steps that take what an estimator is given, and of those that give what it makes."""

    takes: list[int]
    gives: list[int]


class _Steps:
    """An estimator's steps by name, instead of one with estimators inside those, and `edges` between their places."""

    def __init__(self, estimator: Any, fitted: Mapping[int, Any]) -> None:
        self.steps: list[tuple[str, Any, int]] = []
        self.edges: set[tuple[int, int]] = set()
        self._fitted = fitted
        self._add(estimator, "")

    def _add(self, estimator: Any, path: str, copies: int = 1) -> _Ends:
        estimator = self._fitted.get(id(estimator), estimator)
        inner = _inner(estimator)
        if not inner.estimators:
            return self._add_step(estimator, path, copies)
        parts = [self._add(one, _joined(path, name), copies * inner.copies) for name, one in inner.estimators]
        if inner.is_chain:
            for before, after in pairwise(parts):
                self.edges.update(product(before.gives, after.takes))
            return _Ends(parts[0].takes, parts[-1].gives)
        takes = [number for part in parts for number in part.takes]
        gives = [number for part in parts for number in part.gives]
        if inner.is_step:
            final = self._add_step(estimator, path, copies)
        elif inner.final is not None:
            final = self._add(inner.final, _joined(path, "final_estimator"), copies)
        else:
            return _Ends(takes, gives)
        self.edges.update(product(gives, final.takes))
        return _Ends(takes + final.takes if inner.is_final_given_all else takes, final.gives)

    def _add_step(self, estimator: Any, path: str, copies: int) -> _Ends:
        self.steps.append((path or type(estimator).__name__, estimator, copies))
        number = len(self.steps) - 1
        return _Ends([number], [] if isinstance(estimator, str) and estimator == "drop" else [number])


def _joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _inner(estimator: Any) -> _Inner:
    """Return the estimators inside of an estimator: fitted ones if it is. Text such as `drop` may be one."""
    if steps := getattr(estimator, "steps", None):  # Pipeline
        return _Inner(list(steps), is_chain=True)
    if transformers := getattr(estimator, "transformers_", getattr(estimator, "transformers", None)):
        return _Inner([(name, transformer) for name, transformer, *_ in transformers])  # ColumnTransformer
    if transformers := getattr(estimator, "transformer_list", None):  # FeatureUnion
        return _Inner(list(transformers))
    if _are_named(estimators := getattr(estimator, "estimators", [])):  # Voting..., Stacking...
        final = getattr(estimator, "final_estimator_", getattr(estimator, "final_estimator", None))
        named = dict(getattr(estimator, "named_estimators_", estimators))
        return _Inner([*named.items()], final=final, is_final_given_all=bool(getattr(estimator, "passthrough", False)))
    if hasattr(estimator, "refit") and hasattr(estimator, "estimator"):  # ...SearchCV
        return _Inner([("estimator", getattr(estimator, "best_estimator_", estimator.estimator))], is_chain=True)
    return _wrapped(estimator)


def _wrapped(estimator: Any) -> _Inner:
    """Return what another estimator is made around: OneVsRestClassifier, BaggingRegressor, RFE, MultiOutput..."""
    name = next((name for name in WRAPPED if hasattr(getattr(estimator, name, None), "get_params")), None)
    if name is None:
        return _Inner([])
    fitted = [one for one in _copies(estimator, name) if hasattr(one, "get_params")]
    inner = fitted[0] if fitted else getattr(estimator, name)
    return _Inner([(name, inner)], copies=max(1, len(fitted)), is_step=True)


def _copies(estimator: Any, name: str) -> list[Any]:
    """Return the fitted estimators of one that was made around another, as far as it keeps them."""
    if hasattr(estimator, "calibrated_classifiers_"):
        return [one.estimator for one in estimator.calibrated_classifiers_]
    if isinstance(several := getattr(estimator, "estimators_", None), list | tuple):
        return list(several)
    return [getattr(estimator, f"{name}_", None)]


def _are_named(estimators: Any) -> bool:
    if not isinstance(estimators, list) or not estimators:
        return False
    return all(isinstance(item, tuple) and len(item) == 2 for item in estimators)


def _describe_step(name: str, step: Any, copies: int) -> dict[str, Any]:
    is_estimator = hasattr(step, "get_params")
    features = _features(step)
    parameters = _parameters(step) * copies
    return {
        "name": name,
        "type": type(step).__name__ if is_estimator else str(step),
        "input_shape": None if features is None else [None, features],
        "output_shape": _output_shape(step),
        "parameters": parameters,
        "trainable_parameters": parameters,
        **_settings(step, copies),
    }


def _features(step: Any) -> int | None:
    try:
        return int(step.n_features_in_)
    except Exception:  # noqa: BLE001 - foreign code: not fitted, or a property that asks an estimator that is not
        return None


def _settings(step: Any, copies: int) -> dict[str, str]:
    told = [f"{copies} of them"] if copies > 1 else []
    told += [
        f"{name}={value}" for name in ARCHITECTURE if isinstance(value := getattr(step, name, None), str | int | tuple)
    ]
    activation = getattr(step, "activation", None)
    return {
        **({"activation": activation} if isinstance(activation, str) else {}),
        **({"details": ", ".join(told)[:DETAILS_CHARS]} if told else {}),
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
