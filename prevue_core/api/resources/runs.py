"""Runs: trainings and tests of a model in a project."""

import uuid
from typing import Any

import flask
import marshmallow as ma

from prevue_core.api.blueprint import Blueprint, found, identity
from prevue_core.api.fields import (
    SCALAR,
    NumberField,
    PageArguments,
    TimeField,
    has_no_nul,
    is_int64,
    json_response,
    page_of,
    shelf_argument,
)
from prevue_core.contract import RUN_STATES, encode_number
from prevue_core.db import editing, queries
from prevue_core.db.accounts import READ, WRITE

blueprint = Blueprint("runs", __name__, description="Trainings and tests of a model in a project")

MAX_TAGS = 100
MAX_NOTES_CHARS = 100_000

_FILTER = (
    'such as `metrics.val.accuracy.max > 0.9 and config.lr < 1e-3 and state = "running"`. Fields: '
    f"{', '.join(f'`{name}`' for name in queries.single_fields())}, `config.<key>`, `env.<key>`, "
    f"`metrics.<split>.<name>.<{'|'.join(queries.SUMS)}>`. Signs: `= != < <= > >= ~ in`, `not in`, `and or not`, "
    "parentheses. Values: text in quotes, numbers, durations such as `2h`, `true`, `false`, `null`, `nan`, `inf`, "
    "`now - 2d`. A value that a run does not have, or of another type, meets no comparison but `!=`."
)


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
    color = ma.fields.Integer(
        required=True,
        metadata={"description": "what its colour is of: 0, 1, 2 ... in the order in which its project got runs"},
    )
    started_at = TimeField(required=True)
    heard_at = TimeField(required=True)
    finished_at = TimeField(required=True, allow_none=True)
    archived_at = TimeField(required=True, allow_none=True)
    deleted_at = TimeField(required=True, allow_none=True)


class RunDetailSchema(RunSchema):
    last_step = ma.fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "the highest step of any series but those of the split `system`; null: none yet"},
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


class ListedRunSchema(RunSchema):
    summaries = ma.fields.Dict(
        keys=ma.fields.String(),
        values=NumberField(allow_none=True),
        metadata={"description": "by the text of each `summary` asked for; null: the run has no such value"},
    )


class ChoiceArguments(PageArguments):
    """Which runs."""

    project_id = ma.fields.Integer(load_default=None, validate=is_int64)
    project_name = ma.fields.String(
        load_default=None, validate=has_no_nul, metadata={"description": "the project's whole name"}
    )
    user = ma.fields.String(
        load_default=None, validate=has_no_nul, metadata={"description": "name of the user who started the run"}
    )
    shelf = shelf_argument()
    filter = ma.fields.String(load_default=None, metadata={"description": _FILTER})


class RunsArguments(ChoiceArguments):
    sort = ma.fields.List(
        ma.fields.String(),
        load_default=(),
        validate=ma.validate.Length(max=queries.MAX_SORTS),
        metadata={
            "description": "a field, with `-` in front for the greatest first; repeat it to decide between equals. "
            "Runs without the value come last. None: `-started`"
        },
    )
    summary = ma.fields.List(
        ma.fields.String(),
        load_default=(),
        validate=ma.validate.Length(max=queries.MAX_SUMMARIES),
        metadata={"description": "such as `metrics.val.accuracy.max`, to come with each run; repeat it for several"},
    )


class GroupsArguments(ChoiceArguments):
    by = ma.fields.List(
        ma.fields.String(),
        required=True,
        validate=ma.validate.Length(1, queries.MAX_BY),
        metadata={"description": "a field whose equal values make a group, such as `config.lr`; repeat it for several"},
    )
    summary = ma.fields.List(
        ma.fields.String(),
        load_default=(),
        validate=ma.validate.Length(max=queries.MAX_GROUP_SUMMARIES),
        metadata={"description": "a field with numbers, to be summed up in each group; repeat it for several"},
    )
    sort = ma.fields.String(
        load_default=None,
        metadata={
            "description": "one of `by`, one of `summary` (by its mean) or `count`, with `-` in front for the greatest "
            "first. None: by the values of `by`"
        },
    )


class GroupSumsSchema(ma.Schema):
    count = ma.fields.Integer(required=True, metadata={"description": "runs with a finite value"})
    mean = ma.fields.Float(required=True, allow_none=True)
    std = ma.fields.Float(
        required=True, allow_none=True, metadata={"description": "of a sample; null for fewer than two values"}
    )
    low = ma.fields.Float(required=True, allow_none=True)
    high = ma.fields.Float(required=True, allow_none=True)


class GroupSchema(ma.Schema):
    by = ma.fields.Dict(
        keys=ma.fields.String(),
        values=ma.fields.Raw(metadata=SCALAR),
        required=True,
        metadata={"description": "the values that the runs share, by the text of each `by`; null: they have none"},
    )
    count = ma.fields.Integer(required=True, metadata={"description": "runs in the group"})
    summaries = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Nested(GroupSumsSchema), required=True)


class FieldsArguments(ma.Schema):
    project_id = ma.fields.Integer(required=True, validate=is_int64)


class FieldSchema(ma.Schema):
    field = ma.fields.String(required=True, metadata={"description": "as a filter has it: `config.optimizer.lr`"})
    types = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "number, text, boolean, time"})
    examples = ma.fields.List(
        ma.fields.Raw(metadata=SCALAR), required=True, metadata={"description": "those that most runs have first"}
    )
    run_count = ma.fields.Integer(required=True, metadata={"description": "of the project's last runs"})


class SeriesFieldSchema(ma.Schema):
    field = ma.fields.String(required=True, metadata={"description": "`metrics.val.loss`, to be ended by a sum"})
    split = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    kind = ma.fields.String(required=True, validate=ma.validate.OneOf(("loss", "metric")))
    run_count = ma.fields.Integer(required=True, metadata={"description": "of the project's last runs"})


class RunFieldsSchema(ma.Schema):
    fields_ = ma.fields.List(ma.fields.Nested(FieldSchema), required=True, data_key="fields", attribute="fields")
    series = ma.fields.List(ma.fields.Nested(SeriesFieldSchema), required=True)
    sums = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "what a series comes to"})


class RunEditsSchema(ma.Schema):
    """What to change; what is left out stays."""

    run_name = ma.fields.String()
    tags = ma.fields.List(ma.fields.String(), validate=ma.validate.Length(max=MAX_TAGS))
    notes = ma.fields.String(validate=[ma.validate.Length(max=MAX_NOTES_CHARS), has_no_nul])


class RunSeriesSchema(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(SeriesSummarySchema), required=True)


@blueprint.route("/runs", action=READ)
@blueprint.arguments(RunsArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(ListedRunSchema))
def list_runs(**arguments: Any) -> flask.Response:
    """List runs

    Those that started last come first, unless `sort` says otherwise. Pages neither skip nor repeat a run while others
    begin. A filter that cannot be read is answered with 422, the `position` of what is wrong and what is accepted.
    """
    page = queries.runs(identity(), **arguments)
    return json_response({"items": [_document(row) for row in page.items], "next": page.next})


def _document(row: queries.Row) -> queries.Row:
    if "summaries" in row:
        sums = row["summaries"].items()
        row["summaries"] = {text: None if value is None else encode_number(value) for text, value in sums}
    return row


@blueprint.route("/runs/groups", action=READ)
@blueprint.arguments(GroupsArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(GroupSchema))
def list_run_groups(**arguments: Any) -> queries.Page:
    """List groups of runs with equal values

    Each with its number of runs, and mean, standard deviation, lowest and highest of what they came to. A run with
    several tags is in the group of each.
    """
    return queries.groups(identity(), **arguments)


@blueprint.route("/runs/fields", action=READ)
@blueprint.arguments(FieldsArguments, location="query", as_kwargs=True)
@blueprint.response(200, RunFieldsSchema)
def list_run_fields(project_id: int) -> queries.Row:
    """List the fields that runs of a project can be asked for

    With types and examples, of the project's last runs: for completion while a filter is written.
    """
    found(queries.project(identity(), project_id), f"project {project_id}")
    return queries.run_fields(identity(), project_id)


@blueprint.route("/runs/<uuid:run_id>", action=READ)
@blueprint.response(200, RunDetailSchema)
def get_run(run_id: uuid.UUID) -> queries.Row:
    """Get one run"""
    return found(queries.run(identity(), str(run_id)), f"run {run_id}")


@blueprint.route("/runs/<uuid:run_id>", action=WRITE, methods=["PATCH"])
@blueprint.arguments(RunEditsSchema)
@blueprint.response(200, RunDetailSchema)
def edit_run(changes: dict[str, Any], run_id: uuid.UUID) -> queries.Row:
    """Change a run's name, tags or notes

    What its training sends later leaves them as they are.
    """
    editing.edit_run(identity(), str(run_id), **changes)
    return found(queries.run(identity(), str(run_id)), f"run {run_id}")


@blueprint.route("/runs/<uuid:run_id>/series", action=READ)
@blueprint.response(200, RunSeriesSchema)
def list_series_of_run(run_id: uuid.UUID) -> dict[str, list[queries.Row]]:
    """List a run's series

    Each with its count, its first and last value and its extremes: what a table of runs shows.
    """
    found(queries.run(identity(), str(run_id)), f"run {run_id}")
    return {"items": queries.series_of(str(run_id))}
