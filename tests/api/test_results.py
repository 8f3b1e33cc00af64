"""Results and events over HTTP: lists without payloads, one with it, one over its steps, what is marked on curves."""

import base64
import os
import re
import subprocess
import sys
import uuid

import pytest

import prevue
from core.stream import metrics, started
from pages import ROOT, blocks
from prevue.png import encode
from prevue_core.db.queries.results import MAX_PAYLOADS_BYTES

NOON = 1_700_000_000.0


def text(name, words="hello", **fields):
    return {"type": "result", "kind": "text", "name": name, "payload": {"text": words}, "time": NOON, **fields}


def histogram(step, count=1, name="weights"):
    payload = {"counts": [count], "edges": [0, 1]}
    return {"type": "result", "kind": "histogram", "name": name, "step": step, "payload": payload}


def event(kind, words="", **fields):
    return {"type": "event", "kind": kind, "text": words, "time": NOON, **fields}


@pytest.fixture
def get(client, stream):
    """Return the answer to a question about the results of `stream`."""

    def get(rest="", **query):
        return client.get(f"/api/v1/runs/{stream.run_id}/results{rest}", query_string=query)

    return get


def paged(ask, **query):
    """Read a list to its end and return its items."""
    items, cursor = [], None
    while True:
        page = ask(**query, **({"cursor": cursor} if cursor else {})).json
        items += page["items"]
        if (cursor := page["next"]) is None:
            return items


def test_a_list_has_what_results_are_but_not_what_they_hold(get, stream):
    stream.send(text("val_note", "é", step=7))
    (item,) = get().json["items"]
    assert item.pop("result_id") > 0
    assert item == {
        "rank": 0, "split": "val", "kind": "text", "name": "note", "step": 7, "time": NOON,
        "payload_bytes": len('{"text":"é"}'.encode()),
    }  # fmt: skip


def test_one_result_comes_with_its_payload(get, stream):
    stream.send(text("note", "a\nb"))
    (item,) = get().json["items"]
    assert get(f"/{item['result_id']}").json == {**item, "payload": {"text": "a\nb"}}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["d", "c", "b", "a"]),
        ({"kind": "histogram"}, ["d"]),
        ({"name": "c"}, ["c"]),
        ({"split": "val"}, ["b"]),
        ({"step": 5}, ["c", "b"]),
        ({"step": 5, "split": "train"}, ["c"]),
        ({"kind": "image"}, []),
    ],
)
def test_a_list_can_be_asked_for_some(get, stream, query, names):
    stream.send(text("a"), text("val_b", step=5), text("c", step=5), histogram(9, name="d"))
    assert [item["name"] for item in get(**query).json["items"]] == names


def test_lists_come_in_pages_that_neither_skip_nor_repeat(get, stream):
    stream.send(*(text(f"n{number}") for number in range(5)))
    names = [item["name"] for item in paged(get, limit=2)]
    assert names == ["n4", "n3", "n2", "n1", "n0"]
    assert sorted(item["name"] for item in paged(lambda **query: get("/names", **query), limit=2)) == sorted(names)


def test_the_names_tell_how_far_each_result_goes(get, stream):
    stream.send(*(histogram(step) for step in (5, 1, 9, 9)), text("note"))
    last = {item["name"]: item["result_id"] for item in reversed(get().json["items"])}
    note = {"kind": "text", "split": "train", "name": "note", "rank": 0, "count": 1}
    weights = {"kind": "histogram", "split": "train", "name": "weights", "rank": 0, "count": 4}
    assert get("/names").json["items"] == [
        {**note, "first_step": None, "last_step": None, "last_result_id": last["note"]},
        {**weights, "first_step": 1, "last_step": 9, "last_result_id": last["weights"]},
    ]


STEPS = {"kind": "histogram", "split": "train", "name": "weights"}


def test_over_steps_a_result_comes_in_their_order_and_the_later_of_equal_ones(get, stream):
    stream.send(histogram(9, 1), histogram(2, 2), histogram(9, 3), histogram(5, 4), histogram(3, 5, name="other"))
    items = get("/steps", **STEPS, payload="true").json["items"]
    assert [(item["step"], item["payload"]["counts"]) for item in items] == [(2, [2]), (5, [4]), (9, [3])]
    assert all("payload" not in item for item in get("/steps", **STEPS).json["items"])


def test_over_steps_pages_neither_skip_nor_repeat_a_step(get, stream):
    stream.send(*(histogram(step) for step in (4, 0, 3, 1, 2, 2)), histogram(None))
    items = paged(lambda **query: get("/steps", **query), **STEPS, limit=2)
    assert [item["step"] for item in items] == [None, 0, 1, 2, 3, 4]


def test_each_rank_has_results_of_its_own(get, stream):
    started(stream.run_id, rank=1).send(histogram(3))
    stream.send(histogram(4))
    assert [get("/steps", **STEPS, rank=rank).json["items"][0]["step"] for rank in (0, 1)] == [4, 3]
    assert get("/steps", **STEPS, rank=2).json["items"] == []


def test_a_page_with_payloads_ends_before_it_becomes_too_large(get, stream):
    large = base64.b64encode(encode(1, 1, 1, b"\0") + bytes(500_000)).decode()
    images = [
        {"type": "result", "kind": "image", "name": "i", "step": step, "payload": {"png": large}} for step in range(9)
    ]
    for image in images:
        stream.send(image)
    query = {"kind": "image", "split": "train", "name": "i"}
    page = get("/steps", **query, payload="true").json
    sizes = [item["payload_bytes"] for item in page["items"]]
    assert sum(sizes) <= MAX_PAYLOADS_BYTES < sum(sizes) + sizes[0]
    rest = get("/steps", **query, payload="true", cursor=page["next"]).json
    assert [item["step"] for item in page["items"] + rest["items"]] == list(range(9))
    assert len(get("/steps", **query).json["items"]) == 9


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("", {"limit": 0}),
        ("", {"limit": 1_001}),
        ("", {"cursor": "x"}),
        ("", {"step": 2**63}),
        ("", {"name": "a\0"}),
        ("/names", {"cursor": "x"}),
        ("/steps", {"kind": "histogram"}),
        ("/steps", {**STEPS, "cursor": "x"}),
        ("/steps", {**STEPS, "cursor": str(2**63)}),
        ("/steps", {**STEPS, "rank": -1}),
        ("/steps", {**STEPS, "payload": "perhaps"}),
    ],
)
def test_what_cannot_be_asked_is_422(get, problem_of, path, query):
    problem_of(get(path, **query), 422)


@pytest.mark.parametrize("path", ["", "/names", "/1"])
def test_a_run_that_is_not_there_has_none(client, problem_of, path):
    problem = problem_of(client.get(f"/api/v1/runs/{uuid.uuid4()}/results{path}"), 404)
    assert "does not exist" in problem["detail"]


def test_a_result_is_found_in_its_own_run_only(client, get, stream, problem_of):
    stream.send(text("note"))
    (item,) = get().json["items"]
    problem_of(client.get(f"/api/v1/runs/{started().run_id}/results/{item['result_id']}"), 404)
    problem_of(get(f"/{2**63 - 1}"), 404)


def test_results_of_a_deleted_run_are_not_there(client, get, stream, problem_of):
    stream.send(text("note"), event("note"))
    client.delete(f"/api/v1/runs/{stream.run_id}")
    problem_of(get(), 404)
    assert client.get("/api/v1/events", query_string={"run_id": stream.run_id}).json["items"] == []


# events


def events_of(client, *run_ids, **query):
    return client.get("/api/v1/events", query_string={"run_id": run_ids, **query})


def test_the_events_of_several_runs_come_together_the_latest_first(client, stream):
    other = started()
    stream.send(event("checkpoint", "a.pt", step=3))
    other.send(event("alert", "NaN", level="error"))
    items = events_of(client, stream.run_id, other.run_id, uuid.uuid4()).json["items"]
    later, earlier = (item.pop("event_id") for item in items)
    assert later > earlier
    assert items == [
        {
            "run_id": other.run_id,
            "step": None,
            "time": NOON,
            "kind": "alert",
            "level": "error",
            "cause": None,
            "text": "NaN",
        },
        {
            "run_id": stream.run_id,
            "step": 3,
            "time": NOON,
            "kind": "checkpoint",
            "level": None,
            "cause": None,
            "text": "a.pt",
        },
    ]


def test_events_can_be_asked_for_some_kinds_and_come_in_pages(client, stream):
    stream.send(*(event(kind) for kind in ("lr_change", "note", "checkpoint", "lr_change", "lr_change")))
    asked = {"kind": ["lr_change", "checkpoint"], "limit": 3}
    kinds = [item["kind"] for item in paged(lambda **query: events_of(client, stream.run_id, **query), **asked)]
    assert kinds == ["lr_change", "lr_change", "checkpoint", "lr_change"]


@pytest.mark.parametrize(("count", "status"), [(0, 422), (1, 200), (100, 200), (101, 422)])
def test_events_are_asked_of_up_to_100_runs(client, count, status):
    assert events_of(client, *(uuid.uuid4() for _ in range(count))).status_code == status


# the reader, and the page


def test_the_reader_reads_what_a_run_logged(backend, stream):
    stream.send(metrics(0, {"loss": 1}), *(histogram(step) for step in range(3)), text("note"), event("note", "hi"))
    with prevue.Api(backend, token="") as api:
        (note,) = api.results(stream.run_id, kind="text")
        assert api.result(stream.run_id, note["result_id"])["payload"] == {"text": "hello"}
        assert [item["name"] for item in api.results(stream.run_id, limit=2)] == ["note", "weights"]
        assert [item["count"] for item in api.result_names(stream.run_id)] == [1, 3]
        steps = api.result_steps(stream.run_id, "histogram", "train", "weights", payload=True)
        assert [(item["step"], item["payload"]["counts"]) for item in steps] == [(0, [1]), (1, [1]), (2, [1])]
        assert [item["text"] for item in api.events([stream.run_id], ["note"])] == ["hi"]
        assert api.events([stream.run_id], ["alert"]) == []


def test_what_the_page_shows_works_without_a_warning(backend, tmp_path):
    program = "\n".join(blocks(ROOT / "docs" / "how-to" / "log-more-than-numbers.md", "python"))
    settings = {"PREVUE_URL": backend, "PREVUE_SPOOL_DIR": str(tmp_path), "PREVUE_TOKEN": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **settings}, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"train worst 100\n.*'sample'.*'img_07'", done.stdout)
    assert "'loss is NaN\\nsince step 97'" in done.stdout
