"""Projects: what users work on."""

from typing import Any

import marshmallow as ma

from prevue_core.api.blueprint import Blueprint, found, identity
from prevue_core.api.fields import PageArguments, TimeField, has_no_nul, page_of, shelf_argument
from prevue_core.contract import MAX_INT64
from prevue_core.db import queries
from prevue_core.db.accounts import READ

blueprint = Blueprint("projects", __name__, description="What users work on")


class ProjectSchema(ma.Schema):
    project_id = ma.fields.Integer(required=True)
    project_name = ma.fields.String(required=True)
    user = ma.fields.String(required=True, metadata={"description": "name of the owner"})
    model_id = ma.fields.Integer(
        required=True, allow_none=True, metadata={"description": "the model in use: of the run described last"}
    )
    visibility = ma.fields.String(required=True)
    created_at = TimeField(required=True)
    archived_at = TimeField(required=True, allow_none=True)
    deleted_at = TimeField(required=True, allow_none=True)


class ProjectsArguments(PageArguments):
    user = ma.fields.String(load_default=None, validate=has_no_nul, metadata={"description": "name of the owner"})
    name = ma.fields.String(
        load_default=None, validate=has_no_nul, metadata={"description": "the project's whole name"}
    )
    shelf = shelf_argument()


@blueprint.route("/projects", action=READ)
@blueprint.arguments(ProjectsArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(ProjectSchema))
def list_projects(**arguments: Any) -> queries.Page:
    """List projects

    The newest first.
    """
    return queries.projects(identity(), **arguments)


@blueprint.route(f"/projects/<int(max={MAX_INT64}):project_id>", action=READ)
@blueprint.response(200, ProjectSchema)
def get_project(project_id: int) -> queries.Row:
    """Get one project"""
    return found(queries.project(identity(), project_id), f"project {project_id}")
