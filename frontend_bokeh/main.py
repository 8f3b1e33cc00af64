"""The dashboard's process: a Bokeh server with pages of our own."""

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import Any

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from frontend_bokeh import assets, pages
from frontend_bokeh.hub import Hub
from frontend_bokeh.session import Session
from frontend_bokeh.source import Source

MAX_MESSAGE_BYTES = 1 << 20
BACKLOG = 128


class Dashboard:
    """Hubs by project, made when somebody looks."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._hubs: dict[int, Hub] = {}

    def open(self, document: Document) -> None:
        """Begin a browser's session."""
        payload: dict[str, Any] = document.session_context.token_payload
        project_id = int(payload["project_id"])
        if project_id not in self._hubs:
            title = {"owner": payload["owner"], "name": payload["name"]}
            self._hubs[project_id] = Hub(Source(self._url, project_id), title)
        Session(document, self._hubs[project_id])


def make_server(url: str, host: str, sockets: list[socket.socket], secret_key: bytes) -> tuple[BaseServer, int]:
    """Return a server that shows the backend at `url` to whoever comes to the bound `sockets`, and their port.

    `secret_key` signs pages: with the same key, those that are open go on after a restart.
    """
    port = sockets[0].getsockname()[1]
    shared = {"url": url, "secret_key": secret_key}
    names = {host, "localhost", "127.0.0.1"}
    application = BokehTornado(
        {"/session": Application(FunctionHandler(Dashboard(url).open))},
        extra_websocket_origins=sorted(f"{name}:{port}" for name in names),
        extra_patterns=[
            (r"/", pages.ProjectsPage, shared),
            (r"/p/([^/]+)/([^/]+)", pages.RunsPage, shared),
            (r"/p/([^/]+)/([^/]+)/model", pages.ModelPage, shared),
            (r"/healthz", pages.Health),
            (r"/readyz", pages.Health),
            *assets.ROUTES,
        ],
        use_index=False,
        secret_key=secret_key,
        sign_sessions=True,
        generate_session_ids=False,
        include_headers=[],
        include_cookies=[],
        websocket_max_message_size_bytes=MAX_MESSAGE_BYTES,
        unused_session_lifetime_milliseconds=15_000,
        check_unused_sessions_milliseconds=5_000,
        compress_response=True,
    )
    http = HTTPServer(application)
    for one in sockets:
        one.listen(BACKLOG)
    http.add_sockets(sockets)
    return BaseServer(IOLoop.current(), application, http), port


def serve(url: str, host: str, sockets: list[socket.socket], secret_key: bytes, tell: Callable[[str], None]) -> None:
    """Show the backend at `url` until SIGINT or SIGTERM; `tell` is given the address."""

    async def run() -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        server, got = make_server(url, host, sockets, secret_key)
        server.start()
        tell(f"http://{host if host != '127.0.0.1' else 'localhost'}:{got}")
        await stopped.wait()
        server.stop(wait=False)

    asyncio.run(run())
