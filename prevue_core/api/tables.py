"""A table as CSV, JSON Lines or Parquet, part by part: what has been sent need not be kept."""

import csv
import datetime
import io
from collections.abc import Callable, Generator, Iterator
from importlib.util import find_spec
from typing import Any

import orjson

from prevue_core.contract import encode_number
from prevue_core.db.export import FLAG, NUMBER, TEXT, TIME, Table

CSV, JSONL, PARQUET = FORMATS = ("csv", "jsonl", "parquet")
CONTENT_TYPES = {
    CSV: "text/csv; charset=utf-8",
    JSONL: "application/x-ndjson",
    PARQUET: "application/vnd.apache.parquet",
}

Parts = Generator[bytes, None, None]


def has_parquet() -> bool:
    """Return whether Parquet's libraries are installed."""
    return find_spec("arro3") is not None


def written(table: Table, format: str) -> Parts:
    """Yield `table` in a format, a part for each block or so.

    NaN and infinities are `NaN`, `Infinity` and `-Infinity`, in Parquet floats; moments are ISO 8601 in UTC.
    """
    return _WRITERS[format](table)


def _csv(table: Table) -> Parts:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(table.columns)
    for block in table.blocks:
        writer.writerows(_told(table, block, _IN_CSV))
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    if rest := buffer.getvalue():  # the header of a table without rows
        yield rest.encode()


def _jsonl(table: Table) -> Parts:
    names = list(table.columns)
    for block in table.blocks:
        rows = _told(table, block, _IN_JSON)
        yield b"".join(orjson.dumps(dict(zip(names, row, strict=True)), option=_LINE) for row in rows)


_LINE = orjson.OPT_APPEND_NEWLINE


def _told(table: Table, block: list[Any], converters: dict[str, Callable[[Any], Any]]) -> Iterator[Any]:
    """Return the rows of a block with their values as a format has them, column by column."""
    kinds = table.columns.values()
    columns = (
        map(converters[kind], column) if kind in converters else column
        for kind, column in zip(kinds, zip(*block, strict=True), strict=True)
    )
    return zip(*columns, strict=True)


def _number(value: float | None) -> float | str | None:
    return None if value is None else encode_number(value)


def moment(value: Any) -> str | None:
    """Return a moment as text: SQLite has text, PostgreSQL moments, and lists of runs have UNIX seconds."""
    if value is None:
        return None
    if isinstance(value, str):
        return f"{value[:10]}T{value[11:]}Z"
    if isinstance(value, float):
        value = datetime.datetime.fromtimestamp(value, datetime.UTC).replace(tzinfo=None)
    return f"{value.isoformat(timespec='microseconds')}Z"


def _cell(value: str | None) -> str | None:
    """Return text with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{value}" if value and value[0] in "=+-@\t\r" else value


_IN_JSON: dict[str, Callable[[Any], Any]] = {NUMBER: _number, TIME: moment}
_IN_CSV = _IN_JSON | {TEXT: _cell, FLAG: lambda value: None if value is None else str(value).lower()}


def _parquet(table: Table) -> Parts:
    from prevue_core.api import parquet  # imports an extra

    return parquet.written(table, moment)


_WRITERS = {CSV: _csv, JSONL: _jsonl, PARQUET: _parquet}
