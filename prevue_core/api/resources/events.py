"""Events: what is marked on the curves of runs, such as checkpoints, alerts and gaps in their records."""

import uuid
from typing import Any

import marshmallow as ma

from prevue_core.api.blueprint import Blueprint, identity
from prevue_core.api.fields import PageArguments, TimeField, has_no_nul, page_of
from prevue_core.contract import ALERT_CAUSES, ALERT_LEVELS
from prevue_core.db.accounts import READ
from prevue_core.db.queries.events import events
from prevue_core.db.queries.pages import Page

blueprint = Blueprint("events", __name__, description="What is marked on the curves of runs")

MAX_RUNS = 100


class EventSchema(ma.Schema):
    event_id = ma.fields.Integer(required=True)
    run_id = ma.fields.UUID(required=True)
    step = ma.fields.Integer(required=True, allow_none=True)
    time = TimeField(required=True)
    kind = ma.fields.String(required=True, metadata={"description": "`alert`, `checkpoint`, `gap`, `failed` ..."})
    level = ma.fields.String(
        required=True,
        allow_none=True,
        validate=ma.validate.OneOf(ALERT_LEVELS),
        metadata={"description": "of an alert, else null"},
    )
    cause = ma.fields.String(
        required=True,
        allow_none=True,
        validate=ma.validate.OneOf(ALERT_CAUSES),
        metadata={"description": "of an alert that the server raised by itself, else null"},
    )
    text = ma.fields.String(required=True)


class EventsArguments(PageArguments):
    run_id = ma.fields.List(
        ma.fields.UUID(),
        required=True,
        validate=ma.validate.Length(1, MAX_RUNS),
        metadata={"description": "repeat it for several runs"},
    )
    kind = ma.fields.List(
        ma.fields.String(validate=has_no_nul),
        load_default=None,
        metadata={"description": "repeat it for several kinds; none: all"},
    )


@blueprint.route("/events", action=READ)
@blueprint.arguments(EventsArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(EventSchema))
def list_events(run_id: list[uuid.UUID], kind: list[str] | None, **arguments: Any) -> Page:
    """List the events of runs

    Those that came last first. Runs that do not exist, or are not yours to see, have none.
    """
    return events(identity(), list(map(str, run_id)), kinds=kind, **arguments)
