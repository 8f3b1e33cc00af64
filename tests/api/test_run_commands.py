"""`prevue runs`, `projects` and `export` against a real server, as somebody at a shell calls them."""

import csv
import io
import json
import os
import subprocess
import sys
import time

import pytest
import requests
from arro3.io import read_parquet

import prevue
from core.stream import metrics, started
from prevue_core.db import retention
from prevue_core.db.models import Metric
from prevue_core.errors import Unreachable

PATIENCE_S = 30
TRAINING = """
import sys, time, prevue
run = prevue.init(project="net", uid="alice")
run.log({"loss": 1.0})
while run.status().stored < 2:
    time.sleep(0.01)
print(run.run_id, flush=True)
sys.stdin.readline()
run.log({"loss": 0.5})
run.finish(timeout=30)
print("trained to the end")
"""


@pytest.fixture
def call(backend, tmp_path):
    """Run a command of ours; exit code and what it wrote to standard output and error come back."""

    def call(*command, input=""):
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PREVUE_")}
        environ |= {"PREVUE_URL": backend, "PREVUE_UID": "alice", "HOME": str(tmp_path), "PREVUE_PLUGINS": ""}
        command = [sys.executable, "-m", "prevue", *map(str, command)]
        done = subprocess.run(command, env=environ, cwd=tmp_path, input=input.encode(), capture_output=True, timeout=60)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return call


@pytest.fixture
def stream(backend):
    stream = started(project="net", uid="alice", run_name="one", config={"lr": 0.5})
    stream.send(*(metrics(step, {"loss": step / 2, "val_loss": step}) for step in range(10)))
    return stream


def shelf(call, name="active"):
    return [run["run_name"] for run in json.loads(call("runs", "list", "--shelf", name, "--json")[1])]


def test_runs_are_archived_deleted_and_restored(call, stream):
    code, told, _ = call("runs", "list", "--project", "net")
    assert (code, told.split()[0], told.split()[-1]) == (0, stream.run_id, "one")
    assert call("runs", "archive", stream.run_id) == (0, f"Archived run {stream.run_id}.\n", "")
    assert (shelf(call), shelf(call, "archive")) == ([], ["one"])
    code, told, _ = call("runs", "delete", "--yes", stream.run_id)
    assert (code, told.startswith("Deleted run one; until ")) == (0, True)
    assert told.endswith(f": prevue runs restore {stream.run_id}\n")
    assert shelf(call, "trash") == ["one"]
    assert call("runs", "restore", stream.run_id) == (0, "Restored run one.\n", "")
    assert shelf(call) == ["one"]


@pytest.mark.parametrize(("answer", "left"), [("n\n", ["one"]), ("", ["one"]), ("y\n", [])])
def test_nothing_is_deleted_without_a_yes(call, stream, answer, left):
    code, told, _ = call("runs", "delete", stream.run_id, input=answer)
    assert "Delete one? [y/N]" in told
    assert (code, shelf(call)) == (1 if left else 0, left)


def test_a_training_whose_run_is_deleted_goes_on_and_is_told(backend, call, database, tmp_path):
    environ = {**os.environ, "PREVUE_URL": backend, "PREVUE_SPOOL_DIR": str(tmp_path / "spool"), "PREVUE_PLUGINS": ""}
    training = subprocess.Popen(
        [sys.executable, "-c", TRAINING],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run_id = training.stdout.readline().strip()
    assert call("runs", "delete", "--yes", run_id)[0] == 0
    list(retention.purge(0))
    told, warned = training.communicate("\n", timeout=PATIENCE_S)
    assert (training.returncode, told) == (0, "trained to the end\n")
    assert warned.count(f"run {run_id} was deleted on the server") == 1
    assert Metric.select().count() == 0
    assert list((tmp_path / "spool").rglob("*.ndjson")) == []


def test_projects_are_archived_deleted_and_restored(call, stream):
    assert call("projects", "list")[1] == "alice/net\n"
    assert call("projects", "archive", "net")[0] == 0
    assert (call("projects", "list")[1], call("projects", "list", "--shelf", "archive")[1]) == ("", "alice/net\n")
    assert "Delete alice/net with all runs? [y/N]" in call("projects", "delete", "alice/net", input="n\n")[1]
    assert call("projects", "delete", "--yes", "alice/net")[0] == 0
    assert (shelf(call), shelf(call, "trash")) == ([], ["one"])
    assert call("projects", "restore", "net") == (0, "Restored project net.\n", "")
    assert (shelf(call), call("projects", "list")[1]) == (["one"], "alice/net\n")


def test_what_is_not_there_is_told_in_one_line(call, stream):
    code, _, wrong = call("projects", "delete", "nothing")
    assert (code, wrong) == (
        1,
        "Error: project alice/nothing does not exist; `prevue projects list` has those that do\n",
    )
    code, _, wrong = call("runs", "archive", "019ab1c2-0000-7000-8000-000000000001")
    assert (code, wrong.count("\n")) == (1, 1)


def test_points_are_exported_to_a_file_of_the_kind_that_its_name_says(call, stream, tmp_path):
    code, told, wrong = call("export", stream.run_id, "-o", "points.parquet")
    assert (code, told) == (0, "")
    assert wrong.startswith("Wrote ")
    assert read_parquet(tmp_path / "points.parquet").read_all().num_rows == 20
    assert list(tmp_path.glob("*.part")) == []


def test_points_are_exported_to_standard_output(call, stream):
    code, told, wrong = call("export", stream.run_id, "--name", "loss", "--split", "val")
    assert (code, wrong) == (0, "")
    assert [row["value"] for row in csv.DictReader(io.StringIO(told))] == [str(float(step)) for step in range(10)]


def test_a_project_is_exported(call, stream):
    other = started(project="net", uid="alice", run_name="two")
    other.send(metrics(0, {"loss": 1.0}))
    _, told, _ = call("export", "--project", "net", "--table", "runs", "--format", "jsonl")
    assert [json.loads(line)["run_name"] for line in told.splitlines()] == ["two", "one"]
    _, told, _ = call("export", "--project", "net", "--filter", "config.lr = 0.5", "--format", "jsonl")
    assert {json.loads(line)["run_name"] for line in told.splitlines()} == {"one"}
    _, told, _ = call("export", stream.run_id, other.run_id, "--format", "jsonl")
    assert len(told.splitlines()) == 21
    _, told, _ = call("export", stream.run_id, "--table", "runs")
    assert [row["config.lr"] for row in csv.DictReader(io.StringIO(told))] == ["0.5"]


def test_an_export_that_cannot_be_says_why(call, stream, tmp_path):
    elsewhere = started(project="other", uid="alice")
    for arguments, told in (
        ((), "Give either RUN or --project."),
        ((stream.run_id, "--project", "net"), "Give either RUN or --project."),
        ((stream.run_id, "--filter", "x = 1"), "--filter chooses among the runs of --project."),
        ((stream.run_id, elsewhere.run_id), "Error: the runs are of several projects"),
        ((stream.run_id, "-o", "no/such/folder/x.csv"), "cannot be written: No such file or directory"),
    ):
        code, _, wrong = call("export", *arguments)
        assert code in (1, 2)
        assert told in wrong
    code, _, wrong = call("export", "019ab1c2-0000-7000-8000-000000000001", "-o", "x.csv")
    assert (code, list(tmp_path.glob("x*"))) == (1, [])
    assert "does not exist" in wrong


def test_an_answer_that_breaks_off_is_no_export(backend_process, backend, database):
    stream = started()
    for first in range(0, 60_000, 5_000):
        stream.send(*(metrics(first + step, {"loss": 0.5, "accuracy": 0.5}) for step in range(5_000)))
    parts = prevue.Api(backend).export_run(stream.run_id)
    next(parts)
    backend_process.kill()
    with pytest.raises(Unreachable, match="broke off its answer"):
        list(parts)


def test_who_reads_slowly_holds_up_nobody(backend, database):
    stream = started()
    for first in range(0, 40_000, 5_000):
        stream.send(*(metrics(first + step, {"loss": 0.5, "accuracy": 0.5}) for step in range(5_000)))
    path = f"{backend}/api/v1/runs/{stream.run_id}"
    slow = [requests.get(f"{path}/export?format=jsonl", stream=True) for _ in range(4)]
    began = time.monotonic()
    assert requests.get(f"{path}/export").status_code == 429
    stream.send(metrics(40_000, {"loss": 0.5}))
    assert requests.get(path).json()["last_step"] == 40_000
    assert time.monotonic() - began < PATIENCE_S
    for answer in slow:
        assert len(answer.content.splitlines()) >= 80_000
