"""What happens to runs that others are told of: a new state, or an alert. Most of it is a row of `events`, too."""

import datetime
from dataclasses import dataclass

from prevue_core.contract import LOST
from prevue_core.db.models import Event

ALERT = "alert"  # the kind of an event; the others are called as the state that they lead to


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


def was_told_lost(run_id: str, heard_at: datetime.datetime) -> bool:
    """Return whether the run was found lost after it was last heard of."""
    return Event.select().where(Event.run_id == run_id, Event.kind == LOST, Event.time > heard_at).exists()
