"""Runs: trainings and tests of a model in a project."""

import uuid
from typing import Any

import marshmallow as ma

from prevue_core.api.blueprint import Blueprint, found, identity
from prevue_core.api.fields import NumberField, PageArguments, TimeField, has_no_nul, is_int64, page_of, shelf_argument
from prevue_core.contract import RUN_STATES
from prevue_core.db import queries
from prevue_core.db.accounts import READ

blueprint = Blueprint("runs", __name__, description="Trainings and tests of a model in a project")


class RunSchema(ma.Schema):
    run_id = ma.fields.UUID(required=True)
    run_name = ma.fields.String(required=True)
    project_id = ma.fields.Integer(required=True)
    project_name = ma.fields.String(required=True)
    user = ma.fields.String(required=True, metadata={"description": "name of the user who started it"})
    model_id = ma.fields.Integer(required=True, allow_none=True)
    state = ma.fields.String(required=True, validate=ma.validate.OneOf(RUN_STATES))
    config = ma.fields.Dict(required=True)
    environment = ma.fields.Dict(required=True)
    tags = ma.fields.List(ma.fields.String(), required=True)
    notes = ma.fields.String(required=True)
    run_group = ma.fields.String(required=True, allow_none=True)
    started_at = TimeField(required=True)
    heard_at = TimeField(required=True)
    finished_at = TimeField(required=True, allow_none=True)
    archived_at = TimeField(required=True, allow_none=True)
    deleted_at = TimeField(required=True, allow_none=True)


class RunDetailSchema(RunSchema):
    last_step = ma.fields.Integer(
        required=True, allow_none=True, metadata={"description": "the highest step of any series; null: none yet"}
    )


class SeriesSummarySchema(ma.Schema):
    series_no = ma.fields.Integer(required=True, metadata={"description": "0, 1, 2 ... in the order of beginning"})
    rank = ma.fields.Integer(required=True)
    split = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    kind = ma.fields.String(required=True, validate=ma.validate.OneOf(("loss", "metric")))
    count = ma.fields.Integer(required=True, metadata={"description": "steps with a value"})
    nan_count = ma.fields.Integer(required=True)
    inf_count = ma.fields.Integer(required=True)
    ninf_count = ma.fields.Integer(required=True)
    rewritten = ma.fields.Boolean(required=True, metadata={"description": "a step came twice; the later value counts"})
    first_step = ma.fields.Integer(required=True)
    first = NumberField(required=True)
    last_step = ma.fields.Integer(required=True)
    last = NumberField(required=True)
    low_step = ma.fields.Integer(required=True, allow_none=True)
    low = NumberField(required=True, allow_none=True, metadata={"description": "the smallest finite value"})
    high_step = ma.fields.Integer(required=True, allow_none=True)
    high = NumberField(required=True, allow_none=True, metadata={"description": "the greatest finite value"})


class RunsArguments(PageArguments):
    project_id = ma.fields.Integer(load_default=None, validate=is_int64)
    project_name = ma.fields.String(
        load_default=None, validate=has_no_nul, metadata={"description": "the project's whole name"}
    )
    user = ma.fields.String(
        load_default=None, validate=has_no_nul, metadata={"description": "name of the user who started the run"}
    )
    shelf = shelf_argument()


class RunSeriesSchema(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(SeriesSummarySchema), required=True)


@blueprint.route("/runs", action=READ)
@blueprint.arguments(RunsArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(RunSchema))
def list_runs(**arguments: Any) -> queries.Page:
    """List runs

    Those that started last come first.
    """
    return queries.runs(identity(), **arguments)


@blueprint.route("/runs/<uuid:run_id>", action=READ)
@blueprint.response(200, RunDetailSchema)
def get_run(run_id: uuid.UUID) -> queries.Row:
    """Get one run"""
    return found(queries.run(identity(), str(run_id)), f"run {run_id}")


@blueprint.route("/runs/<uuid:run_id>/series", action=READ)
@blueprint.response(200, RunSeriesSchema)
def list_series_of_run(run_id: uuid.UUID) -> dict[str, list[queries.Row]]:
    """List a run's series

    Each with its count, its first and last value and its extremes: what a table of runs shows.
    """
    found(queries.run(identity(), str(run_id)), f"run {run_id}")
    return {"items": queries.series_of(str(run_id))}
