"""What operators see: figures, and a line a request."""

import json
import re
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.posting import post
from core.stream import Stream, metrics, start
from serving import served


def figures(client):
    text = client.get("/metrics").text
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def client(database):
    """A client of a server of its own: figures begin at 0."""
    from prevue_core.api.app import create_app
    from prevue_core.settings import server_settings

    return create_app(server_settings(environ={"PREVUE_AUTH": "open"})).test_client()


def test_requests_are_counted_by_route_and_not_by_run(client):
    for _ in range(3):
        assert client.get(f"/api/v1/runs/{Stream().run_id}").status_code == 404
    found = figures(client)
    route = "/api/v1/runs/<uuid:run_id>"
    assert found["prevue_requests_total", *sorted(("GET", route, "404"))] == 3
    assert found["prevue_request_seconds_count", *sorted(("GET", route))] == 3


def test_records_are_counted_once_however_often_they_come(client):
    stream = Stream()
    for _ in range(2):
        post(client, stream, start(), metrics(0, {"loss": 1}), metrics(1, {}), first_seq=0)
    found = figures(client)
    assert found["prevue_records_total", "stored"] == 2
    assert found["prevue_records_total", "rejected"] == 1


def test_an_unknown_path_is_no_route_of_its_own(client):
    client.get("/nothing/4711")
    assert "4711" not in client.get("/metrics").text


def test_a_request_keeps_the_id_that_a_proxy_gave_it(client):
    assert client.get("/healthz", headers={"X-Request-ID": "abc-12345"}).headers["X-Request-ID"] == "abc-12345"
    for bad in ("short", "a b c d e f g", "x" * 65):
        assert client.get("/healthz", headers={"X-Request-ID": bad}).headers["X-Request-ID"] != bad


def test_for_collectors_each_request_is_an_object(tmp_path):
    with served("backend", "--port", "0", data=tmp_path, PREVUE_LOG_FORMAT="json") as process:
        url = process.address("backend")
        with urllib.request.urlopen(f"{url}/api/v1/projects?limit=5") as answer:
            request_id = answer.headers["X-Request-ID"]
        lines = [json.loads(line) for line in process.logged().splitlines()]
    (line,) = (line for line in lines if line["logger"] == "prevue.access")
    assert (line["level"], line["method"], line["path"], line["status"]) == ("INFO", "GET", "/api/v1/projects", 200)
    assert (line["route"], line["request_id"], line["user"]) == ("/api/v1/projects", request_id, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", line["time"])
    assert line["ms"] > 0


def test_for_people_requests_are_not_told(tmp_path):
    with served("backend", "--port", "0", data=tmp_path) as process:
        url = process.address("backend")
        urllib.request.urlopen(f"{url}/api/v1/projects").close()
        assert "projects" not in process.logged()
