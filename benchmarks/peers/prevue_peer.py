"""Drives Prevue, over HTTP as its dashboard and its trainings do: see `driving`."""

import contextlib
import json
import os
import sys
import urllib.parse
import uuid
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import driving

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import big_stores
import floors
import log_cost

import postgres
from prevue_core.db import connection, schema

MILLION = 1_000_000
BUDGET = 1_000
# What the dashboard asks of each series; a driver does not import Bokeh for them.
COLUMNS = ("time", "epoch", "mean", "low", "high", "last", "count", "nan_count", "inf_count", "ninf_count")
TIMES_LONGER = 10  # the second long series
GRID_RUNS, GRID_NAMES = 10, 10  # so many losses and as many metrics
ZOOM_STEPS = 2_000
TABLE_RUNS = 10_000
GROWN_TIMES = 8  # as many requests as for a rate: what is compared may differ little


def log(arguments: Namespace) -> driving.Figures:
    """With its backend up, flat out; and a bare write of a line (`floor_us`)."""
    return log_cost.run_case("up", log_cost.FAST * arguments.calls)


def ingest(arguments: Namespace) -> driving.Figures:
    return _ingest(arguments, driving.POINTS_A_REQUEST, arguments.requests)


def ingest_large(arguments: Namespace) -> driving.Figures:
    """In requests as large as its client makes them when it has much to send."""
    return _ingest(arguments, driving.LARGE_POINTS, driving.large_requests(arguments))


def _ingest(arguments: Namespace, points: int, requests: int) -> driving.Figures:
    before = stored_bytes(arguments)
    figures = driving.rate_of_requests(body_of, sender(arguments.up()), requests, points)
    return {**figures, "bytes_per_point": (stored_bytes(arguments) - before) / figures["points"]}


def sender(client: driving.Client) -> Callable[[int, bytes], None]:
    """Begin a run and return what stores, from a step on, what `body_of` made."""
    run = str(uuid.uuid4())
    path = f"/api/v1/runs/{run}/writers/{uuid.uuid4()}/records?first_seq="
    start = {"type": "start", "project": "bench", "uid": "bench", "run_name": run}
    client.post(f"{path}0", json.dumps(start).encode(), "application/x-ndjson")

    def send(step: int, body: bytes) -> None:
        answer = client.post(f"{path}{1 + step}", body, "application/x-ndjson")  # behind the start record
        assert driving.read_json(answer)["rejected_count"] == 0

    return send


def body_of(steps: range) -> bytes:
    records = (
        {"type": "metrics", "time": 1_767_225_600.0 + step, "step": step, "values": driving.values_at(step)}
        for step in steps
    )
    return "\n".join(map(json.dumps, records)).encode()


def floor(arguments: Namespace) -> driving.Figures:
    """The same rows without Prevue."""
    with open_database(arguments):
        return {
            "points_per_s": floors.rate(driving.POINTS_A_REQUEST, arguments.requests),
            "large_points_per_s": floors.rate(driving.LARGE_POINTS, driving.large_requests(arguments)),
        }


def grown(arguments: Namespace) -> driving.Figures:
    """How storing slows from 1 million rows stored to all: two servers, each with a store of its own, take turns."""
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(store_beside(arguments, name)) for name in ("few", "many")]
        for store, rows in zip(stores, (MILLION, arguments.rows), strict=True):
            fill_rows(store, rows)
        senders = [sender(stack.enter_context(serving(store))) for store in stores]
        requests = driving.large_requests(arguments, GROWN_TIMES)
        few, many = driving.rates_in_turn(body_of, senders, requests, driving.LARGE_POINTS)
        return {
            "with_few": few["points_per_s"],
            "with_many": many["points_per_s"],
            "slower_percent": 100 - 100 * many["points_per_s"] / few["points_per_s"],
            "median_slower_percent": 100 - 100 * few["median_ms"] / many["median_ms"],
            "rows": arguments.rows,
            "stored_bytes": stored_bytes(stores[1]),
        }


def fill_rows(store: Namespace, rows: int) -> None:
    """Fill a store with runs of a million rows each."""
    first = filled(store, "first", MILLION)
    with open_database(store):
        for number in range(1, rows // MILLION):
            big_stores.copy_run(first, big_stores.new_run("grown", f"copy {number}"))
        big_stores.settle()


@contextlib.contextmanager
def store_beside(arguments: Namespace, name: str) -> Iterator[Namespace]:
    """Yield the arguments with an empty store of the same kind in place of theirs."""
    folder = Path(arguments.folder, name)
    folder.mkdir()
    with postgres.fresh_database(arguments.database) if arguments.database else contextlib.nullcontext() as database:
        yield Namespace(**{**vars(arguments), "folder": str(folder), "database": database})


def chart(arguments: Namespace) -> driving.Figures:
    return _chart(arguments, arguments.points)


def long_chart(arguments: Namespace) -> driving.Figures:
    return _chart(arguments, arguments.points * TIMES_LONGER)


def _chart(arguments: Namespace, points: int) -> driving.Figures:
    run = filled(arguments, f"long {points}", points)
    client, path = arguments.up(), series([run])
    figures, body = driving.time_of_reads(lambda: client.get(path), arguments.reads)
    [part] = driving.read_json(body)["series"]
    found = part["columns"]
    return {**figures, "points": len(found["step"]), "spike": driving.SPIKE in (found.get("high") or found["last"])}


def zoom(arguments: Namespace) -> driving.Figures:
    """To 2 000 points, at five places of the long series: the slowest place."""
    run = filled(arguments, f"long {arguments.points}", arguments.points)
    client, slowest = arguments.up(), {"ms": 0.0}
    for place in (0.0, 0.1, 1 / 3, 0.7, 0.95):
        low = int(arguments.points * place)
        path = series([run], low_step=low, high_step=low + ZOOM_STEPS - 1)
        figures, body = driving.time_of_reads(lambda path=path: client.get(path), arguments.reads)
        [part] = driving.read_json(body)["series"]
        assert part["count"] == ZOOM_STEPS
        slowest = max(slowest, figures, key=lambda one: one["ms"])
    return slowest


def grid(arguments: Namespace) -> driving.Figures:
    """20 names of 10 runs, each a tenth as long as the long series, in one request."""
    points = arguments.points // 10
    runs = filled_grid(arguments, points)
    client, path = arguments.up(), series(runs)
    figures, body = driving.time_of_reads(lambda: client.get(path), arguments.reads)
    parts = driving.read_json(body)["series"]
    assert {part["count"] for part in parts} == {points}
    return {**figures, "series": len(parts)}


def runs(arguments: Namespace) -> driving.Figures:
    """The first page of its list of runs."""
    with open_database(arguments):
        big_stores.add_runs("runs", arguments.runs)
    client = arguments.up()
    figures, body = driving.time_of_reads(lambda: client.get("/api/v1/runs?project_name=runs"), arguments.reads)
    return {**figures, "rows": len(driving.read_json(body)["items"])}


def table(arguments: Namespace) -> driving.Figures:
    """The first page of many runs, filtered by a value, a setting and the state, sorted by the filtered value."""
    with open_database(arguments):
        big_stores.add_runs("table", TABLE_RUNS)
    best = "metrics.val.accuracy.max"
    asked = {
        **{"project_name": "table", "filter": f'{best} > 0.5 and config.lr < 0.05 and state = "finished"'},
        **{"sort": f"-{best}", "summary": best, "limit": 100},
    }
    client, path = arguments.up(), "/api/v1/runs?" + urllib.parse.urlencode(asked)
    figures, body = driving.time_of_reads(lambda: client.get(path), arguments.reads)
    found = driving.read_json(body)["items"]
    values = [run["summaries"][best] for run in found]
    assert len(found) == 100
    assert values == sorted(values, reverse=True)
    assert max(run["config"]["lr"] for run in found) < 0.05
    return {**figures, "rows": len(found)}


def series(runs: list[str], **asked: Any) -> str:
    pairs = [*(("run_id", run) for run in runs), *(("columns", one) for one in COLUMNS), ("budget", BUDGET)]
    return "/api/v1/series?" + "&".join(f"{name}={value}" for name, value in (*pairs, *asked.items()))


# what is read


@contextlib.contextmanager
def open_database(arguments: Namespace) -> Iterator[None]:
    database = connection.connect(url_of(arguments))
    schema.upgrade(database)
    with database.connection_context():
        yield
    if hasattr(database, "close_all"):
        database.close_all()


def filled(arguments: Namespace, name: str, points: int) -> str:
    """Return the id of a run with one series, made if there is none of that name."""
    with open_database(arguments):
        if (run := big_stores.run_named(name)) is None:
            big_stores.add_series(run := big_stores.new_run("charts", name), points)
            big_stores.settle()
    return run


def filled_grid(arguments: Namespace, points: int) -> list[str]:
    with open_database(arguments):
        first, *others = (big_stores.new_run("grid", f"grid {number}") for number in range(GRID_RUNS))
        big_stores.add_series(first, points, GRID_NAMES)
        for run in others:
            big_stores.copy_run(first, run)
        big_stores.settle()
    return [first, *others]


@contextlib.contextmanager
def serving(arguments: Namespace) -> Iterator[driving.Client]:
    port = driving.free_port()
    command = [sys.executable, "-m", "prevue", "backend", "--port", str(port), "--data", arguments.folder]
    settings = {"PREVUE_DATABASE_URL": url_of(arguments), "PREVUE_PLUGINS": ""}
    with driving.server(command, f"http://127.0.0.1:{port}", "/readyz", **settings) as client:
        yield client


def url_of(arguments: Namespace) -> str:
    return arguments.database or f"sqlite:///{arguments.folder}/prevue.sqlite"


def stored_bytes(arguments: Namespace) -> int:
    """Return what points, their indexes and their rollups take."""
    with open_database(arguments):
        return big_stores.stored_bytes()


if __name__ == "__main__":
    os.environ.pop("PREVUE_DATABASE_URL", None)
    driving.drive(
        {
            **{"log": log, "ingest": ingest, "ingest_large": ingest_large, "chart": chart, "long_chart": long_chart},
            **{"zoom": zoom, "grid": grid, "runs": runs, "floor": floor, "grown": grown, "table": table},
        },
        serving,
    )
