"""Tokens: what programs show instead of a password."""

from typing import Any

import marshmallow as ma

from prevue_core.api.blueprint import Blueprint, identity, need_accounts
from prevue_core.api.fields import TimeField, has_no_nul, is_int64
from prevue_core.contract import SCOPES
from prevue_core.db import queries, tokens
from prevue_core.db.accounts import READ, WRITE

blueprint = Blueprint("tokens", __name__, description="What programs show instead of a password")

_scopes = ma.fields.List(ma.fields.String(validate=ma.validate.OneOf(SCOPES)), required=True)


class TokenSchema(ma.Schema):
    public_id = ma.fields.String(required=True, metadata={"description": "the first 8 characters behind `pvt_`"})
    token_name = ma.fields.String(required=True)
    scopes = _scopes
    project_id = ma.fields.Integer(required=True, allow_none=True, metadata={"description": "null: all projects"})
    created_at = TimeField(required=True)
    expires_at = TimeField(required=True)
    used_at = TimeField(required=True, allow_none=True)


class NewTokenSchema(TokenSchema):
    token = ma.fields.String(required=True, metadata={"description": "the token itself, shown this once"})


class TokenListSchema(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(TokenSchema), required=True)


class TokenArguments(ma.Schema):
    token_name = ma.fields.String(required=True, validate=has_no_nul, metadata={"description": "what it is for"})
    scopes = _scopes
    project_id = ma.fields.Integer(load_default=None, allow_none=True, validate=is_int64)
    days = ma.fields.Integer(
        load_default=tokens.USUAL_DAYS,
        validate=ma.validate.Range(1, tokens.MAX_DAYS),
        metadata={"description": "how long it is good; a token made with another ends with that at the latest"},
    )


@blueprint.route("/tokens", action=READ)
@blueprint.response(200, TokenListSchema)
def list_tokens() -> dict[str, list[queries.Row]]:
    """List one's tokens

    The newest first.
    """
    need_accounts()
    return {"items": [_answer(row) for row in tokens.tokens_of(identity())]}


@blueprint.route("/tokens", action=WRITE, methods=["POST"])
@blueprint.arguments(TokenArguments, as_kwargs=True)
@blueprint.response(201, NewTokenSchema)
def create_token(**arguments: Any) -> queries.Row:
    """Make a token

    It can do and see no more, and lives no longer, than what it is made with. `ingest` logs and reads nothing, `read`
    reads, `write` makes tokens and changes, `admin` cares for users.
    """
    need_accounts()
    text, row = tokens.create_token(identity(), **arguments)
    return {**_answer(row), "token": text}


@blueprint.route("/tokens/<public_id>", action=WRITE, methods=["DELETE"])
@blueprint.response(204)
def delete_token(public_id: str) -> None:
    """Revoke a token

    One's own; an admin anybody's.
    """
    need_accounts()
    tokens.revoke_token(identity(), public_id)


def _answer(row: Any) -> queries.Row:
    return {
        **{name: getattr(row, name) for name in ("public_id", "token_name", "project_id")},
        "scopes": tokens.scopes_of(row),
        **{
            name: None if (time := getattr(row, name)) is None else queries.to_unix(time)
            for name in ("created_at", "expires_at", "used_at")
        },
    }
