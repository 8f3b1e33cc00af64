"""Prevue's connector for Keras. `from prevue import PrevueKerasCallback` is the way in, `log_test` logs a test."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["log_test"]


def __getattr__(name: str) -> Any:
    # Servers load this package for its hooks, and have no Keras.
    if name != "log_test":
        raise AttributeError(f"module 'prevue_keras' has no attribute {name!r}")
    from prevue_keras.testing import log_test

    return log_test
