"""Results of runs: lists without what they hold, one with it, and one name over its steps."""

from dataclasses import dataclass, fields
from itertools import accumulate
from typing import Any

import orjson
import peewee

from prevue_core.contract import MIN_INT64
from prevue_core.db.accounts import Identity
from prevue_core.db.connection import reading
from prevue_core.db.models import Result
from prevue_core.db.queries.pages import Page, Row, cut_page
from prevue_core.db.queries.runs import runs_in_reach
from prevue_core.db.stored import to_unix
from prevue_core.errors import InvalidValue

MAX_PAYLOADS_BYTES = 4 << 20  # of the payloads in one page, unless the first alone has more

_HEAD = (
    Result.result_id, Result.rank, Result.split, Result.kind, Result.name, Result.step, Result.time,
    Result.payload_bytes,
)  # fmt: skip


@dataclass(frozen=True)
class ResultKey:
    """What is one result that changes from step to step."""

    kind: str
    split: str
    name: str
    rank: int = 0


def results(
    identity: Identity,
    run_id: str,
    limit: int,
    cursor: str | None = None,
    *,
    kind: str | None = None,
    split: str | None = None,
    name: str | None = None,
    step: int | None = None,
) -> Page | None:
    """Return the results of a run without their payloads, the latest first; None: there is no such run."""
    if not runs_in_reach(identity, [run_id]):
        return None
    query = Result.select(*_HEAD).where(Result.run_id == run_id)
    for column, value in ((Result.kind, kind), (Result.split, split), (Result.name, name), (Result.step, step)):
        if value is not None:
            query = query.where(column == value)
    return cut_page(query, (Result.result_id,), limit, cursor, _result)


def result(identity: Identity, run_id: str, result_id: int) -> Row | None:
    """Return one result with its payload, as the JSON text that it is stored as; or None."""
    if not runs_in_reach(identity, [run_id]):
        return None
    row = Result.select(*_HEAD, Result.payload).where(Result.run_id == run_id, Result.result_id == result_id).first()
    return None if row is None else {**_result(row), "payload": orjson.Fragment(row.payload)}


def result_names(identity: Identity, run_id: str, limit: int, cursor: str | None = None) -> Page | None:
    """Return what results a run has, each kind, split, name and rank once, the one that changed last first."""
    if not runs_in_reach(identity, [run_id]):
        return None
    key = (Result.kind, Result.split, Result.name, Result.rank)
    last = peewee.fn.MAX(Result.result_id)
    query = (
        Result.select(
            *key, last.alias("last_result_id"), peewee.fn.COUNT(Result.result_id).alias("count"),
            peewee.fn.MIN(Result.step).alias("first_step"), peewee.fn.MAX(Result.step).alias("last_step"),
        )
        .where(Result.run_id == run_id)
        .group_by(*key)
        .order_by(last.desc())
        .limit(limit + 1)
    )  # fmt: skip
    if cursor is not None:
        query = query.having(last < _number(cursor))
    found: list[Any] = list(query.dicts())
    return Page(found[:limit], str(found[limit - 1]["last_result_id"]) if len(found) > limit else None)


def result_steps(
    identity: Identity, run_id: str, key: ResultKey, limit: int, cursor: str | None = None, *, payload: bool = False
) -> Page | None:
    """Return one result over its steps, the first step first; of a step that came again the later one.

    With `payload` a page ends earlier where the payloads become many bytes. None: there is no such run.
    """
    if not runs_in_reach(identity, [run_id]):
        return None
    with reading():
        latest = _latest(run_id, key, limit + 1, cursor)
        rows = _rows(run_id, [result_id for _, result_id in latest[:limit]], payload)
    has_more = len(rows) < len(latest)
    return Page(rows, str(latest[len(rows) - 1][0]) if has_more else None)


def _latest(run_id: str, key: ResultKey, limit: int, cursor: str | None) -> list[tuple[int, int]]:
    """Return steps behind a cursor, rising, and the latest result of each."""
    step = peewee.fn.COALESCE(Result.step, MIN_INT64)  # one without a step comes first
    of_key = [getattr(Result, field.name) == getattr(key, field.name) for field in fields(key)]
    query = Result.select(step, peewee.fn.MAX(Result.result_id)).where(Result.run_id == run_id, *of_key)
    if cursor is not None:
        query = query.where(step > _number(cursor))
    found: Any = query.group_by(step).order_by(step).limit(limit).tuples()
    return list(found)


def _rows(run_id: str, ids: list[int], payload: bool) -> list[Row]:
    """Return results in the order of `ids`; with payloads as many as do not become too large together."""
    of_ids = (Result.run_id == run_id) & Result.result_id.in_(ids)
    heads = {row.result_id: row for row in Result.select(*_HEAD).where(of_ids)}
    if not payload:
        return [_result(heads[one]) for one in ids]
    sizes = accumulate(heads[one].payload_bytes for one in ids)
    kept = ids[: max(1, sum(size <= MAX_PAYLOADS_BYTES for size in sizes))]
    query = Result.select(Result.result_id, Result.payload).where(Result.run_id == run_id, Result.result_id.in_(kept))
    payloads = {row.result_id: row.payload for row in query}
    return [{**_result(heads[one]), "payload": orjson.Fragment(payloads[one])} for one in kept]


def _number(cursor: str) -> int:
    try:
        number = int(cursor)
    except ValueError:
        number = 2**63
    if not -(2**63) <= number < 2**63:
        raise InvalidValue(f"cursor {cursor[:100]!r} is not one that this server gave; leave it out to begin again")
    return number


def _result(row: Any) -> Row:
    names = ("result_id", "rank", "split", "kind", "name", "step", "payload_bytes")
    return {**{name: getattr(row, name) for name in names}, "time": to_unix(row.time)}
