"""The hooks that this plugin implements. It is loaded in processes without Keras too, so it never imports it."""

import sys
from typing import Any

from prevue_core.hookspecs import hookimpl


@hookimpl
def prevue_describe_model(model: Any) -> dict[str, Any] | None:
    """Describe a Keras model: Sequential, functional or subclassed, built or not."""
    imported = [sys.modules[name] for name in ("keras", "tf_keras") if name in sys.modules]
    if not any(isinstance(model, keras.Model) for keras in imported):
        return None
    from prevue_keras.describe import describe_model  # imports Keras

    return describe_model(model)
