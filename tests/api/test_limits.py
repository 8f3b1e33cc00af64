"""What the backend refuses because there is too much of it, and what it goes on with meanwhile."""

import gzip
import http.client
import io
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import orjson
import pytest

from api.posting import NDJSON, lines, path_of, post, post_body
from core.stream import Stream, metrics, start
from prevue_core.api import limits
from prevue_core.api.app import create_app
from prevue_core.contract import PROBLEM_REFUSED
from prevue_core.db.connection import is_sqlite
from prevue_core.db.models import Metric, Series
from prevue_core.settings import server_settings
from serving import served


@pytest.fixture
def client_with(database):
    """Return a client of a backend with limits of its own."""

    def client_with(**environ):
        return create_app(server_settings(environ={"PREVUE_AUTH": "open", **environ})).test_client()

    return client_with


@contextmanager
def at_work(client, *paths):
    """Open with requests to `paths` in work: they have come in, and are not answered yet."""
    with ExitStack() as stack:
        for path in paths:
            method = "POST" if "records" in path else "GET"
            stack.enter_context(client.application.test_request_context(path, method=method))
            assert client.application.preprocess_request() is None
        yield


def logged(size):
    """Return a start and a metrics record, so many bytes long."""
    body = lines(start(), {**metrics(0, {"loss": 1}), "padding": ""})
    return lines(start(), {**metrics(0, {"loss": 1}), "padding": "x" * (size - len(body))})


@pytest.mark.parametrize(("size", "status"), [(1_000, 200), (1_001, 413)])
def test_the_size_of_a_body_can_be_set(client_with, size, status):
    client = client_with(PREVUE_MAX_BODY_BYTES="1000")
    assert post_body(client, Stream(), logged(size)).status_code == status


@pytest.mark.parametrize("limit", [{"BODY_BYTES": "100"}, {"INFLATED_BYTES": "100"}, {"RECORDS": "1"}])
def test_what_is_too_large_is_refused_as_a_proxy_cannot(client_with, problem_of, limit):
    client = client_with(**{f"PREVUE_MAX_{name}": most for name, most in limit.items()})
    body = gzip.compress(logged(1_000), mtime=0) if "INFLATED_BYTES" in limit else logged(1_000)
    encoding = {"Content_Encoding": "gzip"} if "INFLATED_BYTES" in limit else {}
    problem = problem_of(post_body(client, Stream(), body, **encoding), 413)
    assert problem["type"] == PROBLEM_REFUSED


def test_a_body_that_is_too_large_is_refused_by_its_length_whoever_sends_it(client_with, problem_of):
    client = client_with(PREVUE_MAX_BODY_BYTES="1000", PREVUE_AUTH="auth")
    problem = problem_of(post_body(client, Stream(), logged(1_001)), 413)
    assert problem["detail"] == "the body is larger than 1000 bytes; send less"


@pytest.mark.parametrize(("size", "status"), [(1_000, 200), (1_001, 413)])
def test_the_size_of_an_inflated_body_can_be_set(client_with, size, status):
    client = client_with(PREVUE_MAX_INFLATED_BYTES="1000")
    answer = post_body(client, Stream(), gzip.compress(logged(size)), Content_Encoding="gzip")
    assert answer.status_code == status


@pytest.mark.parametrize(("count", "status"), [(3, 200), (4, 413)])
def test_the_number_of_records_can_be_set(client_with, count, status):
    client = client_with(PREVUE_MAX_RECORDS="3")
    records = [start(), *(metrics(step, {"loss": 1}) for step in range(count - 1))]
    assert post(client, Stream(), *records).status_code == status


def test_a_name_more_than_a_run_may_have_costs_its_record_only(client_with):
    client, stream = client_with(PREVUE_MAX_NAMES="3"), Stream()
    first = post(client, stream, start(), metrics(0, {"a": 1, "b": 1}), metrics(1, {"val_a": 1}), metrics(2, {"c": 1}))
    assert [rejected["seq"] for rejected in first.json["rejected"]] == [3]
    assert "name 'c' is one too many: a run has at most 3 names" in first.json["rejected"][0]["reason"]
    second = post(client, stream, metrics(3, {"a": 2, "d": 1}), metrics(4, {"a": 3}))
    assert [rejected["seq"] for rejected in second.json["rejected"]] == [4]
    assert second.json["next_seq"] == 6
    assert sorted(Metric.select(Metric.step, Metric.metric_name).tuples()) == [(0, "a"), (0, "b"), (1, "a"), (4, "a")]


def test_another_process_of_the_run_has_the_same_names(client_with):
    client, stream = client_with(PREVUE_MAX_NAMES="2"), Stream()
    post(client, stream, start(), metrics(0, {"a": 1, "b": 1}))
    other = Stream(stream.run_id)
    assert post(client, other, start(rank=1), metrics(0, {"a": 1, "b": 1})).json["rejected_count"] == 0
    assert post(client, other, metrics(1, {"c": 1})).json["rejected_count"] == 1


def test_a_run_has_10_000_names(client, stream):
    names = [f"n{number}" for number in range(10_000)]
    answer = post(client, stream, metrics(0, dict.fromkeys(names, 1.0)), metrics(0, {"one more": 1}))
    assert [rejected["seq"] for rejected in answer.json["rejected"]] == [2]
    assert Series.select().count() == 10_000


# more at once than there is room for


def test_a_strangers_name_is_refused_before_size_and_place(client_with, problem_of):
    client, stream = client_with(PREVUE_MAX_BODY_BYTES="10", PREVUE_MAX_WAITING="1"), Stream()
    with at_work(client, path_of(Stream(), 0)):
        headers = {"Host": "evil.example"}
        problem_of(client.post(path_of(stream, 0), data=b"x" * 11, content_type=NDJSON, headers=headers), 421)


def test_a_writer_without_a_place_comes_again_later(client_with, problem_of):
    client, stream = client_with(PREVUE_MAX_WAITING="2"), Stream()
    with at_work(client, path_of(Stream()), path_of(Stream())):
        answer = post(client, stream, start())
        problem_of(answer, 429)
        assert 1 <= int(answer.headers["Retry-After"]) <= 5
    assert post(client, stream, start()).json["next_seq"] == 1


def test_readers_and_probes_do_not_wait_for_writers(client_with):
    client = client_with(PREVUE_MAX_WAITING="1")
    with at_work(client, path_of(Stream())):
        for path in ("/api/v1/runs", "/healthz", "/readyz"):
            assert client.get(path).status_code == 200


def test_a_reader_without_a_place_comes_again_later_and_writers_and_probes_go_on(client, problem_of):
    with at_work(client, *["/api/v1/runs"] * limits.READERS):
        answer = client.get("/api/v1/runs")
        problem_of(answer, 503)
        assert 1 <= int(answer.headers["Retry-After"]) <= 5
        assert post(client, Stream(), start()).status_code == 200
        for path in ("/healthz", "/readyz"):
            assert client.get(path).status_code == 200
    assert client.get("/api/v1/runs").status_code == 200


@pytest.mark.parametrize("body", [b"{", b"x" * 1_001])
def test_what_is_refused_gives_its_place_back(client_with, body):
    client = client_with(PREVUE_MAX_WAITING="1", PREVUE_MAX_BODY_BYTES="1000")
    for _ in range(2):
        assert post_body(client, Stream(), body).status_code in (400, 413)
    assert post(client, Stream(), start()).status_code == 200


@pytest.mark.postgresql
def test_without_a_connection_in_the_pool_the_answer_is_503_and_health_goes_on(
    client, problem_of, database, monkeypatch
):
    monkeypatch.setattr(database, "_max_connections", 1)  # which this thread holds
    monkeypatch.setattr(database, "_wait_timeout", 0.01)
    with ThreadPoolExecutor(1) as elsewhere:
        answer = elsewhere.submit(client.get, "/api/v1/runs").result()
        problem_of(answer, 503)
        assert 1 <= int(answer.headers["Retry-After"]) <= 5
        for path in ("/healthz", "/readyz"):
            assert elsewhere.submit(client.get, path).result().status_code == 200


# no room on the disk


@contextmanager
def full_disk(database):
    """Open with a database that has no room for metrics."""
    if is_sqlite():
        pages = database.execute_sql("PRAGMA page_count").fetchone()[0]
        database.execute_sql(f"PRAGMA max_page_count = {pages}")
        yield
        database.execute_sql("PRAGMA max_page_count = 1073741823")
    else:
        database.execute_sql(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        database.execute_sql("CREATE TRIGGER fail BEFORE INSERT ON metrics FOR EACH ROW EXECUTE FUNCTION fail()")
        yield
        database.execute_sql("DROP FUNCTION fail CASCADE")


def test_without_room_on_the_disk_writes_are_507_and_reads_go_on(client, problem_of, stream, database):
    many = [metrics(step, {f"name{number}": 1.0 for number in range(20)}) for step in range(100)]
    with full_disk(database):
        answer = post(client, stream, *many)
        assert problem_of(answer, 507)["detail"] == "the database's disk is full; make room, then try again"
        assert "is full" in problem_of(client.get("/readyz"), 503)["detail"]
        assert client.get("/healthz").status_code == 200
        assert len(client.get("/api/v1/runs").json["items"]) == 1
    assert post(client, stream, *many).json["next_seq"] == 101
    client.application.config["DISK_FULL_UNTIL"] = 0  # as when half a minute has gone by
    assert client.get("/readyz").status_code == 200


@pytest.fixture
def small_disk(tmp_path):
    """A folder with 2 MiB, and what makes them 20."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mount") is None or _mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", disk):
        pytest.skip("this user cannot mount a small disk")
    yield disk, lambda: _mount("-o", "remount,size=20m", disk)
    subprocess.run(["umount", "--lazy", disk], check=True)


def _mount(*arguments):
    return subprocess.run(["mount", *arguments], stderr=subprocess.DEVNULL).returncode


def test_a_disk_that_fills_up_loses_nothing_that_was_answered(small_disk):
    disk, make_room = small_disk
    stream = Stream()
    records = [start(), *(metrics(step, {"loss": step, "accuracy": step}) for step in range(8_000))]
    with served("backend", "--port", "0", data=disk) as server:
        connection = http.client.HTTPConnection(urlsplit(server.address("backend")).netloc, timeout=30)

        def ask(method, path, body=None):
            connection.request(method, path, body, {"Content-Type": NDJSON})
            answer = connection.getresponse()
            return answer.status, orjson.loads(answer.read())

        def send():
            status, answer = ask("POST", path_of(stream), lines(*records[stream.next_seq :][:200]))
            stream.next_seq = answer.get("next_seq", stream.next_seq)
            return status

        while (status := send()) == 200:
            assert stream.next_seq < len(records)
        assert status == 507
        assert (ask("GET", "/readyz")[0], ask("GET", "/healthz")[0]) == (503, 200)
        status, answer = ask("GET", f"/api/v1/series?run_id={stream.run_id}&budget=5000&name=loss")
        assert (status, len(answer["series"][0]["columns"]["last"])) == (200, stream.next_seq - 1)
        make_room()
        while stream.next_seq < len(records):
            assert send() == 200
        assert ask("GET", f"/api/v1/runs/{stream.run_id}/series")[1]["items"][0]["count"] == 8_000
        connection.close()


@pytest.mark.postgresql
def test_a_connection_lost_in_the_middle_of_a_batch_is_503_and_the_next_request_has_another(
    client, problem_of, stream, database
):
    database.execute_sql(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
    )
    database.execute_sql("CREATE TRIGGER fail BEFORE INSERT ON metrics FOR EACH ROW EXECUTE FUNCTION fail()")
    with ThreadPoolExecutor(1) as elsewhere:  # the thread of the test keeps its own connection
        problem_of(elsewhere.submit(post, client, stream, metrics(0, {"loss": 1})).result(), 503)
        database.execute_sql("DROP FUNCTION fail CASCADE")
        assert elsewhere.submit(post, client, stream, metrics(0, {"loss": 1})).result().json["next_seq"] == 2


def test_a_body_sent_in_chunks_is_measured_as_it_is_read(client_with):
    client = client_with(PREVUE_MAX_BODY_BYTES="1000")
    answer = client.post(
        path_of(Stream()),
        input_stream=io.BytesIO(logged(1_001)),
        content_type=NDJSON,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
