"""Series over HTTP. How they are cut down is said by tests/core/test_queries_series.py."""

import pytest

from core.stream import metrics, started

COLUMNS = {
    "step", "time", "epoch", "first", "last", "mean", "low", "high", "count", "nan_count", "inf_count", "ninf_count",
}  # fmt: skip


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
    assert set(columns) == COLUMNS
    assert {len(column) for column in columns.values()} == {4}
    assert (columns["step"], columns["last"], columns["epoch"]) == ([0, 1, 2, 3], [0.0, 0.5, 1.0, 1.5], [0, 0, 1, 1])
    assert columns["time"] == [1_700_000_000.0, 1_700_000_001.0, 1_700_000_002.0, 1_700_000_003.0]


def test_a_series_says_what_it_is(ask, stream):
    stream.send(metrics(0, {"val_loss": 1}))
    (series,) = ask(stream.run_id)
    assert {name: series[name] for name in ("run_id", "rank", "split", "name", "kind", "exact", "count")} == {
        "run_id": stream.run_id, "rank": 0, "split": "val", "name": "loss", "kind": "loss", "exact": True, "count": 1,
    }  # fmt: skip
    assert series["cursor"] > 0


def test_numbers_that_json_has_not_are_text(ask, stream):
    stream.send(*(metrics(step, {"loss": value}) for step, value in enumerate(["NaN", "Infinity", "-Infinity", 1])))
    columns = ask(stream.run_id)[0]["columns"]
    assert columns["first"] == columns["last"] == ["NaN", "Infinity", "-Infinity", 1.0]
    assert columns["mean"] == columns["low"] == columns["high"] == [None, None, None, 1.0]


def test_over_the_budget_there_are_buckets(ask, stream):
    stream.send(*(metrics(step, {"loss": step}) for step in range(100)))
    (series,) = ask(stream.run_id, budget=10)
    columns = series["columns"]
    assert (series["exact"], series["count"], len(columns["step"])) == (False, 100, 7)
    assert (min(columns["low"]), max(columns["high"]), columns["step"][-1], columns["last"][-1]) == (0, 99, 99, 99)


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
    assert sum(columns["count"]) == 5_000
