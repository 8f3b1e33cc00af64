"""The shapes of what layers put out, seen by running a model once on a batch that was given for that."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Shape = list[int | None]


def shapes_of(model: nn.Module, batch: Any, paths: Iterable[str]) -> dict[str, Shape]:
    """Return the shape of what the layer at each path puts out, with None for the first dimension.

    `batch`: what `model` is called with: a tensor, a tuple of arguments, or a dict of named ones. The model computes
    once, without gradients and in the mode for evaluation; modes, buffers and random numbers are then as they were.
    A layer that puts out no tensor, or is used several times with different shapes, has none. Of several tensors the
    first counts: an LSTM's output comes with its state. Raises what the model raises.
    """
    found: dict[str, list[Shape]] = {}
    modules = dict(model.named_modules(remove_duplicate=False))
    handles = [modules[path].register_forward_hook(_note(found, path)) for path in paths]
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        with evaluating(model):
            called(model, batch)
    finally:
        for handle in handles:
            handle.remove()
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                if name in buffers:
                    buffer.copy_(buffers[name])
    return {path: shapes[0] for path, shapes in found.items() if all(shape == shapes[0] for shape in shapes)}


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Have a model in the mode for evaluation and without gradients; modes and random numbers are then as they were."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.no_grad(), torch.random.fork_rng():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def called(model: nn.Module, batch: Any) -> Any:
    """Return what a model makes of a tensor, a tuple of arguments or a dict of named ones, on its device."""
    positional, named = _arguments(batch, model)
    return model(*positional, **named)


def _note(found: dict[str, list[Shape]], path: str) -> Any:
    def note(module: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, tuple | list) and len(output):
            output = output[0]
        if isinstance(output, torch.Tensor):
            found.setdefault(path, []).append([None, *output.shape[1:]] if output.ndim else [])

    return note


def _arguments(batch: Any, model: nn.Module) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return what the model is called with, on its device."""
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))

    def moved(value: Any) -> Any:
        return value.to(device) if isinstance(value, torch.Tensor) else value

    if isinstance(batch, Mapping):
        return (), {name: moved(value) for name, value in batch.items()}
    values = batch if isinstance(batch, tuple | list) else (batch,)
    return tuple(moved(value) for value in values), {}
