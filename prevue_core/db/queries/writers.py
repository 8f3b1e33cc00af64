"""Writers: the processes that log into a run, and how far each has come."""

import uuid
from typing import Any

import peewee

from prevue_core.contract import SYSTEM_SPLIT
from prevue_core.db.accounts import Identity
from prevue_core.db.models import Project, Series, TrainingRun, Writer
from prevue_core.db.queries.pages import Page, Row, cut_page
from prevue_core.db.queries.runs import is_visible
from prevue_core.db.stored import to_unix


def writers(
    identity: Identity, run_id: str, limit: int, cursor: str | None = None, *, rank: int | None = None
) -> Page | None:
    """Return the writers of a run, of one rank or of all, those that began last first; None: there is no such run."""
    visible = TrainingRun.select().join(Project).where(is_visible(identity), TrainingRun.run_id == run_id)
    if (run := visible.first()) is None:
        return None
    query = Writer.select().where(Writer.run_id == run_id)
    if rank is not None:
        query = query.where(Writer.rank == rank)
    page = cut_page(query, (Writer.started_at, Writer.writer_id), limit, cursor, _writer)
    last_steps = _last_steps(run_id, {row["rank"] for row in page.items})
    for row in page.items:
        row["last_step"] = last_steps.get(row["rank"])
        row["run_started_at"] = to_unix(run.started_at)
    return page


def _last_steps(run_id: str, ranks: set[int]) -> dict[int, int]:
    query = Series.select(Series.rank, peewee.fn.MAX(Series.last_step)).group_by(Series.rank)
    of_log = (Series.run_id == run_id) & (Series.split != SYSTEM_SPLIT)
    rows: Any = query.where(of_log, Series.rank.in_(ranks)).tuples()
    return dict(rows)


def _writer(row: Any) -> Row:
    return {
        "writer_id": str(uuid.UUID(str(row.writer_id))),
        **{name: getattr(row, name) for name in ("rank", "world_size", "host", "pid", "next_seq")},
        **{name: getattr(row, name) for name in ("stored", "missing", "rejected")},
        **{name: to_unix(getattr(row, name)) for name in ("started_at", "heard_at")},
    }
