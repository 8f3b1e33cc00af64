"""The hooks that this plugin implements. It is loaded in processes without PyTorch too, so it never imports it."""

import sys
from typing import Any

from prevue_core.hookspecs import hookimpl


@hookimpl
def prevue_describe_model(model: Any) -> dict[str, Any] | None:
    """Describe a PyTorch module, also one that `torch.compile` or a data-parallel wrapper is around."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        return None
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(model, keras.layers.Layer):  # modules where Keras computes with PyTorch
        return None
    from prevue_torch.describe import describe_model  # imports PyTorch

    return describe_model(model)
