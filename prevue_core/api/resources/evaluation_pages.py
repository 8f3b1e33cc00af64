"""What pages of evaluations need at once: those of all runs of a project, and samples as columns."""

import uuid
from typing import Any

import flask
import marshmallow as ma

from prevue_core.api import derived
from prevue_core.api.blueprint import Blueprint, found, identity
from prevue_core.api.fields import PageArguments, json_response, page_of
from prevue_core.api.resources.evaluations import EvaluationSchema
from prevue_core.contract import MAX_INT64
from prevue_core.db.accounts import READ
from prevue_core.db.queries import evaluations as queries
from prevue_core.db.queries import project
from prevue_core.db.queries.pages import Page

blueprint = Blueprint("evaluation_pages", __name__, description="Tests of models, as pages need them")


class ProjectEvaluationSchema(EvaluationSchema):
    run_name = ma.fields.String(required=True)


class ProjectEvaluationsArguments(PageArguments):
    evaluation_id = ma.fields.Integer(load_default=None, validate=ma.validate.Range(0, MAX_INT64))


class SampleColumnsSchema(ma.Schema):
    sample_no = ma.fields.List(ma.fields.Integer(), required=True)
    sample_id = ma.fields.List(ma.fields.String(allow_none=True), required=True)
    target = ma.fields.List(ma.fields.Raw(), required=True, metadata={"description": "numbers of classes, or values"})
    prediction = ma.fields.List(ma.fields.Raw(), required=True)
    sure = ma.fields.List(ma.fields.Float(), required=True, allow_none=True)
    order = ma.fields.Dict(required=True, metadata={"description": "of each sample, its place: worst, surest, unsure"})
    scores = ma.fields.Dict(
        required=True, allow_none=True, metadata={"description": "by number of a label, float64 in base64"}
    )
    slices = ma.fields.Dict(required=True, metadata={"description": "by name: values, and their numbers as codes"})
    features = ma.fields.Dict(required=True)
    total = ma.fields.Integer(required=True, metadata={"description": "samples that there are"})


@blueprint.route(f"/projects/<int(max={MAX_INT64}):project_id>/evaluations", action=READ)
@blueprint.arguments(ProjectEvaluationsArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(ProjectEvaluationSchema))
def list_project_evaluations(project_id: int, **arguments: Any) -> Page:
    """List the evaluations of a project's runs

    Those that came last first.
    """
    found(project(identity(), project_id), f"project {project_id}")
    return queries.project_evaluations(identity(), project_id, **arguments)


@blueprint.route(f"/runs/<uuid:run_id>/evaluations/<int(max={MAX_INT64}):evaluation_id>/columns", action=READ)
@blueprint.response(200, SampleColumnsSchema)
def get_sample_columns(run_id: uuid.UUID, evaluation_id: int) -> flask.Response:
    """Get samples as columns

    All of them; of more than 5,000 the worst, the surest mistakes and a fair picture of the rest.
    """
    row = derived.evaluation(run_id, evaluation_id)
    return json_response(derived.columns_of(str(run_id), evaluation_id, row["received_count"]))
