"""The small settings that make two layers of one shape different: their activation, units, kernel sizes, rates."""

import inspect
from collections.abc import Iterator
from typing import Any

from prevue_keras.packages import kinds

DETAILS_CHARS = 200  # kept of a layer's settings
LONGEST = 8  # numbers in one that is shown
# Said elsewhere, or set by the machine and not by the model.
LEFT_OUT = {"self", "activation", "name", "dtype", "trainable", "seed", "data_format", "input_shape", "batch_shape"}


def activation(layer: Any) -> str | None:
    """Return the name of a layer's activation; None for one without, or with the linear one."""
    try:
        function = layer.activation
    except Exception:  # noqa: BLE001 - foreign code, as below; most have no such attribute
        return None
    name = function if isinstance(function, str) else getattr(function, "__name__", type(function).__name__)
    return None if function is None or name == "linear" else str(name)[:DETAILS_CHARS]


def details(layer: Any) -> str:
    """Return what a layer was made with, where it is not the default: `units=16, use_bias=False`."""
    try:
        return ", ".join(f"{name}={value}" for name, value in _given(layer))[:DETAILS_CHARS]
    except Exception:  # noqa: BLE001 - foreign code: what layers keep of their arguments may raise anything
        return ""


def _given(layer: Any) -> Iterator[tuple[str, str]]:
    for name, default in _parameters(type(layer)).items():
        value = getattr(layer, name, None)
        if isinstance(value, kinds("Layer")):  # what a wrapper is around
            inner = [*filter(None, [activation(value)]), *filter(None, [details(value)])]
            yield name, f"{type(value).__name__}({', '.join(inner)})"
        elif _is_short(value) and not _is_same(value, default):
            yield name, str(tuple(value)) if isinstance(value, list | tuple) else str(value)


def _parameters(kind: type) -> dict[str, Any]:
    """Return the arguments of a class of layers by name, with their defaults."""
    found = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {one.name: one.default for one in found if one.kind in plain and one.name not in LEFT_OUT}


def _is_short(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= LONGEST and all(isinstance(item, int | float) for item in value)
    return isinstance(value, bool | int | float | str)


def _is_same(value: Any, default: Any) -> bool:
    """Return whether a value is the default: Keras keeps `strides=1` as (1, 1)."""
    if isinstance(value, list | tuple):
        return list(value) in (list(default) if isinstance(default, list | tuple) else [], [default] * len(value))
    if isinstance(value, bool):  # None: not asked for either
        return default is value or (default is None and not value)
    return bool(value == default)
