"""Coming in: users with passwords, their sessions, and the one-time codes with which a password is set."""

import datetime
from dataclasses import dataclass
from typing import Any

from prevue_core.contract import check_label
from prevue_core.db import bearers, passwords, throttle
from prevue_core.db.accounts import Identity, audit
from prevue_core.db.connection import writing
from prevue_core.db.models import Code, Session, User, utc_now
from prevue_core.errors import AlreadyExists, InvalidValue, LoginRefused, Missing

SESSION_S = 14 * 24 * 3600
FIRST_CODE_S = 15 * 60  # of the first admin's
CODE_S = 7 * 24 * 3600  # of a user's that an admin made


@dataclass(frozen=True)
class Login:
    """A new session, shown once."""

    session: str
    username: str
    is_admin: bool
    expires_at: datetime.datetime


@dataclass(frozen=True)
class NewCode:
    """A one-time code with which a user sets a password, shown once."""

    username: str
    code: str
    expires_at: datetime.datetime


# sessions


def log_in(username: str, password: str, address: str) -> Login:
    """Return a new session of a user who comes from an IP address. Raises LoginRefused or TooManyAttempts.

    An unknown user, one without a password and a wrong password are told in the same words, after the same time.
    """
    throttle.count_address(address)
    throttle.count_account(username)
    user = User.get_or_none(User.username == username)
    known = user.password if user is not None else None
    if not passwords.fits(password, known) or user is None or known is None:
        with writing():  # not the name as it was typed: some type their password there
            audit(None if user is None else user.user_id, "login refused", address)
        raise LoginRefused("the user name or the password is wrong")
    throttle.forgive_account(username)
    new_hash = passwords.hash_password(password) if passwords.is_outdated(known) else known
    with writing():
        User.update(password=new_hash).where(User.user_id == user.user_id, User.password == known).execute()
        return _begin(user)


def log_out(session: str) -> None:
    """End a session."""
    with writing():
        Session.delete().where(Session.session_hash == bearers.digest(session)).execute()


def _begin(user: Any) -> Login:
    session, now = bearers.make(bearers.SESSION), utc_now()
    expires_at = now + datetime.timedelta(seconds=SESSION_S)
    Session.delete().where(Session.expires_at <= now).execute()
    Session.create(session_hash=bearers.digest(session), user=user, created_at=now, used_at=now, expires_at=expires_at)
    audit(user.user_id, "login", user.username)
    return Login(session, user.username, user.is_admin, expires_at)


# one-time codes


def first_code() -> str | None:
    """Return a new code that makes the first admin; None where somebody can log in."""
    with writing():
        return None if _somebody_can_log_in() else _new_code(None, FIRST_CODE_S)[0]


def needs_first_code() -> bool:
    """Return whether nobody can log in, and every code that would change that is over."""
    good = Code.select().where(Code.user.is_null(), Code.expires_at > utc_now())
    return not _somebody_can_log_in() and not good.exists()


def use_code(code: str, username: str | None, password: str, address: str) -> Login:
    """Set the password of the user whom a one-time code is for, and return a session.

    The first admin chooses a `username`; for others it may be left out. The user's other sessions end.
    Raises LoginRefused, TooManyAttempts, and InvalidValue for a name or a password that cannot be used: then the code
    stays good.
    """
    throttle.count_address(address)
    row = _good_code(code)
    if row.user is None and username is None:
        raise InvalidValue("username is missing; the first admin chooses one")
    if row.user is not None and username not in (None, row.user.username):
        raise LoginRefused(f"this code is not for a user {username!r}")
    name = check_label("username", username) if row.user is None else row.user.username
    password_hash = passwords.hash_password(password)
    with writing():
        _use_up(row)
        User.insert(username=name).on_conflict_ignore().execute()  # a client's `uid` may have made the user
        changes = {"password": password_hash} | ({"is_admin": True} if row.user is None else {})
        User.update(**changes).where(User.username == name).execute()
        user = User.get(User.username == name)
        Session.delete().where(Session.user == user).execute()
        audit(user.user_id, "password set", name)
        return _begin(user)


def _good_code(code: str) -> Any:
    row = Code.get_or_none(Code.code_hash == bearers.digest(code), Code.expires_at > utc_now())
    if row is None:
        raise LoginRefused("the one-time code is not known, used up or over; ask for a new one")
    return row


def _use_up(row: Any) -> None:
    """Delete a code, and with the first admin's all of its kind: servers of one database may have told several."""
    mine = Code.code_hash == row.code_hash
    if not Code.delete().where(mine).execute():
        raise LoginRefused("the one-time code was used just now")
    Code.delete().where(Code.user == row.__data__["user"] if row.user else Code.user.is_null()).execute()


def _somebody_can_log_in() -> bool:
    return User.select().where(User.password.is_null(False)).exists()


def _new_code(user: Any, seconds: float) -> tuple[str, datetime.datetime]:
    code = bearers.make(bearers.FIRST_CODE if user is None else bearers.CODE)
    expires_at = utc_now() + datetime.timedelta(seconds=seconds)
    Code.delete().where(Code.expires_at <= utc_now()).execute()
    Code.create(code_hash=bearers.digest(code), user=user, expires_at=expires_at)
    return code, expires_at


# users


def set_first_password(password: str, username: str = "admin") -> bool:
    """Make the first admin with a password, unless somebody has one; return whether it was made."""
    password_hash = passwords.hash_password(password)
    with writing():
        if _somebody_can_log_in():
            return False
        User.insert(username=username).on_conflict_ignore().execute()
        User.update(password=password_hash, is_admin=True).where(User.username == username).execute()
        audit(None, "first admin", username)
        return True


def add_user(identity: Identity, username: str, email: str | None, is_admin: bool) -> NewCode:
    """Make a user, or give one whom a client's `uid` made an account; return a code.

    Raises AlreadyExists where the user can log in already.
    """
    name = check_label("username", username)
    with writing():
        User.insert(username=name).on_conflict_ignore().execute()
        user = User.get(User.username == name)
        if user.password is not None:
            raise AlreadyExists(f"user {name!r} exists; a new password needs a one-time code: prevue user code {name}")
        user.email, user.is_admin = email, is_admin
        user.save()
        audit(identity.user_id, "user added", name)
        return NewCode(user.username, *_new_code(user, CODE_S))


def new_code(identity: Identity, username: str) -> NewCode:
    """Return a code for a new password of a user; the codes before it are good no more. Raises Missing."""
    with writing():
        user = User.get_or_none(User.username == username)
        if user is None:
            raise Missing(f"user {username!r} does not exist")
        Code.delete().where(Code.user == user).execute()
        audit(identity.user_id, "code made", username)
        return NewCode(user.username, *_new_code(user, CODE_S))
