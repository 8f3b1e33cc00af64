"""An estimator's parameters as JSON: the configuration of its run."""

import json
import math
import numbers
import re
import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from prevue_core.contract import MAX_INT64, MIN_INT64

MAX_ITEMS = 50  # of a list, a dict or an array; a longer one is named, not copied
MAX_NESTED = 5
MAX_VALUE_CHARS = 2_000  # of a value as JSON; a longer one is named, too
MAX_NAME_CHARS = 500  # of what is named
MAX_CHARS = 150_000  # of all parameters, which leaves room in a run's configuration
LEFT_OUT = "parameters_left_out"  # how many there were beyond

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 200


def parameters(estimator: Any) -> dict[str, Any]:
    """Return what `get_params` gives, those of estimators inside as `step__C`. Estimators and functions are named.

    Of very many, as a pipeline of hundreds of steps has, the first are kept, and `parameters_left_out` counts the rest.
    """
    kept: dict[str, Any] = {}
    given, size = estimator.get_params(), 0
    for name, value in given.items():
        told = plain(value)
        size += len(str(name)) + _size(told)
        if size > MAX_CHARS:
            return {**kept, LEFT_OUT: len(given) - len(kept)}
        kept[str(name)] = told
    return kept


def plain(value: Any, nested: int = 0) -> Any:
    """Return `value` as JSON, or text that says what it is. A number that JSON has not is text: `nan`."""
    if hasattr(value, "tolist") and getattr(value, "size", 0) <= MAX_ITEMS:  # NumPy's arrays and numbers
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if len(value) <= _short.maxother else _short.repr(value)
    if isinstance(value, numbers.Integral):
        return int(value) if MIN_INT64 <= int(value) <= MAX_INT64 else str(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, Mapping | list | tuple) and len(value) <= MAX_ITEMS and nested < MAX_NESTED:
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        told = {str(name): plain(item, nested + 1) for name, item in items}
        if nested or _size(told) <= MAX_VALUE_CHARS:
            return told if isinstance(value, Mapping) else [*told.values()]
    return _named(value)


def _size(told: Any) -> int:
    return len(json.dumps(told))


def _named(value: Any) -> str:
    if hasattr(value, "get_params") and hasattr(value, "fit") and not isinstance(value, type):
        return type(value).__name__  # an estimator; kernels, which have parameters too, are short enough to be shown
    if hasattr(value, "__qualname__"):  # a function or a class
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, np.ufunc):  # of NumPy before 2.2
        return f"numpy.{value.__name__}"
    return re.sub(r" at 0x[0-9a-f]+", "", _short.repr(value))[:MAX_NAME_CHARS]  # an address says nothing
