"""The views for other tools: they say what the API says."""

import datetime
import math
import re
import uuid

import pytest

from core.stream import end, metrics, model, started
from pages import ROOT
from prevue_core.contract import LOST_AFTER_S
from prevue_core.db import queries, retention
from prevue_core.db.accounts import OPEN
from prevue_core.db.models import Metric, TrainingRun, utc_now

NOON = 1_700_000_000.0


@pytest.fixture
def rows(database):
    """Read a view: a dictionary for each row."""

    def rows(sql, *values):
        cursor = database.execute_sql(sql.replace("?", database.param), values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return rows


def is_nan(row):
    return bool(row["is_nan"]) and (row["value"] is None or math.isnan(row["value"]))


def test_a_point_is_a_row_with_all_that_it_is_known_by(rows):
    stream = started(project="net", uid="alice", run_name="try", time=NOON)
    stream.send(metrics(3, {"loss": 0.5, "val_accuracy": 0.75}, epoch=1, batch=2, time=NOON + 1))
    first, second = rows("SELECT * FROM v_points ORDER BY name")
    common = {
        "run_name": "try",
        "project_name": "net",
        "username": "alice",
        "rank": 0,
        "step": 3,
        "epoch": 1,
        "batch": 2,
    }
    assert common.items() <= first.items()
    assert common.items() <= second.items()
    assert [first[key] for key in ("split", "name", "kind", "value")] == ["val", "accuracy", "metric", 0.75]
    assert [second[key] for key in ("split", "name", "kind", "value")] == ["train", "loss", "loss", 0.5]
    assert queries.to_unix(first["timestamp"]) == NOON + 1
    assert uuid.UUID(str(first["run_id"])) == uuid.UUID(stream.run_id)


def test_nan_is_marked_and_infinities_are_values(rows):
    stream = started()
    stream.send(*(metrics(step, {"loss": value}) for step, value in enumerate(["NaN", 1.0, "Infinity", "-Infinity"])))
    nan, one, inf, ninf = rows("SELECT * FROM v_points ORDER BY step")
    assert is_nan(nan)
    assert [row["value"] for row in (one, inf, ninf)] == [1.0, math.inf, -math.inf]
    assert not any(row["is_nan"] for row in (one, inf, ninf))


def test_of_equal_steps_the_later_row_counts(rows):
    stream = started()
    first = [metrics(step, {"loss": float(step), "accuracy": 0.5}) for step in range(5)]
    stream.send(*first, metrics(3, {"loss": 30.0}), metrics(3, {"loss": 31.0}), metrics(1, {"val_loss": 9.0}))
    (series,) = queries.series([stream.run_id], ["loss"], ["train"])
    found = rows("SELECT step, value FROM v_points WHERE name = 'loss' AND split = 'train' ORDER BY step")
    assert [(row["step"], row["value"]) for row in found] == list(
        zip(series.columns.step, series.columns.last, strict=True)
    )
    assert found[3]["value"] == 31.0
    assert len(rows("SELECT * FROM v_points WHERE name = 'accuracy'")) == 5


@pytest.mark.parametrize("silence_s", [0, LOST_AFTER_S - 5, LOST_AFTER_S + 5])
def test_a_run_is_told_as_the_api_tells_it(rows, silence_s):
    stream = started(project="net", run_name="try", time=NOON, config={"lr": 0.1})
    stream.send(model("tiny"))
    TrainingRun.update(heard_at=utc_now() - datetime.timedelta(seconds=silence_s)).execute()
    (row,) = rows("SELECT * FROM v_runs")
    told = queries.run(OPEN, stream.run_id)
    for name in ("run_name", "project_id", "project_name", "state", "model_id", "notes", "run_group"):
        assert row[name] == told[name]
    assert (row["username"], row["owner"], row["model_name"], row["connector_name"]) == (
        "alice",
        "alice",
        "tiny",
        "keras",
    )
    assert row["duration_s"] == pytest.approx(told["heard_at"] - told["started_at"], abs=0.01)


def test_a_finished_run_has_lasted_until_its_end(rows):
    stream = started(time=NOON)
    stream.send(end(time=NOON + 61.5))
    (row,) = rows("SELECT state, duration_s, model_name FROM v_runs")
    assert row == {"state": "finished", "duration_s": 61.5, "model_name": None}


def test_a_series_is_summed_up_as_the_api_sums_it_up(rows):
    stream = started(uid="bob")
    values = [2.0, "Infinity", 1.0, "NaN", 5.0]
    stream.send(*(metrics(step, {"loss": value}) for step, value in enumerate(values)))
    (row,) = rows("SELECT * FROM v_series")
    (told,) = queries.series_of(stream.run_id)
    names = ("rank", "split", "name", "kind", "count", "nan_count", "inf_count", "ninf_count")
    steps = ("first_step", "last_step", "low_step", "high_step")
    assert {name: row[name] for name in (*names, *steps)} == {name: told[name] for name in (*names, *steps)}
    assert [row[f"{name}_value"] for name in ("first", "last", "low", "high")] == [2.0, 5.0, 1.0, 5.0]
    assert row["username"] == "bob"


def test_what_lies_in_the_trash_is_in_no_view_and_what_is_archived_says_so(rows):
    gone, kept = started(run_name="gone"), started(run_name="kept")
    for stream in (gone, kept):
        stream.send(metrics(0, {"loss": 1.0}))
    retention.delete_run(OPEN, gone.run_id)
    retention.archive_run(OPEN, kept.run_id)
    for view in ("v_runs", "v_series", "v_points"):
        assert [row["run_name"] for row in rows(f"SELECT run_name FROM {view}")] == ["kept"]
    assert rows("SELECT archived_at FROM v_runs")[0]["archived_at"] is not None


def test_points_of_one_name_of_a_run_are_found_by_the_index(database, rows):
    for _ in range(8):
        stream = started()
        stream.send(*(metrics(step, {"loss": step, "val_loss": step}) for step in range(2_000)))
    explain = "EXPLAIN QUERY PLAN" if database.param == "?" else "EXPLAIN"
    sql = f"{explain} SELECT step, value FROM v_points WHERE run_id = ? AND name = ?"
    with database.atomic():
        if database.param == "%s":
            database.execute_sql("ANALYZE")
            database.execute_sql("SET LOCAL enable_seqscan = off")  # of so few rows it would rather read all
        plan = "\n".join(str(row) for row in rows(sql, stream.run_id, "loss"))
    (index,) = [index.name for index in database.get_indexes(Metric._meta.table_name) if "step" in index.columns]
    assert plan.count(index) >= 2  # of losses and of metrics
    assert "SCAN metrics" not in plan
    assert "Seq Scan on metrics" not in plan


@pytest.mark.parametrize("view", ["v_runs", "v_series", "v_points"])
def test_the_columns_of_a_view_are_those_on_its_page(database, view):
    page = (ROOT / "docs" / "reference" / "storage.md").read_text()
    (section,) = re.findall(rf"^## `{view}`\n(.+?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    told = [
        name for cell in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    ]
    cursor = database.execute_sql(f"SELECT * FROM {view}")
    assert told == [column[0] for column in cursor.description]
