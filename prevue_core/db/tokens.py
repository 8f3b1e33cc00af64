"""Tokens: what programs show instead of a password. Each is shown once; the database has its hash."""

import datetime
from typing import Any

import orjson

from prevue_core.contract import check_label
from prevue_core.db import bearers
from prevue_core.db.accounts import ADMIN, READ, Identity, audit, may
from prevue_core.db.connection import writing
from prevue_core.db.models import Token, utc_now
from prevue_core.errors import InvalidValue, Missing

USUAL_DAYS, MAX_DAYS = 90, 3_650


def create_token(
    identity: Identity, token_name: str, scopes: list[str], project_id: int | None = None, days: int = USUAL_DAYS
) -> tuple[str, Any]:
    """Return a new token and its row. It can do and see no more, and lives no longer, than what it is made with.

    Raises InvalidValue where a scope is not the asker's, Missing where the project is not.
    """
    name = check_label("token_name", token_name)
    _check_scopes(identity, scopes)
    project_id = identity.project_id if project_id is None else project_id
    if project_id is not None and not may(identity, READ, project_id):
        raise Missing(f"project {project_id} does not exist")
    expires_at = utc_now() + datetime.timedelta(days=days)
    if identity.ends_at is not None:
        expires_at = min(expires_at, identity.ends_at)
    text = bearers.make(bearers.TOKEN)
    with writing():
        row = Token.create(
            public_id=text[4:12],  # of its 32 characters: whoever finds a token can tell which it is
            token_hash=bearers.digest(text),
            token_name=name,
            user=identity.user_id,
            project=project_id,
            scopes=orjson.dumps(sorted(set(scopes))).decode(),
            expires_at=expires_at,
        )
        audit(identity.user_id, "token made", f"{row.public_id} {name}")
    return text, row


def tokens_of(identity: Identity) -> list[Any]:
    """Return the rows of the asker's tokens, the newest first."""
    return list(Token.select().where(Token.user == identity.user_id).order_by(Token.token_id.desc()))


def scopes_of(row: Any) -> list[str]:
    """Return what a token may do."""
    scopes: list[str] = orjson.loads(row.scopes)
    return scopes


def revoke_token(identity: Identity, public_id: str) -> None:
    """End a token: one's own, or an admin anybody's. Raises Missing."""
    query = Token.delete().where(Token.public_id == public_id)
    if not may(identity, ADMIN):
        query = query.where(Token.user == identity.user_id)
    with writing():
        if not query.execute():
            raise Missing(f"token {public_id!r} does not exist")
        audit(identity.user_id, "token revoked", public_id)


def _check_scopes(identity: Identity, scopes: list[str]) -> None:
    foreign = sorted(set(scopes) - identity.scopes)
    if foreign or not scopes:
        named = ", ".join(map(repr, foreign)) or "none"
        raise InvalidValue(f"scopes: {named} cannot be given; use some of {', '.join(sorted(identity.scopes))}")
