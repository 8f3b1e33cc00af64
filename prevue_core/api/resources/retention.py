"""Putting runs and projects away: archive, trash, and back."""

import datetime
import uuid

import flask
import marshmallow as ma

from prevue_core.api.blueprint import Blueprint, found, identity
from prevue_core.api.fields import TimeField
from prevue_core.api.resources.projects import ProjectSchema
from prevue_core.api.resources.runs import RunDetailSchema
from prevue_core.contract import MAX_INT64
from prevue_core.db import queries, retention
from prevue_core.db.accounts import WRITE

blueprint = Blueprint("retention", __name__, description="Archive, trash, and back")

RUN = "/runs/<uuid:run_id>"
PROJECT = f"/projects/<int(max={MAX_INT64}):project_id>"


class DeletedSchema(ma.Schema):
    deleted_at = TimeField(required=True)
    restorable_until = TimeField(required=True)


@blueprint.route(f"{RUN}/archive", action=WRITE, methods=["POST"])
@blueprint.response(200, RunDetailSchema)
def archive_run(run_id: uuid.UUID) -> queries.Row:
    """Archive a run

    It is not in lists any more unless they are asked for the archive. It stays readable, and its training may go on.
    """
    retention.archive_run(identity(), str(run_id))
    return _run(run_id)


@blueprint.route(RUN, action=WRITE, methods=["DELETE"])
@blueprint.response(200, DeletedSchema)
def delete_run(run_id: uuid.UUID) -> queries.Row:
    """Delete a run

    It is hidden at once, and what its training still sends is refused with 410. It lies in the trash for some days,
    from where it can be restored; then its rows are removed.
    """
    return _deleted(retention.delete_run(identity(), str(run_id)))


@blueprint.route(f"{RUN}/restore", action=WRITE, methods=["POST"])
@blueprint.response(200, RunDetailSchema)
def restore_run(run_id: uuid.UUID) -> queries.Row:
    """Restore a run from the archive or the trash"""
    retention.restore_run(identity(), str(run_id))
    return _run(run_id)


@blueprint.route(f"{PROJECT}/archive", action=WRITE, methods=["POST"])
@blueprint.response(200, ProjectSchema)
def archive_project(project_id: int) -> queries.Row:
    """Archive a project

    It is not in the list of projects any more unless that is asked for the archive; its runs stay as they are.
    """
    retention.archive_project(identity(), project_id)
    return _project(project_id)


@blueprint.route(PROJECT, action=WRITE, methods=["DELETE"])
@blueprint.response(200, DeletedSchema)
def delete_project(project_id: int) -> queries.Row:
    """Delete a project with all its runs

    As a run is deleted. A new run in a project of the same name brings the project back, without the deleted runs.
    """
    return _deleted(retention.delete_project(identity(), project_id))


@blueprint.route(f"{PROJECT}/restore", action=WRITE, methods=["POST"])
@blueprint.response(200, ProjectSchema)
def restore_project(project_id: int) -> queries.Row:
    """Restore a project from the archive, or from the trash with the runs that were deleted with it"""
    retention.restore_project(identity(), project_id)
    return _project(project_id)


def _run(run_id: uuid.UUID) -> queries.Row:
    return found(queries.run(identity(), str(run_id)), f"run {run_id}")


def _project(project_id: int) -> queries.Row:
    return found(queries.project(identity(), project_id), f"project {project_id}")


def _deleted(deleted_at: datetime.datetime) -> queries.Row:
    days = datetime.timedelta(days=flask.current_app.config["TRASH_DAYS"])
    return {"deleted_at": queries.to_unix(deleted_at), "restorable_until": queries.to_unix(deleted_at + days)}
