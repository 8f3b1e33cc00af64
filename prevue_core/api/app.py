"""The Flask application: resources, OpenAPI document, API page, errors."""

from typing import Any

import flask
from flask_swagger_ui import get_swaggerui_blueprint

from prevue_core import __version__, contract
from prevue_core.api import auth
from prevue_core.api.blueprint import Api, request_id
from prevue_core.api.resources import health, models, projects, records, runs, series
from prevue_core.db import connection
from prevue_core.settings import ServerSettings

RESOURCES = (projects, runs, models, series, records, health)


def create_app(settings: ServerSettings) -> flask.Flask:
    """Return the backend over the database that `prevue_core.db.connection.connect` was called with."""
    app = flask.Flask("prevue", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=contract.MAX_BODY_BYTES,
        API_TITLE="Prevue",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={"info": {"description": _ABOUT}, "servers": [{"url": "/"}]},
    )
    auth.guard(app, settings.allowed_hosts)
    api = Api(app)
    for module in RESOURCES:
        module.document(api.spec) if hasattr(module, "document") else None
        api.register_blueprint(module.blueprint)
    app.register_blueprint(get_swaggerui_blueprint("/api/docs", "/api/openapi.json", config=_API_PAGE))
    app.add_url_rule("/", "root", lambda: flask.redirect(settings.dashboard_url or "/api/docs/"))
    app.after_request(_add_request_id)
    app.teardown_appcontext(_hand_back_connection)
    return app


def _add_request_id(response: flask.Response) -> flask.Response:
    response.headers["X-Request-ID"] = request_id()
    return response


def _hand_back_connection(error: Any) -> None:
    # SQLite's connection stays with its thread: the threads are few, and opening the file costs more than a query.
    if not connection.is_sqlite() and not connection.db.is_closed():
        connection.db.close()


# Swagger UI comes from its package: the page works without internet, and asks nobody else to judge the document.
_API_PAGE = {"app_name": "Prevue API", "layout": "BaseLayout", "validatorUrl": "none"}

_ABOUT = """\
Prevue's backend: projects, their runs and models, the series that runs log, and the way in for records.

Lists come in pages: give `next` of one page as `cursor` for the following one. Times are UNIX seconds, UTC.
NaN and infinities are the texts `NaN`, `Infinity` and `-Infinity`. Every error is `application/problem+json`.
"""
