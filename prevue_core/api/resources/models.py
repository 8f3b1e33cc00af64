"""Models: named architectures of a framework."""

from typing import Any

import marshmallow as ma

from prevue_core.api.blueprint import Blueprint, found, identity
from prevue_core.api.fields import PageArguments, TimeField, has_no_nul, page_of
from prevue_core.contract import MAX_INT64
from prevue_core.db import queries
from prevue_core.db.accounts import READ

blueprint = Blueprint("models", __name__, description="Named architectures of a framework")


class ModelSchema(ma.Schema):
    model_id = ma.fields.Integer(required=True)
    model_name = ma.fields.String(required=True)
    connector_name = ma.fields.String(required=True)
    fingerprint = ma.fields.String(required=True, metadata={"description": "SHA-256 of the architecture"})
    created_at = TimeField(required=True)


class ModelDetailSchema(ModelSchema):
    architecture = ma.fields.Dict(
        required=True, metadata={"description": "framework, layers with shapes and parameter counts"}
    )


class ModelsArguments(PageArguments):
    connector_name = ma.fields.String(load_default=None, validate=has_no_nul, metadata={"description": "such as keras"})


@blueprint.route("/models", action=READ)
@blueprint.arguments(ModelsArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(ModelSchema))
def list_models(**arguments: Any) -> queries.Page:
    """List models

    The newest first, without their architecture.
    """
    return queries.models(identity(), **arguments)


@blueprint.route(f"/models/<int(max={MAX_INT64}):model_id>", action=READ)
@blueprint.response(200, ModelDetailSchema)
def get_model(model_id: int) -> queries.Row:
    """Get one model with its architecture"""
    return found(queries.model(identity(), model_id), f"model {model_id}")
