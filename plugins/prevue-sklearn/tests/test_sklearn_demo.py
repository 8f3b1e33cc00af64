"""`prevue demo`: servers and trainings as the processes that a user starts."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys

import pytest

from prevue.folder import DELIVERED

PATIENCE_S = 60  # for what happens in other processes; it comes far earlier


@pytest.fixture
def demo(tmp_path):
    """Starts `prevue demo` on free ports with its data in `tmp_path`, as a shell does: its output is a pipe."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PREVUE_")}
    environ |= {"PREVUE_DATA_DIR": str(tmp_path), "PREVUE_SPOOL_DIR": str(tmp_path / "spool"), "DISPLAY": ""}
    started = []

    def start(*options, **more):
        command = [sys.executable, "-m", "prevue", "demo", *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(command, env=environ | more, text=True, **pipes)
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def servers(*ports):
    return ("--port", str(ports[0]), "--dashboard-port", str(ports[1]))


def rows(folder, sql):
    with contextlib.closing(sqlite3.connect(folder / "prevue.sqlite")) as connection:
        return connection.execute(sql).fetchall()


def left_for_sync(folder):
    return [path for path in (folder / "spool").glob("*/*/*") if path.parent.name != DELIVERED]


def test_once_it_ends_when_everything_is_stored(demo, tmp_path):
    process = demo("--once", *servers(0, 0))
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, output
    assert re.search(r"Watch it live: http://localhost:[1-9]\d+\n", output)
    assert {state for (state,) in rows(tmp_path, "SELECT state FROM runs")} == {"finished"}
    points = rows(tmp_path, "SELECT COUNT(*) FROM metrics GROUP BY run_id ORDER BY 1")
    assert [count for (count,) in points] == [40, 40, 40, 40, 80]
    assert not left_for_sync(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_training_and_what_it_logged_is_stored(demo, tmp_path, number):
    process = demo(*servers(0, 0))
    assert any("watched" in line for line in process.stdout)
    while rows(tmp_path, "SELECT COUNT(*) FROM metrics JOIN runs USING (run_id) WHERE run_name LIKE '%watched'") == [
        (0,)
    ]:
        assert process.poll() is None
    process.send_signal(number)
    assert process.wait(PATIENCE_S) == 0
    states = [state for (state,) in rows(tmp_path, "SELECT state FROM runs ORDER BY started_at")]
    assert states == ["finished"] * 4 + ["failed"]
    assert rows(tmp_path, "SELECT text FROM events WHERE kind = 'failed'") == [("KeyboardInterrupt",)]
    assert not left_for_sync(tmp_path)


def test_it_trains_for_a_backend_that_runs_already(demo, backend):
    process = demo("--once", "--url", backend.url)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, output
    assert len(backend.runs("demo")) >= 5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--framework", "abacus"], "Error: no demo for 'abacus' is installed (installed: "),
        (["--url", "http://127.0.0.1:1", "--port", "0"], "Error: --url starts no server; leave out --port"),
    ],
)
def test_what_cannot_be_is_said(demo, options, told):
    process = demo(*options)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode in (1, 2)
    assert told in output


def test_where_users_log_in_it_asks_for_a_login_first(demo, tmp_path):
    process = demo(*servers(0, 0), PREVUE_AUTH="auth", XDG_CONFIG_HOME=str(tmp_path))
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert re.search(r"needs a login, and this machine has none to (http://127\.0\.0\.1:\d+): .* --url \1`", output)
    assert not (tmp_path / "prevue.sqlite").exists()  # nothing was started
