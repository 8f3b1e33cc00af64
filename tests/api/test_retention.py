"""Archive, trash and back over HTTP. What becomes of the rows is said by tests/core/test_retention.py."""

import pytest

from api.posting import post
from core.stream import metrics, started
from prevue_core.contract import PROBLEM_DELETED
from prevue_core.settings import TRASH_DAYS


def names(client, shelf=None):
    return [
        run["run_name"] for run in client.get("/api/v1/runs", query_string={"shelf": shelf or "active"}).json["items"]
    ]


@pytest.fixture
def stream(client):
    return started(project="net", run_name="one")


@pytest.fixture
def run(stream):
    return f"/api/v1/runs/{stream.run_id}"


@pytest.fixture
def project(client, run):
    return f"/api/v1/projects/{client.get(run).json['project_id']}"


def test_a_run_is_archived_and_comes_back(client, run):
    archived = client.post(f"{run}/archive").json
    assert archived["archived_at"] > archived["started_at"]
    assert (names(client), names(client, "archive")) == ([], ["one"])
    assert client.get(run).json == archived
    restored = client.post(f"{run}/restore").json
    assert restored == {**archived, "archived_at": None}
    assert names(client) == ["one"]


def test_a_run_is_deleted_and_comes_back(client, run, problem_of):
    deleted = client.delete(run).json
    assert deleted["restorable_until"] == pytest.approx(deleted["deleted_at"] + TRASH_DAYS * 86_400)
    for path in (run, f"{run}/series"):
        problem_of(client.get(path), 404)
    assert (names(client), names(client, "trash")) == ([], ["one"])
    problem_of(client.delete(run), 404)
    assert client.post(f"{run}/restore").json["deleted_at"] is None
    assert names(client) == ["one"]


def test_what_a_deleted_run_still_sends_is_gone(client, stream, run, problem_of):
    client.delete(run)
    problem = problem_of(post(client, stream, metrics(0, {"loss": 1})), 410)
    assert problem["type"] == PROBLEM_DELETED
    client.post(f"{run}/restore")
    assert post(client, stream, metrics(0, {"loss": 1})).status_code == 200


def test_series_of_a_deleted_run_are_not_told(client, stream, run):
    post(client, stream, metrics(0, {"loss": 1}))
    query = {"run_id": stream.run_id}
    assert len(client.get("/api/v1/series", query_string=query).json["series"]) == 1
    client.delete(run)
    assert client.get("/api/v1/series", query_string=query).json["series"] == []


def test_a_project_is_archived_deleted_and_comes_back(client, project, problem_of):
    def listed(shelf):
        return [row["project_name"] for row in client.get(f"/api/v1/projects?shelf={shelf}").json["items"]]

    assert client.post(f"{project}/archive").json["archived_at"]
    assert (listed("active"), listed("archive")) == ([], ["net"])
    assert client.delete(project).json["restorable_until"]
    problem_of(client.get(project), 404)
    assert (listed("archive"), listed("trash"), names(client)) == ([], ["net"], [])
    assert client.post(f"{project}/restore").json["project_name"] == "net"
    assert (listed("active"), names(client)) == (["net"], ["one"])


@pytest.mark.parametrize("path", ["/api/v1/runs/019ab1c2-0000-7000-8000-000000000001", "/api/v1/projects/77"])
def test_what_does_not_exist_cannot_be_put_away(client, path, problem_of):
    for answer in (client.delete(path), client.post(f"{path}/archive"), client.post(f"{path}/restore")):
        problem_of(answer, 404)


def test_an_unknown_shelf_is_refused(client, problem_of):
    assert "active, archive, trash" in problem_of(client.get("/api/v1/runs?shelf=attic"), 422)["detail"]
