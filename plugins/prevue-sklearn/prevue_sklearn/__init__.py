"""Prevue's connector for scikit-learn: `track` and `log_fit` for every estimator, and `PrevueSklearnCallback`.

Importing it costs little: scikit-learn is loaded where it is first used.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["PrevueSklearnCallback", "log_fit", "track"]

_HOMES = {"PrevueSklearnCallback": "callback", "log_fit": "tracking", "track": "tracking"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'prevue_sklearn' has no attribute {name!r}")
    value = getattr(import_module(f"prevue_sklearn.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
