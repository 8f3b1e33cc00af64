"""Who may ask. In open mode: this machine's own programs, whatever a web page in its browser tries. Else: a bearer."""

import logging

import flask

from prevue_core.api.blueprint import problem
from prevue_core.db import logins
from prevue_core.db.accounts import NOBODY, OPEN, Identity, identify
from prevue_core.listening import answers_to

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

log = logging.getLogger("prevue.backend")


def guard_names(app: flask.Flask, allowed_hosts: frozenset[str]) -> None:
    """In open mode refuse requests that came under a stranger's name, and writes that a stranger's page sends."""

    @app.before_request
    def check() -> flask.Response | None:
        host = flask.request.host
        if not answers_to(host, allowed_hosts):
            name = host.rpartition(":")[0] or host
            detail = f"host {name!r} is not this server's; use localhost, or name it in PREVUE_ALLOWED_HOSTS"
            return problem(421, detail)
        origin = flask.request.headers.get("Origin")
        is_stranger = origin and not answers_to(origin.partition("://")[2], allowed_hosts)
        if is_stranger and flask.request.method not in SAFE_METHODS:
            return problem(403, f"a page of {origin!r} may not change anything here")
        return None


def find_out(app: flask.Flask, *, is_open: bool) -> None:
    """Find out who asks, for `blueprint.identity()`."""

    @app.before_request
    def look() -> None:
        flask.g.identity = OPEN if is_open else _identity(flask.request.headers.get("Authorization"))


def tell_first_code(url: str) -> None:
    """Write to the log how the first admin comes in at `url`, if nobody can log in yet."""
    if code := logins.first_code():
        log.warning("nobody can log in yet. Within %g minutes:  prevue login %s --code %s", _MINUTES, url, code)


_MINUTES = logins.FIRST_CODE_S / 60


def _identity(authorization: str | None) -> Identity:
    scheme, _, bearer = (authorization or "").partition(" ")
    return (identify(bearer.strip()) if scheme.lower() == "bearer" else None) or NOBODY
