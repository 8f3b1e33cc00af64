"""Writers: the processes that log into a run. What a training asks of its own run, and `prevue doctor` of any."""

import uuid
from typing import Any

import marshmallow as ma
from werkzeug.exceptions import NotFound

from prevue_core.api.blueprint import Blueprint, identity
from prevue_core.api.fields import PageArguments, TimeField, page_of
from prevue_core.db.accounts import INGEST, READ
from prevue_core.db.queries.pages import Page
from prevue_core.db.queries.writers import writers

blueprint = Blueprint("writers", __name__, description="The processes that log into a run")


class WriterSchema(ma.Schema):
    writer_id = ma.fields.UUID(required=True)
    rank = ma.fields.Integer(required=True)
    world_size = ma.fields.Integer(
        required=True, allow_none=True, metadata={"description": "ranks of its training; null: no launcher told"}
    )
    host = ma.fields.String(required=True, allow_none=True)
    pid = ma.fields.Integer(required=True, allow_none=True)
    started_at = TimeField(required=True)
    heard_at = TimeField(required=True)
    next_seq = ma.fields.Integer(required=True, metadata={"description": "the number of the record that comes next"})
    stored = ma.fields.Integer(required=True, metadata={"description": "of its records"})
    missing = ma.fields.Integer(
        required=True,
        metadata={"description": "records that will never come: dropped for want of room, damaged, or refused"},
    )
    rejected = ma.fields.Integer(required=True, metadata={"description": "records that could not be accepted"})
    run_started_at = TimeField(required=True)
    last_step = ma.fields.Integer(
        required=True,
        allow_none=True,
        metadata={
            "description": "the highest step that any writer of its rank has logged, samples of the machine left out; "
            "null: none yet"
        },
    )


class WritersArguments(PageArguments):
    rank = ma.fields.Integer(load_default=None, validate=ma.validate.Range(0, 2**31 - 1))


@blueprint.route("/runs/<uuid:run_id>/writers", action=(READ, INGEST))
@blueprint.arguments(WritersArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(WriterSchema))
def list_writers(run_id: uuid.UUID, **arguments: Any) -> Page:
    """List the writers of a run

    Those that began last come first. Who may log may ask, too: a training that goes on has to know where.
    """
    page = writers(identity(), str(run_id), **arguments)
    if page is None:
        raise NotFound(f"run {run_id} does not exist")
    return page
