"""What is told of a PyTorch module: its layers, parameters and connections, as JSON. It is run only on a batch given.

The same code gives the same description, on whatever device and with whatever build of PyTorch.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, count, islice
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import Parameter, is_lazy

from prevue_core.contract import MAX_LAYERS
from prevue_torch.connections import connections
from prevue_torch.shapes import Shape, shapes_of
from prevue_torch.values import Unreadable

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


def describe_model(model: nn.Module, batch: Any = None) -> dict[str, Any]:
    """Return the description of a model, see the hook `prevue_describe_model`.

    `batch`: what the model is called with, once, to see the shapes of what its layers put out, see `shapes_of`. Without
    it the model is not run.

    Layers are the modules without modules inside, and those with parameters of their own, under their names with `/`.
    A layer in two places is listed twice. Each has `details`, what PyTorch prints of it: `in_features=64, ...`.
    Where the code of `forward` shows how they are connected, layers are in the order of their use, and what joins
    several tensors, such as a sum, is listed among them.
    Parameters of lazy modules are not counted until they have a shape.
    """
    model = unwrapped(model)
    found = dict(_layers(model))
    left_out = max(0, len(found) - MAX_LAYERS)
    listed = dict(islice(found.items(), MAX_LAYERS))
    shapes, failure = _seen_shapes(model, batch, listed)
    layers = [_describe_layer(_name(path, model), layer, shapes.get(path)) for path, layer in listed.items()]
    return {
        "name": type(model).__name__,
        "framework": "torch",
        "framework_version": str(torch.__version__).partition("+")[0],  # without the build, such as +cpu
        **({"layers": layers, "layers_left_out": left_out} if left_out else _connected(model, list(found), layers)),
        **failure,
        **_sizes(model.parameters()),
    }


def has_all_shapes(model: nn.Module) -> bool:
    """Return whether every parameter has its shape: those of lazy modules get it from the first batch."""
    return not any(is_lazy(parameter) for parameter in model.parameters())


def unwrapped(model: Any) -> nn.Module:
    """Return the model inside of what PyTorch wraps around it."""
    while True:
        if isinstance(model, WRAPPERS):
            model = model.module
        elif "_orig_mod" in model._modules:  # torch.compile's wrapper; its class is private
            model = model._orig_mod
        else:
            return model


def _layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield paths, such as `body.0`, and layers."""
    for path, module in model.named_modules(remove_duplicate=False):
        is_leaf = next(module.children(), None) is None
        if is_leaf or next(module.parameters(recurse=False), None) is not None:
            yield path, module


def _name(path: str, model: nn.Module) -> str:
    return path.replace(".", "/") or type(model).__name__


def _seen_shapes(model: nn.Module, batch: Any, paths: Iterable[str]) -> tuple[dict[str, Shape], dict[str, str]]:
    try:
        return ({} if batch is None else shapes_of(model, batch, paths)), {}
    except Exception as error:  # noqa: BLE001 - the model may raise anything; it costs the shapes only
        return {}, {"why_no_shapes": f"on the batch given it raises {type(error).__name__}: {error}"[:DETAILS_CHARS]}


def _connected(model: nn.Module, paths: list[str], layers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return layers and edges, as far as the code shows them."""
    try:
        found = connections(model, {path: number for number, path in enumerate(paths)})
    except Unreadable as error:
        return {"layers": layers, "why_no_edges": f"{error}, and it is not run to find out"}
    except Exception as error:  # noqa: BLE001 - code of all kinds is read; what is odd there costs the edges only
        return {"layers": layers, "why_no_edges": f"its code could not be read ({type(error).__name__})"}
    names = {layer["name"] for layer in layers}
    for path, kind in found.operations:
        layers.append(_describe_operation(_fresh(path.replace(".", "/"), names), kind))
    order = list(found.order)
    for number in sorted(set(range(len(paths))) - set(order)):  # not used: where it was registered
        order.insert(order.index(number - 1) + 1 if number else 0, number)
    if len(order) > MAX_LAYERS:
        return {"layers": layers[: len(paths)], "why_no_edges": "it has too many operations"}
    places = {number: place for place, number in enumerate(order)}
    edges = sorted([places[before], places[after]] for before, after in found.edges)
    return {"layers": [layers[number] for number in order], "edges": edges}


def _describe_operation(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "output_shape": None, "parameters": 0, "trainable_parameters": 0}


def _fresh(name: str, names: set[str]) -> str:
    """Return a name that is not among `names`, and add it."""
    fresh = next(one for one in chain([name], (f"{name}_{number}" for number in count(1))) if one not in names)
    names.add(fresh)
    return fresh


def _describe_layer(name: str, layer: nn.Module, shape: Shape | None) -> dict[str, Any]:
    return {
        "name": name,
        "type": type(layer).__name__,
        "details": _details(layer),
        "output_shape": shape or _output_shape(layer),
        **_sizes(layer.parameters(recurse=False)),
    }


def _sizes(parameters: Iterable[Parameter]) -> dict[str, int]:
    """Return the number of parameters; PyTorch lists a shared one once."""
    sized = [parameter for parameter in parameters if not is_lazy(parameter)]
    return {
        "parameters": sum(parameter.numel() for parameter in sized),
        "trainable_parameters": sum(parameter.numel() for parameter in sized if parameter.requires_grad),
    }


def _output_shape(layer: nn.Module) -> Shape | None:
    """Return what is certain of a layer's output; a subclass may compute what it likes, so it has none."""
    if type(layer) not in CONVOLUTIONS:
        return None
    return [None, layer.out_channels, *(None for _ in layer.kernel_size)]


def _details(layer: nn.Module) -> str:
    try:
        return layer.extra_repr()[:DETAILS_CHARS]
    except Exception:  # noqa: BLE001 - foreign code: modules print what they like, or cannot
        return ""
