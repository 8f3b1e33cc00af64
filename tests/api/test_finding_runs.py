"""The table of runs over HTTP. What filters, orders and groups mean is said by tests/core/test_queries_*.py."""

import pytest

from api.test_lists import walk
from core.stream import metrics, started
from pages import ROOT, blocks
from prevue_core.db import queries
from prevue_core.db.queries import language

PAGE = ROOT / "docs" / "how-to" / "find-runs.md"


@pytest.fixture
def five_runs(client):
    for number in range(5):
        stream = started(run_name=f"run {number}", config={"lr": number / 10}, group=f"g{number % 2}", tags=["x"])
        stream.send(metrics(0, {"val_accuracy": "Infinity" if number == 4 else number}))


def names(client, **query):
    return [run["run_name"] for run in walk(client, "/api/v1/runs", **query)]


def test_runs_are_filtered_and_sorted_in_pages(client, five_runs):
    text = 'metrics.val.accuracy.max > 0.9 and config.lr < 0.35 and state = "running" and tag = "x"'
    sort = ["-metrics.val.accuracy.max", "name"]
    assert names(client, filter=text, sort=sort, limit=1) == ["run 3", "run 2", "run 1"]
    assert names(client, filter=text, sort="config.lr") == ["run 1", "run 2", "run 3"]


def test_what_is_asked_for_comes_with_each_run(client, five_runs):
    asked = ["metrics.val.accuracy.last", "metrics.val.loss.min"]
    answer = client.get("/api/v1/runs", query_string={"summary": asked, "limit": 2}).json
    assert [run["summaries"] for run in answer["items"]] == [
        dict(zip(asked, ["Infinity", None], strict=True)),
        dict(zip(asked, [3.0, None], strict=True)),
    ]
    assert all("summaries" not in run for run in client.get("/api/v1/runs").json["items"])


def test_groups_come_in_pages(client, five_runs):
    query = {"by": "group", "summary": "metrics.val.accuracy.max", "sort": "-count"}
    one, two = walk(client, "/api/v1/runs/groups", limit=1, **query)
    assert (one["by"], one["count"]) == ({"group": "g0"}, 3)
    assert one["summaries"]["metrics.val.accuracy.max"] == {
        "count": 2, "mean": 1.0, "std": pytest.approx(2**0.5), "low": 0.0, "high": 2.0,
    }  # fmt: skip
    assert (two["by"], two["count"]) == ({"group": "g1"}, 2)


def test_the_fields_of_a_project_are_told(client, five_runs):
    [project] = client.get("/api/v1/projects").json["items"]
    told = client.get(f"/api/v1/runs/fields?project_id={project['project_id']}").json
    assert [field["examples"] for field in told["fields"] if field["field"] == "tag"] == [["x"]]
    assert [series["field"] for series in told["series"]] == ["metrics.val.accuracy"]


def test_the_fields_of_a_project_that_does_not_exist_are_404(client, problem_of):
    assert "project 99 does not exist" in problem_of(client.get("/api/v1/runs/fields?project_id=99"), 404)["detail"]


@pytest.mark.parametrize(
    ("path", "query", "position", "hint"),
    [
        ("runs", {"filter": "config.lr < 1 adn name = 'x'"}, 14, "'adn': write and, or"),
        ("runs", {"filter": "stat = 'running'"}, 0, "did you mean state?"),
        ("runs", {"sort": "-metrics.val.accuracy.top"}, 1, "is none of last, first"),
        ("runs", {"summary": "name"}, 0, "a summary is of a series"),
        ("runs/groups", {"by": "started"}, 0, "hardly two runs"),
        ("runs", {"filter": "x" * 4_001}, 4_000, "at most 4000"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_its_position(client, problem_of, path, query, position, hint):
    problem = problem_of(client.get(f"/api/v1/{path}", query_string=query), 422)
    assert hint in problem["detail"]
    assert problem["position"] == position


@pytest.mark.parametrize("text", [line for block in blocks(PAGE, "text") for line in block.splitlines()])
def test_a_filter_of_the_page_about_them_is_accepted(client, text):
    assert client.get("/api/v1/runs", query_string={"filter": text}).status_code == 200


def test_the_page_tells_every_field_sum_and_limit():
    page = PAGE.read_text()
    for name in (*queries.single_fields(), *queries.SUMS):
        assert f"`{name}`" in page
    for limit in (language.MAX_CHARS, language.MAX_COMPARISONS, language.MAX_DEPTH):
        assert f"{limit:,} ".replace(",", " ") in page


@pytest.mark.parametrize(
    "text", ["\0", "name = '\0'", "name = '\ud800'", "%", "'; DROP TABLE runs; --", "name = '%s'", "(" * 3_999]
)
def test_no_filter_breaks_the_server(client, text):
    query = {"filter": text.encode("utf-8", "surrogatepass")}
    assert client.get("/api/v1/runs", query_string=query).status_code in (200, 422)
    assert client.get("/api/v1/runs").status_code == 200


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("runs", {"sort": ["name"] * 6}),
        ("runs", {"summary": ["metrics.a.b.max"] * 101}),
        ("runs/groups", {}),
        ("runs/groups", {"by": ["name"] * 6}),
    ],
)
def test_too_many_columns_are_refused(client, problem_of, path, query):
    problem_of(client.get(f"/api/v1/{path}", query_string=query), 422)
