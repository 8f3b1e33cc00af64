"""A writer's start record: it makes the writer, and what is missing of run, project and user."""

import datetime
from typing import Any

import orjson
import peewee

from prevue_core import contract
from prevue_core.contract import check_label
from prevue_core.db.accounts import INGEST, OPEN, Identity, may
from prevue_core.db.ingest.environment import go_on
from prevue_core.db.ingest.fields import (
    Record,
    json_object,
    optional_int,
    rank_of,
    reason_of,
    tags_of,
    text_of,
    time_of,
)
from prevue_core.db.models import Event, Project, TrainingRun, User, Writer, utc_now
from prevue_core.errors import InvalidValue, Missing, RecordRefused


def open_writer(identity: Identity, run_id: str, writer_id: str, start: Record) -> bool:
    """Make the rows of a writer and of all it needs: run, project, user. Raises RecordRefused, or Missing.

    Return whether the run runs from now on: it is new, or goes on after its end.
    """
    try:
        uid = check_label("uid", start.get("uid"))  # a label, no proof: where there are accounts, the token decides
        user = _ensure(User, username=uid) if identity == OPEN else User.get_by_id(identity.user_id)
        project = _project_of(identity, user, start)
        if project.deleted_at is not None:  # a new run brings it back, without the runs that went with it
            Project.update(deleted_at=None).where(Project.project_id == project.project_id).execute()
        host = start.get("host")
        process = {
            "host": None if host is None else check_label("host", host),
            "pid": optional_int("pid", start.get("pid")),
        }
        goes_on = _join_run(run_id, project, user, start, process)
        writer = Writer.insert(
            writer_id=writer_id,
            run_id=run_id,
            rank=rank_of(start.get("rank", 0)),
            world_size=optional_int("world_size", start.get("world_size")),
            started_at=time_of(start, utc_now()),
            heard_at=utc_now(),
            **process,
        )
        is_made = bool(writer.on_conflict_ignore().as_rowcount().execute())  # not by one who sent the same just now
    except (InvalidValue, RecursionError) as error:  # without a project and a user the records have no place at all
        raise RecordRefused(f"the start record cannot be accepted: {reason_of(error)}") from error
    return goes_on or (is_made and Writer.select().where(Writer.run_id == run_id).count() == 1)


def may_log_into(identity: Identity, project_name: str) -> bool:
    """Return whether `identity` may log into a project, as a start record names it. Raises InvalidValue."""
    owner, _, name = contract.check_project(project_name).rpartition("/")
    if identity == OPEN or not may(identity, INGEST):
        return identity == OPEN
    owner = owner or identity.username or ""
    project = Project.select().join(User).where(User.username == owner, Project.project_name == name).first()
    if project is None:  # it is made, unless the token is bound to another
        return owner == identity.username and identity.project_id is None
    return may(identity, INGEST, project.project_id)


def _project_of(identity: Identity, user: User, start: Record) -> Project:
    """Return the project to log to. It is made if it is missing and the user's own, in open mode whosever it is."""
    owner, _, name = contract.check_project(start.get("project")).rpartition("/")
    is_own = owner in ("", user.username)
    if is_own:
        return _ensure(Project, user=user, project_name=name)
    if identity == OPEN:
        return _ensure(Project, user=_ensure(User, username=owner), project_name=name)
    project = Project.select().join(User).where(User.username == owner, Project.project_name == name).first()
    if project is None or not may(identity, INGEST, project.project_id):
        raise Missing(f"project {owner}/{name} does not exist, or is not yours to log to")
    return project


def _join_run(run_id: str, project: Project, user: User, start: Record, process: dict[str, Any]) -> bool:
    """Make the row of a run, or find it; return whether the run goes on after its end."""
    now = utc_now()
    time = time_of(start, now)
    name = start.get("run_name")
    group = start.get("group")
    insert = TrainingRun.insert(
        run_id=run_id,
        project=project,
        user=user,
        run_name=run_id[-12:] if name is None else check_label("run_name", name),
        config=json_object("config", start.get("config", {})),
        environment=_environment(start),
        tags=tags_of(start.get("tags", [])),
        notes=text_of("notes", start.get("notes") or ""),
        run_group=None if group is None else check_label("group", group),
        started_at=time,
        heard_at=now,
    )
    if insert.on_conflict_ignore().as_rowcount().execute():
        _give_color(run_id, project)
        return False
    # A further writer of a run that ended goes on with it, unless it began before that end and is only heard of late.
    goes_on = TrainingRun.update(state=contract.RUNNING, finished_at=None).where(
        TrainingRun.run_id == run_id, TrainingRun.finished_at <= time
    )
    if had_ended := bool(goes_on.execute()):
        go_on(run_id)
    if (had_ended or _was_lost(run_id, time)) and not _is_known(run_id, process):
        text = f"on {process['host']}" if process["host"] else ""
        Event.create(run_id=run_id, time=time, kind=contract.RESUMED, text=text)
    return had_ended


def _was_lost(run_id: str, time: datetime.datetime) -> bool:
    silent = TrainingRun.heard_at <= time - datetime.timedelta(seconds=contract.LOST_AFTER_S)
    return TrainingRun.select().where(TrainingRun.run_id == run_id, TrainingRun.finished_at.is_null(), silent).exists()


def _is_known(run_id: str, process: dict[str, Any]) -> bool:
    """Return whether the process that begins has logged to the run before, such as one that trains and then tests."""
    is_it = (Writer.host == process["host"]) & (Writer.pid == process["pid"])
    return Writer.select().where(Writer.run_id == run_id, is_it).exists()


def _give_color(run_id: str, project: Project) -> None:
    """Give a new run the next color of its project, which counts them: its runs may lie on several machines."""
    of_project = Project.project_id == project.project_id
    Project.update(next_color=Project.next_color + 1).where(of_project).execute()
    color = Project.select(Project.next_color - 1).where(of_project)
    TrainingRun.update(color=color).where(TrainingRun.run_id == run_id).execute()


def _environment(start: Record) -> str:
    """Return where the run runs, with the connector that brought it: a run without a model keeps it nowhere else."""
    environment = orjson.loads(json_object("environment", start.get("environment", {})))
    if (connector_name := start.get("connector_name")) is not None:
        environment["connector_name"] = check_label("connector_name", connector_name)
    return orjson.dumps(environment, option=orjson.OPT_SORT_KEYS).decode()


def _ensure(table: type[peewee.Model], **key: Any) -> Any:
    """Return the row of `key`, made if it is missing; several processes may ask at once."""
    where = [getattr(table, name) == value for name, value in key.items()]
    if (row := table.get_or_none(*where)) is None:
        table.insert(**key).on_conflict_ignore().execute()
        row = table.get(*where)
    return row
