"""Who asks, and what they may do: identities, and the one rule that every route and every query asks."""

import datetime
from dataclasses import dataclass
from typing import Any

import orjson
import peewee

from prevue_core.contract import SCOPES
from prevue_core.db import bearers
from prevue_core.db.connection import writing
from prevue_core.db.models import AuditEntry, Project, Session, Token, User, utc_now

INGEST, READ, WRITE, ADMIN = SCOPES

IDLE_S = 12 * 3600  # after which a session that nobody used is over
TOUCH_S = 60  # how exactly the last use of a session or token is kept


@dataclass(frozen=True)
class Identity:
    """Who asks: a user by a session or a token, everybody in open mode, or nobody.

    `project_id` binds a token to one project; `ends_at` is when a token ends. A session has none of the two.
    """

    user_id: int | None
    username: str | None
    scopes: frozenset[str]
    is_admin: bool = False
    project_id: int | None = None
    ends_at: datetime.datetime | None = None


NOBODY = Identity(None, None, frozenset())
# In open mode whoever reaches the server sees and logs everything; there are no accounts to care for.
OPEN = Identity(None, None, frozenset((INGEST, READ, WRITE)), is_admin=True)


def may(identity: Identity, action: str, project_id: int | None = None) -> bool:
    """Return whether `identity` may do `action` (one of SCOPES) in a project, or, without one, anywhere at all."""
    if action not in identity.scopes or (action == ADMIN and not identity.is_admin):
        return False
    return project_id is None or Project.select().where(Project.project_id == project_id, in_reach(identity)).exists()


def in_reach(identity: Identity) -> Any:
    """Return the condition under which a project is there for `identity`, for queries that join `Project`."""
    rule: Any = peewee.SQL("1 = 1") if identity.is_admin else Project.user == identity.user_id
    return rule if identity.project_id is None else rule & (Project.project_id == identity.project_id)


def identify(bearer: str) -> Identity | None:
    """Return who shows this session or token; None: it is not known, or over."""
    find = {bearers.SESSION: _by_session, bearers.TOKEN: _by_token}.get(bearers.kind_of(bearer) or "")
    return find(bearers.digest(bearer)) if find else None


def audit(user_id: int | None, action: str, subject: str) -> None:
    """Note what somebody did."""
    AuditEntry.create(user_id=user_id, action=action, subject=subject)


def _by_session(digest: str) -> Identity | None:
    session = Session.select(Session, User).join(User).where(Session.session_hash == digest).first()
    now = utc_now()
    if session is None or session.expires_at <= now or _is_older(session.used_at, IDLE_S, now):
        return None
    if _is_older(session.used_at, TOUCH_S, now):
        with writing():
            Session.update(used_at=now).where(Session.session_hash == digest).execute()
    return _identity(session.user, frozenset(SCOPES))


def _by_token(digest: str) -> Identity | None:
    token = Token.select(Token, User).join(User).where(Token.token_hash == digest).first()
    now = utc_now()
    if token is None or token.expires_at <= now:
        return None
    if token.used_at is None or _is_older(token.used_at, TOUCH_S, now):
        with writing():
            Token.update(used_at=now).where(Token.token_id == token.token_id).execute()
    scopes = frozenset(orjson.loads(token.scopes))
    return _identity(token.user, scopes, project_id=token.__data__["project"], ends_at=token.expires_at)


def _identity(user: Any, scopes: frozenset[str], **limits: Any) -> Identity:
    scopes = scopes if user.is_admin else scopes - {ADMIN}
    return Identity(user.user_id, user.username, scopes, user.is_admin, **limits)


def _is_older(moment: datetime.datetime, seconds: float, now: datetime.datetime) -> bool:
    return (now - moment).total_seconds() >= seconds
