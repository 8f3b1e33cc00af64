"""Drives MLflow's tracking server: see `driving`."""

import contextlib
import json
import os
import sqlite3
import sys
import uuid
from argparse import Namespace
from collections.abc import Iterable, Iterator

import driving

API = "/api/2.0/mlflow"
TIME_MS = 1_767_225_600_000


def log(arguments: Namespace) -> driving.Figures:
    """Both ways: waiting for the server, and handing over to a thread (named `async`)."""
    os.environ["MLFLOW_TRACKING_URI"] = arguments.up().url
    import mlflow

    mlflow.start_run()
    few, more = min(arguments.calls, 500), min(arguments.calls, 2_000)  # each of the few waits for a commit
    pause_s = arguments.pause_s
    waiting = driving.cost_of_calls(lambda step: mlflow.log_metrics(driving.VALUES, step), few, pause_s)
    handing = driving.cost_of_calls(
        lambda step: mlflow.log_metrics(driving.VALUES, step, synchronous=False), more, pause_s
    )
    mlflow.end_run()  # waits for all that is under way
    return {**handing, "waiting": waiting}


def ingest(arguments: Namespace) -> driving.Figures:
    client = arguments.up()
    run_id = new_run(client)

    def body_of(steps: range) -> bytes:
        metrics = [
            {"key": name, "value": value, "timestamp": TIME_MS + step, "step": step}
            for step in steps
            for name, value in driving.values_at(step).items()
        ]
        return json.dumps({"run_id": run_id, "metrics": metrics}).encode()

    before = stored_bytes(arguments)
    figures = driving.rate_of_requests(
        body_of, lambda _, body: client.post(f"{API}/runs/log-batch", body), arguments.requests
    )
    return {**figures, "bytes_per_point": (stored_bytes(arguments) - before) / figures["points"]}


def chart(arguments: Namespace) -> driving.Figures:
    """What its page of a run asks for a chart."""
    points = arguments.points
    client = arguments.up()
    run_id = new_run(client)
    rows = (("loss", driving.value_at(step, points), TIME_MS + step, run_id, step, 0) for step in range(points))
    insert(arguments, "metrics (key, value, timestamp, run_uuid, step, is_nan)", rows)
    path = f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={run_id}&metric_key=loss&max_results=320"
    figures, body = driving.time_of_reads(lambda: client.get(path), arguments.reads)
    values = [metric["value"] for metric in driving.read_json(body)["metrics"]]
    return {**figures, "points": len(values), "spike": driving.SPIKE in values}


def runs(arguments: Namespace) -> driving.Figures:
    """The first page of its table of runs, sorted by a metric."""
    client = arguments.up()
    new_run(client)
    columns = "run_uuid, name, source_type, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id"
    names = [uuid.uuid4().hex for _ in range(arguments.runs)]
    rows = ((name, name, "LOCAL", "bench", "FINISHED", TIME_MS, "active", "x", 0) for name in names)
    insert(arguments, f"runs ({columns})", rows)
    latest = (
        (key, value + 1 / number, TIME_MS, 1, 0, name)
        for number, name in enumerate(names, 1)
        for key, value in driving.VALUES.items()
    )
    insert(arguments, "latest_metrics (key, value, timestamp, step, is_nan, run_uuid)", latest)
    question = {"experiment_ids": ["0"], "max_results": 100, "order_by": ["metrics.`val_accuracy` DESC"]}
    body = json.dumps(question).encode()
    figures, answer = driving.time_of_reads(
        lambda: client.post("/ajax-api/2.0/mlflow/runs/search", body), arguments.reads
    )
    return {**figures, "rows": len(driving.read_json(answer)["runs"])}


@contextlib.contextmanager
def serving(arguments: Namespace) -> Iterator[driving.Client]:
    port = driving.free_port()
    # SQLAlchemy would look for psycopg 3.
    on_postgresql = (arguments.database or "").replace("postgresql:", "postgresql+psycopg2:")
    store = on_postgresql or f"sqlite:///{database(arguments)}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", store, "--artifacts-destination", arguments.folder),
    ]
    # Its consumers of jobs, which nothing here needs, would keep both cores of a small machine busy.
    jobs = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with driving.server(command, f"http://127.0.0.1:{port}", "/health", **jobs) as client:
        yield client


def new_run(client: driving.Client) -> str:
    run = client.ask(f"{API}/runs/create", experiment_id="0", start_time=TIME_MS)
    return str(run["run"]["info"]["run_id"])


def insert(arguments: Namespace, into: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Fill its database without its own way in, which would take long."""
    marks = ", ".join("?" * (into.count(",") + 1))
    with contextlib.closing(sqlite3.connect(database(arguments))) as connection, connection:
        connection.executemany(f"INSERT INTO {into} VALUES ({marks})", rows)


def database(arguments: Namespace) -> str:
    return f"{arguments.folder}/mlflow.db"


def stored_bytes(arguments: Namespace) -> int:
    if not arguments.database:
        return sum(os.path.getsize(place) for end in ("", "-wal") if os.path.exists(place := database(arguments) + end))
    import psycopg2

    with contextlib.closing(psycopg2.connect(arguments.database)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname IN ('metrics', 'latest_metrics')"
        )
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    driving.drive({"log": log, "ingest": ingest, "chart": chart, "runs": runs}, serving)
