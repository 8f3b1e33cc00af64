"""Tables to take away: every point that counts once, in blocks."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.stream import Stream, metrics, model, start, started
from prevue_core.db import export, queries, retention
from prevue_core.db.accounts import OPEN
from prevue_core.db.models import Metric
from prevue_core.errors import InvalidExpression

NOON = 1_700_000_000.0

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    """Pages and blocks that a few rows fill, of different sizes."""
    monkeypatch.setattr(export, "PAGE_ROWS", 3)
    monkeypatch.setattr(export, "BLOCK_ROWS", 4)
    monkeypatch.setattr(export, "RUNS_PAGE", 2)


def rows_of(table):
    return [dict(zip(table.columns, row, strict=True)) for block in table.blocks for row in block]


def points(*streams, **filters):
    return rows_of(export.points([queries.run(OPEN, stream.run_id) for stream in streams], **filters))


def told(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def test_a_point_is_a_row_with_all_that_it_is_known_by():
    stream = started(project="net", uid="alice", run_name="try")
    stream.send(metrics(3, {"loss": 0.5, "val_accuracy": 0.75}, epoch=1, batch=2, time=NOON))
    first, second = points(stream)
    common = {"run_id": stream.run_id, "run_name": "try", "project_name": "net", "username": "alice", "rank": 0}
    common |= {"step": 3, "epoch": 1, "batch": 2}
    assert common.items() <= first.items()
    assert common.items() <= second.items()
    assert queries.to_unix(first["timestamp"]) == NOON
    assert told([first, second], "split", "name", "kind", "value") == [
        ("train", "loss", "loss", 0.5),
        ("val", "accuracy", "metric", 0.75),
    ]


def test_points_come_by_rank_split_and_step_however_they_were_logged():
    stream = started()
    other = Stream(stream.run_id)
    other.send(start(rank=1), metrics(0, {"loss": 10.0}))
    stream.send(*(metrics(step, {"loss": float(step), "val_loss": -float(step)}) for step in (5, 2, 9, 0)))
    expected = [(0, "train", step) for step in (0, 2, 5, 9)] + [(0, "val", step) for step in (0, 2, 5, 9)]
    assert told(points(stream), "rank", "split", "step") == [*expected, (1, "train", 0)]


def test_points_are_chosen_by_name_and_split():
    stream = started()
    stream.send(*(metrics(step, {"loss": 1.0, "accuracy": 0.5, "val_loss": 2.0, "lr": 0.1}) for step in range(4)))
    assert set(told(points(stream, names=["loss"]), "split", "name")) == {("train", "loss"), ("val", "loss")}
    assert set(told(points(stream, splits=["train"]), "split", "name")) == {
        ("train", name) for name in ("loss", "accuracy", "lr")
    }
    assert told(points(stream, names=["loss"], splits=["val"]), "value") == [(2.0,)] * 4
    assert points(stream, names=["nothing"]) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["loss", "accuracy", "lr"]), st.integers(0, 99))))
def test_of_equal_steps_the_later_row_counts_wherever_a_page_ends(logged):
    stream = started()
    stream.send(*(metrics(step, {name: value}) for step, name, value in logged))
    expected = {(step, name): float(value) for step, name, value in logged}
    found = points(stream)
    assert {(row["step"], row["name"]): row["value"] for row in found} == expected
    assert len(found) == len(expected)


def test_values_that_are_not_finite_are_floats():
    stream = started()
    stream.send(*(metrics(step, {"loss": value}) for step, value in enumerate(["NaN", "Infinity", "-Infinity"])))
    values = [row["value"] for row in points(stream)]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]


def test_an_export_reads_no_further_than_it_is_asked(database):
    stream = started()
    stream.send(*(metrics(step, {"loss": step}) for step in range(20)))
    blocks = export.points([queries.run(OPEN, stream.run_id)]).blocks
    assert len(next(blocks)) == 4
    assert not database.in_transaction()
    Metric.delete().execute()
    assert sum(map(len, blocks)) == 2  # the rest of the pages that were read


def test_the_runs_of_a_project_are_those_not_put_away_or_those_asked_for():
    made = [started(project="net", run_name=f"run {number}", time=NOON + number) for number in range(5)]
    other = started(project="other")
    retention.archive_run(OPEN, made[1].run_id)
    retention.delete_run(OPEN, made[2].run_id)
    project_id = queries.run(OPEN, made[0].run_id)["project_id"]

    def names(*asked):
        found = export.Chosen(OPEN, project_id, [stream.run_id for stream in asked] or None)
        return [run["run_name"] for run in found]

    assert names() == ["run 4", "run 3", "run 0"]
    assert names(made[1], made[2], made[3], other) == ["run 1", "run 3"]


def test_runs_are_chosen_by_a_filter():
    made = [started(project="net", run_name=f"run {number}", config={"lr": number}) for number in range(5)]
    for stream in made:
        stream.send(metrics(0, {"loss": 1.0, stream.run_id[:8]: 1.0}))
    chosen = export.Chosen(OPEN, queries.run(OPEN, made[0].run_id)["project_id"], filter="config.lr >= 3")
    assert {row["run_name"] for row in rows_of(export.points(chosen))} == {"run 3", "run 4"}
    table = export.runs(chosen)
    assert len([name for name in table.columns if name.startswith("metrics")]) == 3 * 3
    assert [row["config.lr"] for row in rows_of(table)] == [4, 3]
    with pytest.raises(InvalidExpression):
        list(export.Chosen(OPEN, 1, filter="config.lr >"))


def test_runs_have_a_column_for_each_key_of_their_configurations_and_for_what_series_come_to():
    first = started(
        project="net", run_name="one", config={"lr": 0.1, "net": {"units": 8}, "mix": True}, tags=["a", "b"]
    )
    second = started(project="net", run_name="two", config={"lr": 1, "net": {"units": 16}, "mix": "no", "list": [1, 2]})
    first.send(model(), *(metrics(step, {"loss": 3.0 - step, "val_accuracy": step / 2}) for step in range(3)))
    project_id = queries.run(OPEN, first.run_id)["project_id"]
    table = export.runs(export.Chosen(OPEN, project_id))
    kinds = {name: kind for name, kind in table.columns.items() if name.startswith("config.")}
    assert kinds == {"config.list": "text", "config.lr": "number", "config.mix": "text", "config.net.units": "whole"}
    two, one = rows_of(table)
    assert (one["run_name"], one["tags"], one["config.lr"], one["config.mix"]) == ("one", '["a","b"]', 0.1, "true")
    assert (one["config.net.units"], one["config.list"]) == (8, None)
    sums = {which: one[f"metrics.train.loss.{which}"] for which in ("last", "min", "max")}
    assert sums == {"last": 1.0, "min": 1.0, "max": 3.0}
    assert (one["metrics.val.accuracy.max"], two["metrics.val.accuracy.max"]) == (1.0, None)
    assert (two["config.list"], two["config.mix"]) == ("[1,2]", "no")
    assert second.run_id == two["run_id"]
