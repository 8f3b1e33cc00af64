"""The real server, waitress: what Flask's test client does not show."""

import contextlib
import gzip
import http.client
import signal
from urllib.parse import urlsplit

import orjson
import pytest

from api.posting import NDJSON, lines, path_of
from core.stream import Stream, metrics, start
from prevue_core import contract
from prevue_core.db.connection import is_sqlite


@pytest.fixture
def connection(backend):
    """One connection to the server, which stays open from request to request."""
    connection = http.client.HTTPConnection(urlsplit(backend).netloc, timeout=30)
    yield connection
    connection.close()


def ask(connection, method, path, body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    return answer.status, answer.headers["Content-Type"], orjson.loads(answer.read())


def test_records_come_in_and_go_out(connection):
    stream = Stream()
    body = gzip.compress(lines(start(), metrics(0, {"loss": 0.5})))
    status, _, answer = ask(connection, "POST", path_of(stream), body, Content_Type=NDJSON, Content_Encoding="gzip")
    assert (status, answer["next_seq"]) == (200, 2)
    status, _, answer = ask(connection, "GET", f"/api/v1/series?run_id={stream.run_id}")
    assert (status, answer["series"][0]["columns"]["last"]) == (200, [0.5])


def test_a_body_sent_in_chunks_is_read(connection):
    stream = Stream()
    chunks = iter([lines(start()), lines(metrics(0, {"loss": 1}))])
    status, _, answer = ask(connection, "POST", path_of(stream), chunks, Content_Type=NDJSON)
    assert (status, answer["next_seq"]) == (200, 2)


def test_after_a_body_that_is_too_large_the_connection_goes_on(connection):
    body = b"x" * (contract.MAX_BODY_BYTES + 1)
    status, content_type, _ = ask(connection, "POST", path_of(Stream()), body, Content_Type=NDJSON)
    assert (status, content_type) == (413, "application/problem+json")
    assert ask(connection, "GET", "/readyz")[0] == 200


@pytest.mark.parametrize(("host", "status"), [("evil.example", 421), ("localhost", 200)])
def test_a_strangers_name_for_this_machine_is_refused(connection, host, status):
    assert ask(connection, "GET", "/healthz", Host=host)[0] == status


def test_the_server_stops_when_it_is_told_to(backend_process, backend):
    backend_process.send_signal(signal.SIGTERM)
    backend_process.communicate(timeout=30)
    assert backend_process.returncode == 0


def test_a_request_is_answered_whole_before_the_server_stops(backend_process, connection, database):
    other = http.client.HTTPConnection(connection.host, connection.port, timeout=30)
    with contextlib.closing(other), database.atomic():
        if not is_sqlite():  # there the transaction itself keeps others from writing
            database.execute_sql("LOCK TABLE writers")
        body = lines(start(), metrics(0, {"loss": 0.5}))
        connection.request("POST", path_of(Stream()), body, {"Content-Type": NDJSON})
        assert ask(other, "GET", "/healthz")[0] == 200  # so the server has read what came before
        backend_process.send_signal(signal.SIGTERM)
        while (answer := ask(other, "GET", "/readyz"))[0] != 503:
            continue
        assert answer[2]["detail"] == "the server is about to stop"
    answer = connection.getresponse()
    assert (answer.status, orjson.loads(answer.read())["next_seq"]) == (200, 2)
    backend_process.communicate(timeout=30)
    assert backend_process.returncode == 0
