"""An estimator's parameters as JSON: the configuration of its run."""

import math
import numbers
import re
import reprlib
from collections.abc import Mapping
from typing import Any

from prevue_core.contract import MAX_INT64, MIN_INT64

MAX_ITEMS = 50  # of a list, a dict or an array; a longer one is named, not copied
MAX_NESTED = 5

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 200


def parameters(estimator: Any) -> dict[str, Any]:
    """Return what `get_params` gives, those of estimators inside as `step__C`. Estimators and functions are named."""
    return {str(name): plain(value) for name, value in estimator.get_params().items()}


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
        if isinstance(value, Mapping):
            return {str(name): plain(item, nested + 1) for name, item in value.items()}
        return [plain(item, nested + 1) for item in value]
    return _named(value)


def _named(value: Any) -> str:
    if hasattr(value, "get_params") and hasattr(value, "fit") and not isinstance(value, type):
        return type(value).__name__  # an estimator; kernels, which have parameters too, are short enough to be shown
    if hasattr(value, "__qualname__"):  # a function or a class
        return f"{value.__module__}.{value.__qualname__}"
    return re.sub(r" at 0x[0-9a-f]+", "", _short.repr(value))  # an address says nothing
