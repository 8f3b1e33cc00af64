"""Results: what a run logs beside numbers. Of each kind its fields, their bounds, and the checks that hold them.

A result has a kind, and the kind is the whole contract between who computes it and who draws it: the client checks what
it sends by this page, the server what it stores, and a panel may count on it. A plugin's own kind has a dot in its name
(`prevue_keras.attention`); it is any JSON object that fits a record, and a matter of that plugin and its panel alone.
"""

import base64
import binascii
import re
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any

from prevue_core.contract import MAX_DEPTH, decode_number, depth_of, encode_number
from prevue_core.errors import InvalidValue, shown

USUAL_BUCKETS = 64  # of a histogram that the client makes
MAX_BUCKETS = 1_024
MAX_CELLS = 10_000  # of a table or a matrix
MAX_POINTS = 10_000  # of a curve
MAX_TEXT_CHARS = 100_000
MAX_CAPTION_CHARS = 512  # of what stands beside a drawing
MAX_PNG_BYTES = 512 << 10
EXACT = 1 << 53  # up to where a float counts
MAX_PIXELS = 16 << 20  # of an image: a browser unpacks it into 64 MiB

Payload = dict[str, Any]

_OWN_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Field:
    """A field of a kind's payload: what it means, and the function that returns it checked (or raises InvalidValue)."""

    about: str
    check: Callable[[str, Any], Any]
    is_needed: bool = True


@dataclass(frozen=True)
class Kind:
    """A kind of result. `whole` checks fields against each other, and fills in what follows from them."""

    about: str
    fields: dict[str, Field]
    whole: Callable[[Payload], None] = lambda payload: None

    def checked(self, kind: str, payload: Payload) -> Payload:
        """Return a payload in its one form. Raises InvalidValue."""
        if unknown := [name for name in payload if name not in self.fields]:
            raise InvalidValue(f"the {kind} has no {shown(unknown[0])}; use {', '.join(self.fields)}")
        checked = {}
        for name, field in self.fields.items():
            if payload.get(name) is not None:
                checked[name] = field.check(f"{name} of the {kind}", payload[name])
            elif field.is_needed:
                raise InvalidValue(f"the {kind} needs {name}: {field.about}")
        self.whole(checked)
        return checked


def check_kind(kind: object) -> str:
    """Return the name of a kind. Raises InvalidValue for one that is neither known nor a plugin's."""
    if isinstance(kind, str) and (kind in KINDS or (_OWN_KIND.fullmatch(kind) and len(kind) <= 64)):
        return kind
    known = ", ".join(KINDS)
    raise InvalidValue(f"result kind {shown(kind)} is not known; use {known}, or a plugin's own: plugin.kind")


def check_payload(kind: str, payload: object) -> Payload:
    """Return the payload of a result of a kind that `check_kind` has seen, in its one form. Raises InvalidValue."""
    if not isinstance(payload, Mapping):
        raise InvalidValue(f"the payload of a {kind} is {shown(payload)}; use a dict with its fields")
    if kind in KINDS:
        return KINDS[kind].checked(kind, dict(payload))
    payload = dict(payload)
    if depth_of(payload) > MAX_DEPTH:
        raise InvalidValue(f"the payload of a {kind} is nested deeper than {MAX_DEPTH} levels; flatten it")
    return payload


# fields


def _number(what: str, value: Any) -> float | str:
    try:
        return encode_number(decode_number(value))
    except InvalidValue as error:
        raise InvalidValue(f"{what}: {error}") from None


def _finite(what: str, value: Any) -> float:
    if type(value) is float and isfinite(value):  # a histogram of each step has many
        return value
    number = _number(what, value)
    if isinstance(number, str):
        raise InvalidValue(f"{what}: {number} is not finite; leave such values out")
    return number


def _count(what: str, value: Any) -> int | float:
    """Return how many; of weighted samples it may have a fraction."""
    if type(value) is int and 0 <= value <= EXACT:
        return value
    number = _finite(what, value)
    if number < 0:
        raise InvalidValue(f"{what}: {shown(value)} is less than nothing; use 0 or more")
    return int(number) if number == int(number) else number


def _caption(what: str, value: Any) -> str:
    text = _text(what, value)
    if len(text) > MAX_CAPTION_CHARS:
        raise InvalidValue(f"{what} has {len(text)} characters; use at most {MAX_CAPTION_CHARS}")
    return text


def _long_text(what: str, value: Any) -> str:
    text = _text(what, value)
    if len(text) > MAX_TEXT_CHARS:
        raise InvalidValue(f"{what} has {len(text)} characters; use at most {MAX_TEXT_CHARS}")
    return text


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"{what} is {shown(value)} of type {type(value).__name__}; use text")
    return value.replace("\0", "")  # PostgreSQL has no text with NUL


def _cell(what: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, int):  # not as a float: it may be somebody's id
        return value if abs(value) < 2**63 else str(value)
    return _number(what, value)


def _list_of(check: Callable[[str, Any], Any], most: int, least: int = 1) -> Callable[[str, Any], list[Any]]:
    def check_list(what: str, value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise InvalidValue(f"{what} is {shown(value)}; use a list")
        if not least <= len(value) <= most:
            raise InvalidValue(f"{what} has {len(value)} values; use {least} to {most}")
        return [check(what, inner) for inner in value]

    return check_list


def _positions(what: str, value: Any) -> list[Any]:
    """Return where points stand along an axis: all numbers, or all text, which are categories."""
    is_text = isinstance(value, list | tuple) and any(isinstance(one, str) and one not in _NON_FINITE for one in value)
    return _list_of(_caption if is_text else _number, MAX_POINTS)(what, value)


def _columns(what: str, value: Any) -> list[Any]:
    columns = [_column(what, column) for column in _list_of(lambda _, column: column, MAX_CELLS)(what, value)]
    ((name, times),) = Counter(column["name"] for column in columns).most_common(1)
    if times > 1:
        raise InvalidValue(f"{what}: the name {name!r} stands {times} times; give each column its own")
    return columns


def _column(what: str, column: Any) -> Payload:
    if not isinstance(column, Mapping) or set(column) != {"name", "values"}:
        raise InvalidValue(f"{what}: {shown(column)} is not a column; use {{'name': ..., 'values': [...]}}")
    name = _caption(what, column["name"])
    return {"name": name, "values": _list_of(_cell, MAX_CELLS, 0)(f"column {name!r}", column["values"])}


def _matrix(what: str, value: Any) -> list[Any]:
    rows = _list_of(_list_of(_number, MAX_CELLS), MAX_CELLS)(what, value)
    if any(len(row) != len(rows[0]) for row in rows):
        raise InvalidValue(f"{what}: its rows are of different lengths; use equal ones")
    if len(rows) * len(rows[0]) > MAX_CELLS:
        raise InvalidValue(f"{what} has {len(rows)} x {len(rows[0])} cells; use at most {MAX_CELLS}")
    return rows


def _png(what: str, value: Any) -> str:
    try:
        png = base64.b64decode(_text(what, value), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidValue(f"{what}: {shown(value)} is not base64; encode the bytes of a PNG file") from None
    width, height = size_of_png(png)
    if not 0 < width * height <= MAX_PIXELS:
        raise InvalidValue(f"{what} has {width} x {height} pixels; use at most {MAX_PIXELS}: scale it down")
    return str(value)


def size_of_png(png: bytes) -> tuple[int, int]:
    """Return width and height of an image in pixels. Raises InvalidValue where it is no PNG, or too large a file."""
    if not png.startswith(_PNG) or png[12:16] != b"IHDR" or len(png) < 33:
        raise InvalidValue(f"the image begins with {png[:8]!r} and is no PNG; give PNG bytes, or an array")
    if len(png) > MAX_PNG_BYTES:
        raise InvalidValue(f"the image has {len(png)} bytes as PNG; use at most {MAX_PNG_BYTES}: scale it down")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


_NON_FINITE = ("NaN", "Infinity", "-Infinity")


# fields together


def _whole_histogram(payload: Payload) -> None:
    edges, counts = payload["edges"], payload["counts"]
    if len(edges) != len(counts) + 1:
        raise InvalidValue(f"the histogram has {len(edges)} edges for {len(counts)} counts; use one more than counts")
    if any(left >= right for left, right in pairwise(edges)):
        raise InvalidValue("the edges of the histogram do not rise; sort them, each once")


def _whole_table(payload: Payload) -> None:
    lengths = {len(column["values"]) for column in payload["columns"]}
    if len(lengths) > 1:
        told = ", ".join(map(str, sorted(lengths)))
        raise InvalidValue(f"the columns of the table have {told} values; use equally long ones")
    rows = lengths.pop()
    if rows * len(payload["columns"]) > MAX_CELLS:
        raise InvalidValue(
            f"the table has {rows} rows of {len(payload['columns'])} columns; use at most {MAX_CELLS} cells"
        )
    payload["row_count"] = max(rows, payload.get("row_count", 0))


def _whole_image(payload: Payload) -> None:
    payload["width"], payload["height"] = size_of_png(base64.b64decode(payload["png"]))


def _equally_long(*names: str) -> Callable[[Payload], None]:
    def check(payload: Payload) -> None:
        lengths = {name: len(payload[name]) for name in names if name in payload}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{length} in {name}" for name, length in lengths.items())
            raise InvalidValue(f"the curve has different numbers of values: {told}; use equal ones")

    return check


def _whole_matrix(payload: Payload) -> None:
    values = payload["values"]
    for name, length in (("rows", len(values)), ("columns", len(values[0]))):
        if name in payload and len(payload[name]) != length:
            raise InvalidValue(f"the matrix has {length} {name} and {len(payload[name])} names for them; use as many")


_NUMBERS = _list_of(_number, MAX_POINTS)
_NAMES = _list_of(_caption, MAX_CELLS)
_LABEL = Field("what the curve is of: a class, say", _caption, False)

KINDS: dict[str, Kind] = {
    "histogram": Kind(
        "How values are spread: weights, gradients, scores",
        {
            "counts": Field("how many values each bucket has, 0 or more", _list_of(_count, MAX_BUCKETS)),
            "edges": Field(
                "the borders of the buckets, rising, one more than counts", _list_of(_finite, MAX_BUCKETS + 1, 2)
            ),
            "nan_count": Field("values that were NaN; they are in no bucket", _count, False),
            "inf_count": Field("values that were infinite", _count, False),
            "ninf_count": Field("values that were negative and infinite", _count, False),
        },
        _whole_histogram,
    ),
    "table": Kind(
        "Columns of equal length with numbers, text, true, false or null; at most 10 000 cells",
        {
            "columns": Field('a list of `{"name": ..., "values": [...]}`', _columns),
            "row_count": Field("rows that there were, where the table has only the first", _count, False),
        },
        _whole_table,
    ),
    "text": Kind("Text, at most 100 000 characters", {"text": Field("shown as it is", _long_text)}),
    "image": Kind(
        "A PNG of at most 512 KiB",
        {
            "png": Field("the bytes of the file, base64", _png),
            "width": Field("in pixels; filled in", _count, False),
            "height": Field("in pixels; filled in", _count, False),
        },
        _whole_image,
    ),
    "curve": Kind(
        "One quantity over another; at most 10 000 points",
        {
            "x": Field("all numbers, or all text", _positions),
            "y": Field("numbers", _NUMBERS),
            "low": Field("the lower end of a band around y", _NUMBERS, False),
            "high": Field("its upper end", _NUMBERS, False),
            "x_name": Field("what x is", _caption, False),
            "y_name": Field("what y is", _caption, False),
        },
        _equally_long("x", "y", "low", "high"),
    ),
    "roc_curve": Kind(
        "True over false positives of a classifier",
        {
            "fpr": Field("false positive rates", _NUMBERS),
            "tpr": Field("true positive rates", _NUMBERS),
            "thresholds": Field("of the score, for each point", _NUMBERS, False),
            "auc": Field("the area below", _number, False),
            "label": _LABEL,
        },
        _equally_long("fpr", "tpr", "thresholds"),
    ),
    "pr_curve": Kind(
        "Precision over recall of a classifier",
        {
            "recall": Field("for each point", _NUMBERS),
            "precision": Field("for each point", _NUMBERS),
            "thresholds": Field(
                "of the score; scikit-learn gives one less than points: add 1.0 or infinity", _NUMBERS, False
            ),
            "average_precision": Field("of all scores", _number, False),
            "label": _LABEL,
        },
        _equally_long("recall", "precision", "thresholds"),
    ),
    "matrix": Kind(
        "Numbers in rows and columns: a confusion matrix, a score over two parameters; at most 10 000 cells",
        {
            "values": Field("a list of rows, each a list of numbers", _matrix),
            "rows": Field("the names of the rows", _NAMES, False),
            "columns": Field("the names of the columns", _NAMES, False),
            "x_name": Field("what the columns are: `predicted`, say", _caption, False),
            "y_name": Field("what the rows are: `true`, say", _caption, False),
        },
        _whole_matrix,
    ),
}
