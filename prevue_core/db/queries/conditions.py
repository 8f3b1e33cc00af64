"""A filter as the condition of a query: bound values only, and every comparison is true or false, never NULL.

A run without the value, or with one of another type, does not meet a comparison. `!=` is what `=` is not, so it is met
by such a run.
"""

import datetime
import difflib
import math
import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import peewee

from prevue_core.contract import RUN_STATES
from prevue_core.db.connection import is_sqlite
from prevue_core.db.queries.fields import BOOLEAN, NUMBER, TEXT, TIME, Sources, Value, sort_text
from prevue_core.db.queries.language import (
    Combination,
    Comparison,
    Condition,
    Literal,
    Moment,
    Place,
    read_filter,
    refusal,
)

NEVER = peewee.SQL("1 = 0")

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = str.maketrans(_UPPER, _UPPER.lower())

_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_TYPES = {NUMBER: "a number", TEXT: "text", BOOLEAN: "true or false", TIME: "a time"}
_EXAMPLES = {NUMBER: "0.9 or 2h", TEXT: '"text"', BOOLEAN: "true", TIME: '"2026-11-23 12:00" or now - 2d'}


def condition_of(sources: Sources, text: str) -> Any:
    """Return the condition that the filter `text` puts on a run. Raises InvalidExpression, which says where and why."""
    return _condition(sources, text, read_filter(text))


def _condition(sources: Sources, text: str, tree: Condition) -> Any:
    if isinstance(tree, Comparison):
        return _comparison(sources, text, tree)
    inner = [_condition(sources, text, one) for one in tree.conditions]
    return _combined(tree, inner)


def _combined(tree: Combination, inner: Sequence[Any]) -> Any:
    if tree.word == "not":
        return ~inner[0]
    if len(inner) == 1:
        return inner[0]
    # In halves: Peewee goes down a chain of terms by recursion.
    middle = len(inner) // 2
    join = operator.and_ if tree.word == "and" else operator.or_
    return join(_combined(tree, inner[:middle]), _combined(tree, inner[middle:]))


def _comparison(sources: Sources, text: str, comparison: Comparison) -> Any:
    value = sources.value("filter", text, comparison.field)
    refuse = partial(refusal, "filter", text)
    literal, sign = comparison.literal, comparison.operator
    if literal.value is None or (isinstance(literal.value, float) and math.isnan(literal.value)):
        if sign != "=":
            raise refuse(literal.place, "this is neither more nor less than anything; compare it with = or !=")
        return (value.is_nan or NEVER) if literal.value is not None else ~value.exists
    if TIME in value.of:
        kind, operand = TIME, _time(sources.now, literal, refuse)
    else:
        kind, operand = _operand(value, comparison, refuse)
    if sign not in _ORDER and kind != TEXT:
        raise refuse(literal.place, '~ looks for text inside text; write it in quotes: name ~ "resnet"')
    if sign != "=" and kind == BOOLEAN:
        raise refuse(literal.place, "true and false are compared with = and != only")
    if value.equal and sign == "=":
        return value.equal(str(operand))
    expression = value.of[kind]
    condition = _never_null(expression, _compared(kind, expression, sign, operand))
    return value.each(condition) if value.each else condition


def _never_null(expression: Any, condition: Any) -> Any:
    """Return a condition on `expression` that is false where that is NULL."""
    if isinstance(expression, peewee.Field):  # SQLite finds a better order of its joins by this form
        return expression.is_null(False) & condition
    # What is worked out from JSON is so only once. Of `IS TRUE` PostgreSQL guesses that it holds for one run in 200,
    # and looks up the series of 10 000 runs one by one; of this it guesses every second.
    return peewee.fn.COALESCE(condition, peewee.SQL("FALSE"))


def _operand(value: Value, comparison: Comparison, refuse: Callable[[Place, str], Exception]) -> tuple[str, Any]:
    """Return the type that is compared, and what with."""
    literal = comparison.literal
    kind = next(kind for type_, kind in _KINDS.items() if isinstance(literal.value, type_))
    if kind not in value.of:
        wanted = list(value.of)
        told = " or ".join(_TYPES[one] for one in wanted)
        name = ".".join(comparison.field.parts)
        raise refuse(literal.place, f"{name} is {told}; write {_EXAMPLES[wanted[0]]}")
    if comparison.field.parts == ("state",) and comparison.operator == "=" and literal.value not in RUN_STATES:
        close = difflib.get_close_matches(str(literal.value), RUN_STATES, 1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        raise refuse(literal.place, f"no run is ever in this state{meant}; use one of {', '.join(RUN_STATES)}")
    return kind, str(literal.value).lower() if kind == BOOLEAN else literal.value


# By the type of a literal, in this order: a bool is an int, and none of these is a subclass of a later one.
_KINDS: dict[type, str] = {bool: BOOLEAN, float: NUMBER, str: TEXT, Moment: TIME}


def _compared(kind: str, expression: Any, sign: str, operand: Any) -> Any:
    if sign == "~":
        find = peewee.fn.INSTR if is_sqlite() else peewee.fn.STRPOS
        # Both databases know the lower case of A to Z alike, of other letters only sometimes.
        return find(peewee.fn.LOWER(sort_text(expression)), operand.translate(_LOWER)) > 0
    return _ORDER[sign](sort_text(expression) if kind == TEXT else expression, operand)


def _time(now: datetime.datetime, literal: Literal, refuse: Callable[[Place, str], Exception]) -> datetime.datetime:
    """Return a moment in UTC, without a zone: of text as ISO 8601 has it, of a number as UNIX seconds."""
    value = literal.value
    try:
        if isinstance(value, Moment):
            return now + datetime.timedelta(seconds=value.offset_s)
        if isinstance(value, float):
            return datetime.datetime.fromtimestamp(value, datetime.UTC).replace(tzinfo=None)
        if isinstance(value, str):
            time = datetime.datetime.fromisoformat(value)
            return time.astimezone(datetime.UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError, OSError):
        pass  # said below, with what is accepted
    raise refuse(literal.place, f"this is no time; write {_EXAMPLES[TIME]}, in UTC")
