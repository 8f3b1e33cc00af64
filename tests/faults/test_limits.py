"""Each limit of the server, at it and one above, over the wire."""

import gzip
import http.client
import json
import uuid

import pytest

from faults.conftest import Backend
from prevue_core import contract

START = {"type": "start", "project": "limits", "uid": "ann"}
# Settings of a server that lets more in than clients may count on.
WIDER = {
    "PREVUE_MAX_BODY_BYTES": str(2 * contract.MAX_BODY_BYTES),
    "PREVUE_MAX_INFLATED_BYTES": str(2 * contract.MAX_INFLATED_BYTES),
    "PREVUE_MAX_RECORDS": str(2 * contract.MAX_RECORDS),
    "PREVUE_MAX_NAMES": str(2 * contract.MAX_NAMES),
}


def records(count):
    """Return so many records, the start among them."""
    return [START, *({"type": "metrics", "step": step, "values": {"loss": 1}} for step in range(count - 1))]


def padded(size, text=b'{"records": [{"type": "start", "project": "limits", "uid": "ann"}]}'):
    return text + b" " * (size - len(text))


def nested(depth):
    value = 1
    for _ in range(depth):
        value = {"in": value}
    return json.dumps({"records": [{**START, "config": value}]}).encode()


def names(count):
    start = json.dumps(START)
    logged = json.dumps({"type": "metrics", "step": 0, "values": {f"name {n}": 1 for n in range(count)}})
    return f"{start}\n{logged}\n".encode()


def body_of(records):
    return json.dumps({"records": records}).encode()


class Server:
    """Asks a backend."""

    def __init__(self, port):
        self._port = port

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def post(self, body, **headers):
        path = f"/api/v1/runs/{uuid.uuid4()}/writers/{uuid.uuid4()}/records?first_seq=0"
        return self.ask("POST", path, body, **{"Content-Type": "application/json", **headers})

    def takes(self, body, **headers):
        status, document = self.post(body, **headers)
        return status == 200 and document["rejected_count"] == 0


LINES, GZIP = {"Content-Type": "application/x-ndjson"}, {"Content-Encoding": "gzip"}
# What is sent at a limit, and one above.
LIMITS = {
    "bytes sent": (contract.MAX_BODY_BYTES, lambda server, size: server.takes(padded(size))),
    "bytes inflated": (
        contract.MAX_INFLATED_BYTES,
        lambda server, size: server.takes(gzip.compress(padded(size)), **GZIP),
    ),
    "records": (contract.MAX_RECORDS, lambda server, count: server.takes(body_of(records(count)))),
    "levels of JSON": (contract.MAX_DEPTH, lambda server, depth: server.takes(nested(depth))),
    "names of a run": (contract.MAX_NAMES, lambda server, count: server.takes(names(count), **LINES)),
    "bytes of a name": (
        contract.MAX_NAME_BYTES,
        lambda server, size: server.takes(body_of([START, {"type": "metrics", "step": 0, "values": {"n" * size: 1}}])),
    ),
    "rows of a page": (1_000, lambda server, count: server.ask("GET", f"/api/v1/runs?limit={count}")[0] == 200),
    "points of a series": (
        5_000,
        lambda server, count: server.ask("GET", f"/api/v1/series?run_id={uuid.UUID(int=1)}&budget={count}")[0] == 200,
    ),
}


def test_each_limit_is_where_it_is_said(backend, tell):
    server = Server(backend.port)
    for name, (limit, takes) in LIMITS.items():
        assert takes(server, limit), name
        assert not takes(server, limit + 1), name
    tell(f"{len(LIMITS)} limits: " + ", ".join(f"{limit:,} {name}" for name, (limit, _) in LIMITS.items()))


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_a_bare_literal_is_no_json(backend, literal):
    text = f'{{"records": [{json.dumps(START)}, {{"type": "metrics", "step": 0, "values": {{"loss": {literal}}}}}]}}'
    assert Server(backend.port).post(text.encode())[0] == 400


def test_a_server_that_lets_more_in_is_caught(tmp_path, tell):
    backend = Backend(tmp_path, **WIDER)
    backend.wait()
    server = Server(backend.port)
    more = [name for name, (limit, takes) in LIMITS.items() if takes(server, limit + 1)]
    backend.served.stop()
    tell(f"control, a server with wider limits: lets in more {', '.join(more)}")
    assert more == ["bytes sent", "bytes inflated", "records", "names of a run"]
