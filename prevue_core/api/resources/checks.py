"""Method checks: what looks wrong with how a model was trained or tested, and which of that is silent where."""

import uuid
from typing import Any

import marshmallow as ma

from prevue_core.api import checking, derived
from prevue_core.api.blueprint import Blueprint, found, identity
from prevue_core.checks import EVALUATION, MAX_SILENCED, RUN
from prevue_core.contract import MAX_INT64
from prevue_core.db import editing, queries
from prevue_core.db.accounts import READ, WRITE
from prevue_core.db.queries import facts

blueprint = Blueprint("checks", __name__, description="What looks wrong with how a model was trained or tested")


class CheckSchema(ma.Schema):
    code = ma.fields.String(required=True, metadata={"description": "by which it is silenced"})
    title = ma.fields.String(required=True)
    of = ma.fields.String(required=True, validate=ma.validate.OneOf((RUN, EVALUATION)))
    page = ma.fields.String(
        required=True,
        metadata={"description": "path below this server, where the check, its bounds and sources are told"},
    )


class KnownCheckSchema(CheckSchema):
    about = ma.fields.String(required=True, metadata={"description": "Markdown: when it speaks, and what to do then"})


class CheckLineSchema(CheckSchema):
    state = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(checking.STATES),
        metadata={"description": "failed: the check itself is broken; the others stand"},
    )
    why = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "one paragraph with the numbers it saw; of a failed one why"},
    )
    silenced_in = ma.fields.List(ma.fields.String(validate=ma.validate.OneOf(("run", "project"))), required=True)


class KnownChecksSchema(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(KnownCheckSchema), required=True)


class ChecksSchema(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(CheckLineSchema), required=True)


class SilenceSchema(ma.Schema):
    """Which checks are to be silent, and which to speak again; others stay as they are."""

    silence = ma.fields.List(ma.fields.String(), load_default=(), validate=ma.validate.Length(max=MAX_SILENCED))
    hear = ma.fields.List(ma.fields.String(), load_default=(), validate=ma.validate.Length(max=MAX_SILENCED))


class SilencedSchema(ma.Schema):
    silenced = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "codes, from now on"})


@blueprint.route("/checks", action=READ)
@blueprint.response(200, KnownChecksSchema)
def list_known_checks() -> queries.Row:
    """List the method checks that there are

    Those of this server and of its plugins, whatever they see.
    """
    return {"items": [{**checking.told(check), "about": check.about} for check in checking.known()]}


@blueprint.route("/runs/<uuid:run_id>/checks", action=READ)
@blueprint.response(200, ChecksSchema)
def list_checks_of_run(run_id: uuid.UUID) -> queries.Row:
    """List what the method checks say of a run's training

    A line each, by its curves, configuration and tables as they are now. Alerts that are silenced have one, too.
    """
    return {"items": checking.of_run(found(queries.run(identity(), str(run_id)), f"run {run_id}"))}


@blueprint.route("/runs/<uuid:run_id>/checks", action=WRITE, methods=["PATCH"])
@blueprint.arguments(SilenceSchema)
@blueprint.response(200, SilencedSchema)
def silence_checks_of_run(wanted: dict[str, Any], run_id: uuid.UUID) -> queries.Row:
    """Silence method checks in a run

    In its evaluations, too. Alerts are silenced by `alert.` and their cause, such as `alert.stalled`.
    """
    found(queries.run(identity(), str(run_id)), f"run {run_id}")
    checking.refuse_unknown(wanted["silence"])
    editing.silence_in_run(identity(), str(run_id), wanted["silence"], wanted["hear"])
    return {"silenced": facts.silenced_in_run(str(run_id))}


@blueprint.route(f"/projects/<int(max={MAX_INT64}):project_id>/checks", action=WRITE, methods=["PATCH"])
@blueprint.arguments(SilenceSchema)
@blueprint.response(200, SilencedSchema)
def silence_checks_of_project(wanted: dict[str, Any], project_id: int) -> queries.Row:
    """Silence method checks in all runs of a project"""
    checking.refuse_unknown(wanted["silence"])
    editing.silence_in_project(identity(), project_id, wanted["silence"], wanted["hear"])
    return {"silenced": facts.silenced_in_project(project_id)}


@blueprint.route(f"/runs/<uuid:run_id>/evaluations/<int(max={MAX_INT64}):evaluation_id>/checks", action=READ)
@blueprint.response(200, ChecksSchema)
def list_checks_of_evaluation(run_id: uuid.UUID, evaluation_id: int) -> queries.Row:
    """List what the method checks say of an evaluation

    A line each, by the samples that have come.
    """
    evaluation = derived.evaluation(run_id, evaluation_id)
    derived.samples(str(run_id), evaluation_id)  # 404 where none has come
    run = found(queries.run(identity(), str(run_id)), f"run {run_id}")
    return {"items": checking.of_evaluation(run, evaluation)}
