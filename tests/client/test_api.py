import math
import sys

import orjson
import pytest

import prevue
from prevue_core.errors import NotFound, Refused, Unreachable

RUN_ID = "019ab1c2-0000-7000-8000-000000000001"
RUN = {
    "run_id": RUN_ID,
    "run_name": "run one",
    "project_id": 1,
    "project_name": "digits",
    "user": "ada",
    "model_id": 3,
    "state": "finished",
    "config": {"lr": 0.1},
    "environment": {},
    "tags": [],
    "notes": "",
    "run_group": None,
    "color": 3,
    "started_at": 1_763_843_000.0,
    "heard_at": 1_763_843_009.0,
    "finished_at": 1_763_843_009.0,
    "archived_at": None,
}
PROJECT = {"project_id": 1, "project_name": "digits", "user": "ada", "model_id": 3, "created_at": 1_763_843_000.0}


@pytest.fixture
def api(backend) -> prevue.Api:
    backend.documents[f"/api/v1/runs/{RUN_ID}"] = (200, RUN)
    return prevue.Api()


def series(name: str, last: list[object], **more: object) -> dict:
    columns = {"step": list(range(len(last))), "time": [1_763_843_000.0] * len(last), "last": last}
    of = {"run_id": RUN_ID, "rank": 0, "split": "train", "name": name, "kind": "loss", "exact": True, "cursor": "c"}
    return {**of, "count": len(last), "columns": columns, **more}


def pages(*items: list[dict]):
    """Answer with one page after the other; the cursor is the page's number."""

    def answer(query: dict[str, list[str]]) -> dict:
        page = int(query.get("cursor", ["0"])[0])
        return {"items": items[page], "next": str(page + 1) if page + 1 < len(items) else None}

    return answer


def test_runs_of_all_pages_are_read(api, backend):
    ids = [f"019ab1c2-0000-7000-8000-00000000000{number}" for number in range(3)]
    backend.documents["/api/v1/runs"] = (200, pages(*([{**RUN, "run_id": run_id}] for run_id in ids)))
    assert [run.run_id for run in api.runs("digits", user="ada")] == ids
    assert [query.get("cursor") for query in backend.queries] == [None, ["1"], ["2"]]
    assert backend.queries[0] == {"project_name": ["digits"], "user": ["ada"], "limit": ["1000"]}


def test_runs_are_asked_for_by_a_filter_in_an_order_and_with_what_they_came_to(api, backend):
    best, last = "metrics.val.accuracy.max", "metrics.val.loss.last"
    backend.documents["/api/v1/runs"] = (200, pages([{**RUN, "summaries": {best: None, last: "NaN"}}]))
    [run] = api.runs(filter=f"{best} > 0.9", sort=[f"-{best}", "name"], summaries=[best, last])
    assert (run.summaries[best], math.isnan(run.summaries[last])) == (None, True)
    [query] = backend.queries
    assert query["filter"] == [f"{best} > 0.9"]
    assert (query["sort"], query["summary"]) == ([f"-{best}", "name"], [best, last])


def test_one_field_to_sort_or_group_by_needs_no_list(api, backend):
    group = {"by": {"config.lr": 0.1}, "count": 2, "summaries": {}}
    backend.documents["/api/v1/runs"] = (200, pages([RUN]))
    backend.documents["/api/v1/runs/groups"] = (200, pages([group], [group]))
    assert api.runs(sort="-config.lr")[0].summaries == {}
    assert api.run_groups("config.lr", "digits", sort="-count") == [group, group]
    assert backend.queries[0]["sort"] == ["-config.lr"]
    assert backend.queries[1] == {
        "project_name": ["digits"], "by": ["config.lr"], "sort": ["-count"], "limit": ["1000"],
    }  # fmt: skip


def test_the_fields_of_a_projects_runs_are_asked_for(api, backend):
    backend.documents["/api/v1/runs/fields"] = (200, {"fields": [], "series": [], "sums": ["last"]})
    assert api.run_fields(7)["sums"] == ["last"]
    assert backend.queries == [{"project_id": ["7"]}]


def test_fields_that_a_newer_server_adds_are_passed_over(api, backend):
    backend.documents["/api/v1/runs"] = (200, pages([{**RUN, "color": "blue"}]))
    backend.documents["/api/v1/projects"] = (200, pages([{**PROJECT, "visibility": "team"}]))
    assert [run.run_name for run in api.runs()] == ["run one"]
    assert [project.project_name for project in api.projects()] == ["digits"]


def test_a_project_is_read_by_its_id(api, backend):
    backend.documents["/api/v1/projects/1"] = (200, {**PROJECT, "visibility": "team"})
    assert (api.project(1).user, api.project(1).project_name) == ("ada", "digits")
    with pytest.raises(NotFound):
        api.project(2)


def test_an_error_has_what_the_backend_said_in_its_own_words(api, backend):
    backend.documents["/api/v1/projects/1"] = (429, {"detail": "wait 5 s", "request_id": "r"})
    with pytest.raises(Refused, match="wait 5 s") as refused:
        api.project(1)
    assert (refused.value.detail, refused.value.status) == ("wait 5 s", 429)
    with pytest.raises(Unreachable) as unreachable:
        prevue.Api("http://127.0.0.1:1", "").identity()
    assert (unreachable.value.detail, unreachable.value.status) == (None, None)


def test_a_run_is_read_by_its_id(api):
    run = api.run(RUN_ID)
    assert (run.state, run.config, run.started_at) == ("finished", {"lr": 0.1}, 1_763_843_000.0)


@pytest.mark.parametrize(("model_id", "model"), [(None, None), (3, {"model_id": 3, "model_name": "tiny"})])
def test_a_run_knows_its_model(api, backend, model_id, model):
    backend.documents[f"/api/v1/runs/{RUN_ID}"] = (200, {**RUN, "model_id": model_id})
    backend.documents["/api/v1/models/3"] = (200, model)
    assert api.run(RUN_ID).model() == model


def test_a_run_has_a_summary(api, backend):
    backend.documents[f"/api/v1/runs/{RUN_ID}/series"] = (200, {"items": [{"name": "loss", "last": 0.5}]})
    assert api.run(RUN_ID).summary() == [{"name": "loss", "last": 0.5}]


def test_a_run_has_writers(api, backend):
    path, writers = f"/api/v1/runs/{RUN_ID}/writers", [{"rank": 1, "stored": 5}, {"rank": 0, "stored": 7}]
    backend.documents[path] = (200, pages(writers[:1], writers[1:]))
    assert api.run(RUN_ID).writers() == writers


def test_series_are_asked_for_in_one_request(api, backend):
    backend.documents["/api/v1/series"] = (200, {"series": [series("loss", [0.5, 0.25])]})
    table = api.run(RUN_ID).series(["loss"], ["train", "val"], low_step=0, high_step=9, budget=100)
    assert (len(table), table[0].steps, table[0].values) == (1, [0, 1], [0.5, 0.25])
    asked = {"run_id": [RUN_ID], "name": ["loss"], "split": ["train", "val"], "low_step": ["0"], "high_step": ["9"]}
    assert backend.queries[-1] == {**asked, "budget": ["100"]}


def test_values_that_are_not_finite_come_back_as_numbers(api, backend):
    backend.documents["/api/v1/series"] = (200, {"series": [series("loss", [0.5, "NaN", "-Infinity"])]})
    values = api.series([RUN_ID])[0].values
    assert (values[0], math.isnan(values[1]), values[2]) == (0.5, True, -math.inf)


def test_columns_that_an_answer_leaves_out_are_there(api, backend):
    backend.documents["/api/v1/series"] = (200, {"series": [series("loss", [0.5, "NaN", "-Infinity"])]})
    columns = api.series([RUN_ID])[0].columns
    assert columns["mean"] == columns["low"] == columns["high"] == [0.5, None, None]
    assert repr(columns["first"]) == repr(columns["last"]) == "[0.5, nan, -inf]"
    assert (columns["epoch"], columns["count"]) == ([None] * 3, [1] * 3)
    assert (columns["nan_count"], columns["inf_count"], columns["ninf_count"]) == ([0, 1, 0], [0, 0, 0], [0, 0, 1])


def test_only_columns_that_are_asked_for_are_there(api, backend):
    backend.documents["/api/v1/series"] = (200, {"series": [series("loss", [0.5])]})
    [loss] = api.series([RUN_ID], columns=["mean", "time"])
    assert loss.columns == {"step": [0], "time": [1_763_843_000.0], "mean": [0.5]}
    assert backend.queries[-1]["columns"] == ["mean", "time"]


def test_another_axis_and_its_range_are_asked_for(api, backend):
    columns = {"step": [0], "time": [0.0], "last": [0.5], "x": [3.0]}
    backend.documents["/api/v1/series"] = (200, {"series": [series("loss", [0.5], columns=columns)]})
    axis = {"x": "metric", "x_name": "lr", "x_split": "train"}
    [loss] = api.run(RUN_ID).series(["loss"], **axis, low_step=0)
    assert {name: backend.queries[-1][name] for name in axis} == {name: [value] for name, value in axis.items()}
    assert loss.columns["x"] == loss.columns["x_low"] == loss.columns["x_high"] == [3.0]
    api.series([RUN_ID], x="relative", low=1.5, high=60)
    assert (backend.queries[-1]["low"], backend.queries[-1]["high"]) == (["1.5"], ["60"])


def test_columns_of_several_series_are_one_table(api, backend):
    both = [series("loss", [0.5, 0.25]), series("accuracy", [0.75])]
    backend.documents["/api/v1/series"] = (200, {"series": both})
    columns = api.series([RUN_ID]).columns
    assert columns["name"] == ["loss", "loss", "accuracy"]
    assert columns["last"] == [0.5, 0.25, 0.75]
    assert {len(column) for column in columns.values()} == {3}


def test_without_pandas_the_pip_command_is_named(api, backend, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    backend.documents["/api/v1/series"] = (200, {"series": []})
    with pytest.raises(ImportError, match="pip install pandas"):
        api.series([RUN_ID]).to_pandas()


def test_what_is_read_shows_itself_shortly(api, backend):
    backend.documents["/api/v1/series"] = (200, {"series": [series("loss", [0.5])]})
    table = api.series([RUN_ID])
    assert (repr(table), repr(table[0])) == (
        "<SeriesTable of 1: train/loss>",
        "<Series train/loss: 1 rows of 1 points>",
    )


def test_the_token_is_sent(backend):
    backend.documents["/api/v1/projects"] = (200, pages([]))
    assert prevue.Api(backend.url, "a-token").projects() == []
    assert backend.headers[0]["Authorization"] == "Bearer a-token"


def test_what_the_server_does_not_know_is_not_found(api):
    with pytest.raises(NotFound, match="/api/v1/models/7 does not exist"):
        api.model(7)


def test_what_the_server_refuses_is_told(api, backend):
    backend.documents["/api/v1/series"] = (422, {"errors": {"query": {"budget": ["too large"]}}, "request_id": "01"})
    with pytest.raises(Refused, match="too large"):
        api.series([RUN_ID], budget=10**9)


def test_a_server_that_is_away_is_unreachable(no_server):
    with pytest.raises(Unreachable, match=f"cannot reach {no_server}"):
        prevue.Api().projects()


def test_every_point_of_a_run_is_read_one_after_the_other(api, backend):
    when = "2023-11-14T22:13:20.250000Z"
    points = [{"step": step, "value": value, "timestamp": when} for step, value in enumerate([0.5, "NaN", "Infinity"])]
    lines = b"".join(orjson.dumps(point) + b"\n" for point in points)
    backend.documents[f"/api/v1/runs/{RUN_ID}/export"] = (200, lines)
    first, second, third = api.run(RUN_ID).points(["loss"], ["val"])
    assert backend.queries[-1] == {"format": ["jsonl"], "name": ["loss"], "split": ["val"]}
    assert (first["step"], first["value"], first["timestamp"].timestamp()) == (0, 0.5, 1_700_000_000.25)
    assert math.isnan(second["value"])
    assert third["value"] == math.inf


def test_an_export_that_the_server_refuses_is_told(api, backend):
    backend.documents[f"/api/v1/runs/{RUN_ID}/export"] = (501, {"detail": "no Parquet here", "request_id": "r"})
    with pytest.raises(Refused, match="no Parquet here"):
        next(api.export_run(RUN_ID, "parquet"))
