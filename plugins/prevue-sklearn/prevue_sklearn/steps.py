"""The way through an estimator: to what predicts in the end, and what that is given."""

from typing import Any

from prevue_core.errors import InvalidValue


def last_step(estimator: Any) -> Any:
    """Return what predicts in the end: the last step of a pipeline, the best estimator of a search, or itself."""
    while True:
        if steps := getattr(estimator, "steps", None):
            estimator = steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator


def inner_data(estimator: Any, x: Any, inner: Any) -> Any:
    """Return samples `x` as `inner`, the last step of `estimator` or of one inside it, is given them.

    The steps before are fitted, `inner` need not be. Raises InvalidValue where it is not on that way.
    """
    while estimator is not inner:
        if steps := getattr(estimator, "steps", None):
            x = estimator[:-1].transform(x) if len(steps) > 1 else x
            estimator = steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            raise InvalidValue(f"{type(inner).__name__} is not the last step of {type(estimator).__name__}")
    return x


def named_inputs(estimator: Any, count: int) -> list[str]:
    """Return the names of the `count` features that the last step is given; x0, x1 ... where nobody knows them."""
    try:
        names = _names(estimator)
    except Exception:  # noqa: BLE001 - foreign code: transformers need not know the names that they make
        names = None
    return [str(name) for name in names] if names is not None and len(names) == count else _numbered(count)


def _names(estimator: Any) -> Any:
    if hasattr(estimator, "best_estimator_"):
        return _names(estimator.best_estimator_)
    steps = getattr(estimator, "steps", None)
    if not steps:
        return getattr(estimator, "feature_names_in_", None)
    inner = _names(steps[-1][1])
    return inner if inner is not None or len(steps) == 1 else estimator[:-1].get_feature_names_out()


def _numbered(count: int) -> list[str]:
    return [f"x{number}" for number in range(count)]
