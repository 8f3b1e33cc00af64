"""Who may ask. In open mode: nobody but this machine's own programs, whatever a web page in its browser tries."""

import ipaddress
from urllib.parse import urlsplit

import flask

from prevue_core.api.blueprint import problem

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def guard(app: flask.Flask, allowed_hosts: frozenset[str]) -> None:
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
