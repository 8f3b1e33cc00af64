"""What stands for a value while the code of a `forward` is read, and what Python's own functions make of it."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from torch import nn

MAX_LOOP = 1_000  # rounds of a loop over numbers


class Unreadable(Exception):
    """The code does not show how layers are connected; says why."""


Flow = frozenset[int]  # the numbers of the layers that a value comes from
NOTHING: Flow = frozenset()


class Layer(NamedTuple):
    """A module. The path tells apart two places of one module."""

    path: str
    module: nn.Module


class Known(NamedTuple):
    """A value that does not depend on data."""

    value: Any


Value = Flow | Layer | Known | list[Any]  # a list has values


def children(layer: Layer) -> list[Layer]:
    """Return the modules in a module, such as a list of them."""
    inner = layer.module._modules.items()
    return [Layer(f"{layer.path}.{name}".lstrip("."), module) for name, module in inner if module is not None]


def items(value: Layer | list[Value]) -> list[Value]:
    """Return what a loop over the value goes through."""
    return [*children(value)] if isinstance(value, Layer) else value


def item(value: Value, at: Value) -> Value:
    """Return what `value[at]` is."""
    if isinstance(value, Layer | list) and isinstance(at, Known):
        inside = items(value)
        if isinstance(at.value, int) and -len(inside) <= at.value < len(inside):
            return inside[at.value]
        if isinstance(value, Layer) and at.value in value.module._modules:
            return inside[list(value.module._modules).index(at.value)]
    return flow(value, at)


def flows(values: Iterable[Value]) -> set[Flow]:
    """Return the different flows among values, of lists those of what is in them."""
    found: set[Flow] = set()
    for value in values:
        if isinstance(value, Layer):
            raise Unreadable(f"its code gives {value.path or 'the model'} to other code")
        if isinstance(value, list):
            found |= flows(value)
        elif not isinstance(value, Known):
            found.add(value)
    return found - {NOTHING}


def flow(*values: Value) -> Flow:
    """Return the layers that any of the values comes from."""
    return NOTHING.union(*flows(values))


def merged(values: list[Value]) -> Value:
    """Return what a value is that may be any of these."""
    if values and all(value == values[0] for value in values):
        return values[0]
    sizes = {len(value) if isinstance(value, list) else None for value in values}
    if len(sizes) == 1 and None not in sizes:
        return [merged(list(ways)) for ways in zip(*values, strict=True)]
    return flow(*values)


def is_plain(value: Any) -> bool:
    """Return whether a value may decide a branch: it is the same for all data."""
    return value is None or isinstance(value, bool | int | float | str)


def holds_modules(value: Any) -> bool:
    """Return whether modules can be had from a value that is not a module's own list of them."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple | set):
        return isinstance(value, nn.Module)
    return any(holds_modules(one) for one in value)


def is_same(left: Value, right: Value) -> bool | None:
    """Return whether two values are one, or None where that is not known."""
    if isinstance(left, Layer) and right == Known(None):
        return False
    return bool(left.value == right.value) if isinstance(left, Known) and isinstance(right, Known) else None


# Python's own functions; each returns a flow where it is not known what it makes


def _length(value: Value) -> Value:
    return Known(len(items(value))) if isinstance(value, Layer | list) else flow(value)


def _range(*given: Value) -> Value:
    known = [one.value for one in given if isinstance(one, Known)]
    if len(known) < len(given) or len(numbers := range(*known)) > MAX_LOOP:
        return flow(*given)
    return [Known(number) for number in numbers]


def _enumerate(value: Value) -> Value:
    if not isinstance(value, Layer | list):
        return flow(value)
    return [[Known(number), one] for number, one in enumerate(items(value))]


def _zip(*given: Value) -> Value:
    lists = [items(one) for one in given if isinstance(one, Layer | list)]
    return flow(*given) if len(lists) < len(given) else [list(ones) for ones in zip(*lists, strict=False)]


def _reversed(value: Value) -> Value:
    return items(value)[::-1] if isinstance(value, Layer | list) else flow(value)


BUILTINS: dict[str, Callable[..., Value]] = {
    "len": _length,
    "range": _range,
    "enumerate": _enumerate,
    "zip": _zip,
    "reversed": _reversed,
}
