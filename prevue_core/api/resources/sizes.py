"""Sizes: what runs and projects take in the database."""

import uuid

import marshmallow as ma

from prevue_core.api.blueprint import Blueprint, found, identity
from prevue_core.contract import MAX_INT64
from prevue_core.db import queries, sizes
from prevue_core.db.accounts import READ

blueprint = Blueprint("sizes", __name__, description="What runs and projects take in the database")


class SizeSchema(ma.Schema):
    runs = ma.fields.Integer(required=True)
    points = ma.fields.Integer(required=True, metadata={"description": "as logged, those of equal steps included"})
    results = ma.fields.Integer(required=True, metadata={"description": "histograms, tables, images and the like"})
    bytes = ma.fields.Integer(
        required=True,
        metadata={"description": "estimated: the share of the points in what all points take, and what results hold"},
    )


@blueprint.route("/runs/<uuid:run_id>/size", action=READ)
@blueprint.response(200, SizeSchema)
def get_size_of_run(run_id: uuid.UUID) -> sizes.Share:
    """Tell what a run takes in the database"""
    found(queries.run(identity(), str(run_id)), f"run {run_id}")
    return sizes.size_of_run(identity(), str(run_id))


@blueprint.route(f"/projects/<int(max={MAX_INT64}):project_id>/size", action=READ)
@blueprint.response(200, SizeSchema)
def get_size_of_project(project_id: int) -> sizes.Share:
    """Tell what a project's runs take in the database

    Those in the archive too, those in the trash not.
    """
    found(queries.project(identity(), project_id), f"project {project_id}")
    return sizes.size_of_project(identity(), project_id)
