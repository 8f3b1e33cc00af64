"""The API's own versions of flask-smorest's classes: blueprints below /api/v1, errors as problem+json."""

import functools
import http
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import flask
import flask_smorest
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound

from prevue_core import contract, errors
from prevue_core.api import limits
from prevue_core.api.fields import ProblemSchema
from prevue_core.db.accounts import NOBODY, Identity, may
from prevue_core.db.connection import FAILURES, is_disk_full
from prevue_core.logs import REQUEST_ID, request_id_of

PREFIX = "/api/v1"
PROBLEM_JSON = "application/problem+json"
CHALLENGE = {"WWW-Authenticate": "Bearer"}  # with every 401
DISK_FULL_S = 30  # that the server calls itself not ready after a write found no room

log = logging.getLogger("prevue.api")


class Blueprint(flask_smorest.Blueprint):
    """A resource of the API."""

    def __init__(self, name: str, module: str, description: str) -> None:
        super().__init__(name, module, url_prefix=PREFIX, description=description)

    def route(self, rule: str, *, action: str | tuple[str, ...] | None, **options: Any) -> Callable[[Any], Any]:
        """Add a route for those who may do `action`, or one of several (None: for everybody).

        Generated clients call it by the function's name.
        """
        add = super().route(rule, **options)
        security: list[dict[str, list[str]]] = [{"bearer": []}] if action else []

        def decorate(function: Any) -> Any:
            documented = self.doc(operationId=function.__name__, security=security)(function)
            actions = (action,) if isinstance(action, str) else action
            return add(documented if actions is None else _asking(actions, documented))

        return decorate


def identity() -> Identity:
    """Return who asks; `auth.find_out` has found it out."""
    who: Identity = flask.g.identity
    return who


def need_accounts() -> None:
    """Answer 409 in open mode, where nobody logs in."""
    if flask.current_app.config["IS_OPEN"]:
        raise errors.NoAccounts("this server is open: it has no accounts, and needs no login")


def _asking(actions: tuple[str, ...], function: Any) -> Any:
    """Return `function` behind the question whether the asker may do one of `actions`.

    Objects are the queries' to guard.
    """

    @functools.wraps(function)
    def ask_first(*args: Any, **kwargs: Any) -> Any:
        if identity() == NOBODY:
            what = "the token is not known, or over" if flask.request.authorization else "no token was sent"
            return problem(401, f"{what}; `prevue login` gets one", headers=CHALLENGE)
        if not any(may(identity(), action) for action in actions):
            need_accounts()  # in open mode nothing is refused but the care for them
            needed = " or ".join(map(repr, actions))
            return problem(403, f"this needs {needed}, which your token or user does not have")
        return function(*args, **kwargs)

    return ask_first


class Api(flask_smorest.Api):
    """flask-smorest's Api, whose every error is problem+json, in answers and in the OpenAPI document."""

    ERROR_SCHEMA = ProblemSchema

    def _register_responses(self) -> None:
        # flask-smorest documents errors with the content type of answers and has no setting for another.
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM_JSON
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE

    def _register_error_handlers(self) -> None:
        self._app.register_error_handler(HTTPException, _http_error)
        self._app.register_error_handler(errors.PrevueError, _prevue_error)
        for failure in FAILURES:
            self._app.register_error_handler(failure, _database_error)


def problem(
    status: int,
    detail: str | None = None,
    *,
    type: str = "about:blank",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> flask.Response:
    """Return an error answer (RFC 9457)."""
    document = {"type": type, "title": http.HTTPStatus(status).phrase, "status": status, "request_id": request_id()}
    if detail:
        document["detail"] = detail
    response = flask.make_response({**document, **more}, status, headers or {})
    response.content_type = PROBLEM_JSON
    return response


def found(row: dict[str, Any] | None, what: str) -> dict[str, Any]:
    """Return `row`, or answer 404 where there is none."""
    if row is None:
        raise NotFound(f"{what} does not exist")
    return row


def request_id() -> str:
    """Return what names this request in answers and logs."""
    if "request_id" not in flask.g:
        flask.g.request_id = request_id_of(flask.request.headers.get(REQUEST_ID))
    return str(flask.g.request_id)


def _http_error(error: HTTPException) -> flask.Response:
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        log.error("request %s failed", request_id(), exc_info=error.original_exception)
        return problem(500, "the server made a mistake; its log has more under this request_id")
    if isinstance(error, NotFound) and flask.request.routing_exception is error:
        return problem(404, f"there is nothing at {flask.request.path}; the API page is {PREFIX[:4]}/docs/")
    data = getattr(error, "data", None) or {}
    messages = data.get("messages")
    more = {"errors": messages} if messages else {}
    detail = "; ".join(_told(messages)) if messages else data.get("message") or error.description
    headers = {name: value for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")}
    # A client that can send no less puts the record aside for this one's word only: a proxy's 413 may change.
    is_refused = error.code == 413 and flask.request.blueprint == limits.RECORDS
    kind = contract.PROBLEM_REFUSED if is_refused else "about:blank"
    return problem(error.code or 500, detail, type=kind, headers=headers, **more)


def _told(messages: Any, name: str = "") -> Iterator[str]:
    """Yield what is wrong with each argument: marshmallow nests it by where the argument stands, then by name."""
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _told(inner, str(key))
    else:
        yield f"{name}: {' '.join(map(str, messages if isinstance(messages, list) else [messages]))}"


def _prevue_error(error: errors.PrevueError) -> flask.Response:
    if isinstance(error, errors.SequenceGap):
        return problem(409, str(error), type=contract.PROBLEM_GAP, expected=error.expected)
    if isinstance(error, errors.RecordRefused):
        return problem(400, str(error), type=contract.PROBLEM_REFUSED)
    if isinstance(error, errors.RunDeleted):
        return problem(410, str(error), type=contract.PROBLEM_DELETED)
    if isinstance(error, errors.TooManyAttempts):
        return problem(429, str(error), headers={"Retry-After": str(error.wait_s)})
    if isinstance(error, errors.TooBusy):
        return problem(limits.status_when_busy(), str(error), headers=limits.again())
    if isinstance(error, errors.LoginRefused):
        return problem(401, str(error), headers=CHALLENGE)
    if isinstance(error, errors.InvalidExpression):
        return problem(422, str(error), position=error.position)
    for kind, status in _STATUS.items():
        if isinstance(error, kind):
            return problem(status, str(error))
    raise error


_STATUS = {errors.InvalidValue: 422, errors.Missing: 404, errors.AlreadyExists: 409, errors.NoAccounts: 409}


def _database_error(error: Exception) -> flask.Response:
    if is_disk_full(error):
        log.error("request %s: the database's disk is full", request_id())
        flask.current_app.config["DISK_FULL_UNTIL"] = time.monotonic() + DISK_FULL_S
        return problem(507, "the database's disk is full; make room, then try again", headers=limits.again())
    log.error("request %s: the database failed: %s", request_id(), error)
    return problem(503, "the database does not answer now; try again", headers=limits.again())
