"""Health: whether the process is alive, whether it can work, and what it did. At the root, where probes look."""

import time

import flask
import marshmallow as ma

from prevue_core.api.blueprint import Blueprint, problem
from prevue_core.api.watching import figures_response
from prevue_core.db import schema
from prevue_core.db.accounts import READ

blueprint = Blueprint("health", __name__, description="Whether the server is alive and can work")
blueprint.url_prefix = None


class HealthSchema(ma.Schema):
    status = ma.fields.Constant("ok", required=True)


@blueprint.route("/healthz", action=None)
@blueprint.response(200, HealthSchema)
def is_alive() -> dict[str, str]:
    """Tell that the process is alive

    Asks no database: an outage of the database is no reason to restart the backend.
    """
    return {"status": "ok"}


@blueprint.route("/readyz", action=None)
@blueprint.response(200, HealthSchema)
def is_ready() -> dict[str, str] | flask.Response:
    """Tell whether requests can be served

    503 while the database is away or has no room to write, or its tables are not those of this version, and from when
    the server was told to stop.
    """
    if flask.current_app.config["STOPPING"].is_set():
        return problem(503, "the server is about to stop")
    if time.monotonic() < flask.current_app.config["DISK_FULL_UNTIL"]:
        return problem(503, "the database's disk is full; what is stored can be read")
    if not schema.is_ready():
        return problem(503, "the database does not answer, or `prevue db upgrade` has not been run")
    return {"status": "ok"}


@blueprint.route("/metrics", action=READ)
@blueprint.response(200, {"type": "string"}, content_type="text/plain")
def get_figures() -> flask.Response:
    """Get figures for Prometheus

    Requests by route and status with their times, and records by what became of them.
    """
    return figures_response()
