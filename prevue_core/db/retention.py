"""Putting runs and projects away: into the archive, into the trash and back, and at last out of the tables.

What is deleted is hidden at once and lies in the trash, from where it can be restored. A purge removes it in
transactions of at most 5 000 rows, so that ingest never waits for long, and leaves a tombstone for each run: what a
writer of it still sends is refused for good. A purge that was broken off is taken up by the next.
"""

import datetime
import logging
import threading
from collections.abc import Iterator
from typing import Any

import peewee

from prevue_core.db.accounts import Identity, audit, in_reach
from prevue_core.db.connection import FAILURES, db, is_sqlite, writing
from prevue_core.db.models import (
    Evaluation,
    Event,
    Member,
    Metric,
    Prediction,
    Project,
    Result,
    Rollup,
    Series,
    Token,
    Tombstone,
    TrainingRun,
    Writer,
    utc_now,
)
from prevue_core.errors import Missing

PURGE_ROWS = 5_000  # in one transaction
PURGE_RESULTS = 100  # the same of results, which may have most of a megabyte each
PAUSE_S = 0.05  # between two of them, in which others write
EACH_S = 600.0  # the server looks into the trash
_LOCK_KEY = 7_238_466  # any number, the same for every backend of this PostgreSQL database

# What a run is made of, and what tells its rows apart. Writers go first: whoever sends afterwards meets the tombstone.
_PARTS: tuple[tuple[type[peewee.Model], tuple[Any, ...]], ...] = (
    (Writer, (Writer.writer_id,)),
    (Metric, (Metric.metric_id,)),
    (Rollup, (Rollup.series_no, Rollup.width, Rollup.bucket)),
    (Series, (Series.series_no,)),
    (Prediction, (Prediction.evaluation_id, Prediction.sample_no)),
    (Evaluation, (Evaluation.evaluation_id,)),
    (Result, (Result.result_id,)),
    (Event, (Event.event_id,)),
)

log = logging.getLogger("prevue.backend")


# runs


def archive_run(identity: Identity, run_id: str) -> None:
    """Take a run out of the lists; it stays readable, and its training may go on. Raises Missing."""
    with writing():
        change_run(identity, run_id, "run archived", TrainingRun.deleted_at.is_null(), archived_at=utc_now())


def delete_run(identity: Identity, run_id: str) -> datetime.datetime:
    """Put a run into the trash and return when. Its writers are refused from now on. Raises Missing."""
    now = utc_now()
    with writing():
        change_run(identity, run_id, "run deleted", TrainingRun.deleted_at.is_null(), deleted_at=now)
    return now


def restore_run(identity: Identity, run_id: str) -> None:
    """Bring a run back from the trash or the archive, and its project. Raises Missing, also once its purge began."""
    away = TrainingRun.deleted_at.is_null(False) | TrainingRun.archived_at.is_null(False)
    with writing():
        change_run(identity, run_id, "run restored", away & _is_whole(), deleted_at=None, archived_at=None)
        mine = TrainingRun.select(TrainingRun.project).where(TrainingRun.run_id == run_id)
        Project.update(deleted_at=None).where(Project.project_id.in_(mine), Project.deleted_at.is_null(False)).execute()


def change_run(identity: Identity, run_id: str, action: str, condition: Any, **changes: Any) -> None:
    """Change a run that meets `condition`, and note the `action`. Raises Missing where there is none."""
    reachable = Project.select(Project.project_id).where(in_reach(identity))
    query = TrainingRun.update(**changes).where(
        TrainingRun.run_id == run_id, TrainingRun.project.in_(reachable), condition
    )
    if not query.execute():
        raise Missing(f"run {run_id} does not exist")
    audit(identity.user_id, action, run_id)


def _is_whole() -> Any:
    """Return the condition under which no purge of a run has begun."""
    return ~peewee.fn.EXISTS(Tombstone.select().where(Tombstone.run_id == TrainingRun.run_id))


# projects


def archive_project(identity: Identity, project_id: int) -> None:
    """Take a project out of the list; it and its runs stay readable. Raises Missing."""
    with writing():
        _find_project(identity, project_id, Project.deleted_at.is_null())
        Project.update(archived_at=utc_now()).where(Project.project_id == project_id).execute()
        audit(identity.user_id, "project archived", str(project_id))


def delete_project(identity: Identity, project_id: int) -> datetime.datetime:
    """Put a project and all its runs into the trash and return when. Raises Missing.

    A new run in a project of that name brings the project back, without the runs that went with it.
    """
    now = utc_now()
    with writing():
        _find_project(identity, project_id, Project.deleted_at.is_null())
        # Runs before their project, the order in which ingest locks them.
        of_it = TrainingRun.project == project_id
        TrainingRun.update(deleted_at=now).where(of_it, TrainingRun.deleted_at.is_null()).execute()
        Project.update(deleted_at=now).where(Project.project_id == project_id).execute()
        audit(identity.user_id, "project deleted", str(project_id))
    return now


def restore_project(identity: Identity, project_id: int) -> None:
    """Bring a project back from the archive, or from the trash with the runs that went with it. Raises Missing."""
    away = Project.deleted_at.is_null(False) | Project.archived_at.is_null(False)
    with writing():
        project = _find_project(identity, project_id, away)
        if project.deleted_at is not None:
            went = (TrainingRun.project == project_id) & (TrainingRun.deleted_at == project.deleted_at)
            TrainingRun.update(deleted_at=None).where(went, _is_whole()).execute()
        Project.update(deleted_at=None, archived_at=None).where(Project.project_id == project_id).execute()
        audit(identity.user_id, "project restored", str(project_id))


def _find_project(identity: Identity, project_id: int, condition: Any) -> Any:
    project = Project.select().where(Project.project_id == project_id, in_reach(identity), condition).first()
    if project is None:
        raise Missing(f"project {project_id} does not exist")
    return project


# purge


def keep_purging(days: float, stop: threading.Event) -> None:
    """Purge what has lain in the trash for `days`, again and again until `stop` is set. For a thread of its own."""
    while True:
        try:
            with db.connection_context():
                for _ in purge(days):
                    if stop.wait(PAUSE_S):
                        return
        except FAILURES as error:
            log.warning("the trash could not be purged now: %s", str(error).split("\n")[0])
        if stop.wait(EACH_S):
            return


def purge(days: float) -> Iterator[int]:
    """Remove for good what was deleted more than `days` ago; yield after each transaction how many rows it removed.

    Backends of one PostgreSQL database leave it to the one that came first.
    """
    before = utc_now() - datetime.timedelta(days=days)
    for run_id in _due_runs(before):
        if not _bury(run_id, before):
            continue
        for table, key in _PARTS:
            while count := _remove_some(table, key, run_id):
                yield count
        with writing():
            TrainingRun.delete().where(TrainingRun.run_id == run_id).execute()
            audit(None, "run purged", str(run_id))
        yield 1
    for project_id in _due_projects(before):
        yield _remove_project(project_id, before)


def _due_runs(before: datetime.datetime) -> list[Any]:
    query = TrainingRun.select(TrainingRun.run_id).where(_is_due(before)).order_by(TrainingRun.deleted_at)
    return [row.run_id for row in query]


def _is_due(before: datetime.datetime) -> Any:
    projects = Project.select(Project.project_id).where(Project.deleted_at <= before)
    begun = TrainingRun.deleted_at.is_null(False) & ~_is_whole()
    return (TrainingRun.deleted_at <= before) | TrainingRun.project.in_(projects) | begun


def _is_first() -> bool:
    """Return whether no other backend purges at this moment, and keep it so until the transaction ends."""
    return is_sqlite() or bool(db.execute_sql("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK_KEY,)).fetchone()[0])


def _bury(run_id: Any, before: datetime.datetime) -> bool:
    """Leave a tombstone for a run, unless it was restored or another backend purges; return whether there is one."""
    deleted_at = peewee.fn.COALESCE(TrainingRun.deleted_at, TrainingRun.deleted_at.db_value(utc_now()))
    with writing():
        is_still_due = TrainingRun.update(deleted_at=deleted_at).where(TrainingRun.run_id == run_id, _is_due(before))
        if not _is_first() or not is_still_due.execute():
            return False
        Tombstone.insert(run_id=run_id).on_conflict_ignore().execute()
        return True


def _remove_some(table: Any, key: tuple[Any, ...], run_id: Any) -> int:
    most = PURGE_RESULTS if table is Result else PURGE_ROWS
    if is_sqlite():
        column = key[0] if len(key) == 1 else peewee.Tuple(*key)
        some = column.in_(table.select(*key).where(table.run_id == run_id).limit(most))
    else:
        # By their places: a planner that joins rows with themselves would read a large run whole, for each part.
        ctid = peewee.SQL("ctid")
        of_run = table.select(ctid).where(table.run_id == run_id).limit(most)
        some = peewee.Expression(ctid, "=", peewee.fn.ANY(peewee.fn.ARRAY(of_run)))
    with writing():
        if not _is_first():
            return 0
        if not is_sqlite():
            db.execute_sql("SET LOCAL enable_seqscan = off")
        count: int = table.delete().where(table.run_id == run_id, some).execute()
    return count


def _due_projects(before: datetime.datetime) -> list[int]:
    runs = TrainingRun.select().where(TrainingRun.project == Project.project_id)
    query = Project.select(Project.project_id).where(Project.deleted_at <= before, ~peewee.fn.EXISTS(runs))
    return [row.project_id for row in query]


def _remove_project(project_id: int, before: datetime.datetime) -> int:
    with writing():
        query = Project.select().where(Project.project_id == project_id, Project.deleted_at <= before)
        if (query if is_sqlite() else query.for_update()).first() is None:  # a new run has brought it back
            return 0
        count = sum(table.delete().where(table.project == project_id).execute() for table in (Token, Member))
        count += Project.delete().where(Project.project_id == project_id).execute()
        audit(None, "project purged", str(project_id))
        return count
