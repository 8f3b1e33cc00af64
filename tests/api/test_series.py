"""Series over HTTP. How they are cut down is said by tests/core/test_queries_series.py."""

import gzip
import json

import pytest

import prevue
from core.stream import metrics, started

BUCKETS = {"step", "time", "first", "last", "mean", "low", "high", "count"}


@pytest.fixture
def ask(client):
    """Ask for series and return them."""

    def ask(*run_ids, **query):
        answer = client.get("/api/v1/series", query_string={"run_id": run_ids, **query})
        assert (answer.status_code, answer.content_type) == (200, "application/json")
        return answer.json["series"]

    return ask


def test_a_series_is_columns_of_one_length(ask, stream):
    stream.send(*(metrics(step, {"loss": step / 2}, epoch=step // 2, time=1_700_000_000 + step) for step in range(4)))
    (series,) = ask(stream.run_id)
    columns = series["columns"]
    assert set(columns) == {"step", "time", "epoch", "last"}  # of points the others say nothing
    assert {len(column) for column in columns.values()} == {4}
    assert (columns["step"], columns["last"], columns["epoch"]) == ([0, 1, 2, 3], [0.0, 0.5, 1.0, 1.5], [0, 0, 1, 1])
    assert columns["time"] == [1_700_000_000.0, 1_700_000_001.0, 1_700_000_002.0, 1_700_000_003.0]


def test_a_series_says_what_it_is(ask, stream):
    stream.send(metrics(0, {"val_loss": 1}))
    (series,) = ask(stream.run_id)
    assert {name: series[name] for name in ("run_id", "rank", "split", "name", "kind", "exact", "count")} == {
        "run_id": stream.run_id, "rank": 0, "split": "val", "name": "loss", "kind": "loss", "exact": True, "count": 1,
    }  # fmt: skip
    assert series["cursor"]


def test_a_rank_is_asked_for_by_its_number(ask, stream):
    stream.send(metrics(0, {"loss": 1}))
    for rank in (1, 2):
        started(stream.run_id, rank=rank).send(metrics(0, {"loss": 1 + rank}))
    assert [part["rank"] for part in ask(stream.run_id)] == [0, 1, 2]
    assert [(part["rank"], part["columns"]["last"]) for part in ask(stream.run_id, rank=[2, 0, 9])] == [
        (0, [1.0]),
        (2, [3.0]),
    ]


def test_numbers_that_json_has_not_are_text(ask, stream):
    stream.send(*(metrics(step, {"loss": value}) for step, value in enumerate(["NaN", "Infinity", "-Infinity", 1])))
    assert ask(stream.run_id)[0]["columns"]["last"] == ["NaN", "Infinity", "-Infinity", 1.0]
    columns = ask(stream.run_id, budget=1)[0]["columns"]
    assert (columns["first"], columns["last"], columns["mean"], columns["low"]) == (["NaN"], [1.0], [1.0], [1.0])
    assert (columns["nan_count"], columns["inf_count"], columns["ninf_count"]) == ([1], [1], [1])


def test_over_the_budget_there_are_buckets(ask, stream):
    stream.send(*(metrics(step, {"loss": step}) for step in range(100)))
    (series,) = ask(stream.run_id, budget=10)
    columns = series["columns"]
    assert (series["exact"], series["count"], len(columns["step"])) == (False, 100, 7)
    assert set(columns) == BUCKETS  # there is no epoch, and all is finite
    assert (min(columns["low"]), max(columns["high"]), columns["step"][-1], columns["last"][-1]) == (0, 99, 99, 99)


def test_columns_are_chosen_by_name(ask, stream):
    stream.send(*(metrics(step, {"loss": step}, epoch=0) for step in range(100)))
    columns = ask(stream.run_id, budget=10, columns=["mean", "high"])[0]["columns"]
    assert set(columns) == {"step", "mean", "high"}
    columns = ask(stream.run_id, columns=["mean", "time"])[0]["columns"]
    assert set(columns) == {"step", "time", "last"}  # of points the mean is the last


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, deflate", "gzip"), ("identity", None), (None, None)])
def test_an_answer_is_gzipped_for_who_takes_it(client, stream, accepted, encoding):
    stream.send(*(metrics(step, {"loss": step / 7}) for step in range(1_000)))
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    answer = client.get("/api/v1/series", query_string={"run_id": stream.run_id}, headers=headers)
    assert (answer.headers.get("Content-Encoding"), answer.headers["Vary"]) == (encoding, "Accept-Encoding")
    body = gzip.decompress(answer.data) if encoding else answer.data
    assert json.loads(body)["series"][0]["columns"]["last"] == [step / 7 for step in range(1_000)]
    assert len(answer.data) < 0.6 * len(body) or not encoding


def test_a_short_answer_is_sent_as_it_is(client, stream):
    stream.send(metrics(0, {"loss": 1}))
    answer = client.get("/api/v1/series", query_string={"run_id": stream.run_id}, headers={"Accept-Encoding": "gzip"})
    assert answer.json["series"]


def test_many_runs_names_and_splits_are_asked_for_at_once(ask):
    streams = [started() for _ in range(3)]
    for stream in streams:
        stream.send(metrics(0, {"loss": 1, "val_loss": 2, "accuracy": 3, "lr": 4}))
    found = ask(*(stream.run_id for stream in streams[:2]), name=["loss", "accuracy"], split=["train"])
    assert [(series["run_id"], series["name"]) for series in found] == [
        (stream.run_id, name) for stream in streams[:2] for name in ("loss", "accuracy")
    ]


def test_a_range_includes_both_of_its_ends(ask, stream):
    stream.send(*(metrics(step, {"loss": step}) for step in range(10)))
    assert ask(stream.run_id, low_step=3, high_step=5)[0]["columns"]["step"] == [3, 4, 5]


def test_a_run_that_is_not_known_has_no_series(ask, database):
    assert ask("00000000-0000-0000-0000-000000000000") == []


@pytest.mark.parametrize("budget", [1, 5_000])
def test_the_budget_may_be_1_to_5000(ask, stream, budget):
    stream.send(*(metrics(step, {"loss": step}) for step in range(-2_500, 2_500)))
    columns = ask(stream.run_id, budget=budget)[0]["columns"]
    assert len(columns["step"]) == budget
    assert columns.get("count", [5_000]) == [5_000]


# another x axis


def test_over_another_axis_there_is_a_column_x(ask, stream):
    stream.send(*(metrics(step, {"loss": step, "lr": step / 8}, epoch=step // 2, time=1e9 + step) for step in range(4)))
    assert ask(stream.run_id, name="loss", x="epoch", low=1)[0]["columns"]["x"] == [1, 1]
    [series] = ask(stream.run_id, name="loss", x="wall", high=1e9 + 2)
    assert (series["columns"]["x"], series["cursor"]) == ([1e9, 1e9 + 1, 1e9 + 2], None)
    columns = ask(stream.run_id, name="loss", x="metric", x_name="lr", budget=2)[0]["columns"]
    assert (columns["x"], columns["x_low"], columns["x_high"]) == ([0.0625, 0.3125], [0.0, 0.25], [0.125, 0.375])


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"x": "hour"}, "x 'hour' is no axis; use one of step, epoch, relative, wall, metric"),
        ({"x": "metric"}, "x 'metric' needs the name of a metric; give it as x_name"),
        ({"x": "wall", "x_name": "lr"}, "x 'wall' has no name 'lr'; use x 'metric' for another one"),
        (
            {"x": "metric", "x_name": "lr", "low": 0.5},
            "0.5 is no end of a range of a metric; choose steps: low_step and high_step",
        ),
    ],
)
def test_an_axis_that_does_not_fit_is_quoted(client, stream, problem_of, asked, told):
    answer = client.get("/api/v1/series", query_string={"run_id": stream.run_id, **asked})
    assert problem_of(answer, 422)["detail"] == told


# what is new


@pytest.fixture
def ask_news(client):
    """Ask for what is new and return it."""

    def ask_news(**asked):
        answer = client.post("/api/v1/series/news", json=asked)
        assert (answer.status_code, answer.content_type) == (200, "application/json")
        return answer.json

    return ask_news


def test_of_series_only_what_is_new_comes(ask, ask_news, stream):
    stream.send(metrics(0, {"loss": 1, "accuracy": 0.5}), metrics(1, {"loss": 0.5}))
    known = {stream.run_id: [series["cursor"] for series in ask(stream.run_id)]}
    assert ask_news(runs=known)["series"] == []
    stream.send(metrics(2, {"loss": "NaN", "val_loss": 3}))
    news = ask_news(runs=known, columns=["mean"])
    assert [(part["split"], part["from_step"], part["columns"]) for part in news["series"]] == [
        ("train", 1, {"step": [1, 2], "last": [0.5, "NaN"]}),
        ("val", None, {"step": [2], "last": [3.0]}),
    ]
    assert news["runs"] == {
        stream.run_id: {
            "logged": 5,
            "rank": [0, 0, 0],
            "split": ["train", "train", "val"],
            "name": ["loss", "accuracy", "loss"],
            "count": [3, 1, 1],
            "last_step": [2, 0, 2],
            "last": ["NaN", 0.5, 3.0],
        }
    }


def test_of_a_run_that_has_not_grown_no_sums_come(ask_news, stream):
    stream.send(metrics(0, {"loss": 1, "accuracy": 0.5}))
    asked = {"runs": {stream.run_id: []}, "logged": {stream.run_id: 2}, "name": []}
    assert ask_news(**asked) == {"runs": {}, "series": []}
    stream.send(metrics(0, {"loss": 1}))
    assert ask_news(**asked)["runs"][stream.run_id]["logged"] == 3


def test_a_run_that_is_not_there_has_no_news(ask_news, stream):
    nobody = "00000000-0000-0000-0000-000000000000"
    assert ask_news(runs={nobody: []}) == {"runs": {}, "series": []}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "runs"),
        ({"runs": {}}, "runs"),
        ({"runs": {"1": []}}, "runs"),
        ({"runs": {"00000000-0000-0000-0000-000000000000": [1]}}, "runs"),
        ({"runs": {"00000000-0000-0000-0000-000000000000": []}, "budget": 0}, "budget"),
        ({"runs": {"00000000-0000-0000-0000-000000000000": []}, "columns": ["size"]}, "columns"),
    ],
)
def test_what_is_wrong_with_a_question_for_news_is_told(client, problem_of, asked, told):
    assert told in str(problem_of(client.post("/api/v1/series/news", json=asked), 422)["errors"])


def test_a_cursor_that_is_none_is_quoted(client, stream, problem_of):
    answer = client.post("/api/v1/series/news", json={"runs": {stream.run_id: ["7"]}})
    assert problem_of(answer, 422)["detail"].startswith("cursor '7' is not one of a series; ")


def test_a_table_of_series_is_kept_up_to_date(backend, stream):
    stream.send(*(metrics(step, {"loss": step}) for step in range(50)))
    api = prevue.Api(backend, token="")
    table = api.series([stream.run_id], budget=20)
    for batch in (range(50, 53), range(40, 45), range(53, 200), (), (500,)):
        stream.send(*(metrics(step, {"loss": step, "val_loss": -step}) for step in batch))
        changed = api.refresh(table)
        assert len(changed) == (2 if batch else 0)
        assert table.columns == api.series([stream.run_id], budget=20).columns


def test_a_table_of_some_ranks_stays_one_of_these(backend, stream):
    others = [started(stream.run_id, rank=rank) for rank in (1, 2)]
    for one in (stream, *others):
        one.send(metrics(0, {"loss": 1}))
    api = prevue.Api(backend, token="")
    table = api.series([stream.run_id], ranks=[1])
    for one in (stream, *others):
        one.send(metrics(1, {"loss": 2}))
    assert [(part.rank, part.steps) for part in api.refresh(table)] == [(1, [0, 1])]
    assert [part.rank for part in table] == [1]
