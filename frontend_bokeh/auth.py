"""Who looks, and what keeps others out. The backend decides, each time anew: nothing of it is remembered here.

A viewer's session of the backend lives in a cookie of the browser, so that a dashboard which starts again knows it
again. Pages, and the tokens in them, hold a reference to it only, from which it cannot be had.
"""

import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tornado.httputil import HTTPServerRequest, split_host_and_port
from tornado.ioloop import IOLoop
from tornado.web import HTTPError

from frontend_bokeh.headers import THIS_MACHINE, request_id, root
from prevue.api import Api
from prevue_core.errors import ApiError
from prevue_core.listening import answers_to
from prevue_core.settings import DashboardSettings

# With what a page's connection is closed, by the backend's refusal; the page then loads itself anew.
LOGGED_OUT, NO_SUCH_PROJECT = 4401, 4404
CLOSE_CODES: dict[int | None, int] = {401: LOGGED_OUT, 403: NO_SUCH_PROJECT, 404: NO_SUCH_PROJECT}

_SESSION = re.compile(r"pvs_[0-9A-Za-z]{1,100}")


@dataclass(frozen=True)
class Visitor:
    """Who looks. In open mode that is anybody: there is no name, and no `session` for the backend to be asked with."""

    session: str = field(repr=False)
    name: str | None = None
    is_exposed: bool = False  # in open mode: others than this machine's own programs come in


class Connection(Protocol):
    """An open page's websocket. `reference`: to the session that opened it; `page_id`: of the page."""

    reference: str
    page_id: str

    def close(self, code: int) -> None:
        """Close it."""


class Gate:
    """The way into one dashboard; `connections` are those who came in and are still here."""

    def __init__(self, url: str, settings: DashboardSettings, secret_key: bytes, *, is_on_network: bool) -> None:
        self.url = url
        self.secret_key = secret_key
        self.connections: set[Connection] = set()
        self.is_closing = False  # nobody is let in any more
        self._settings = settings
        self._is_on_network = is_on_network

    async def ask(self, session: str, question: Callable[[Api], Any]) -> Any:
        """Return what `question` finds out for whom `session` is, in a thread. Raises ApiError.

        The backend's log has it under the id of the request that is answered here.
        """
        name = request_id.get()

        def answer() -> Any:
            with Api(self.url, token=session, request_id=name) as api:
                return question(api)

        return await IOLoop.current().run_in_executor(None, answer)

    async def visitor(self, request: HTTPServerRequest) -> Visitor | None:
        """Return who sent a request; None: somebody who has to log in first.

        Raises HTTPError: 421 where the request came under a stranger's name, 503 where the backend does not answer or
        asks for no login although this dashboard was told to.
        """
        session = self.session(request)
        try:
            identity = await self.ask(session, lambda api: api.identity())
        except ApiError as error:
            raise HTTPError(503, "%s", error) from error
        if identity["mode"] == "open":
            self._check_open(request)
            return Visitor("", is_exposed=self._is_on_network or identity["is_on_network"])
        return Visitor(session, identity["user"]) if identity["user"] else None

    def holder(self, request: HTTPServerRequest, reference: str) -> str | None:
        """Return the session of the page that holds a reference to it, None where a request is not from its browser.

        Whether it still is a session, the backend has to be asked.
        """
        session = self.session(request) if reference else ""  # a page of open mode has none
        is_theirs = hmac.compare_digest(reference, self.reference(session))
        return session if is_theirs and (session or self._settings.auth != "auth") else None

    def _check_open(self, request: HTTPServerRequest) -> None:
        if self._settings.auth == "auth":
            raise HTTPError(503, "%s", contradiction(self.url))
        if not answers_to(request.host, self._settings.allowed_hosts):
            text = "%r is not a name of this dashboard; use localhost, or name it in PREVUE_ALLOWED_HOSTS"
            raise HTTPError(421, text, request.host_name)

    def may_frame(self, visitor: Visitor | None) -> Sequence[str]:
        """Return the origins whose pages may show a visitor's curves in a frame."""
        if self._settings.frame_ancestors is not None:
            return self._settings.frame_ancestors
        return THIS_MACHINE if visitor and not visitor.session else ()

    # the cookie

    def cookie(self, request: HTTPServerRequest) -> str:
        """Return the name of the cookie: browsers send it to every port of a host, so the port is a part of it.

        It is the one in the browser's address: several dashboards behind a proxy have ports of their own.
        """
        _, port = split_host_and_port(request.host)
        prefix = "__Host-" if request.protocol == "https" else ""  # browsers then keep other hosts from setting it
        return f"{prefix}prevue-{port}" if port else f"{prefix}prevue"

    def session(self, request: HTTPServerRequest) -> str:
        """Return the session in the cookie, good or not, or an empty text."""
        morsel = request.cookies.get(self.cookie(request))
        return morsel.value if morsel is not None and _SESSION.fullmatch(morsel.value) else ""

    def reference(self, session: str) -> str:
        """Return what pages hold in place of a session."""
        return self._derived("page", session)

    def form_key(self, session: str) -> str:
        """Return what a form of ours has, and a stranger's has not."""
        return self._derived("form", session)

    def _derived(self, purpose: str, session: str) -> str:
        return hmac.new(self.secret_key, f"{purpose} {session}".encode(), "sha256").hexdigest()[:32] if session else ""

    def address(self, request: HTTPServerRequest) -> str:
        """Return from where a request came, for the backend to count attempts to log in."""
        proxies = self._settings.trusted_proxies
        seen = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
        return seen[-proxies] if 0 < proxies <= len(seen) else str(request.remote_ip)

    # connections

    def close(self, code: int, *, reference: str | None = None, page_id: str | None = None) -> None:
        """Close the connections of a session, or those of a page."""
        for connection in list(self.connections):
            if reference == connection.reference or page_id == connection.page_id:
                connection.close(code)

    def close_all(self, code: int) -> None:
        """Close every connection."""
        for connection in list(self.connections):
            connection.close(code)


def is_from_own_page(request: HTTPServerRequest) -> bool:
    """Return whether a page of this very server sent a request: scheme, host and port are the same."""
    return request.headers.get("Origin", "").lower() == f"{request.protocol}://{request.host}".lower()


def local_path(address: str) -> str:
    """Return `address` where it is a path of this server, else that of the projects: no login leads to a stranger's.

    Browsers take `//host` and `/\\host` for other servers, and skip tabs and line ends in between.
    """
    is_local = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if is_local and address.isascii() and address.isprintable() else f"{root.get()}/"


def contradiction(url: str) -> str:
    """Return what is to be said where users shall log in and the backend has no accounts."""
    return (
        f"this dashboard was told PREVUE_AUTH=auth, but its backend at {url} asks nobody for a password. Either\n"
        "  PREVUE_AUTH=auth prevue backend      (users log in)\n"
        "  PREVUE_AUTH=open prevue dashboard      (whoever reaches the dashboard sees everything)"
    )
