"""What operators see of the server: a line in the log for each request, and figures at `/metrics` for Prometheus."""

import logging
import time

import flask
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from prevue_core.api.blueprint import identity, request_id
from prevue_core.logs import ACCESS

log = logging.getLogger(ACCESS)

# Buckets around what requests take: a batch of points a few ms, a chart of a million points some tens.
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Figures:
    """The figures of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ("method", "route")
        self.seconds = Histogram(
            "prevue_request_seconds", "Time to answer a request", names, registry=self.registry, buckets=BUCKETS_S
        )
        self.requests = Counter("prevue_requests", "Requests answered", (*names, "status"), registry=self.registry)
        self.records = Counter("prevue_records", "Records taken from writers", ("fate",), registry=self.registry)
        for fate in ("stored", "rejected"):
            self.records.labels(fate)

    def text(self) -> bytes:
        """Return the figures as Prometheus reads them."""
        return generate_latest(self.registry)


def watch(app: flask.Flask) -> None:
    """Count and log the requests of `app`."""
    figures = app.extensions["prevue_figures"] = Figures()

    @app.before_request
    def begin() -> None:
        flask.g.began = time.perf_counter()

    @app.after_request
    def end(response: flask.Response) -> flask.Response:
        seconds = time.perf_counter() - flask.g.get("began", time.perf_counter())
        # The pattern, not the path: paths are as many as runs.
        route = flask.request.url_rule.rule if flask.request.url_rule else "none"
        figures.seconds.labels(flask.request.method, route).observe(seconds)
        figures.requests.labels(flask.request.method, route, response.status_code).inc()
        _log(response, route, seconds)
        return response


def count_records(stored: int, rejected: int) -> None:
    """Count what became of a batch of records."""
    records = flask.current_app.extensions["prevue_figures"].records
    records.labels("stored").inc(stored)
    records.labels("rejected").inc(rejected)


def figures_response() -> flask.Response:
    """Return the answer at `/metrics`."""
    return flask.Response(flask.current_app.extensions["prevue_figures"].text(), content_type=CONTENT_TYPE_LATEST)


def _log(response: flask.Response, route: str, seconds: float) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    log.info(
        "%s %s %d",
        flask.request.method,
        flask.request.path,
        response.status_code,
        extra={
            "request_id": request_id(),
            "method": flask.request.method,
            "path": flask.request.path,
            "route": route,
            "status": response.status_code,
            "ms": round(seconds * 1_000, 2),
            "user": identity().username if "identity" in flask.g else None,
            "address": flask.request.remote_addr,
        },
    )
