import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

import prevue
from prevue import cli
from prevue.delivery import Answer
from prevue.spool import Spool
from prevue_core.contract import PROBLEM_REFUSED


@pytest.fixture
def command():
    """Run a command of ours in this process."""

    def run(*arguments: str):
        return CliRunner().invoke(cli.cli, arguments)

    return run


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch) -> None:
    monkeypatch.setattr("prevue.delivery.BACKOFF_S", (0.0, 0.0))


@pytest.fixture
def left_behind():
    """Leave runs in the spool, each with a few metrics, as after a training without a server."""

    def leave(**settings: object) -> prevue.Run:
        run = prevue.init("p", mode="offline", **settings)
        for _ in range(5):
            run.log({"loss": 0.5})
        run.finish()
        return run

    return leave


def shell(*arguments: str, **environ: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "prevue", *arguments]
    return subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True)


def test_help_lists_the_commands():
    shown = shell("--help").stdout
    assert "Prevue shows how machine-learning models train" in shown
    assert {"backend", "db", "doctor", "sync"} <= {line.split()[0] for line in shown.splitlines() if line.strip()}


@pytest.mark.parametrize("name", ["sync", "doctor"])
def test_help_of_a_command_has_examples(command, name):
    shown = command(name, "-h").output
    assert f"Examples: prevue {name}" in shown
    assert "--json" in shown


def test_the_version_is_told(command):
    assert prevue.__version__ in command("--version").output


# sync


def test_sync_sends_what_waits_and_says_how_many(backend, command, left_behind):
    left_behind()
    left_behind()
    result = command("sync")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "14 records sent.")
    assert len(backend.records) == 14


def test_a_second_sync_sends_nothing(backend, command, left_behind):
    left_behind()
    command("sync")
    assert command("sync").output == "0 records sent.\n"
    assert len(backend.records) == 7


def test_sync_prints_json_for_scripts(backend, command, left_behind):
    left_behind()
    assert json.loads(command("sync", "--json").output) == {"sent": 7, "failed": 0, "in_use": 0, "problems": []}


def test_sync_of_one_run_leaves_the_others(backend, command, left_behind):
    one, _ = left_behind(), left_behind()
    assert json.loads(command("sync", one.run_id, "--json").output)["sent"] == 7
    assert set(backend.run_ids.values()) == {one.run_id}


def test_sync_leaves_a_training_that_runs_to_itself(backend, command):
    run = prevue.init("p", mode="offline")
    result = command("sync")
    assert (result.exit_code, result.output) == (0, "0 records sent. 1 trainings are running and send their own.\n")
    run.finish()


def test_sync_without_a_server_fails_and_keeps_the_records(no_server, command, left_behind, spooled):
    run = left_behind()
    before = spooled()
    result = command("sync", "--json")
    problem = f"7 records still wait: cannot reach {no_server}: Connection refused"
    assert result.exit_code == 1
    assert json.loads(result.output) == {
        "sent": 0,
        "failed": 1,
        "in_use": 0,
        "problems": [{"run_id": run.run_id, "problem": problem}],
    }
    assert spooled() == before


def test_sync_tells_people_what_failed(no_server, command, left_behind):
    run = left_behind()
    result = command("sync")
    assert f"run {run.run_id}: 7 records still wait: cannot reach {no_server}" in result.stderr
    assert result.stdout.endswith("0 records sent.\n")


def test_sync_gives_up_at_once_where_a_person_must_help(backend, command, left_behind):
    left_behind()
    backend.recording.faults.append(Answer(401, {"detail": "no token"}))
    result = command("sync", "--json")
    assert result.exit_code == 1
    assert "status 401: no token" in json.loads(result.output)["problems"][0]["problem"]
    assert len(backend.recording.requests) == 1


def test_sync_survives_a_fault_or_two(backend, command, left_behind):
    left_behind()
    backend.recording.faults += [Answer(503), Answer(429, retry_after_s=0.0)]
    assert command("sync").exit_code == 0
    assert len(backend.records) == 7


def test_sync_puts_a_refused_record_aside(backend, command, left_behind, spool_dir):
    left_behind()
    refused = Answer(400, {"type": PROBLEM_REFUSED, "detail": "no"})
    backend.recording.faults += [lambda lines: refused if b'"step":3,' in lines else None] * 9
    assert json.loads(command("sync", "--json").output)["sent"] == 7
    assert [record["type"] for record in backend.records] == ["start", *["metrics"] * 3, "gap", "metrics", "end"]
    assert len(list(spool_dir.glob("*/*/quarantine.ndjson"))) == 1
    assert json.loads(command("sync", "--json").output)["sent"] == 0


def test_sync_sends_to_one_server_and_with_all_to_each(backend, command, left_behind):
    left_behind(url=backend.url)
    left_behind(url=backend.url.replace("127.0.0.1", "localhost"))
    assert json.loads(command("sync", "--json").output)["sent"] == 7
    assert json.loads(command("sync", "--all", "--json").output)["sent"] == 7


def test_sync_sends_the_token_of_the_environment(backend, command, left_behind, monkeypatch):
    left_behind()
    monkeypatch.setenv("PREVUE_TOKEN", "a-token")
    command("sync")
    assert backend.headers[0]["Authorization"] == "Bearer a-token"


@pytest.mark.parametrize(("start", "cursor"), [(b"", b""), (b"[]", b"junk"), (b"junk", b"-1")])
def test_sync_tells_what_is_damaged_and_sends_the_rest(backend, command, left_behind, spool_dir, start, cursor):
    left_behind()
    (folder,) = spool_dir.glob("*/*")
    (folder / "start").write_bytes(start)
    (folder / "cursor").write_bytes(cursor)
    lines = (folder / "0.ndjson").read_bytes().splitlines(keepends=True)
    (folder / "0.ndjson").write_bytes(b"\0" + b"".join(lines))
    left_behind()
    result = command("sync", "--json")
    assert result.exit_code == 1
    assert "no readable start record" in json.loads(result.output)["problems"][0]["problem"]
    assert len(backend.records) == 7


def test_sync_passes_over_what_is_no_spool(backend, command, spool_dir):
    (spool_dir / "server" / "empty").mkdir(parents=True)
    (spool_dir / "a file").touch()
    assert command("sync", "--all").output == "0 records sent.\n"


def test_sync_with_an_empty_machine_sends_nothing(command):
    assert command("sync").output == "0 records sent.\n"


# doctor


def test_doctor_says_that_the_server_answers_and_nothing_waits(backend, command, spool_dir):
    backend.documents["/readyz"] = (200, {"status": "ready"})
    result = command("doctor")
    assert result.output.splitlines() == [f"server  {backend.url}: answers", f"spool   {spool_dir}: 0 records wait"]


def test_doctor_says_what_waits(backend, command, left_behind):
    run = left_behind()
    assert f"run     {run.run_id}: 7 records for {backend.url}; `prevue sync` sends them" in command("doctor").output


def test_doctor_says_which_training_runs(backend, command):
    run = prevue.init("p", mode="offline")
    assert f"run     {run.run_id}: 1 records for {backend.url}; its training runs" in command("doctor").output
    run.finish()


def test_doctor_says_why_the_server_does_not_answer(no_server, command):
    result = command("doctor")
    assert result.exit_code == 0
    assert f"server  {no_server}: cannot reach {no_server}: Connection refused" in result.output


def test_doctor_prints_json_for_scripts(no_server, command, left_behind, spool_dir):
    run = left_behind()
    (folder,) = spool_dir.glob("*/*")
    told = json.loads(command("doctor", "--json").output)
    assert told["url"] == no_server
    assert told["problem"] == f"cannot reach {no_server}: Connection refused"
    assert told["spool"] == str(spool_dir)
    assert told["writers"] == [
        {
            "run_id": run.run_id,
            "url": no_server,
            "folder": str(folder),
            "records": 7,
            "is_in_use": False,
            "problem": None,
        }
    ]


def test_doctor_of_one_run_leaves_the_others_out(no_server, command, left_behind):
    one, _ = left_behind(), left_behind()
    assert [writer["run_id"] for writer in json.loads(command("doctor", one.run_id, "--json").output)["writers"]] == [
        one.run_id
    ]


def test_looking_takes_nothing_from_a_living_writer(no_server, command, python):
    """A second descriptor of its lock, once closed, would free it."""
    run = prevue.init("p", mode="offline")
    command("doctor")
    source = "import prevue.cli, prevue.config\nprint([w.is_in_use for w in prevue.cli._waiting(None, False)])"
    assert python(source).stdout == "[True]\n"
    run.finish()


# other commands


def test_a_setting_that_cannot_be_used_is_told_in_one_line():
    process = shell("sync", PREVUE_URL="ftp://example.org")
    assert process.returncode == 1
    assert process.stderr.startswith("Error: url 'ftp://example.org' is not an http address")
    assert "Traceback" not in process.stderr


def test_the_backend_without_the_servers_packages_names_the_pip_command(python, tmp_path):
    source = """
import sys
sys.modules["peewee"] = None  # as where it is not installed
sys.argv = ["prevue", "backend", "--port", "0"]
from prevue.cli import main
main()
"""
    process = python(source, PREVUE_DATA_DIR=str(tmp_path / "data"))
    assert process.returncode == 1
    assert process.stderr == "Error: peewee is not installed: pip install 'prevue[server]'\n"


def test_a_spool_of_this_process_is_not_counted_twice(command, no_server):
    spool = Spool(prevue.config.client_settings().server_folder, "run", {"type": "start", "run_id": "run"})
    spool.close(is_delivered=True)
    assert json.loads(command("doctor", "--json").output)["writers"] == []
