"""Keras 3, and TF-Keras 2 (`tf_keras`), which a program may train with instead or beside it.

TensorFlow imports Keras 3 for programs that use TF-Keras too, so a model tells which of them it is of, and not what is
imported. A callback is made for Keras 3 where there is one, and TF-Keras takes that as well.
"""

import sys
from types import ModuleType
from typing import Any

try:
    import keras
except ModuleNotFoundError as error:
    if error.name != "keras":  # Keras is there, but not what it computes with
        raise
    try:
        import tf_keras as keras
    except ModuleNotFoundError:
        raise ImportError("PrevueKerasCallback needs Keras: pip install 'prevue-keras[keras]'") from error

__all__ = ["keras", "keras_of", "kinds"]


def kinds(name: str) -> Any:
    """Return the class `Model` or `Layer` of each Keras that is imported, for `isinstance`."""
    imported = (sys.modules.get("tf_keras"), keras)
    return tuple(getattr(package if name == "Model" else package.layers, name) for package in imported if package)


def keras_of(model: Any) -> ModuleType:
    """Return the Keras that a model is of."""
    legacy = sys.modules.get("tf_keras")
    return legacy if legacy is not None and isinstance(model, legacy.Model) else keras
