"""Results: what runs log beside numbers, such as histograms, tables and images."""

import uuid
from typing import Any

import flask
import marshmallow as ma
from werkzeug.exceptions import NotFound

from prevue_core.api.blueprint import Blueprint, found, identity
from prevue_core.api.fields import PageArguments, TimeField, has_no_nul, is_int64, json_response, page_of
from prevue_core.contract import MAX_INT64
from prevue_core.db.accounts import READ
from prevue_core.db.queries import results
from prevue_core.db.queries.pages import Page

blueprint = Blueprint("results", __name__, description="What runs log beside numbers: histograms, tables, images")

_RANK = ma.validate.Range(0, 2**31 - 1)


class ResultSchema(ma.Schema):
    result_id = ma.fields.Integer(required=True)
    rank = ma.fields.Integer(required=True)
    split = ma.fields.String(required=True)
    kind = ma.fields.String(required=True, metadata={"description": "which fields its payload has"})
    name = ma.fields.String(required=True)
    step = ma.fields.Integer(required=True, allow_none=True, metadata={"description": "null: nothing was logged yet"})
    time = TimeField(required=True)
    payload_bytes = ma.fields.Integer(required=True, metadata={"description": "how large its payload is as JSON"})


class ResultDetailSchema(ResultSchema):
    payload = ma.fields.Dict(required=True, metadata={"description": "the fields of its kind"})


class ResultStepSchema(ResultSchema):
    payload = ma.fields.Dict(metadata={"description": "the fields of its kind, with `payload=true`"})


class ResultNameSchema(ma.Schema):
    kind = ma.fields.String(required=True)
    split = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    rank = ma.fields.Integer(required=True)
    count = ma.fields.Integer(required=True, metadata={"description": "those of steps that came again included"})
    first_step = ma.fields.Integer(required=True, allow_none=True)
    last_step = ma.fields.Integer(required=True, allow_none=True)
    last_result_id = ma.fields.Integer(required=True)


class ResultsArguments(PageArguments):
    kind = ma.fields.String(load_default=None, validate=has_no_nul, metadata={"description": "such as histogram"})
    name = ma.fields.String(load_default=None, validate=has_no_nul)
    split = ma.fields.String(load_default=None, validate=has_no_nul)
    step = ma.fields.Integer(load_default=None, validate=is_int64)


class StepsArguments(PageArguments):
    kind = ma.fields.String(required=True, validate=has_no_nul)
    name = ma.fields.String(required=True, validate=has_no_nul)
    split = ma.fields.String(required=True, validate=has_no_nul)
    rank = ma.fields.Integer(load_default=0, validate=_RANK)
    payload = ma.fields.Boolean(load_default=False, metadata={"description": "whether payloads come along"})


@blueprint.route("/runs/<uuid:run_id>/results", action=READ)
@blueprint.arguments(ResultsArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(ResultSchema))
def list_results(run_id: uuid.UUID, **arguments: Any) -> Page:
    """List the results of a run

    Without their payloads, those that came last first.
    """
    return _of_run(run_id, results.results(identity(), str(run_id), **arguments))


@blueprint.route("/runs/<uuid:run_id>/results/names", action=READ)
@blueprint.arguments(PageArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(ResultNameSchema))
def list_result_names(run_id: uuid.UUID, **arguments: Any) -> Page:
    """List the names of a run's results

    Each kind, split, name and rank once, with its steps; those that changed last first.
    """
    return _of_run(run_id, results.result_names(identity(), str(run_id), **arguments))


@blueprint.route("/runs/<uuid:run_id>/results/steps", action=READ)
@blueprint.arguments(StepsArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(ResultStepSchema))
def list_result_steps(
    run_id: uuid.UUID, kind: str, name: str, split: str, rank: int, **arguments: Any
) -> flask.Response:
    """List one result over its steps

    The first step first; of a step that was logged again the later result. With payloads, a page ends before they have
    more than 4 MiB together.
    """
    key = results.ResultKey(kind, split, name, rank)
    page = _of_run(run_id, results.result_steps(identity(), str(run_id), key, **arguments))
    return json_response({"items": page.items, "next": page.next})


@blueprint.route(f"/runs/<uuid:run_id>/results/<int(max={MAX_INT64}):result_id>", action=READ)
@blueprint.response(200, ResultDetailSchema)
def get_result(run_id: uuid.UUID, result_id: int) -> flask.Response:
    """Get one result with its payload"""
    return json_response(found(results.result(identity(), str(run_id), result_id), f"result {result_id}"))


def _of_run(run_id: uuid.UUID, page: Page | None) -> Page:
    if page is None:
        raise NotFound(f"run {run_id} does not exist")
    return page
