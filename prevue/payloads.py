"""Payloads of results from what a training has at hand: arrays, tensors, lists, dicts. All raise InvalidValue.

NumPy is used where it is loaded already, as it is where values come as arrays; plain lists need none.
"""

import base64
import math
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from prevue.json_values import array_of, json_value
from prevue.masking import utf8
from prevue.notices import notices
from prevue.png import png_of
from prevue.values import plain
from prevue_core.errors import InvalidValue, shown
from prevue_core.result_kinds import MAX_CELLS, MAX_TEXT_CHARS, USUAL_BUCKETS, Payload

CUT = " ..."  # at the end of a text that is too long
LARGEST = sys.float_info.max


def histogram(values: Any = None, counts: Any = None, edges: Any = None) -> Payload:
    """Return a histogram of `values`, of any shape, in at most 64 buckets of equal width, or of `counts` and `edges`.

    Values that are not finite are in no bucket, and counted beside them.
    """
    if counts is not None or edges is not None:
        if values is not None or counts is None or edges is None:
            raise InvalidValue("a histogram is made of values, or of counts and edges; give one or the other")
        return {"counts": json_value(counts), "edges": json_value(edges)}
    if values is None:
        raise InvalidValue("a histogram needs values, or counts and edges")
    array = array_of(values)
    return _binned(array) if array is not None else _binned_plain([float(one) for one in _numbers(values)])


def table(columns: Any) -> Payload:
    """Return a table of a dict of lists, or of a data frame; of one that is too large its first rows.

    Whole numbers, floats, text, true, false and None stay what they are, anything else becomes its text.
    """
    if not hasattr(columns, "items"):
        raise InvalidValue(f"columns {shown(columns)} is not a dict; use names and lists of equal length")
    named = {utf8(str(name)): _cells(name, values) for name, values in columns.items()}
    if not named:
        raise InvalidValue("a table needs a column at least; give names and lists")
    rows = {len(cells) for cells in named.values()}
    if len(rows) > 1:
        told = ", ".join(f"{len(cells)} in {name!r}" for name, cells in named.items())
        raise InvalidValue(f"the columns of a table are not equally long: {told}")
    row_count, kept = rows.pop(), MAX_CELLS // len(named)
    if row_count > kept:
        notices.warn(
            ("cut", "table"), f"a table has {row_count} rows of {len(named)} columns; the first {kept} are kept"
        )
    columns = [{"name": name, "values": cells[:kept]} for name, cells in named.items()]
    return {"columns": columns, "row_count": row_count}


def text(given: Any) -> Payload:
    """Return text; of one that is too long its beginning."""
    if not isinstance(given, str):
        raise InvalidValue(f"text {shown(given)} is of type {type(given).__name__}; use text")
    if len(given) > MAX_TEXT_CHARS:
        notices.warn(("cut", "text"), f"a text has {len(given)} characters; the first {MAX_TEXT_CHARS} are kept")
        given = given[: MAX_TEXT_CHARS - len(CUT)] + CUT
    return {"text": utf8(given)[:MAX_TEXT_CHARS]}


def image(given: Any) -> Payload:
    """Return an image: the bytes of a PNG file, or an array of height x width, with 1, 3 or 4 channels behind.

    Floats are from 0 to 1, whole numbers from 0 to 255.
    """
    png = bytes(given) if isinstance(given, bytes | bytearray | memoryview) else png_of(given, array_of(given))
    return {"png": base64.b64encode(png).decode()}


# histograms


def _binned(array: Any) -> Payload:
    numpy: Any = sys.modules["numpy"]
    if array.dtype.kind not in "fiub":
        raise InvalidValue(f"values of type {array.dtype} are not numbers; give numbers")
    flat = array.ravel()
    if flat.dtype.kind == "b":
        flat = flat.astype(numpy.uint8)
    elif flat.dtype == numpy.float16:  # its sums and widths overflow
        flat = flat.astype(numpy.float32)
    is_finite = numpy.isfinite(flat)
    lost = {}
    if not is_finite.all():
        infinite = flat[numpy.isinf(flat)]
        lost = _lost(int(numpy.isnan(flat).sum()), int((infinite > 0).sum()), int((infinite < 0).sum()))
        flat = flat[is_finite]
    if not flat.size:
        raise InvalidValue("a histogram was given no finite value; give numbers")
    low, high = float(flat.min()), float(flat.max())
    counts, edges = None, numpy.empty(0)
    if 0.0 < high - low < math.inf:  # equal widths are three times as fast as given edges
        with suppress(ValueError):  # floats lie no closer
            counts, edges = numpy.histogram(flat, USUAL_BUCKETS, (low, high))
    if counts is None or not (edges[1:] > edges[:-1]).all():
        counts, edges = numpy.histogram(flat, numpy.asarray(_edges(low, high)))
    return {"counts": counts.tolist(), "edges": [float(edge) for edge in edges], **lost}


def _binned_plain(values: list[float]) -> Payload:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        raise InvalidValue("a histogram was given no finite value; give numbers")
    nans = sum(map(math.isnan, values))
    edges = _edges(min(finite), max(finite))
    counts = [0] * (len(edges) - 1)
    for value in finite:
        counts[min(bisect_right(edges, value) - 1, len(counts) - 1)] += 1
    lost = _lost(nans, values.count(math.inf), values.count(-math.inf)) if len(finite) < len(values) else {}
    return {"counts": counts, "edges": edges, **lost}


def _edges(low: float, high: float) -> list[float]:
    """Return the borders of buckets of equal width; of fewer where floats lie no closer."""
    if low == high:
        around = max(0.5, abs(low) * 1e-6)
        return [max(low - around, -LARGEST), min(low + around, LARGEST)]
    parts = (number / USUAL_BUCKETS for number in range(1, USUAL_BUCKETS))
    inner = sorted({low * (1 - part) + high * part for part in parts} - {low, high})  # no overflow, as high - low has
    return [low, *(edge for edge in inner if low < edge < high), high]


def _lost(nans: int, infinite: int, negative: int) -> Payload:
    return {"nan_count": nans, "inf_count": infinite, "ninf_count": negative}


def _numbers(values: Any) -> Iterator[float]:
    """Yield the numbers in nested lists."""
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
        number = plain(values)
        if not isinstance(number, int | float):
            raise InvalidValue(f"value {shown(values)} is not a number; give numbers")
        yield number
        return
    for inner in values:
        yield from _numbers(inner)


# tables


def _cells(name: Any, values: Any) -> list[Any]:
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
        raise InvalidValue(f"column {name!r} is {shown(values)}; use a list")
    array = array_of(values)
    rows: Sequence[Any] = list(values) if array is None else array.tolist()
    return [_cell(value) for value in rows]


def _cell(value: Any) -> Any:
    try:
        cell = json_value(value)
    except InvalidValue:
        cell = None
    if (cell is None and value is not None) or isinstance(cell, list | dict):
        return utf8(str(value))
    return cell
