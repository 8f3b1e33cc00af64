"""Every error has one shape: application/problem+json (RFC 9457)."""

import logging
import uuid

import pytest

from api.posting import path_of, post, post_body
from core.stream import Stream, metrics, start
from prevue_core import contract
from prevue_core.api.app import create_app
from prevue_core.db import connection
from prevue_core.settings import server_settings

NOBODY = uuid.UUID(int=0)
RECORDS = f"/api/v1/runs/{NOBODY}/writers/{NOBODY}/records"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api/v1/nothing",
        "/api/v1/projects/",
        "/api/v1/projects/one",
        "/api/v1/projects/-1",
        "/api/v1/projects/99999999999999999999",
        "/api/v1/models/99999999999999999999",
        "/api/v1/runs/not-a-uuid",
    ],
)
def test_an_unknown_address_is_404(client, problem_of, path):
    problem = problem_of(client.get(path), 404)
    assert problem["type"] == "about:blank"
    assert problem["detail"] == f"there is nothing at {path}; the API page is /api/docs/"


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/api/v1/projects/9", "project 9"),
        ("/api/v1/projects/9223372036854775807", "project 9223372036854775807"),
        ("/api/v1/models/9", "model 9"),
        (f"/api/v1/runs/{NOBODY}", f"run {NOBODY}"),
        (f"/api/v1/runs/{NOBODY}/series", f"run {NOBODY}"),
    ],
)
def test_an_object_that_does_not_exist_is_404_by_name(client, problem_of, path, what):
    assert problem_of(client.get(path), 404)["detail"] == f"{what} does not exist"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/api/v1/projects", "GET"), ("DELETE", f"/api/v1/runs/{NOBODY}/series", "GET"), ("GET", RECORDS, "POST")],
)
def test_a_method_that_is_not_allowed_is_405_and_says_which_are(client, problem_of, method, path, allowed):
    answer = client.open(path, method=method)
    problem_of(answer, 405)
    assert allowed in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("path", "argument"),
    [
        ("/api/v1/runs?limit=0", "limit"),
        ("/api/v1/runs?limit=1001", "limit"),
        ("/api/v1/runs?limit=many", "limit"),
        ("/api/v1/runs?project_id=9223372036854775808", "project_id"),
        ("/api/v1/runs?project_name=%00", "project_name"),
        ("/api/v1/runs?user=%00", "user"),
        ("/api/v1/projects?user=%00", "user"),
        ("/api/v1/projects?name=%00", "name"),
        ("/api/v1/models?connector_name=%00", "connector_name"),
        ("/api/v1/series", "run_id"),
        ("/api/v1/series?run_id=1", "run_id"),
        (f"/api/v1/series?{'&'.join([f'run_id={NOBODY}'] * 101)}", "run_id"),
        (f"/api/v1/series?run_id={NOBODY}&budget=0", "budget"),
        (f"/api/v1/series?run_id={NOBODY}&budget=5001", "budget"),
        (f"/api/v1/series?run_id={NOBODY}&low_step=9223372036854775808", "low_step"),
        (f"/api/v1/series?run_id={NOBODY}&name=%00", "name"),
        (f"/api/v1/series?run_id={NOBODY}&split=%00", "split"),
    ],
)
def test_an_argument_that_cannot_be_used_is_422_by_name(client, problem_of, path, argument):
    assert argument in problem_of(client.get(path), 422)["errors"]["query"]


@pytest.mark.parametrize("path", ["projects", "runs", "models"])
def test_a_cursor_of_ones_own_is_422(client, problem_of, path):
    assert "cursor 'x'" in problem_of(client.get(f"/api/v1/{path}?cursor=x"), 422)["detail"]


@pytest.mark.parametrize("query", ["", "?first_seq=-1", "?first_seq=one", "?first_seq=9223372036854775808"])
def test_records_without_their_first_number_are_422(client, problem_of, query):
    problem = problem_of(client.post(f"{RECORDS}{query}", json={"records": []}), 422)
    assert "first_seq" in problem["errors"]["query"]


@pytest.mark.parametrize(
    ("content_type", "encoding", "quoted"),
    [
        ("text/plain", "identity", "'text/plain'"),
        ("", "identity", "''"),
        ("application/json", "br", "'br'"),
        ("application/json", "gzip, gzip", "'gzip, gzip'"),
    ],
)
def test_a_body_in_a_language_of_its_own_is_415(client, problem_of, content_type, encoding, quoted):
    answer = post_body(client, Stream(), b"{}", content_type, Content_Encoding=encoding)
    assert quoted in problem_of(answer, 415)["detail"]


def test_a_gap_is_409_with_the_number_to_go_on_with(client, problem_of, stream):
    problem = problem_of(post(client, stream, metrics(0, {"loss": 1}), first_seq=5), 409)
    assert (problem["type"], problem["expected"]) == (contract.PROBLEM_GAP, 1)


def test_a_refused_batch_is_400_of_a_type_of_its_own(client, problem_of):
    problem = problem_of(post(client, Stream(), start(uid="")), 400)
    assert problem["type"] == contract.PROBLEM_REFUSED
    assert "the start record cannot be accepted: uid ''" in problem["detail"]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::1", "localhost:x", ""],
)
def test_another_name_for_this_machine_is_421(client, problem_of, host):
    assert "PREVUE_ALLOWED_HOSTS" in problem_of(client.get("/api/v1/runs", headers={"Host": host}), 421)["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:80", "10.1.2.3", "[::1]:8080", "[fe80::1]"])
def test_addresses_and_localhost_are_this_machines_own(client, host):
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("host", ["prevue.example", "Prevue.Example:443"])
def test_a_host_that_was_allowed_is_answered(host):
    settings = server_settings(environ={"PREVUE_ALLOWED_HOSTS": "other.example, Prevue.example"})
    answer = create_app(settings).test_client().get("/healthz", headers={"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://localhost.evil.example", "null", "file://", "http://["]
)
def test_a_strangers_page_may_not_write(client, problem_of, origin):
    stream = Stream()
    answer = client.post(path_of(stream), json={"records": [start()]}, headers={"Origin": origin})
    assert repr(origin) in problem_of(answer, 403)["detail"]


@pytest.mark.parametrize("origin", ["http://localhost:5006", "http://127.0.0.1", "https://[::1]:5006"])
def test_a_page_of_this_machine_may_write(client, origin):
    answer = client.post(path_of(Stream()), json={"records": [start()]}, headers={"Origin": origin})
    assert answer.status_code == 200


def test_a_strangers_page_may_ask_what_its_browser_will_not_show_it(client):
    assert client.get("/api/v1/runs", headers={"Origin": "http://evil.example"}).status_code == 200


@pytest.mark.usefixtures("database")
def test_a_mistake_of_ours_is_500_and_its_cause_stands_in_the_log_alone(problem_of, caplog):
    def fail():
        raise ZeroDivisionError("the secret cause")

    app = create_app(server_settings(environ={}))
    app.add_url_rule("/fails", view_func=fail)
    with caplog.at_level(logging.ERROR):
        problem = problem_of(app.test_client().get("/fails"), 500)
    assert "the secret cause" not in str(problem)
    assert any(
        problem["request_id"] in record.getMessage() and "the secret cause" in str(record.exc_info)
        for record in caplog.records
    )


@pytest.fixture(params=["sqlite:////no/such/folder/prevue.sqlite", "postgresql://me@127.0.0.1:1/prevue"])
def client_without_database(request, app):
    """A client of a backend whose database is away."""
    database = connection.connect(request.param)
    yield app.test_client()
    database.close()
    connection.db.initialize(None)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/runs"), ("GET", f"/api/v1/runs/{NOBODY}"), ("POST", f"{RECORDS}?first_seq=0")],
)
def test_while_the_database_is_away_the_answer_is_503_and_when_to_come_again(
    client_without_database, problem_of, method, path
):
    body = {"json": {"records": [start()]}} if method == "POST" else {}
    answer = client_without_database.open(path, method=method, **body)
    assert problem_of(answer, 503)["detail"] == "the database does not answer now; try again"
    assert int(answer.headers["Retry-After"]) > 0


def test_a_database_that_fails_in_the_middle_of_a_batch_is_503_and_nothing_is_stored(
    client, problem_of, stream, database
):
    database.execute_sql("DROP VIEW v_points")
    database.execute_sql("DROP TABLE metrics")
    problem_of(post(client, stream, metrics(0, {"loss": 1})), 503)
    assert post(client, stream).json["next_seq"] == 1


@pytest.mark.postgresql
def test_a_connection_lost_between_two_requests_costs_no_answer(client, database_url):
    import postgres  # beside conftest.py

    assert client.get("/api/v1/runs").status_code == 200
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert postgres.execute(database_url, f"SELECT pg_terminate_backend(pid, 5000) {others}") == [(True,)]
    assert client.get("/api/v1/runs").status_code == 200


def test_each_answer_names_its_request(client):
    first, second = (client.get("/healthz").headers["X-Request-ID"] for _ in range(2))
    assert first != second
