"""Drives trackio: see `driving`."""

import contextlib
import json
import os
import sqlite3
import sys
from argparse import Namespace
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import driving

PROJECT, WRITE = "bench", {"X-Trackio-Write-Token": "bench"}
SERVE = "import trackio, sys; trackio.show(open_browser=False, block_thread=True, server_port=int(sys.argv[1]))"
TIME = "2026-01-01T00:00:00+00:00"


def log(arguments: Namespace) -> driving.Figures:
    os.environ["TRACKIO_DIR"] = arguments.folder
    import trackio  # it reads the folder when it is imported

    trackio.init(project=PROJECT, name="log")
    return driving.cost_of_calls(
        lambda step: trackio.log(driving.VALUES, step=step), arguments.calls, arguments.pause_s
    )


def ingest(arguments: Namespace) -> driving.Figures:
    return _ingest(arguments, driving.POINTS_A_REQUEST, arguments.requests)


def ingest_large(arguments: Namespace) -> driving.Figures:
    return _ingest(arguments, driving.LARGE_POINTS, driving.large_requests(arguments))


def _ingest(arguments: Namespace, points: int, requests: int) -> driving.Figures:
    client, run, before = arguments.up(), f"ingest {points}", driving.size_of(arguments.folder)

    figures = driving.rate_of_requests(
        lambda steps: entries(run, {step: driving.values_at(step) for step in steps}),
        lambda _, body: client.post("/api/bulk_log", body, **WRITE),
        requests,
        points,
    )
    return {**figures, "bytes_per_point": (driving.size_of(arguments.folder) - before) / figures["points"]}


def chart(arguments: Namespace) -> driving.Figures:
    """What its page of metrics asks. An answer is kept until the next write, so one comes before each read, as while a
    training runs."""
    client, points = arguments.up(), arguments.points
    store(client, "chart", 0, {"loss": driving.value_at(0, points)})
    rows = (
        ("chart", TIME, "chart", step, json.dumps({"loss": driving.value_at(step, points)}))
        for step in range(1, points)
    )
    insert(arguments.folder, "metrics (run_id, timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?, ?)", rows)
    runs = [{"run": "chart", "run_id": "chart"}]
    question = {"project": PROJECT, "runs": runs, "max_points": 3_000, "scalar_only": True}
    later = count(points)

    def read() -> bytes:
        store(client, "other", next(later), {"loss": 0.0})
        return client.post("/api/get_logs_batch", json.dumps(question).encode())

    figures, body = driving.time_of_reads(read, arguments.reads)
    values = [entry.get("loss") for entry in driving.read_json(body)["data"][0]["logs"]]
    return {**figures, "points": len(values), "spike": driving.SPIKE in values}


def runs(arguments: Namespace) -> driving.Figures:
    """The names of all runs; it has no table of their values."""
    client = arguments.up()
    store(client, "one", 0, driving.VALUES)
    names = [f"run {number}" for number in range(arguments.runs)]
    rows = ((name, TIME, name, 1, json.dumps(driving.VALUES)) for name in names)
    insert(arguments.folder, "metrics (run_id, timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?, ?)", rows)
    configs = ((name, name, "{}", TIME) for name in names)
    insert(arguments.folder, "configs (run_id, run_name, config, created_at) VALUES (?, ?, ?, ?)", configs)
    question = json.dumps({"project": PROJECT}).encode()
    figures, body = driving.time_of_reads(lambda: client.post("/api/get_runs_for_project", question), arguments.reads)
    return {**figures, "rows": len(driving.read_json(body)["data"])}


@contextlib.contextmanager
def serving(arguments: Namespace) -> Iterator[driving.Client]:
    port = driving.free_port()
    command = [sys.executable, "-c", SERVE, str(port)]
    url = f"http://127.0.0.1:{port}"
    with driving.server(command, url, "/", TRACKIO_DIR=arguments.folder, TRACKIO_WRITE_TOKEN="bench") as client:
        yield client


def entries(run: str, values: dict[int, dict[str, float]]) -> bytes:
    """Return what its client sends of values by step."""
    logs = [
        {"project": PROJECT, "run": run, "run_id": run, "metrics": ours, "step": step, "log_id": f"{run}{step}"}
        for step, ours in values.items()
    ]
    return json.dumps({"logs": logs, "hf_token": None}).encode()


def store(client: driving.Client, run: str, step: int, values: dict[str, float]) -> None:
    client.post("/api/bulk_log", entries(run, {step: values}), **WRITE)


def insert(folder: str, into: str, rows: "Iterator[tuple[object, ...]]") -> None:
    """Fill its database without its own way in, which would take long."""
    database = Path(folder) / f"{PROJECT}.db"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(f"INSERT INTO {into}", rows)


if __name__ == "__main__":
    driving.drive({"log": log, "ingest": ingest, "ingest_large": ingest_large, "chart": chart, "runs": runs}, serving)
