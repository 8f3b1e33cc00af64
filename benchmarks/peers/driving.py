"""What the drivers of all systems share: the same values, requests, clocks and answers. Standard library only.

A driver runs with its own system's Python: `python peers/mlflow.py WORKLOAD ... [--name value]`. It prints one JSON
object a workload, `{"workload": ..., figures}`; what else is printed goes to standard error.
"""

import argparse
import contextlib
import functools
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any
from urllib.parse import urlsplit

SPIKE = 99.0  # the one value of the long series that stands out
VALUES = {"loss": 0.3, "accuracy": 0.9, "val_loss": 0.4, "val_accuracy": 0.8}
POINTS_A_REQUEST = 1_000
LARGE_POINTS = 16_000  # in a request: about what Prevue's client sends, up to 5 000 records or 1 MiB compressed
IDLE_S = 2
WARM_UP_S = 1.0
ROUNDS = 4  # of which the best counts, where a rate is measured
PATIENCE_S = 180  # for a server's start, and for it to have read what is there

Figures = dict[str, Any]
Workload = Callable[[argparse.Namespace], Figures]
Serving = Callable[[argparse.Namespace], "contextlib.AbstractContextManager[Client]"]


def drive(workloads: dict[str, Workload], serving: Serving | None = None) -> None:
    """Run the workloads that the command line names, in its order, and print their figures.

    They reach the one server of the system through `arguments.up()`, which starts it when it is first called.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("workloads", nargs="+", choices=workloads)
    parser.add_argument("--folder", required=True, help="for what is stored")
    parser.add_argument("--database", help="URL of an empty PostgreSQL database to store in")
    parser.add_argument("--calls", type=int, default=10_000, help="of log()")
    parser.add_argument("--pause_s", type=float, default=0.0, help="from one call of log() to the next")
    parser.add_argument("--requests", type=int, default=100, help="of 1 000 points each")
    parser.add_argument("--points", type=int, default=1_000_000, help="of the long series")
    parser.add_argument("--runs", type=int, default=1_000, help="in the list of runs")
    parser.add_argument("--rows", type=int, default=50_000_000, help="of a store that has grown")
    parser.add_argument("--reads", type=int, default=5, help="of a chart or a list; the fastest counts")
    arguments = parser.parse_args()
    out = os.dup(1)
    os.dup2(2, 1)  # some systems greet on standard output
    with contextlib.ExitStack() as stack:
        arguments.up = functools.cache(lambda: stack.enter_context(serving(arguments)) if serving else None)
        for name in arguments.workloads:
            line = json.dumps({"workload": name, **workloads[name](arguments)}) + "\n"
            os.write(out, line.encode())


def value_at(step: int, points: int) -> float:
    """Return a noisy falling curve with one point that stands out, a third on its way. SQL can say the same."""
    return SPIKE if step == points // 3 else 1000.0 / (1000.0 + step) + (step * 48271 % 65537) / 655370.0


def values_at(step: int) -> dict[str, float]:
    """Return what a training would log at a step: numbers with all their digits."""
    return {name: value + (step * 48271 % 65537) / 65537 for name, value in VALUES.items()}


def cost_of_calls(log: Callable[[int], Any], calls: int, pause_s: float = 0.0) -> Figures:
    """Return what calls of `log(step)` take of the training's time, in microseconds: one right after another, or with a
    pause between them in which other threads run. What the first call starts has a second for it."""
    log(0)
    time.sleep(WARM_UP_S)
    now = time.perf_counter_ns
    took = []
    for step in range(1, calls + 1):
        began = now()
        log(step)
        took.append(now() - began)
        if pause_s:
            time.sleep(pause_s)
    took.sort()
    parts = {"median_us": 0.5, "p99_us": 0.99, "p999_us": 0.999, "worst_us": 1}
    return {name: took[min(calls - 1, int(calls * part))] / 1_000 for name, part in parts.items()} | {"calls": calls}


def rate_of_requests(
    body_of: Callable[[range], bytes], send: Callable[[int, bytes], Any], requests: int, points: int = POINTS_A_REQUEST
) -> Figures:
    """Return how many points a second `send(first_step, body)` stores, each request answered before the next, in the
    best part of the time: what else the machine does spoils the others.

    The bodies, of calls at a range of steps, are made before the clock starts: this is about the server.
    """
    calls = points // len(VALUES)
    bodies = [body_of(range(number * calls, number * calls + calls)) for number in range(requests + 1)]
    send(0, bodies[0])  # the first one makes the run, and what the server has to warm up
    rates = []
    for part in range(ROUNDS):
        numbers = range(1 + part * requests // ROUNDS, 1 + (part + 1) * requests // ROUNDS)
        began = time.perf_counter()
        for number in numbers:
            send(number * calls, bodies[number])
        rates.append(points * len(numbers) / (time.perf_counter() - began))
    return {"points_per_s": max(rates), "slowest_points_per_s": min(rates), "points": points * (requests + 1)}


def rates_in_turn(
    body_of: Callable[[range], bytes], senders: list[Callable[[int, bytes], Any]], requests: int, points: int
) -> list[Figures]:
    """Return how many points a second each of several `send`s stores, over all requests.

    They take turns with each request, so that what else the machine does slows all of them alike.
    """
    calls = points // len(VALUES)
    took: list[list[float]] = [[] for _ in senders]
    for number in range(requests + 1):
        body = body_of(range(number * calls, number * calls + calls))
        for place in range(len(senders)):
            mine = (place + number) % len(senders)
            began = time.perf_counter()
            senders[mine](number * calls, body)
            took[mine].append(time.perf_counter() - began)
    # The first one makes the run.
    return [{"points_per_s": points * requests / sum(one[1:]), "median_ms": 1_000 * median(one[1:])} for one in took]


def time_of_reads(read: Callable[[], bytes], reads: int) -> tuple[Figures, bytes]:
    """Return the time of the fastest answer, its size, and the answer. The first one, which warms up, does not count.

    What else a small machine does can double the median; it is told too."""
    body = read()
    took = []
    for _ in range(reads):
        began = time.perf_counter()
        body = read()
        took.append(1_000 * (time.perf_counter() - began))
    return {"ms": min(took), "median_ms": median(took), "bytes": len(body)}, body


class Client:
    """One connection that stays open, as a browser's or a training's."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)
        self._connect()

    def _connect(self) -> None:
        self.connection.connect()
        self.used = time.monotonic()
        # Without it MLflow's requests wait 40 ms for each other (Nagle and delayed ACK), which is not its fault.
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> bytes:
        return self._ask("GET", path, None, {})

    def post(self, path: str, body: bytes, content_type: str = "application/json", **headers: str) -> bytes:
        return self._ask("POST", path, body, {"Content-Type": content_type, **headers})

    def ask(self, path: str, **fields: Any) -> Any:
        """POST an object and return the one that comes back."""
        return read_json(self.post(path, json.dumps(fields).encode()))

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        if time.monotonic() - self.used > IDLE_S:  # while a database was filled; servers close what is idle
            self.connection.close()
            self._connect()
        self.connection.request(method, path, body, {"Accept-Encoding": "gzip", **headers})
        with self.connection.getresponse() as answer:
            text = answer.read()
        self.used = time.monotonic()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {text[:300]!r}")
        return text


def read_json(body: bytes) -> Any:
    """Return what an answer says, compressed or not."""
    return json.loads(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)


@contextlib.contextmanager
def server(command: list[str], url: str, path: str, **environ: str) -> Iterator[Client]:
    """Run a server until the end of the `with`, and wait until it answers at `path`."""
    process = subprocess.Popen(
        command, env={**os.environ, **environ}, stdout=sys.stderr, start_new_session=True, stdin=subprocess.DEVNULL
    )
    try:
        yield _answering(process, url, path)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # with its workers
        process.wait()


def _answering(process: "subprocess.Popen[bytes]", url: str, path: str) -> Client:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client = Client(url)
            client.get(path)
        except (OSError, http.client.HTTPException, RuntimeError):
            time.sleep(0.1)
        else:
            return client
    raise RuntimeError(f"no answer from {url}")


def free_port() -> int:
    """Return a port where nobody listens at the time."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def large_requests(arguments: argparse.Namespace, times: int = 1) -> int:
    """Return how many large requests have as many points as there are to send, or so many times as many."""
    return max(4, times * int(arguments.requests) * POINTS_A_REQUEST // LARGE_POINTS)


def size_of(folder: str) -> int:
    """Return the bytes of all files in a folder and below."""
    return sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(folder) for name in names)
