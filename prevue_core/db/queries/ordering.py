"""Lists in any order, in pages: the keys of an order, and the cursor that says where a page ended.

A page begins behind the key of the last one's last run, so pages neither skip nor repeat a run while others arrive.
The cursor also keeps the moment of the first page: what a filter says of `now` means the same on all pages.
"""

import base64
import datetime
import operator
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import orjson
import peewee

from prevue_core.contract import decode_number, encode_number
from prevue_core.db.models import TrainingRun, utc_now
from prevue_core.db.queries.conditions import NEVER
from prevue_core.db.queries.fields import NUMBER, TEXT, TIME, Sources, sort_text
from prevue_core.db.queries.language import checked_text, read_sorting, refusal
from prevue_core.errors import InvalidValue

NEWEST = ("-started",)
MAX_SORTS = 5


@dataclass(frozen=True)
class Key:
    """What runs are ordered by: an expression, NULL where a run has no such value. Those come last, either way."""

    expression: Any
    kind: str
    falls: bool
    is_always_there: bool


def keys_of(sources: Sources, sorts: Sequence[str]) -> list[Key]:
    """Return the keys of an order such as `["-metrics.val.accuracy.max", "name"]`; the last one is the run's id.

    A field with values of several types is ordered by number, then text, then truth. Raises InvalidExpression.
    """
    keys = [key for sort in sorts or NEWEST for key in _keys(sources, sort)]
    return [*keys, Key(TrainingRun.run_id, "id", keys[-1].falls, True)]


def _keys(sources: Sources, sort: str) -> list[Key]:
    name, falls = read_sorting(sort)
    value = sources.value("sort", sort, name)
    if value.each:
        raise refusal("sort", sort, name.place, "a run has several of these; sort by another field")
    return [
        Key(sort_text(expression) if kind == TEXT else expression, kind, falls, _is_always_there(expression))
        for kind, expression in value.of.items()
    ]


def _is_always_there(expression: Any) -> bool:
    return isinstance(expression, peewee.Field) and expression.model is TrainingRun and not expression.null


def order_of(keys: Sequence[Key]) -> list[Any]:
    """Return the terms of ORDER BY."""
    return [_term(key) for key in keys]


def _term(key: Key) -> Any:
    nulls = None if key.is_always_there else "LAST"
    return key.expression.desc(nulls=nulls) if key.falls else key.expression.asc(nulls=nulls)


def behind(keys: Sequence[Key], values: Sequence[Any]) -> Any:
    """Return the condition under which a run comes after the one whose keys have these values."""
    same: list[Any] = []
    later: list[Any] = []
    for key, value in zip(keys, values, strict=True):
        later.append(reduce(operator.and_, [*same, _is_later(key, value)]))
        same.append(key.expression.is_null() if value is None else key.expression == value)
    condition = reduce(operator.or_, later)
    if keys[0].is_always_there:  # said once more at the top, where an index is found by it
        bound = operator.le if keys[0].falls else operator.ge
        condition = bound(keys[0].expression, values[0]) & condition
    return condition


def _is_later(key: Key, value: Any) -> Any:
    if value is None:
        return NEVER
    further = key.expression < value if key.falls else key.expression > value
    return further if key.is_always_there else further | key.expression.is_null()


@dataclass(frozen=True)
class Position:
    """Where a list goes on, and the moment at which its first page was asked for."""

    now: datetime.datetime
    cursor: str | None = None
    values: tuple[Any, ...] = ()  # as the cursor has them

    def behind(self, keys: Sequence[Key]) -> Any:
        """Return the condition under which a run is behind this. Raises InvalidValue for a foreign cursor."""
        if self.cursor is None:
            return ~NEVER
        try:
            return behind(keys, [_read_value(key, value) for key, value in zip(keys, self.values, strict=True)])
        except (ValueError, TypeError):
            raise foreign(self.cursor) from None


def read_position(cursor: str | None, *about: Any) -> Position:
    """Return where a list goes on: one that is about the same as when the cursor was given, by its order say.

    Raises InvalidValue for a cursor that is not one of this list's.
    """
    if cursor is None:
        return Position(utc_now())
    try:
        now, *values = read_cursor(cursor, *about)
        return Position(datetime.datetime.fromisoformat(now), cursor, tuple(values))
    except (ValueError, TypeError):
        raise foreign(cursor) from None


def write_position(now: datetime.datetime, keys: Sequence[Key], values: Sequence[Any], *about: Any) -> str:
    """Return the cursor behind the run whose keys have these values."""
    return write_cursor([now.isoformat(), *map(_write_value, keys, values)], *about)


def read_cursor(cursor: str, *about: Any) -> list[Any]:
    """Return the values in a cursor. Raises InvalidValue where it is not one, or one of a list about something else."""
    try:
        found, values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if found == list(about) and isinstance(values, list) and values:
            return values
    except (ValueError, TypeError, RecursionError):
        pass  # said below
    raise foreign(cursor)


def write_cursor(values: Sequence[Any], *about: Any) -> str:
    """Return a cursor with these values, for a list that is about something, its order say."""
    return base64.urlsafe_b64encode(orjson.dumps([about, values])).decode().rstrip("=")


def foreign(cursor: str) -> InvalidValue:
    """Return the error that refuses a cursor."""
    return InvalidValue(f"cursor {cursor!r} is not one that this server gave; leave it out to begin again")


def _write_value(key: Key, value: Any) -> Any:
    if value is None:
        return None
    if key.kind == NUMBER:
        return encode_number(value)
    # SQLite gives times as text where they are not read through their column.
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def _read_value(key: Key, value: Any) -> Any:
    if value is None:
        if key.is_always_there:
            raise ValueError
        return None
    if key.kind == NUMBER:
        return decode_number(value)
    if key.kind == TIME:
        return datetime.datetime.fromisoformat(value)
    return str(uuid.UUID(value)) if key.kind == "id" else checked_text(value)
