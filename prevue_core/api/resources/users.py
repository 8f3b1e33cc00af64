"""Users: who has an account. For admins."""

from typing import Any

import marshmallow as ma

from prevue_core.api.blueprint import Blueprint, identity, need_accounts
from prevue_core.api.fields import PageArguments, TimeField, has_no_nul, page_of
from prevue_core.db import logins, queries
from prevue_core.db.accounts import ADMIN

blueprint = Blueprint("users", __name__, description="Who has an account; for admins")


class UserSchema(ma.Schema):
    user_id = ma.fields.Integer(required=True)
    username = ma.fields.String(required=True)
    email = ma.fields.String(required=True, allow_none=True)
    is_admin = ma.fields.Boolean(required=True)
    can_log_in = ma.fields.Boolean(required=True, metadata={"description": "a password is set"})
    created_at = TimeField(required=True)


class UserArguments(ma.Schema):
    username = ma.fields.String(required=True, validate=has_no_nul)
    email = ma.fields.Email(load_default=None, allow_none=True)
    is_admin = ma.fields.Boolean(load_default=False)


class CodeSchema(ma.Schema):
    username = ma.fields.String(required=True)
    code = ma.fields.String(required=True, metadata={"description": "one-time code to set a password; shown once"})
    expires_at = TimeField(required=True)


@blueprint.route("/users", action=ADMIN)
@blueprint.arguments(PageArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(UserSchema))
def list_users(**arguments: Any) -> queries.Page:
    """List users

    The newest first.
    """
    return queries.users(**arguments)


@blueprint.route("/users", action=ADMIN, methods=["POST"])
@blueprint.arguments(UserArguments, as_kwargs=True)
@blueprint.response(201, CodeSchema)
def create_user(username: str, email: str | None, is_admin: bool) -> queries.Row:
    """Add a user

    Also one whom a client's `uid` made in open mode. The user sets a password with the code.
    """
    need_accounts()
    return _answer(logins.add_user(identity(), username, email, is_admin))


@blueprint.route("/users/<username>/code", action=ADMIN, methods=["POST"])
@blueprint.response(201, CodeSchema)
def create_code(username: str) -> queries.Row:
    """Make a one-time code for a user who needs a new password

    Earlier codes of the user are good no more; the password is, until the code is used.
    """
    need_accounts()
    return _answer(logins.new_code(identity(), username))


def _answer(made: logins.NewCode) -> queries.Row:
    return {**vars(made), "expires_at": queries.to_unix(made.expires_at)}
