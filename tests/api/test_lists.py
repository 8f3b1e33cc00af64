"""Projects, runs and models over HTTP. What lists hold is said by tests/core/test_queries_pages.py."""

import pytest

from core.stream import end, metrics, model, started

NOON = 1_700_000_000.0


def walk(client, path, **query):
    """Return the items of all pages of a list, of which there are few."""
    pages = [client.get(path, query_string=query).json]
    while pages[-1]["next"] is not None and len(pages) < 20:
        pages.append(client.get(path, query_string={**query, "cursor": pages[-1]["next"]}).json)
    return [item for page in pages for item in page["items"]]


@pytest.mark.parametrize("path", ["/api/v1/projects", "/api/v1/runs", "/api/v1/models"])
def test_an_empty_list_is_one_page(client, path):
    assert client.get(path).json == {"items": [], "next": None}


@pytest.mark.parametrize("limit", [1, 2, 1_000])
def test_runs_come_in_pages(client, limit):
    ids = [started(time=NOON + number).run_id for number in range(5)]
    assert [run["run_id"] for run in walk(client, "/api/v1/runs", limit=limit)] == ids[::-1]


@pytest.mark.parametrize("path", ["/api/v1/projects", "/api/v1/runs", "/api/v1/models"])
def test_without_a_limit_a_page_has_100_items(client, path):
    for number in range(101):
        started(project=f"project {number}").send(model(f"net {number}"))
    first = client.get(path).json
    assert len(first["items"]) == 100
    assert len(client.get(path, query_string={"cursor": first["next"]}).json["items"]) == 1


def test_runs_are_filtered(client):
    started(uid="alice", project="one", run_name="mine")
    started(uid="bob", project="alice/one", run_name="bob's")
    started(uid="alice", project="two", run_name="other")
    (project,) = client.get("/api/v1/projects?name=one&user=alice").json["items"]

    def names(**query):
        return [run["run_name"] for run in walk(client, "/api/v1/runs", **query)]

    assert names(project_id=project["project_id"]) == ["bob's", "mine"]
    assert names(project_name="one", user="bob") == ["bob's"]
    assert names(user="nobody") == []


def test_a_project_is_what_the_list_says(client):
    started(uid="alice", project="test").send(model("net"))
    (listed,) = client.get("/api/v1/projects").json["items"]
    assert client.get(f"/api/v1/projects/{listed['project_id']}").json == listed
    (net,) = client.get("/api/v1/models").json["items"]
    assert (listed["project_name"], listed["user"], listed["model_id"]) == ("test", "alice", net["model_id"])


def test_a_run_is_what_the_list_says_with_its_highest_step(client):
    stream = started(run_name="try", config={"lr": 0.1}, tags=["a"], notes="n", group="g", time=NOON)
    stream.send(metrics(7, {"loss": 1}), end(time=NOON + 60))
    (listed,) = client.get("/api/v1/runs").json["items"]
    assert client.get(f"/api/v1/runs/{stream.run_id}").json == {**listed, "last_step": 7}
    assert (listed["state"], listed["started_at"], listed["finished_at"]) == ("finished", NOON, NOON + 60)
    assert (listed["config"], listed["tags"], listed["run_group"]) == ({"lr": 0.1}, ["a"], "g")


def test_a_model_shows_its_architecture_when_asked_for_alone(client):
    started().send(model("net", layers=[{"units": 3}]))
    (listed,) = client.get("/api/v1/models?connector_name=keras").json["items"]
    shown = client.get(f"/api/v1/models/{listed['model_id']}").json
    assert shown == {**listed, "architecture": {"layers": [{"units": 3}]}}
    assert client.get("/api/v1/models?connector_name=torch").json["items"] == []


def test_a_runs_series_are_listed_with_their_sums_and_nan_as_text(client):
    stream = started()
    stream.send(*(metrics(step, {"loss": value}) for step, value in enumerate(["NaN", 2, "Infinity", 1, "-Infinity"])))
    (series,) = client.get(f"/api/v1/runs/{stream.run_id}/series").json["items"]
    assert (series["name"], series["split"], series["rank"], series["kind"]) == ("loss", "train", 0, "loss")
    assert (series["first"], series["last"], series["low"], series["high"]) == ("NaN", "-Infinity", 1.0, 2.0)
    assert (series["count"], series["nan_count"], series["inf_count"], series["ninf_count"]) == (5, 1, 1, 1)


def test_a_series_without_finite_values_has_no_extremes(client):
    stream = started()
    stream.send(metrics(0, {"loss": "NaN"}))
    (series,) = client.get(f"/api/v1/runs/{stream.run_id}/series").json["items"]
    assert (series["low"], series["low_step"], series["high"], series["high_step"]) == (None, None, None, None)
