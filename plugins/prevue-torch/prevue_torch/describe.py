"""What is told of a PyTorch module: its layers and their parameters, as JSON. The model is never run for it.

The same code gives the same description, on whatever device and with whatever build of PyTorch.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import Parameter, is_lazy

DETAILS_CHARS = 200  # kept of what a module says of itself

# The layers whose output has a shape that is known in part from the layer alone. Even a Linear has none: it keeps all
# but the last of however many dimensions come in.
CONVOLUTIONS = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def describe_model(model: nn.Module) -> dict[str, Any]:
    """Return the description of a model, see the hook `prevue_describe_model`.

    Layers are the modules without modules inside, and those with parameters of their own, under their names with `/`.
    A layer in two places is listed twice. Each has `details`, what PyTorch prints of it: `in_features=64, ...`.
    Parameters of lazy modules are not counted until they have a shape.
    """
    model = _unwrapped(model)
    return {
        "name": type(model).__name__,
        "framework": "torch",
        "framework_version": str(torch.__version__).partition("+")[0],  # without the build, such as +cpu
        "layers": [_describe_layer(name, layer) for name, layer in _layers(model)],
        **_sizes(model.parameters()),
    }


def has_all_shapes(model: nn.Module) -> bool:
    """Return whether every parameter has its shape: those of lazy modules get it from the first batch."""
    return not any(is_lazy(parameter) for parameter in model.parameters())


def _unwrapped(model: Any) -> nn.Module:
    """Return the model inside of what PyTorch wraps around it."""
    while True:
        if isinstance(model, WRAPPERS):
            model = model.module
        elif "_orig_mod" in model._modules:  # torch.compile's wrapper; its class is private
            model = model._orig_mod
        else:
            return model


def _layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in model.named_modules(remove_duplicate=False):
        is_leaf = next(module.children(), None) is None
        if is_leaf or next(module.parameters(recurse=False), None) is not None:
            yield name.replace(".", "/") or type(model).__name__, module


def _describe_layer(name: str, layer: nn.Module) -> dict[str, Any]:
    return {
        "name": name,
        "type": type(layer).__name__,
        "details": _details(layer),
        "output_shape": _output_shape(layer),
        **_sizes(layer.parameters(recurse=False)),
    }


def _sizes(parameters: Iterable[Parameter]) -> dict[str, int]:
    """Return the number of parameters; PyTorch lists a shared one once."""
    sized = [parameter for parameter in parameters if not is_lazy(parameter)]
    return {
        "parameters": sum(parameter.numel() for parameter in sized),
        "trainable_parameters": sum(parameter.numel() for parameter in sized if parameter.requires_grad),
    }


def _output_shape(layer: nn.Module) -> list[int | None] | None:
    """Return what is certain of a layer's output; a subclass may compute what it likes, so it has none."""
    if type(layer) not in CONVOLUTIONS:
        return None
    return [None, layer.out_channels, *(None for _ in layer.kernel_size)]


def _details(layer: nn.Module) -> str:
    try:
        return layer.extra_repr()[:DETAILS_CHARS]
    except Exception:  # noqa: BLE001 - foreign code: modules print what they like, or cannot
        return ""
