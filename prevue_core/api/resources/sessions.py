"""Sessions: logging in and out, and who one is."""

from typing import Any

import flask
import marshmallow as ma

from prevue_core import __version__
from prevue_core.api.auth import tell_first_code
from prevue_core.api.blueprint import Blueprint, identity, need_accounts
from prevue_core.api.fields import TimeField, has_no_nul
from prevue_core.contract import SCOPES
from prevue_core.db import bearers, logins, queries
from prevue_core.db.ingest.starting import may_log_into
from prevue_core.errors import LoginRefused

blueprint = Blueprint("sessions", __name__, description="Logging in and out, and who one is")


class IdentitySchema(ma.Schema):
    mode = ma.fields.String(required=True, validate=ma.validate.OneOf(("open", "auth")))
    is_on_network = ma.fields.Boolean(
        required=True, metadata={"description": "in open mode: others than this machine's programs can come in"}
    )
    user = ma.fields.String(required=True, allow_none=True, metadata={"description": "null: nobody, or open mode"})
    is_admin = ma.fields.Boolean(required=True)
    scopes = ma.fields.List(ma.fields.String(validate=ma.validate.OneOf(SCOPES)), required=True)
    version = ma.fields.String(required=True, metadata={"description": "of Prevue, that the server runs"})
    dashboard_url = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "where browsers find the dashboard; null: not known"}
    )
    may_log = ma.fields.Boolean(
        metadata={"description": "whether one may log into the `project` asked for, which may be one still to be made"}
    )


class IdentityArguments(ma.Schema):
    project = ma.fields.String(
        load_default=None,
        validate=has_no_nul,
        metadata={"description": "as a training has it: `test` is one's own, `alice/test` another's"},
    )


class LoginArguments(ma.Schema):
    username = ma.fields.String(required=True, validate=has_no_nul)
    password = ma.fields.String(required=True, metadata={"format": "password"})


class CodeArguments(ma.Schema):
    code = ma.fields.String(required=True, metadata={"description": "one-time code"})
    username = ma.fields.String(
        load_default=None, allow_none=True, validate=has_no_nul, metadata={"description": "the first admin chooses it"}
    )
    password = ma.fields.String(required=True, metadata={"format": "password", "description": "the new one"})


class SessionSchema(ma.Schema):
    session = ma.fields.String(required=True, metadata={"description": "send it as `Authorization: Bearer ...`"})
    username = ma.fields.String(required=True)
    is_admin = ma.fields.Boolean(required=True)
    expires_at = TimeField(required=True)


@blueprint.route("/identity", action=None)
@blueprint.arguments(IdentityArguments, location="query", as_kwargs=True)
@blueprint.response(200, IdentitySchema)
def get_identity(project: str | None) -> dict[str, Any]:
    """Tell who asks and what they may, and whether the server has accounts"""
    who = identity()
    settings = flask.current_app.config
    may_log = {} if project is None else {"may_log": may_log_into(who, project)}
    return {
        "mode": "open" if settings["IS_OPEN"] else "auth",
        "is_on_network": settings["IS_OPEN"] and settings["IS_ON_NETWORK"],
        "user": who.username,
        "is_admin": who.is_admin,
        "scopes": sorted(who.scopes),
        "version": __version__,
        "dashboard_url": settings["DASHBOARD_URL"],
        **may_log,
    }


@blueprint.route("/sessions", action=None, methods=["POST"])
@blueprint.arguments(LoginArguments, as_kwargs=True)
@blueprint.response(201, SessionSchema)
def create_session(username: str, password: str) -> dict[str, Any]:
    """Log in with name and password

    The session ends after 12 hours without a request, and after 14 days. After five attempts a user waits, longer
    after each; an address has 20 attempts a minute.
    """
    need_accounts()
    return _answer(logins.log_in(username, password, _address()))


@blueprint.route("/sessions/with-code", action=None, methods=["POST"])
@blueprint.arguments(CodeArguments, as_kwargs=True)
@blueprint.response(201, SessionSchema)
def create_session_with_code(code: str, username: str | None, password: str) -> dict[str, Any]:
    """Set a password with a one-time code, and log in

    The server's log has the first admin's code while nobody can log in; an admin makes codes for others. The user's
    other sessions end.
    """
    need_accounts()
    try:
        return _answer(logins.use_code(code, username, password, _address()))
    except LoginRefused:
        if logins.needs_first_code():
            tell_first_code(flask.request.host_url.rstrip("/"))
        raise


@blueprint.route("/sessions/current", action=None, methods=["DELETE"])
@blueprint.response(204)
def delete_session() -> None:
    """Log out: the session that is sent ends"""
    bearer = flask.request.headers.get("Authorization", "").partition(" ")[2].strip()
    if bearers.kind_of(bearer) == bearers.SESSION:
        logins.log_out(bearer)


def _address() -> str:
    return flask.request.remote_addr or "unknown"


def _answer(login: logins.Login) -> dict[str, Any]:
    return {**vars(login), "expires_at": queries.to_unix(login.expires_at)}
