"""More is sent at once than the server takes: it says so, stays alive and small, and stores all of it in the end."""

import http.client
import json
import re
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faults.conftest import Backend, fate_of

WRITERS, RECORDS = 32, 500
START = {"type": "start", "project": "pressure", "uid": "ann"}


@pytest.fixture
def backend_with(tmp_path):
    """Start a backend that lets so many requests wait."""
    started = []

    def backend_with(waiting):
        started.append(Backend(tmp_path / f"server{waiting}", PREVUE_MAX_WAITING=str(waiting)))
        started[0].wait()
        return started[0]

    yield backend_with
    started[0].served.stop()


class Writer:
    """Sends batches flat out, and again what was not taken; `statuses`: how often each came."""

    def __init__(self, number, port, batches, run_id):
        self.number, self.statuses, self.waits = number, Counter(), []
        self._batches = batches
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._path = f"/api/v1/runs/{run_id}/writers/{uuid.uuid4()}/records?first_seq="

    def steps(self):
        first = self.number * 1_000_000
        return range(first, first + self._batches * RECORDS)

    def send(self):
        steps = self.steps()
        records = [{**START, "rank": self.number}, *map(self._record, steps)]
        for first in range(0, len(records), RECORDS):
            body = json.dumps({"records": records[first : first + RECORDS]})
            while not self._is_taken(first, body):
                time.sleep(0.05)  # sooner than the server asks for, which would take minutes
        self._connection.close()

    def _record(self, step):
        return {"type": "metrics", "step": step, "values": {"loss": step / 2}}

    def _is_taken(self, first, body):
        self._connection.request("POST", f"{self._path}{first}", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        answer.read()
        self.statuses[answer.status] += 1
        if answer.status == 429:
            self.waits.append(int(answer.headers["Retry-After"]))
        return answer.status == 200


class Pulse(threading.Thread):
    """Asks again and again whether the server lives."""

    def __init__(self, port):
        super().__init__()
        self.slowest_ms, self.failures = 0.0, 0
        self._port, self._over = port, threading.Event()

    def run(self):
        while not self._over.wait(0.02):
            began = time.perf_counter()
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            connection.request("GET", "/healthz")
            self.failures += connection.getresponse().status != 200
            connection.close()
            self.slowest_ms = max(self.slowest_ms, (time.perf_counter() - began) * 1_000)

    def stop(self):
        self._over.set()
        self.join()


def press(backend, batches, count=WRITERS):
    """Send from so many writers at once; return them, and how the server's pulse was."""
    run_id = uuid.uuid4()
    writers = [Writer(number, backend.port, batches, run_id) for number in range(count)]
    pulse = Pulse(backend.port)
    pulse.start()
    with ThreadPoolExecutor(count) as threads:
        list(threads.map(Writer.send, writers))
    pulse.stop()
    return writers, pulse


def peak_mb(backend):
    status = Path(f"/proc/{backend.served.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1_024


def test_what_is_too_much_is_sent_back_and_comes_again(backend_with, whole, tell):
    backend = backend_with(4)
    idle_mb = peak_mb(backend)
    writers, pulse = press(backend, 20 if whole else 3)
    statuses = sum((writer.statuses for writer in writers), Counter())
    waits = {wait for writer in writers for wait in writer.waits}
    fate = fate_of(backend.stored(), {step for writer in writers for step in writer.steps()})
    tell(
        f"{WRITERS} writers where 4 may wait: {dict(statuses)}, memory {idle_mb:.0f} -> {peak_mb(backend):.0f} MB, "
        f"/healthz at most {pulse.slowest_ms:.0f} ms; "
        f"lost {fate.lost}, duplicated {fate.duplicated}, wrong {fate.wrong}"
    )
    assert set(statuses) == {200, 429}
    assert waits <= {1, 2, 3, 4, 5}
    assert len(waits) > 1  # at random, so that not all come again at once
    assert pulse.failures == 0
    assert (fate.lost, fate.duplicated, fate.wrong) == (0, 0, 0)


def test_a_server_that_lets_all_wait_is_caught(backend_with, tell):
    writers, _ = press(backend_with(WRITERS), 1)
    sent_back = sum(writer.statuses[429] for writer in writers)
    tell(f"control, a server that lets all {WRITERS} wait: {sent_back} requests sent back")
    assert sent_back == 0
