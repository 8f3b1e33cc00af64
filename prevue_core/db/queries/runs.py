"""Runs: their list, filtered and in any order, in pages; one of them, and what the series of one come to."""

import datetime
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from types import SimpleNamespace
from typing import Any

import orjson
import peewee

from prevue_core.contract import ACTIVE, SYSTEM_SPLIT
from prevue_core.db.accounts import Identity, in_reach
from prevue_core.db.connection import db, is_sqlite
from prevue_core.db.models import Project, Series, TrainingRun, User, utc_now
from prevue_core.db.queries.conditions import condition_of
from prevue_core.db.queries.fields import Sources, series_of_field, shown_state, sum_from
from prevue_core.db.queries.language import read_field, refusal
from prevue_core.db.queries.ordering import keys_of, order_of, read_position, write_position
from prevue_core.db.queries.pages import Page, Row
from prevue_core.db.shelves import is_kept, on_shelf
from prevue_core.db.stored import to_float, to_unix
from prevue_core.errors import InvalidValue

MAX_SUMMARIES = 100  # of each run in a list


@dataclass(frozen=True)
class Choice:
    """Which runs are asked for: of a project, a user, a shelf, and those that meet a filter."""

    project_id: int | None = None
    project_name: str | None = None
    user: str | None = None
    shelf: str = ACTIVE
    filter: str | None = None

    def of(self, identity: Identity, sources: Sources) -> Any:
        """Return the condition for queries that join `Project` and what `sources` need. Raises InvalidExpression."""
        terms = [in_reach(identity), on_shelf(self.shelf)]
        if self.project_id is not None:
            terms.append(TrainingRun.project == self.project_id)
        if self.project_name is not None:
            terms.append(Project.project_name == self.project_name)
        if self.user is not None:
            terms.append(sources.need(User).username == self.user)
        if self.filter is not None:
            terms.append(condition_of(sources, self.filter))
        return reduce(operator.and_, terms)


def runs(
    identity: Identity,
    limit: int,
    cursor: str | None = None,
    *,
    sort: Sequence[str] = (),
    summary: Sequence[str] = (),
    **choice: Any,
) -> Page:
    """Return the runs of a `Choice`; those that started last first, unless `sort` says otherwise.

    `summary`: fields such as `metrics.val.accuracy.max`, to come along in each run's `summaries`.
    Raises InvalidExpression where a filter or a field cannot be read.
    """
    position = read_position(cursor, *sort)
    sources = Sources(position.now)
    keys = keys_of(sources, sort)
    condition = Choice(**choice).of(identity, sources) & position.behind(keys)
    query = TrainingRun.select(*(key.expression.alias(f"k{no}") for no, key in enumerate(keys)))
    query = sources.join(query.join(Project)).where(condition).order_by(*order_of(keys)).limit(limit + 1)
    chosen: list[Any] = list(query.tuples())
    rows = _rows(identity, position.now, [str(key[-1]) for key in chosen[:limit]])
    if summary:
        _add_summaries(rows, summary)
    has_more = len(chosen) > limit
    return Page(rows, write_position(position.now, keys, chosen[limit - 1], *sort) if has_more else None)


def run(identity: Identity, run_id: str) -> Row | None:
    """Return one run with its highest step, or None."""
    found = _read(_joined_runs(utc_now()).where(is_visible(identity), TrainingRun.run_id == run_id))
    row = _run(found[0]) if found else None
    if row is not None:
        of_log = (Series.run_id == run_id) & (Series.split != SYSTEM_SPLIT)
        row["last_step"] = Series.select(peewee.fn.MAX(Series.last_step)).where(of_log).scalar()
    return row


def runs_in_reach(identity: Identity, run_ids: list[str]) -> list[str]:
    """Return those of `run_ids` that exist, in their order."""
    query = TrainingRun.select(TrainingRun.run_id).join(Project).where(is_visible(identity))
    known = {str(row.run_id) for row in query.where(TrainingRun.run_id.in_(run_ids))}
    return [run_id for run_id in run_ids if run_id in known]


def series_of(run_id: str) -> list[Row]:
    """Return the sums of each series of a run, in the order in which they began."""
    query = Series.select().where(Series.run_id == run_id).order_by(Series.series_no)
    return [_series(row) for row in query]


def is_visible(identity: Identity) -> Any:
    """Return the condition under which a run is there for `identity`, for every query that joins runs and `Project`."""
    return in_reach(identity) & is_kept()


def _joined_runs(now: datetime.datetime) -> "peewee.ModelSelect[Any]":
    columns = (Project.project_name, User.username, shown_state(now).alias("shown_state"))
    return TrainingRun.select(TrainingRun, *columns).join(Project).switch(TrainingRun).join(User)


def _rows(identity: Identity, now: datetime.datetime, run_ids: list[str]) -> list[Row]:
    """Return what is told of runs, in the order of their ids: a list is sorted without what is only shown."""
    query = _joined_runs(now).where(in_reach(identity), _is_among(TrainingRun.run_id, run_ids))
    rows = {row["run_id"]: row for row in map(_run, _read(query))}
    return [rows[run_id] for run_id in run_ids if run_id in rows]


def _read(query: "peewee.ModelSelect[Any]") -> list[SimpleNamespace]:
    """Return rows as the driver gives them, by column: to convert the values of a page takes Peewee as long again."""
    cursor = db.execute(query)
    names = [column[0] for column in cursor.description]
    return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _is_among(column: Any, run_ids: list[str]) -> Any:
    """Return the condition that a column is one of many ids. They are one value: Peewee takes 10 us for each."""
    if is_sqlite():
        return peewee.Expression(
            column, "IN", peewee.SQL("(SELECT value FROM json_each(?))", [orjson.dumps(run_ids).decode()])
        )
    return peewee.Expression(column, "=", peewee.SQL("ANY(%s::uuid[])", [run_ids]))


def _add_summaries(rows: list[Row], texts: Sequence[str]) -> None:
    """Give each run the sums that `texts` name, in one query for all; None: it has no such value."""
    if len(texts) > MAX_SUMMARIES:
        raise InvalidValue(f"{len(texts)} summaries are asked for; use at most {MAX_SUMMARIES}")
    asked = {text: _series_asked(text) for text in texts}
    of_series = [
        (Series.split == split) & (Series.name == name) & (Series.rank == rank)
        for split, name, rank in {key for key, _ in asked.values()}
    ]
    run_ids = [row["run_id"] for row in rows]
    query = Series.select().where(_is_among(Series.run_id, run_ids), reduce(operator.or_, of_series))
    found = {(str(row.run_id), (row.split, row.name, row.rank)): row for row in _read(query)}
    for row in rows:
        sums = {text: (found.get((row["run_id"], key)), sum_of) for text, (key, sum_of) in asked.items()}
        row["summaries"] = {
            text: None if series is None else sum_from(series, sum_of) for text, (series, sum_of) in sums.items()
        }


def _series_asked(text: str) -> tuple[tuple[str, str, int], str]:
    name = read_field("summary", text)
    if name.parts[0] != "metrics":
        raise refusal("summary", text, name.place, "a summary is of a series: metrics.val.accuracy.max")
    split, series, sum_of = series_of_field("summary", text, name)
    return (split, series, name.rank or 0), sum_of


def _run(row: Any) -> Row:
    return {
        "run_id": str(row.run_id),
        "run_name": row.run_name,
        "project_id": row.project_id,
        "project_name": row.project_name,
        "user": row.username,
        "model_id": row.model_id,
        "state": row.shown_state,
        "config": orjson.loads(row.config),
        "environment": orjson.loads(row.environment),
        "tags": orjson.loads(row.tags),
        "notes": row.notes,
        "run_group": row.run_group,
        "color": row.color,
        "started_at": to_unix(row.started_at),
        "heard_at": to_unix(row.heard_at),
        **{
            name: None if (time := getattr(row, name)) is None else to_unix(time)
            for name in ("finished_at", "archived_at", "deleted_at")
        },
    }


def _series(row: Any) -> Row:
    names = ("first", "last", "low", "high")
    return {
        **{name: getattr(row, name) for name in ("series_no", "rank", "split", "name", "kind", "count")},
        **{name: getattr(row, name) for name in ("nan_count", "inf_count", "ninf_count", "rewritten")},
        **{f"{name}_step": getattr(row, f"{name}_step") for name in names},
        # The first and the last value may be NaN, which SQLite keeps as NULL; low and high are finite or absent.
        "first": to_float(row.first_value),
        "last": to_float(row.last_value),
        "low": row.low_value,
        "high": row.high_value,
    }
