"""Series as bytes: what a browser draws, in columns of typed arrays, ready to be joined.

A fragment is a header of six unsigned 32-bit numbers (run, key, rows, total, flags, odd: little-endian, as all here),
then the columns one after the other: `step` (float64), `time` (float64, UNIX seconds), `epoch`, `mean`, `low`, `high`,
`last` (float32) and `count` (uint32), of `rows` values each. Behind them, for each of the `odd` rows that have values
which are not finite, four numbers (uint32): the row, and how many are NaN, infinite and negatively infinite. A fragment
is a multiple of 8 bytes.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from prevue.api import Series

HEADER = struct.Struct("<6I")

APPEND, RAW, WINDOW = 1, 2, 4  # flags: goes behind what is there; points, not buckets; a part of the range


def fragment(run: int, key: int, series: Series, *, total: int, flags: int = 0) -> bytes:
    """Return a series as bytes. `total`: points of the whole series up to the last row."""
    columns = series.columns
    rows = len(series)
    odd = _odd(columns)
    head = HEADER.pack(run, key, rows, total, flags | (RAW if series.exact else 0), len(odd))
    wide = [np.asarray(columns[name], dtype="<f8").tobytes() for name in ("step", "time")]
    narrow = [_float32(columns[name]) for name in ("epoch", "mean", "low", "high", "last")]
    counts = [np.asarray(columns["count"], dtype="<u4").tobytes(), odd.tobytes()]
    body = b"".join([head, *wide, *narrow, *counts])
    return body + b"\0" * (-len(body) % 8)


def _odd(columns: dict[str, list[Any]]) -> np.ndarray[Any, Any]:
    """Return the rows with values that are not finite: shape (n, 4), the row's number before the three counts."""
    counts = np.array([columns["nan_count"], columns["inf_count"], columns["ninf_count"]], dtype="<u4")
    rows = np.flatnonzero(counts.any(axis=0))
    return np.column_stack([rows, counts.T[rows]]).astype("<u4")


def _float32(values: Sequence[float | None]) -> bytes:
    with np.errstate(over="ignore"):  # a value beyond float32 is drawn at the edge
        return np.array([np.nan if value is None else value for value in values], dtype="<f4").tobytes()
