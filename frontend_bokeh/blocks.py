"""Series as bytes: what a browser draws, in columns of typed arrays, ready to be joined.

A fragment is a header of eight unsigned 32-bit numbers (run, key, rows, total, flags, NaN, +inf, -inf: little-endian,
as all here), then the columns one after the other: `step` (float64), `time` (float64, UNIX seconds), `epoch`, `mean`,
`low`, `high`, `last` (float32) and `count` (uint32). A column has `rows` values, a fragment a multiple of 8 bytes.
"""

import struct
from collections.abc import Sequence

import numpy as np

from prevue.api import Series

HEADER = struct.Struct("<8I")

APPEND, RAW, WINDOW = 1, 2, 4  # flags: goes behind what is there; points, not buckets; a part of the range


def fragment(run: int, key: int, series: Series, *, total: int, flags: int = 0) -> bytes:
    """Return a series as bytes. `total`: points of the whole series up to the last row."""
    columns = series.columns
    rows = len(series)
    non_finite = [int(sum(columns[name])) for name in ("nan_count", "inf_count", "ninf_count")]
    head = HEADER.pack(run, key, rows, total, flags | (RAW if series.exact else 0), *non_finite)
    wide = [np.asarray(columns[name], dtype="<f8").tobytes() for name in ("step", "time")]
    narrow = [_float32(columns[name]) for name in ("epoch", "mean", "low", "high", "last")]
    body = b"".join([head, *wide, *narrow, np.asarray(columns["count"], dtype="<u4").tobytes()])
    return body + b"\0" * (-len(body) % 8)


def _float32(values: Sequence[float | None]) -> bytes:
    with np.errstate(over="ignore"):  # a value beyond float32 is drawn at the edge
        return np.array([np.nan if value is None else value for value in values], dtype="<f4").tobytes()
