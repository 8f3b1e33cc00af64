"""Series as the backend gives them, made from a few values, and a plain reader of fragments."""

import math
import struct
from typing import Any

from prevue.series import Series


def series(
    values: list[float | None],
    *,
    first_step: int = 0,
    run_id: str = "a",
    split: str = "train",
    name: str = "loss",
    **more: Any,
) -> Series:
    """Return a series with one row a value; None: what is not finite. `more`: other fields of the answer."""
    rows = len(values)
    plain: dict[str, Any] = {column: list(values) for column in ("mean", "low", "high")}
    plain |= {column: ["NaN" if value is None else value for value in values] for column in ("first", "last")}
    columns: dict[str, Any] = {
        "step": list(range(first_step, first_step + rows)),
        "time": [1_700_000_000.25 + row for row in range(rows)],
        "epoch": [None] * rows,
        **plain,
        "count": [1] * rows,
        "nan_count": [int(value is None) for value in values],
        "inf_count": [0] * rows,
        "ninf_count": [0] * rows,
    }
    who = {"run_id": run_id, "rank": 0, "split": split, "name": name, "kind": "metric"}
    return Series({**who, "exact": True, "count": rows, "cursor": None, "columns": columns, **more})


def decoded(buffer: bytes) -> list[dict[str, Any]]:
    """Return the fragments of a buffer, each as a dict of its header and columns; NaN is None."""
    found, at = [], 0
    while at < len(buffer):
        names = ("run", "key", "rows", "total", "flags", "odd")
        part: dict[str, Any] = dict(zip(names, struct.unpack_from("<6I", buffer, at), strict=True))
        (part["from"],) = struct.unpack_from("<d", buffer, at + 24)
        at += 32
        kinds = {
            "step": "d",
            "time": "d",
            "epoch": "f",
            "mean": "f",
            "low": "f",
            "high": "f",
            "last": "f",
            "count": "I",
        }
        for name, kind in kinds.items():
            layout = f"<{part['rows']}{kind}"
            values = struct.unpack_from(layout, buffer, at)
            part[name] = [None if isinstance(value, float) and math.isnan(value) else value for value in values]
            at += struct.calcsize(layout)
        odd = struct.unpack_from(f"<{4 * part['odd']}I", buffer, at)
        part["odd"] = [odd[i : i + 4] for i in range(0, len(odd), 4)]
        at += 4 * len(odd)
        at += -at % 8
        found.append(part)
    return found
