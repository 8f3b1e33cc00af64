import gzip

import pytest

from prevue.delivery import Answer
from prevue.transport import GZIP_ABOVE_BYTES, HttpTransport
from prevue_core.errors import NotFound, NotLoggedIn, Refused, Unreachable

RUN_ID, WRITER_ID = "019ab1c2-0000-7000-8000-000000000001", "7a1b2c3d-0000-4000-8000-000000000002"
LINES = b'{"seq":0,"type":"start"}\n'


@pytest.fixture
def transport(backend):
    with HttpTransport(backend.url, lambda: "a-token") as transport:
        yield transport


def test_records_arrive_as_they_are(transport, backend):
    answer = transport.post_records(RUN_ID, WRITER_ID, 0, LINES)
    assert (answer.status, answer.document["next_seq"]) == (200, 1)
    assert backend.recording.requests == [(WRITER_ID, 0, LINES)]
    assert backend.run_ids == {WRITER_ID: RUN_ID}


def test_the_content_type_and_the_token_are_told(transport, backend):
    transport.post_records(RUN_ID, WRITER_ID, 0, LINES)
    headers = backend.headers[0]
    assert headers["Content-Type"] == "application/x-ndjson"
    assert headers["Authorization"] == "Bearer a-token"


def test_what_is_sent_again_is_told_anew(backend):
    tokens = iter(["first", None, "second"])
    large = b'{"seq":0,"type":"start","note":"' + b"x" * GZIP_ABOVE_BYTES + b'"}\n'
    with HttpTransport(backend.url, lambda: next(tokens)) as transport:
        for seq, lines in enumerate((large, b'{"seq":1,"type":"event"}\n', b'{"seq":2,"type":"event"}\n')):
            assert transport.post_records(RUN_ID, WRITER_ID, seq, lines).document["next_seq"] == seq + 1
    assert [headers.get("Authorization") for headers in backend.headers] == ["Bearer first", None, "Bearer second"]
    assert [headers.get("Content-Encoding") for headers in backend.headers] == ["gzip", None, None]


def test_another_writer_has_requests_of_its_own(transport, backend):
    for writer_id in (WRITER_ID, "another"):
        transport.post_records(RUN_ID, writer_id, 0, LINES)
    assert backend.recording.requests == [(WRITER_ID, 0, LINES), ("another", 0, LINES)]


def test_records_go_through_the_proxy_that_the_environment_names(backend, monkeypatch):
    monkeypatch.setenv("http_proxy", backend.url)
    monkeypatch.setenv("no_proxy", "")
    with HttpTransport("http://prevue.example") as transport:
        transport.post_records(RUN_ID, WRITER_ID, 0, LINES)
    assert backend.headers[0]["Host"] == "prevue.example"


@pytest.mark.parametrize(("size", "encoding"), [(GZIP_ABOVE_BYTES, None), (GZIP_ABOVE_BYTES + 1, "gzip")])
def test_only_what_is_large_is_compressed(transport, backend, size, encoding):
    line = b'{"seq":0,"note":"' + b"x" * (size - len(b'{"seq":0,"note":""}\n')) + b'"}\n'
    transport.post_records(RUN_ID, WRITER_ID, 0, line)
    assert backend.headers[0].get("Content-Encoding") == encoding
    assert backend.recording.requests == [(WRITER_ID, 0, line)]
    assert len(gzip.compress(line)) < len(line)


def test_without_a_token_no_netrc_is_asked(backend, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with HttpTransport(backend.url) as transport:
        transport.post_records(RUN_ID, WRITER_ID, 0, LINES)
    assert "Authorization" not in backend.headers[0]


@pytest.mark.parametrize(
    ("given", "retry_after_s"),
    [(None, None), (7.0, 7.0), (0.5, 0.5), (-3.0, 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)
def test_the_wait_that_a_server_asks_for_is_read(transport, backend, given, retry_after_s):
    backend.recording.faults.append(Answer(503, {"detail": "busy"}, given))
    answer = transport.post_records(RUN_ID, WRITER_ID, 0, LINES)
    assert answer == Answer(503, {"detail": "busy"}, retry_after_s)


@pytest.mark.parametrize("body", [b"", b"<html>log in</html>", b"[1, 2]", b'"text"', b"\xff"])
def test_a_body_that_is_no_json_object_is_empty(transport, backend, body):
    backend.recording.faults.append(Answer(200, body))
    assert transport.post_records(RUN_ID, WRITER_ID, 0, LINES) == Answer(200, {})


def test_a_redirect_is_not_followed(transport, backend):
    backend.recording.faults.append(Answer(302, {}))
    assert transport.post_records(RUN_ID, WRITER_ID, 0, LINES).status == 302
    assert len(backend.headers) == 1


@pytest.mark.parametrize("method", ["post_records", "get"])
def test_a_server_that_is_away_is_unreachable_and_named(no_server, method):
    arguments = {"post_records": (RUN_ID, WRITER_ID, 0, LINES), "get": ("/api/v1/runs",)}[method]
    with HttpTransport(no_server) as transport, pytest.raises(Unreachable) as unreachable:
        getattr(transport, method)(*arguments)
    assert str(unreachable.value) == f"cannot reach {no_server}: Connection refused"


def test_a_connection_that_breaks_off_is_unreachable(transport, backend):
    backend.recording.faults.append(Unreachable("the server dies"))
    with pytest.raises(Unreachable, match=f"cannot reach {backend.url}: "):
        transport.post_records(RUN_ID, WRITER_ID, 0, LINES)


def test_a_missing_ca_bundle_is_unreachable(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/missing/ca.pem")
    with HttpTransport("https://127.0.0.1:1") as transport, pytest.raises(Unreachable, match=r"/missing/ca\.pem"):
        transport.post_records(RUN_ID, WRITER_ID, 0, LINES)


def test_a_server_that_restarts_is_reached_again(transport, backend):
    transport.post_records(RUN_ID, WRITER_ID, 0, LINES)
    backend.stop()
    backend.start()
    assert transport.post_records(RUN_ID, WRITER_ID, 1, b"").status == 200


def test_get_returns_the_object(transport, backend):
    backend.documents["/api/v1/runs"] = (200, {"items": [], "next": None})
    assert transport.get("/api/v1/runs", {"limit": 7}) == {"items": [], "next": None}
    assert backend.queries == [{"limit": ["7"]}]


@pytest.mark.parametrize(("cuts", "asked"), [(1, 2), (2, 2)])
def test_a_reading_whose_answer_breaks_off_is_asked_once_more(transport, backend, cuts, asked):
    backend.documents["/api/v1/runs"] = (200, {"items": [], "next": None})
    backend.cuts = cuts
    if cuts == 1:
        assert transport.get("/api/v1/runs") == {"items": [], "next": None}
    else:
        with pytest.raises(Unreachable, match=f"cannot reach {backend.url}: IncompleteRead"):
            transport.get("/api/v1/runs")
    assert len(backend.queries) == asked


@pytest.mark.parametrize(
    ("status", "document", "error", "told"),
    [
        (404, {"detail": "run 7 does not exist", "request_id": "01"}, NotFound, "run 7 does not exist"),
        (404, {}, Refused, "status 404"),  # a wrong address: not our server's word
        (401, {"detail": "no token"}, NotLoggedIn, "no token"),
        (422, {"errors": {"budget": ["too large"]}}, Refused, "too large"),
        (500, {"detail": "a fault"}, Unreachable, "did not answer as Prevue's backend does: a fault"),
        (503, {"detail": "no database", "request_id": "01"}, Unreachable, r"no database \(request 01\)"),
        (302, {}, Unreachable, "status 302"),
        (200, {}, Unreachable, "status 200"),
        (200, [1], Unreachable, "status 200"),
    ],
)
def test_each_error_answer_has_its_exception(transport, backend, status, document, error, told):
    backend.documents["/api/v1/runs"] = (status, document)
    with pytest.raises(error, match=told) as raised:
        transport.get("/api/v1/runs")
    assert backend.url in str(raised.value)
