"""Values of any kind as JSON has them, and arrays of any framework as NumPy has them."""

import sys
from collections.abc import Mapping
from typing import Any

from prevue.masking import utf8
from prevue.values import plain
from prevue_core.contract import encode_number
from prevue_core.errors import InvalidValue, shown

MAX_OTHER_CHARS = 1_000  # of the text of what JSON has no form for


def json_value(value: Any) -> Any:
    """Return a value as JSON has it: numbers out of arrays, sets as lists; NaN, paths, devices and the like as text.

    Raises InvalidValue for what is none of these.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, Mapping):
        return {utf8(str(name)): json_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_value(inner) for inner in value]
    number = plain(value)
    if isinstance(number, bool | str):
        return number
    if isinstance(number, int):
        return int(number) if abs(number) < 2**63 else str(number)
    if isinstance(number, float):
        return encode_number(float(number))
    return _other(value)


def _other(value: Any) -> Any:
    array = array_of(value)
    if array is not None:
        return json_value(array.tolist())
    if hasattr(value, "__fspath__"):
        return utf8(str(value))
    if hasattr(value, "value") and hasattr(value, "name"):  # a member of an enum
        return json_value(value.value)
    if callable(value) and hasattr(value, "__qualname__"):  # a class or a function
        return utf8(f"{value.__module__}.{value.__qualname__}")
    kind: Any = type(value)
    if kind.__repr__ is not object.__repr__ and len(text := str(value)) <= MAX_OTHER_CHARS:
        return utf8(text)  # it tells what it is, as times, devices and types of tensors do
    raise InvalidValue(f"{shown(value)} of type {type(value).__name__} is not JSON; use text, numbers, lists, dicts")


def array_of(values: Any) -> Any:
    """Return a NumPy array of a tensor's or an array's values, None where `values` are none, as lists are."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or isinstance(values, list | tuple | Mapping | str | bytes):
        return None
    if hasattr(values, "detach"):  # torch
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":  # NumPy has none
            values = values.float()
    if callable(convert := getattr(values, "numpy", None)):  # torch and TensorFlow
        values = convert()
    elif not (hasattr(values, "__array__") or hasattr(values, "__array_interface__")):
        return None
    array = numpy.asarray(values)
    if array.dtype.kind == "O" and array.ndim == 0:  # it was none: NumPy's own types, say
        return None
    if array.dtype.kind == "V":  # bfloat16 of JAX
        return array.astype(numpy.float32)
    return array
