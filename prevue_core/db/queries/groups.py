"""Runs in groups: those with equal values of some fields, with the mean and the deviation of what they came to.

The database picks the runs and their values; they are grouped here, one after another, so that mean and deviation are
the same, and as exact, on every database.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, product
from typing import Any

import orjson

from prevue_core.contract import encode_number
from prevue_core.db.accounts import Identity
from prevue_core.db.models import Project, TrainingRun, utc_now
from prevue_core.db.queries.fields import BOOLEAN, NUMBER, TEXT, TIME, Sources
from prevue_core.db.queries.language import read_field, refusal
from prevue_core.db.queries.ordering import foreign, read_cursor, write_cursor
from prevue_core.db.queries.pages import Page, Row
from prevue_core.db.queries.runs import Choice
from prevue_core.errors import InvalidValue

MAX_BY = 5
MAX_GROUP_SUMMARIES = 10


@dataclass
class Sums:
    """Count, mean and spread of finite values, kept up with each one (Welford, Technometrics 4, 1962, 419-420)."""

    count: int = 0
    mean: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    _squares: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        distance = value - self.mean
        self.mean += distance / self.count
        self._squares += distance * (value - self.mean)
        self.low, self.high = min(self.low, value), max(self.high, value)

    def row(self) -> Row:
        """Return what is told: `std` is that of a sample, None for fewer than two values."""
        if not self.count:
            return {"count": 0, "mean": None, "std": None, "low": None, "high": None}
        std = math.sqrt(self._squares / (self.count - 1)) if self.count > 1 else None
        return {"count": self.count, "mean": self.mean, "std": std, "low": self.low, "high": self.high}


@dataclass
class Group:
    """The runs that share the values `by`, each with the number of its type in `_TYPES`."""

    by: tuple[tuple[int, Any], ...]
    sums: list[Sums]
    count: int = 0


# Of types in the order in which their values stand in a list; what is missing comes last.
_TYPES = (NUMBER, TEXT, BOOLEAN, "missing")
_MISSING = (_TYPES.index("missing"), None)


def groups(
    identity: Identity,
    limit: int,
    cursor: str | None = None,
    *,
    by: Sequence[str],
    summary: Sequence[str] = (),
    sort: str | None = None,
    **choice: Any,
) -> Page:
    """Return groups of the runs of a `Choice`: those with equal values of the fields `by`.

    A list and an object count as text. A run with several tags is in the group of each. `summary`: fields with
    numbers, such as `metrics.val.accuracy.max`; NaN and infinities are left out of their sums. `sort`: one of `by`,
    one of `summary`, by its mean, or `count`; the smallest first, with `-` the greatest.
    Raises InvalidExpression where a filter or a field cannot be read.
    """
    if not 1 <= len(by) <= MAX_BY or len(summary) > MAX_GROUP_SUMMARIES:
        raise InvalidValue(f"use 1 to {MAX_BY} fields in by, and at most {MAX_GROUP_SUMMARIES} in summary")
    order, about = _order(by, summary, sort), ("groups", list(by), list(summary), sort)
    found = _collected(_runs(identity, by, summary, choice), len(summary))
    ranked = sorted(((order(group), group) for group in found), key=lambda one: one[0])
    if cursor is not None:
        ranked = _behind(ranked, cursor, about)
    rows = [_row(group, by, summary) for _, group in ranked[:limit]]
    return Page(rows, write_cursor(ranked[limit - 1][0], *about) if len(ranked) > limit else None)


def _runs(
    identity: Identity, by: Sequence[str], summary: Sequence[str], choice: dict[str, Any]
) -> Iterator[tuple[list[list[tuple[int, Any]]], Sequence[float | None]]]:
    """Yield of each run its values of each field in `by`, mostly one, and its numbers."""
    sources = Sources(utc_now())
    fields = [_grouping(sources, text) for text in by]
    numbers = [_number(sources, text) for text in summary]
    condition = Choice(**choice).of(identity, sources)
    columns = [*chain(*(of.values() for of in fields)), *numbers]
    query = TrainingRun.select(*(column.alias(f"c{no}") for no, column in enumerate(columns))).join(Project)
    for row in sources.join(query).where(condition).tuples().iterator():
        values = iter(row)
        yield [_values(list(of), list(islice(values, len(of)))) for of in fields], tuple(values)


def _grouping(sources: Sources, text: str) -> dict[str, Any]:
    """Return the columns of a field to group by, by type."""
    name = read_field("by", text)
    value = sources.value("by", text, name)
    if TIME in value.of:
        raise refusal("by", text, name.place, "hardly two runs share a time; group by another field")
    return {"tags": TrainingRun.tags} if value.each else value.of


def _number(sources: Sources, text: str) -> Any:
    name = read_field("summary", text)
    value = sources.value("summary", text, name)
    if NUMBER not in value.of:
        raise refusal("summary", text, name.place, "this has no mean; use a number: metrics.val.accuracy.max")
    return value.of[NUMBER]


def _values(kinds: list[str], columns: list[Any]) -> list[tuple[int, Any]]:
    if kinds == ["tags"]:
        return [(_TYPES.index(TEXT), tag) for tag in sorted(set(orjson.loads(columns[0])))] or [_MISSING]
    there = ((_TYPES.index(kind), value) for kind, value in zip(kinds, columns, strict=True) if value is not None)
    return [next(there, _MISSING)]


def _collected(runs: Iterable[Any], width: int) -> list[Group]:
    groups: dict[Any, Group] = {}
    for values, numbers in runs:
        for key in product(*values):
            group = groups.get(key) or groups.setdefault(key, Group(key, [Sums() for _ in range(width)]))
            group.count += 1
            for sums, number in zip(group.sums, numbers, strict=True):
                if number is not None and math.isfinite(number):
                    sums.add(number)
    return list(groups.values())


def _order(by: Sequence[str], summary: Sequence[str], sort: str | None) -> Callable[[Group], list[Any]]:
    """Return what ranks a group: lists and plain values, which a cursor can hold. Equals are in the order of `by`."""
    falls = sort is not None and sort.startswith("-")
    text = None if sort is None else sort.removeprefix("-")

    def first(group: Group) -> list[Any]:
        if text is None:
            return []
        if text == "count":
            return _rank((0, float(group.count)), falls)
        if text in by:
            return _rank(group.by[by.index(text)], falls)
        sums = group.sums[summary.index(text)]
        return _rank((0, sums.mean) if sums.count else _MISSING, falls)

    if text is not None and text not in ("count", *by, *summary):
        choices = ", ".join(("count", *by, *summary))
        raise InvalidValue(
            f"sort {sort!r} is nothing that groups have here; use one of {choices}, with - in front or not"
        )
    return lambda group: [first(group), *(_rank(value, False) for value in group.by)]


def _rank(value: tuple[int, Any], falls: bool) -> list[Any]:
    """Return a list that sorts as the value does: numbers, text, truth, and what is missing last, either way."""
    kind, plain = value
    if _TYPES[kind] == NUMBER:
        plain = -plain if falls else plain
        # JSON has no infinities.
        return [kind, 0, plain] if math.isfinite(plain) else [kind, 1 if plain > 0 else -1, 0]
    if _TYPES[kind] == TEXT and falls:  # what is longer comes first, so an end is more than any character
        return [kind, [*(-ord(char) for char in plain), 1]]
    if _TYPES[kind] == BOOLEAN:
        return [kind, (plain == "true") != falls]
    return [kind, plain or ""]


def _behind(ranked: list[tuple[list[Any], Group]], cursor: str, about: tuple[Any, ...]) -> list[Any]:
    rank = read_cursor(cursor, *about)
    try:
        return [one for one in ranked if one[0] > rank]
    except TypeError:
        raise foreign(cursor) from None


def _row(group: Group, by: Sequence[str], summary: Sequence[str]) -> Row:
    told = {NUMBER: encode_number, BOOLEAN: lambda value: value == "true"}
    values = [told.get(_TYPES[kind], lambda value: value)(value) for kind, value in group.by]
    return {
        "by": dict(zip(by, values, strict=True)),
        "count": group.count,
        "summaries": {text: sums.row() for text, sums in zip(summary, group.sums, strict=True)},
    }
