"""Runs: their list in pages, one of them, and what the series of one come to."""

from typing import Any

import orjson
import peewee

from prevue_core.contract import ACTIVE, LOST, LOST_AFTER_S, RUNNING
from prevue_core.db.accounts import Identity, in_reach
from prevue_core.db.models import Project, Series, TrainingRun, User, utc_now
from prevue_core.db.queries.pages import Page, Row, cut_page, first_of
from prevue_core.db.shelves import is_kept, on_shelf
from prevue_core.db.stored import to_float, to_unix


def runs(
    identity: Identity,
    limit: int,
    cursor: str | None = None,
    *,
    project_id: int | None = None,
    project_name: str | None = None,
    user: str | None = None,
    shelf: str = ACTIVE,
) -> Page:
    """Return the runs of a shelf, those that started last first."""
    query = _joined_runs().where(in_reach(identity), on_shelf(shelf))
    if project_id is not None:
        query = query.where(TrainingRun.project == project_id)
    if project_name is not None:
        query = query.where(Project.project_name == project_name)
    if user is not None:
        query = query.where(User.username == user)
    return cut_page(query, (TrainingRun.started_at, TrainingRun.run_id), limit, cursor, _run)


def run(identity: Identity, run_id: str) -> Row | None:
    """Return one run with its highest step, or None."""
    row = first_of(visible_runs(identity).where(TrainingRun.run_id == run_id), _run)
    if row is not None:
        row["last_step"] = Series.select(peewee.fn.MAX(Series.last_step)).where(Series.run_id == run_id).scalar()
    return row


def runs_in_reach(identity: Identity, run_ids: list[str]) -> list[str]:
    """Return those of `run_ids` that exist, in their order."""
    query = visible_runs(identity).where(TrainingRun.run_id.in_(run_ids))
    known = {str(row.run_id) for row in query}
    return [run_id for run_id in run_ids if run_id in known]


def series_of(run_id: str) -> list[Row]:
    """Return the sums of each series of a run, in the order in which they began."""
    query = Series.select().where(Series.run_id == run_id).order_by(Series.series_no)
    return [_series(row) for row in query]


def visible_runs(identity: Identity) -> "peewee.ModelSelect[Any]":
    """Return the query of all runs that `identity` may see, with their project and user."""
    return _joined_runs().where(is_visible(identity))


def _joined_runs() -> "peewee.ModelSelect[Any]":
    return TrainingRun.select(TrainingRun, Project, User).join(Project).switch(TrainingRun).join(User)


def is_visible(identity: Identity) -> Any:
    """Return the condition under which a run is there for `identity`, for every query that joins runs and `Project`."""
    return in_reach(identity) & is_kept()


def _run(row: Any) -> Row:
    return {
        "run_id": str(row.run_id),
        "run_name": row.run_name,
        "project_id": row.project_id,
        "project_name": row.project.project_name,
        "user": row.user.username,
        "model_id": row.model_id,
        "state": _state(row),
        "config": orjson.loads(row.config),
        "environment": orjson.loads(row.environment),
        "tags": orjson.loads(row.tags),
        "notes": row.notes,
        "run_group": row.run_group,
        "started_at": to_unix(row.started_at),
        "heard_at": to_unix(row.heard_at),
        **{
            name: None if (time := getattr(row, name)) is None else to_unix(time)
            for name in ("finished_at", "archived_at", "deleted_at")
        },
    }


def _state(row: Any) -> str:
    silence = utc_now() - row.heard_at
    return LOST if row.state == RUNNING and silence.total_seconds() > LOST_AFTER_S else str(row.state)


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
