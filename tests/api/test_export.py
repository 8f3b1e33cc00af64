"""Export over HTTP: what each format holds, and who gets it. Which points are in it: tests/core/test_export.py."""

import csv
import importlib.util
import io
import math
import threading
from functools import partial

import orjson
import pytest
from arro3.io import read_parquet

from core.stream import metrics, started
from prevue_core.api import parquet, tables
from prevue_core.api.resources import export as resource
from prevue_core.db import export
from prevue_core.db.models import AuditEntry

NOON = 1_700_000_000.25
WHEN = "2023-11-14T22:13:20.250000Z"
NAME = 'a "quoted", name'
NOTES = "of two\r\nlines"


@pytest.fixture
def get(client):
    """Get all of an answer, and close it as a server does."""
    return partial(client.get, buffered=True)


@pytest.fixture
def stream(client):
    stream = started(
        project="net", uid="alice", run_name=NAME, config={"lr": 0.5, "note": 'say "hi", ok'}, notes=NOTES, time=NOON
    )
    for step, value in enumerate([1.5, "NaN", "Infinity", "-Infinity", 1e-300]):
        stream.send(metrics(step, {"loss": value}, time=NOON, epoch=step // 2))
    return stream


@pytest.fixture
def path(stream):
    return f"/api/v1/runs/{stream.run_id}/export"


@pytest.fixture
def project(client, stream):
    return f"/api/v1/projects/{client.get(f'/api/v1/runs/{stream.run_id}').json['project_id']}/export"


def read_csv(answer):
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def read_jsonl(answer):
    return [orjson.loads(line) for line in answer.data.splitlines()]


def read_rows(answer):
    table = read_parquet(io.BytesIO(answer.data)).read_all()
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_csv_is_quoted_and_has_empty_cells_for_what_is_not_known(get, path, stream):
    answer = get(path)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="prevue-run-{stream.run_id}.csv"'
    rows = read_csv(answer)
    assert rows[0] == {
        **{"run_id": stream.run_id, "run_name": NAME, "project_name": "net", "username": "alice", "rank": "0"},
        **{"split": "train", "name": "loss", "kind": "loss", "step": "0", "epoch": "0", "batch": "", "value": "1.5"},
        "timestamp": WHEN,
    }
    assert [row["value"] for row in rows] == ["1.5", "NaN", "Infinity", "-Infinity", "1e-300"]
    assert math.isnan(float(rows[1]["value"]))


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@x", "a=b"])
def test_no_spreadsheet_takes_a_name_in_csv_for_a_formula(get, path, stream, name):
    stream.send(metrics(9, {name: -0.5}))
    cells = {row["name"]: row["value"] for row in read_csv(get(path))}
    assert cells[name if name == "a=b" else f"'{name}"] == "-0.5"


def test_json_lines_tell_numbers_as_the_api_does(get, path, stream):
    answer = get(f"{path}?format=jsonl")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    rows = read_jsonl(answer)
    assert [row["value"] for row in rows] == [1.5, "NaN", "Infinity", "-Infinity", 1e-300]
    assert rows[0].items() >= {"step": 0, "epoch": 0, "batch": None, "timestamp": WHEN, "run_name": NAME}.items()


def test_parquet_has_floats_and_moments(get, path, stream):
    answer = get(f"{path}?format=parquet")
    assert answer.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert answer.headers["Content-Disposition"].endswith('.parquet"')
    rows = read_rows(answer)
    assert math.isnan(rows[1].pop("value"))
    assert [row["value"] for row in rows if "value" in row] == [1.5, math.inf, -math.inf, 1e-300]
    assert [rows[0][name] for name in ("run_id", "run_name", "step", "batch")] == [stream.run_id, NAME, 0, None]
    assert rows[0]["timestamp"].timestamp() == NOON


@pytest.mark.parametrize("format", tables.FORMATS)
def test_every_format_has_every_point_across_blocks_and_groups(get, monkeypatch, format):
    monkeypatch.setattr(export, "BLOCK_ROWS", 7)
    monkeypatch.setattr(export, "PAGE_ROWS", 5)
    monkeypatch.setattr(parquet, "GROUP_ROWS", 10)
    monkeypatch.setattr(parquet, "PART_BYTES", 50)
    stream = started()
    stream.send(*(metrics(step, {"loss": step, "accuracy": -step}) for step in range(40)))
    answer = get(f"/api/v1/runs/{stream.run_id}/export?format={format}")
    rows = {"csv": read_csv, "jsonl": read_jsonl, "parquet": read_rows}[format](answer)
    found = [(row["name"], int(row["step"]), float(row["value"])) for row in rows]
    assert found == [point for step in range(40) for point in (("loss", step, step), ("accuracy", step, -step))]


@pytest.mark.parametrize("format", tables.FORMATS)
def test_a_run_without_points_is_a_table_without_rows(get, format):
    answer = get(f"/api/v1/runs/{started().run_id}/export?format={format}")
    assert answer.status_code == 200
    rows = {"csv": read_csv, "jsonl": read_jsonl, "parquet": read_rows}[format](answer)
    assert rows == []
    assert format == "jsonl" or b"timestamp" in answer.data


def test_a_project_is_exported_with_all_runs_or_some(get, stream, project):
    other = started(project="alice/net", uid="bob", run_name="other")
    other.send(metrics(0, {"loss": 9.0}), metrics(0, {"val_loss": 8.0}))
    rows = read_jsonl(get(project, query_string={"format": "jsonl"}))
    assert [row["run_name"] for row in rows] == ["other"] * 2 + [NAME] * 5
    query = {"format": "jsonl", "run_id": other.run_id, "split": "val"}
    assert [row["value"] for row in read_jsonl(get(project, query_string=query))] == [8.0]


def test_a_table_of_runs_has_configurations_and_sums(get, stream, project):
    (row,) = read_csv(get(f"{project}?table=runs"))
    assert (row["run_id"], row["run_name"], row["state"], row["config.lr"]) == (stream.run_id, NAME, "running", "0.5")
    assert (row["config.note"], row["started_at"], row["finished_at"]) == ('say "hi", ok', WHEN, "")
    assert row["notes"] == NOTES
    assert [row[f"metrics.train.loss.{which}"] for which in ("last", "min", "max")] == ["1e-300", "1e-300", "1.5"]
    (row,) = read_rows(get(f"{project}?table=runs&format=parquet"))
    assert (row["config.lr"], row["started_at"].timestamp(), row["finished_at"]) == (0.5, NOON, None)


def test_an_export_is_noted(get, path, project):
    get(f"{path}?format=jsonl")
    get(f"{project}?table=runs")
    noted = [(row.action, row.subject) for row in AuditEntry.select().order_by(AuditEntry.audit_id)]
    run_id, project_id = path.split("/")[-2], project.split("/")[-2]
    assert noted == [
        ("export", f"points of run {run_id} as jsonl"),
        ("export", f"runs of project {project_id} as csv"),
    ]


def test_what_does_not_exist_or_was_deleted_is_not_exported(client, get, path, project, problem_of):
    for unknown in ("/api/v1/runs/019ab1c2-0000-7000-8000-000000000001/export", "/api/v1/projects/77/export"):
        problem_of(get(unknown), 404)
    client.delete(path.removesuffix("/export"))
    problem_of(get(path), 404)
    assert read_csv(get(project)) == []


def test_runs_are_chosen_by_a_filter(get, project, problem_of):
    for table in ("points", "runs"):
        some = {"table": table, "filter": "config.lr = 0.5"}
        assert len(read_csv(get(project, query_string=some))) == (5 if table == "points" else 1)
        none = {"table": table, "filter": "config.lr > 1"}
        assert read_csv(get(project, query_string=none)) == []
        problem_of(get(project, query_string={"table": table, "filter": "config.lr >"}), 422)


def test_an_unknown_format_is_refused(get, path, problem_of):
    assert "csv, jsonl, parquet" in problem_of(get(f"{path}?format=xlsx"), 422)["detail"]


def test_without_the_library_parquet_is_refused_with_the_pip_command(get, path, problem_of, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(tables, "find_spec", lambda name: None if name == "arro3" else find_spec(name))
    assert "pip install 'prevue[parquet]'" in problem_of(get(f"{path}?format=parquet"), 501)["detail"]


def test_of_many_exports_at_once_some_have_to_wait(client, get, path, problem_of):
    under_way = [client.get(path) for _ in range(resource.AT_ONCE)]
    assert problem_of(get(path), 429)["detail"].startswith("4 exports are on their way")
    for answer in under_way:
        answer.close()
    assert len(read_csv(get(path))) == 5


@pytest.mark.parametrize("format", tables.FORMATS)
def test_an_export_that_nobody_reads_to_the_end_is_let_go(client, monkeypatch, format):
    monkeypatch.setattr(export, "BLOCK_ROWS", 2)
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    monkeypatch.setattr(parquet, "PART_BYTES", 10)
    stream = started()
    stream.send(*(metrics(step, {"loss": step}) for step in range(400)))
    before = set(threading.enumerate())
    for _ in range(resource.AT_ONCE + 1):
        answer = client.get(f"/api/v1/runs/{stream.run_id}/export?format={format}")
        assert next(answer.iter_encoded())
        answer.close()
    assert set(threading.enumerate()) == before
