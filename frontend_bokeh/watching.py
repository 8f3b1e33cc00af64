"""What operators see of the dashboard: a line in the log for each request, and figures at `/metrics` for Prometheus."""

import logging

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from tornado.web import HTTPError, RequestHandler

from frontend_bokeh.auth import Gate
from frontend_bokeh.headers import guard_page, request_id
from prevue_core.errors import ApiError
from prevue_core.logs import ACCESS

BUCKETS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

log = logging.getLogger(ACCESS)


class Watch:
    """Counts what one dashboard answers."""

    def __init__(self, gate: Gate) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "prevue_dashboard_requests", "Requests answered", ("handler", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "prevue_dashboard_request_seconds",
            "Time to answer a request",
            ("handler",),
            registry=self._registry,
            buckets=BUCKETS_S,
        )
        pages = Gauge("prevue_dashboard_pages", "Pages that are open in browsers", registry=self._registry)
        pages.set_function(lambda: len(gate.connections))

    def note(self, handler: RequestHandler) -> None:
        """Count and log a request that was answered."""
        kind, status, seconds = type(handler).__name__, handler.get_status(), handler.request.request_time()
        self._requests.labels(kind, status).inc()
        self._seconds.labels(kind).observe(seconds)
        if log.isEnabledFor(logging.INFO):
            visitor = getattr(handler, "visitor", None)
            more = {
                "request_id": request_id.get(),
                "method": handler.request.method,
                "path": handler.request.path,
                "handler": kind,
                "status": status,
                "ms": round(seconds * 1_000, 2),
                "user": visitor.name if visitor else None,
                "address": handler.request.remote_ip,
            }
            log.info("%s %s %d", more["method"], more["path"], status, extra=more)

    def text(self) -> bytes:
        """Return the figures as Prometheus reads them."""
        return generate_latest(self._registry)


class Figures(RequestHandler):
    """`/metrics`: for whom the backend knows by a token, as the backend's own."""

    def initialize(self, gate: Gate, watch: Watch) -> None:
        """Take what the server was started with."""
        self._gate, self._watch = gate, watch

    def set_default_headers(self) -> None:
        """Set what keeps strangers away."""
        guard_page(self)

    async def get(self) -> None:
        """Answer with the figures."""
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            identity = await self._gate.ask(token, lambda api: api.identity())
        except ApiError as error:
            raise HTTPError(503, "%s", error) from error
        if "read" not in identity["scopes"]:
            self.set_header("WWW-Authenticate", "Bearer")
            raise HTTPError(401)
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.write(self._watch.text())
