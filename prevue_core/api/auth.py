"""Who may ask. In open mode: this machine's own programs, whatever a web page in its browser tries. Else: a bearer."""

import ipaddress
import logging
from urllib.parse import urlsplit

import flask

from prevue_core.api.blueprint import problem
from prevue_core.db import logins
from prevue_core.db.accounts import NOBODY, OPEN, Identity, identify

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

log = logging.getLogger("prevue.backend")


def guard(app: flask.Flask, *, is_open: bool, allowed_hosts: frozenset[str]) -> None:
    """Find out who asks, for `blueprint.identity()`."""
    if is_open:
        _guard_names(app, allowed_hosts)

    @app.before_request
    def find_out() -> None:
        flask.g.identity = OPEN if is_open else _identity(flask.request.headers.get("Authorization"))


def tell_first_code(url: str) -> None:
    """Write to the log how the first admin comes in at `url`, if nobody can log in yet."""
    if code := logins.first_code():
        log.warning("nobody can log in yet. Within %g minutes:  prevue login %s --code %s", _MINUTES, url, code)


_MINUTES = logins.FIRST_CODE_S / 60


def _identity(authorization: str | None) -> Identity:
    scheme, _, bearer = (authorization or "").partition(" ")
    return (identify(bearer.strip()) if scheme.lower() == "bearer" else None) or NOBODY


def _guard_names(app: flask.Flask, allowed_hosts: frozenset[str]) -> None:
    """Refuse requests that came under a stranger's name.

    A web page can make its own host name point to this machine and then reach it from the user's browser (DNS
    rebinding); such requests carry the page's name as Host. Numbers and `localhost` cannot be taken over so.
    """
    allowed = {"localhost", *map(str.lower, allowed_hosts)}

    def is_allowed(host: str | None) -> bool:
        return host is not None and (host in allowed or _is_address(host))

    @app.before_request
    def check() -> flask.Response | None:
        host = _host_of(f"//{flask.request.host}")
        if not is_allowed(host):
            name = host or flask.request.host
            detail = f"host {name!r} is not this server's; use localhost, or name it in PREVUE_ALLOWED_HOSTS"
            return problem(421, detail)
        origin = flask.request.headers.get("Origin")
        if origin and flask.request.method not in SAFE_METHODS and not is_allowed(_host_of(origin)):
            return problem(403, f"a page of {origin!r} may not change anything here")
        return None


def _host_of(url: str) -> str | None:
    """Return a URL's host in small letters, or None where it has none or cannot be read."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
