"""`prevue doctor` and a run's status, over the real server."""

import json
import os
import subprocess
import sys

import pytest
import requests

import prevue


@pytest.fixture
def here(backend, monkeypatch, tmp_path):
    """Programs of this test log to the backend."""
    monkeypatch.setenv("PREVUE_URL", backend)
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.chdir(tmp_path)
    return backend


def doctor(*arguments):
    command = [sys.executable, "-m", "prevue", "doctor", "--json", *arguments]
    return json.loads(subprocess.run(command, env=os.environ, capture_output=True, text=True).stdout)


def test_a_healthy_server_has_no_problems(here):
    found = doctor()
    assert (found["problems"], found["auth"], found["may_log"]) == ([], "open", True)
    assert found["server_version"] == prevue.__version__
    assert abs(found["clock_ahead_s"]) < 2


def test_what_was_logged_is_spooled_and_stored(here, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "8")
    run = prevue.init("test", rank=2)
    for _ in range(50):
        run.log({"loss": 1.0})
    assert run.finish(timeout=None)
    status = run.status()
    assert (status.logged, status.spooled, status.stored, status.waiting) == (50, 52, 52, 0)
    (writer,) = doctor(run.run_id)["run"]
    assert (writer["stored"], writer["spooled"], writer["pid"]) == (52, None, os.getpid())
    assert (writer["rank"], writer["world_size"]) == (2, 8)


def test_what_is_missing_on_the_server_is_told(here):
    run_id, writer_id = "019ab1c2-0000-7000-8000-000000000002", "019ab1c2-0000-7000-8000-000000000003"
    start = {"type": "start", "project": "test", "uid": "tester"}
    records = [start, {"type": "gap", "seq": 1, "until": 7, "reason": "damaged"}, {"type": "gift", "seq": 8}]
    path = f"{here}/api/v1/runs/{run_id}/writers/{writer_id}/records"
    assert requests.post(path, params={"first_seq": 0}, json={"records": records}, timeout=30).ok
    (writer,) = doctor(run_id)["run"]
    assert (writer["stored"], writer["missing"], writer["rejected"]) == (1, 7, 1)
    shown = subprocess.run([sys.executable, "-m", "prevue", "doctor", run_id], capture_output=True, text=True).stdout
    assert "not here, 1 stored, 7 missing, 1 rejected" in shown


def test_a_run_goes_on_in_each_rank_by_itself(here):
    run_id = "019ab1c2-0000-7000-8000-000000000001"
    last = {}
    for rank, count in ((0, 5), (1, 2), (0, 5), (1, 2)):
        run = prevue.init("test", run_id=run_id, rank=rank, resume="allow")
        for _ in range(count):
            run.log({"loss": 1.0})
        assert run.finish(timeout=None)
    with prevue.Api(here) as api:
        last = {item["rank"]: item["last_step"] for item in api.run(run_id).summary()}
    assert last == {0: 9, 1: 3}
    with pytest.raises(prevue.run.InvalidValue, match="exists already, and resume is 'never'"):
        prevue.init("test", run_id=run_id, resume="never")


def test_how_a_program_ended_is_in_its_runs_environment(here, tmp_path):
    (tmp_path / "train.py").write_text("import prevue, sys\nprevue.init('test', 'it')\nsys.exit(3)\n")
    subprocess.run([sys.executable, "train.py", "--token", "hunter2"], env=os.environ, check=False)
    with prevue.Api(here) as api:
        (run,) = api.runs("test")
    assert (run.state, run.environment["exit_code"]) == ("failed", 3)
    assert run.environment["command"].endswith("train.py --token ***")


def test_a_test_that_adds_to_a_finished_run_leaves_it_finished(here):
    training = prevue.init("test")
    training.log({"loss": 1.0}, 7)
    assert training.finish(timeout=None)
    with prevue.init("test", run_id=training.run_id, resume="must") as evaluation:
        evaluation.log({"test_accuracy": 0.9}, 7)
        assert evaluation.finish(timeout=None)
    with prevue.Api(here) as api:
        stored = api.run(training.run_id)
        assert (stored.state, {item["split"] for item in stored.summary()}) == ("finished", {"train", "test"})
