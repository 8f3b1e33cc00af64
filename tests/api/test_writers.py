"""Writers over HTTP: which processes log into a run, and how far each is."""

import time
import uuid

import pytest

from core.stream import end, metrics, started

NOON = 1_700_000_000.0


def writers_of(client, run_id, **query):
    return client.get(f"/api/v1/runs/{run_id}/writers", query_string=query).json["items"]


def test_a_writer_is_what_its_start_says_with_what_is_stored_of_it(client):
    stream = started(rank=3, world_size=8, host="gpu-1", pid=77, time=NOON)
    stream.send(metrics(5, {"loss": 1}), metrics(9, {"loss": 1}))
    (writer,) = writers_of(client, stream.run_id)
    assert abs(writer.pop("heard_at") - time.time()) < 60
    assert writer == {
        "writer_id": stream.writer_id,
        "rank": 3,
        "world_size": 8,
        "host": "gpu-1",
        "pid": 77,
        "started_at": NOON,
        "next_seq": 3,
        "stored": 3,
        "missing": 0,
        "rejected": 0,
        "run_started_at": NOON,
        "last_step": 9,
    }


def test_samples_of_the_machine_are_no_steps(client):
    stream = started()
    stream.send(metrics(5, {"loss": 1}), metrics(3_600, {"cpu_percent": 50}, split="system"))
    assert writers_of(client, stream.run_id)[0]["last_step"] == 5
    assert client.get(f"/api/v1/runs/{stream.run_id}").json["last_step"] == 5


def test_each_writer_tells_when_the_run_began(client):
    run_id = started(time=NOON).run_id
    started(run_id, rank=1, time=NOON + 60)
    assert [writer["run_started_at"] for writer in writers_of(client, run_id)] == [NOON, NOON]


def test_the_last_step_is_that_of_the_writers_rank(client):
    first = started(time=NOON)
    first.send(metrics(500, {"loss": 1}), end())
    again = started(first.run_id, time=NOON + 60)
    started(first.run_id, rank=1, time=NOON + 30).send(metrics(3, {"loss": 1}), metrics(7, {"val_loss": 1}))
    started(first.run_id, rank=2, time=NOON)
    told = [(writer["rank"], writer["last_step"]) for writer in writers_of(client, first.run_id)]
    assert sorted(told, key=str) == [(0, 500), (0, 500), (1, 7), (2, None)]
    (latest,) = writers_of(client, first.run_id, rank=0, limit=1)
    assert latest["writer_id"] == again.writer_id
    assert writers_of(client, first.run_id, rank=9) == []


def test_writers_come_in_pages(client):
    run_id = started(time=NOON).run_id
    for number in range(4):
        started(run_id, time=NOON + number)  # two began at the same time
    path, found, cursor = f"/api/v1/runs/{run_id}/writers", [], None
    for _ in range(3):
        page = client.get(path, query_string={"limit": 2, **({"cursor": cursor} if cursor else {})}).json
        found += [writer["writer_id"] for writer in page["items"]]
        cursor = page["next"]
    assert (len(found), len(set(found)), cursor) == (5, 5, None)


def test_a_run_that_is_not_there_is_404(client, problem_of):
    problem = problem_of(client.get(f"/api/v1/runs/{uuid.uuid4()}/writers"), 404)
    assert "does not exist" in problem["detail"]


@pytest.mark.parametrize("query", [{"rank": -1}, {"rank": 2**31}, {"rank": "x"}, {"cursor": "x"}, {"limit": 0}])
def test_what_cannot_be_asked_is_422(client, stream, problem_of, query):
    problem_of(client.get(f"/api/v1/runs/{stream.run_id}/writers", query_string=query), 422)
