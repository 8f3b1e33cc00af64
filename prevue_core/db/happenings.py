"""What happens to runs that others are told of: a new state, or an alert. Most of it is a row of `events`, too."""

import datetime
from dataclasses import dataclass
from typing import Any

import orjson

from prevue_core.contract import ALERT, LOST
from prevue_core.db.models import Event, Project, TrainingRun, User
from prevue_core.db.stored import to_unix


@dataclass(frozen=True)
class Happening:
    """A run is running, lost, finished or failed from now on, or there is an alert."""

    run_id: str
    kind: str  # `alert` or a state
    time: datetime.datetime
    text: str = ""
    step: int | None = None
    level: str | None = None  # of an alert
    cause: str | None = None  # of an alert that the server raised by itself


def store(happening: Happening) -> None:
    """Store it as an event of the run."""
    Event.create(**vars(happening))


def is_silenced(run_id: str, cause: str) -> bool:
    """Return whether alerts of a cause are silenced in a run or its project: as a method check, by `alert.` + cause."""
    codes = TrainingRun.select(TrainingRun.silenced_checks, Project.silenced_checks).join(Project)
    found: Any = codes.where(TrainingRun.run_id == run_id).tuples().first()
    return any(f"{ALERT}.{cause}" in orjson.loads(silenced) for silenced in found)


def was_told_lost(run_id: str, heard_at: datetime.datetime) -> bool:
    """Return whether the run was found lost after it was last heard of."""
    return Event.select().where(Event.run_id == run_id, Event.kind == LOST, Event.time > heard_at).exists()


def run_of(happening: Happening) -> dict[str, Any] | None:
    """Return what is told of its run: `run_id`, `run_name`, `owner` and `project_name`, `user`, `state`, `started_at`.

    None where it was deleted.
    """
    owner = User.alias()
    query = (
        TrainingRun.select(TrainingRun, Project.project_name, User.username, owner.username.alias("owner"))
        .join(User)
        .switch(TrainingRun)
        .join(Project)
        .join(owner, on=(Project.user == owner.user_id))
        .where(TrainingRun.run_id == happening.run_id, TrainingRun.deleted_at.is_null())
    )
    row = query.objects().first()
    if row is None:
        return None
    return {
        "run_id": str(row.run_id),
        **{name: getattr(row, name) for name in ("run_name", "owner", "project_name", "state")},
        "user": row.username,
        "started_at": to_unix(row.started_at),
    }
