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

    def is_allowed(host: str | None) -> bool:
        return bool(host) and (host == "localhost" or host in allowed_hosts or _is_address(str(host)))

    @app.before_request
    def check() -> flask.Response | None:
        host = urlsplit(f"//{flask.request.host}").hostname
        if not is_allowed(host):
            detail = f"host {host!r} is not this server's; use localhost, or name it in PREVUE_ALLOWED_HOSTS"
            return problem(421, detail)
        origin = flask.request.headers.get("Origin")
        if origin and flask.request.method not in SAFE_METHODS and not is_allowed(urlsplit(origin).hostname):
            return problem(403, f"a page of {origin!r} may not change anything here")
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
