"""A run's name, tags and notes over HTTP, changed by people."""

import pytest

import prevue
from core.stream import start, started
from prevue_core.db.models import AuditEntry


@pytest.fixture
def stream(client):
    return started(project="net", run_name="one", tags=["a"], notes="first")


@pytest.fixture
def run(stream):
    return f"/api/v1/runs/{stream.run_id}"


def told(answer):
    return {name: answer.json[name] for name in ("run_name", "tags", "notes")}


def test_what_is_given_is_changed_and_the_rest_stays(client, run):
    before = client.get(run).json
    changed = client.patch(run, json={"tags": ["b", "b", " c "]})
    assert changed.status_code == 200
    assert changed.json == client.get(run).json == {**before, "tags": ["b", "c"]}
    assert told(client.patch(run, json={"run_name": "two", "notes": "µ\nnext"})) == {
        "run_name": "two",
        "tags": ["b", "c"],
        "notes": "µ\nnext",
    }
    assert told(client.patch(run, json={"tags": [], "notes": ""})) == {"run_name": "two", "tags": [], "notes": ""}
    assert client.patch(run, json={}).json["run_name"] == "two"


def test_a_training_that_goes_on_leaves_it(client, run, stream):
    client.patch(run, json={"run_name": "mine"})
    started(stream.run_id, project="net", run_name="theirs", rank=1)
    stream.send_from(0, start(project="net", run_name="theirs"))
    assert client.get(run).json["run_name"] == "mine"


def test_a_change_is_in_the_audit(client, run, stream):
    client.patch(run, json={"notes": "x"})
    assert [(entry.action, entry.subject) for entry in AuditEntry.select()] == [("run edited", stream.run_id)]


@pytest.mark.parametrize(
    "changes",
    [
        {"run_name": ""}, {"run_name": "x" * 256}, {"run_name": "a\nb"}, {"run_name": None}, {"run_name": 7},
        {"tags": ["ok", ""]}, {"tags": "a"}, {"tags": ["t"] * 101}, {"tags": [["t"]]},
        {"notes": "x" * 100_001}, {"notes": "a\0b"}, {"notes": "\ud800"}, {"state": "finished"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_changes_nothing(client, run, changes, problem_of):
    before = client.get(run).json
    problem_of(client.patch(run, json={"notes": "new", **changes}), 422)
    assert client.get(run).json == before


def test_what_does_not_exist_or_lies_in_the_trash_cannot_be_changed(client, run, problem_of):
    problem_of(client.patch("/api/v1/runs/019ab1c2-0000-7000-8000-00000000dead", json={"notes": "x"}), 404)
    client.delete(run)
    problem_of(client.patch(run, json={"notes": "x"}), 404)


def test_a_program_changes_and_reads_a_run(backend, stream):
    with prevue.Api(backend, token="") as api:
        changed = api.edit_run(stream.run_id, name="two", tags=("x", "y"))
        assert (changed.run_name, changed.tags, changed.notes) == ("two", ["x", "y"], "first")
        assert api.run(stream.run_id) == changed


def test_a_program_reads_runs_page_by_page(backend, client):
    for number in range(5):
        started(project="net", run_name=str(number), config={"lr": number})
    found, cursor = [], None
    with prevue.Api(backend, token="") as api:
        while True:
            runs, cursor = api.page_of_runs(cursor, limit=2, filter="config.lr > 0", sort="config.lr")
            found.append([run.run_name for run in runs])
            if cursor is None:
                break
    assert found == [["1", "2"], ["3", "4"]]
