"""The Flask application: resources, OpenAPI document, API page, errors."""

import threading
from typing import Any

import flask
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.middleware.proxy_fix import ProxyFix

from prevue_core import __version__
from prevue_core.api import auth, check_page, checking, limits, watching
from prevue_core.api.announcing import Announce
from prevue_core.api.blueprint import Api, request_id
from prevue_core.api.resources import (
    checks,
    comparisons,
    evaluation_pages,
    evaluations,
    events,
    export,
    health,
    models,
    projects,
    records,
    results,
    retention,
    runs,
    series,
    sessions,
    sizes,
    tokens,
    users,
    writers,
)
from prevue_core.db import connection
from prevue_core.logs import REQUEST_ID
from prevue_core.settings import ServerSettings

RESOURCES = (
    projects,
    runs,
    retention,
    models,
    series,
    results,
    evaluations,
    evaluation_pages,
    comparisons,
    checks,
    events,
    export,
    sizes,
    records,
    sessions,
    tokens,
    users,
    writers,
    health,
)


def create_app(
    settings: ServerSettings,
    *,
    is_on_network: bool = False,
    stopping: threading.Event | None = None,
    announce: Announce = lambda happenings: None,
) -> flask.Flask:
    """Return the backend over the database that `prevue_core.db.connection.connect` was called with.

    It asks for a login unless the settings say `open`. `is_on_network`: others than this machine reach it.
    `stopping`: set once the process is about to end. `announce` is given what happens to runs, once it is committed.
    """
    app = flask.Flask("prevue", static_folder=None)
    app.config.update(
        IS_OPEN=settings.auth == "open",
        IS_ON_NETWORK=is_on_network,
        DASHBOARD_URL=settings.dashboard_url,
        STOPPING=stopping or threading.Event(),
        TRASH_DAYS=settings.trash_days,
        LIMITS=settings.limits,
        ALERTS=settings.alerts,
        ANNOUNCE=announce,
        DISK_FULL_UNTIL=0.0,
        API_TITLE="Prevue",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={"info": {"description": _ABOUT}, "servers": [{"url": "/"}]},
    )
    watching.watch(app)  # first, to see all of a request
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=1)  # type: ignore[method-assign]
    # What costs least is asked first: a name, then size and a place, then who asks, for which the database is read.
    if settings.auth == "open":
        auth.guard_names(app, settings.allowed_hosts)
    limits.guard(app, settings.limits)
    auth.find_out(app, is_open=settings.auth == "open")
    api = Api(app)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "description": _BEARER})
    for module in RESOURCES:
        module.document(api.spec) if hasattr(module, "document") else None
        api.register_blueprint(module.blueprint)
    app.register_blueprint(get_swaggerui_blueprint("/api/docs", "/api/openapi.json", config=_API_PAGE))
    app.add_url_rule(checking.PAGE, "checks_page", check_page.page)
    app.add_url_rule("/", "root", lambda: flask.redirect(settings.dashboard_url or "/api/docs/"))
    app.after_request(_add_headers)
    app.teardown_appcontext(_hand_back_connection)
    return app


def _add_headers(response: flask.Response) -> flask.Response:
    response.headers[REQUEST_ID] = request_id()
    is_api_page = flask.request.path.startswith("/api/docs/")
    response.headers["Content-Security-Policy"] = _API_PAGE_POLICY if is_api_page else _POLICY
    response.headers.update(_HEADERS)
    if not is_api_page:
        response.headers["Cache-Control"] = "no-store"
    return response


_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_API_PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def _hand_back_connection(error: Any) -> None:
    # SQLite's connection stays with its thread: opening the file costs more than a query.
    if not connection.is_sqlite() and not connection.db.is_closed():
        connection.db.close()


# Swagger UI comes from its package: the page works without internet, and asks nobody else to judge the document.
_API_PAGE = {"app_name": "Prevue API", "layout": "BaseLayout", "validatorUrl": "none"}

_BEARER = "A token from `prevue token create`, or a session. A server in open mode needs none."

_ABOUT = """\
Prevue's backend: projects, their runs and models, the series that runs log, and the way in for records.

Lists come in pages: give `next` of one page as `cursor` for the following one. Times are UNIX seconds, UTC.
NaN and infinities are the texts `NaN`, `Infinity` and `-Infinity`. Every error is `application/problem+json`.
"""
