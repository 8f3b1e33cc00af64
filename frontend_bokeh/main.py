"""The dashboard's process: a Bokeh server with pages of our own."""

import asyncio
import gc
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.web import RequestHandler

from frontend_bokeh import (
    assets,
    compare_page,
    evaluation_compare,
    evaluation_groups,
    evaluation_page,
    following,
    framed,
    login,
    pages,
    results_page,
    run_page,
    system_page,
    table_page,
    values,
    weights_page,
)
from frontend_bokeh.auth import Gate
from frontend_bokeh.drawing import registered
from frontend_bokeh.headers import request_id, root
from frontend_bokeh.hub import Hub
from frontend_bokeh.session import Session
from frontend_bokeh.sockets import Socket
from frontend_bokeh.source import Source
from frontend_bokeh.watching import Figures, Watch
from prevue_core.listening import is_on_network
from prevue_core.logs import REQUEST_ID, request_id_of
from prevue_core.manager import plugins, refuse
from prevue_core.settings import DashboardSettings

MAX_MESSAGE_BYTES = 1 << 20
MAX_FORM_BYTES = 64 << 10
BACKLOG = 128
EVALUATION_ANSWERS = rf"/p/([^/]+)/([^/]+)/evaluations/(\d{{1,18}})/({'|'.join(evaluation_page.ANSWERS)})"
GOING_AWAY = 1001  # what a websocket is closed with whose server ends
DRAIN_S = 10.0
LOOK_S = 0.05
SESSION = "/session"  # where browsers open Bokeh's sessions
BOKEHS = (SESSION, "/static/", "/favicon.ico")  # addresses that Bokeh's server adds, and we do not need


class Dashboard:
    """Hubs by project, made when somebody looks."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._hubs: dict[int, Hub] = {}

    def open(self, document: Document) -> None:
        """Begin a browser's session, of the visitor whom the gate let in."""
        context: Any = document.session_context
        payload, page_id = context.token_payload, context.id
        project_id = int(payload["project_id"])
        hub = self.hub(project_id, payload["owner"], payload["name"])
        source = Source(self._gate.url, project_id, context.request.session)
        Session(document, hub, source, lambda code: self._gate.close(code, page_id=page_id))

    def hub(self, project_id: int, owner: str, name: str) -> Hub:
        """Return the hub of a project; those at which nobody has looked for long are forgotten."""
        for idle in [one for one, hub in self._hubs.items() if hub.is_idle and one != project_id]:
            self._hubs.pop(idle).close()
        if project_id not in self._hubs:
            self._hubs[project_id] = Hub({"owner": owner, "name": name})
        return self._hubs[project_id]


class Server(BokehTornado):
    """Bokeh's server. Of its own addresses only that of the websocket is left, behind our gate as all that is ours.

    `prefix`: the path before that of each page, as browsers see it; a proxy may have taken it away.
    """

    def __init__(self, gate: Gate, watch: Watch, dashboard: Dashboard, prefix: str, **settings: Any) -> None:
        self._gate, self._watch, self._root = gate, watch, prefix
        self.answering = 0  # requests, those of websockets not counted
        super().__init__({SESSION: Application(FunctionHandler(dashboard.open))}, **settings)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate:
        """Return what answers a request, and name the request."""
        request_id.set(request_id_of(request.headers.get(REQUEST_ID)))
        root.set(self._root)
        if f"{request.path}/".startswith(f"{self._root}/"):
            request.path = request.path.removeprefix(self._root) or "/"
        else:
            request.uri = f"{self._root}{request.uri}"
        if request.path == f"{SESSION}/ws":
            context = {"application_context": self.applications[SESSION], "bokeh_websocket_path": request.path}
            return self.get_handler_delegate(request, Socket, {**context, "gate": self._gate})
        self.answering += 1
        if request.path.startswith(BOKEHS):
            return self.get_handler_delegate(request, pages.MissingPage, {"gate": self._gate})
        return super().find_handler(request, **kwargs)

    def log_request(self, handler: RequestHandler) -> None:
        """Note that a request was answered."""
        self.answering -= not isinstance(handler, Socket)
        self._watch.note(handler)

    async def drain(self) -> None:
        """Let open pages look for another server, and wait until what was asked is answered, or 10 s are over.

        From now on `/readyz` says 503, so that a proxy sends nobody any more, and no page can come back here.
        """
        self._gate.is_closing = True
        self._gate.close_all(GOING_AWAY)
        deadline = time.monotonic() + DRAIN_S
        while self.answering and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_S)


def make_server(
    url: str, settings: DashboardSettings, sockets: list[socket.socket], secret_key: bytes
) -> tuple[Server, HTTPServer]:
    """Return what shows the backend at `url` to whom it lets in, and what listens for it on the bound `sockets`.

    `secret_key` signs pages: with the same key, those that are open go on after a restart. Raises PluginError.
    """
    gate = Gate(url, settings, secret_key, is_on_network=is_on_network(sockets))
    shared = {"gate": gate}
    drawn = {"gate": gate, "panels": registered(plugins(refuse))}
    watch, dashboard = Watch(gate), Dashboard(gate)
    application = Server(
        gate,
        watch,
        dashboard,
        settings.prefix,
        extra_patterns=[
            (r"/", pages.ProjectsPage, shared),
            (r"/p/([^/]+)/([^/]+)", pages.RunsPage, shared),
            (r"/p/([^/]+)/([^/]+)/configs", pages.ConfigsPage, shared),
            (r"/embed/p/([^/]+)/([^/]+)", pages.EmbeddedRunsPage, shared),
            (r"/embed/p/([^/]+)/([^/]+)/configs", pages.ConfigsPage, shared),
            (r"/p/([^/]+)/([^/]+)/runs/([^/]+)", run_page.RunPage, shared),
            (r"/p/([^/]+)/([^/]+)/runs/([^/]+)/weights", weights_page.WeightsPage, shared),
            (r"/p/([^/]+)/([^/]+)/runs/([^/]+)/system", system_page.SystemPage, shared),
            (r"/p/([^/]+)/([^/]+)/runs/([^/]+)/system/charts", system_page.SystemCharts, shared),
            (r"/p/([^/]+)/([^/]+)/runs/([^/]+)/results", results_page.ResultsPage, drawn),
            (r"/p/([^/]+)/([^/]+)/runs/([^/]+)/results/(\d{1,18})", results_page.DrawnResult, drawn),
            (r"/p/([^/]+)/([^/]+)/runs/([^/]+)/results/steps", results_page.ResultSteps, drawn),
            (r"/p/([^/]+)/([^/]+)/runs/([^/]+)/results/over-steps", results_page.DrawnSteps, drawn),
            (r"/p/([^/]+)/([^/]+)/runs/([^/]+)/news", following.RunNews, {**shared, "hubs": dashboard}),
            (r"/p/([^/]+)/([^/]+)/table", table_page.TablePage, shared),
            (r"/p/([^/]+)/([^/]+)/compare", compare_page.ComparePage, shared),
            (r"/p/([^/]+)/([^/]+)/evaluations", evaluation_page.EvaluationsPage, shared),
            (r"/p/([^/]+)/([^/]+)/evaluations/compare", evaluation_compare.ComparePage, shared),
            (r"/p/([^/]+)/([^/]+)/evaluations/compare/file", evaluation_compare.CompareFile, shared),
            (r"/p/([^/]+)/([^/]+)/evaluations/groups", evaluation_groups.GroupsPage, shared),
            (r"/p/([^/]+)/([^/]+)/evaluations/groups/file", evaluation_groups.GroupsFile, shared),
            (r"/p/([^/]+)/([^/]+)/evaluations/groups/compared", evaluation_groups.GroupsAnswer, shared),
            (r"/p/([^/]+)/([^/]+)/evaluations/(\d{1,18})", evaluation_page.EvaluationPage, shared),
            (r"/p/([^/]+)/([^/]+)/evaluations/(\d{1,18})/file", evaluation_page.EvaluationFile, shared),
            (EVALUATION_ANSWERS, evaluation_page.EvaluationAnswer, shared),
            (r"/p/([^/]+)/([^/]+)/values", values.ValuesPage, shared),
            (r"/p/([^/]+)/([^/]+)/fields", values.FieldsPage, shared),
            (r"/changes", table_page.ChangesPage, shared),
            (r"/checks", pages.ChecksPage, shared),
            (r"/p/([^/]+)/([^/]+)/model", pages.ModelPage, shared),
            (r"/login", login.LoginPage, shared),
            (r"/logout", login.LogoutPage, shared),
            (r"/healthz", pages.Health),
            (r"/readyz", pages.Readiness, shared),
            (r"/metrics", Figures, {**shared, "watch": watch}),
            (r"/assets/([^/]+)/frame\.html", framed.Frame),
            *assets.ROUTES,
        ],
        default_handler_class=pages.MissingPage,
        default_handler_args=shared,
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
    # A proxy's word, where one is trusted, on the scheme: of its address we judge ourselves.
    http = HTTPServer(application, xheaders=settings.trusted_proxies > 0, max_body_size=MAX_FORM_BYTES)
    for one in sockets:
        one.listen(BACKLOG)
    http.add_sockets(sockets)
    return application, http


def serve(
    url: str,
    settings: DashboardSettings,
    sockets: list[socket.socket],
    secret_key: bytes,
    tell: Callable[[str], None],
) -> None:
    """Show the backend at `url` until SIGINT or SIGTERM; `tell` is given the address."""

    async def run() -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        application, http = make_server(url, settings, sockets, secret_key)
        server = BaseServer(IOLoop.current(), application, http)
        server.start()
        # Bokeh collects garbage for each page that is closed: all others would wait while it goes through what stays.
        gc.collect()
        gc.freeze()
        port = sockets[0].getsockname()[1]
        tell(f"http://{settings.host if settings.host != '127.0.0.1' else 'localhost'}:{port}{settings.prefix}")
        await stopped.wait()
        await application.drain()
        http.stop()
        server.stop(wait=False)

    asyncio.run(run())
