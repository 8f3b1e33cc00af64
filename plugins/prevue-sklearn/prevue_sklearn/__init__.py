"""Prevue's connector for scikit-learn: `track` and `log_fit` for every estimator, and `PrevueSklearnCallback`.

Importing it costs little: scikit-learn is loaded where it is first used.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = [
    "PrevueSklearnCallback",
    "autolog",
    "log_cv",
    "log_display",
    "log_fit",
    "log_search",
    "log_test",
    "monitor",
    "partial_fit",
    "staged",
    "track",
]

_HOMES = {
    "PrevueSklearnCallback": "callback",
    "autolog": "autologging",
    "log_cv": "searches",
    "log_display": "displays",
    "log_fit": "tracking",
    "log_search": "searches",
    "log_test": "testing",
    "monitor": "loops",
    "partial_fit": "loops",
    "staged": "loops",
    "track": "tracking",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'prevue_sklearn' has no attribute {name!r}")
    value = getattr(import_module(f"prevue_sklearn.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
