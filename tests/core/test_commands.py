import json
import os
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from core.stream import event, metrics, started
from prevue_core import db_commands
from prevue_core.commands import backend
from prevue_core.db import connection, retention
from prevue_core.db.accounts import OPEN
from prevue_core.db.models import Rollup


@pytest.fixture
def call(monkeypatch, tmp_path):
    """Call a command in an environment of its own; exit code and all that it told come back."""
    monkeypatch.setenv("PREVUE_DATA_DIR", str(tmp_path))
    for name in ("PREVUE_DATABASE_URL", "PREVUE_HOST", "PREVUE_PORT", "PREVUE_AUTH"):
        monkeypatch.delenv(name, raising=False)

    def call(command, *arguments, **environ):
        answer = CliRunner().invoke(command, arguments, env=environ)
        if connection.db.obj is not None:
            connection.db.close()
        return answer.exit_code, answer.output

    yield call
    connection.db.initialize(None)


def test_upgrade_makes_the_tables_and_says_so(call, tmp_path):
    code, told = call(db_commands.upgrade)
    assert code == 0
    assert told.startswith("applied 0001_initial\n")
    assert call(db_commands.upgrade) == (0, "The tables are up to date.\n")
    assert (tmp_path / "prevue.sqlite").exists()


def test_a_data_folder_is_made_for_its_owner_alone(call, tmp_path):
    call(db_commands.upgrade, "--data", str(tmp_path / "new" / "folder"))
    assert (tmp_path / "new" / "folder").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_told(call, tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "folder"
    code, told = call(db_commands.upgrade, "--data", str(folder))
    assert (code, told.startswith(f"Error: the database cannot be kept in {folder}: ")) == (1, True)


def test_upgrade_refuses_a_newer_database(call):
    call(db_commands.upgrade)
    connection.db.execute_sql("INSERT INTO schema_migrations (name, applied) VALUES ('9999_newer', '2100-01-01')")
    code, told = call(db_commands.upgrade)
    assert code == 1
    assert told.startswith("Error: this database has migration '9999_newer'")


@pytest.fixture
def long_run(call):
    """The id of a run with a series that has rollups, beside another."""
    call(db_commands.upgrade)
    for stream in (started(), started()):
        stream.send(*(metrics(step, {"loss": float(step)}) for step in range(5_000)))
    Rollup.update(high_value=-1).execute()
    return stream.run_id


def wrong_runs():
    return {str(row.run_id) for row in Rollup.select().where(Rollup.high_value == -1)}


def test_rollups_are_rebuilt_of_all_runs(call, long_run):
    code, told = call(db_commands.rebuild_rollups)
    assert (code, told.splitlines()[-1]) == (0, "Rebuilt the rollups of 2 runs.")
    assert wrong_runs() == set()


def test_rollups_are_rebuilt_of_one_run(call, long_run):
    code, told = call(db_commands.rebuild_rollups, long_run)
    assert (code, told.splitlines()[-1]) == (0, "Rebuilt the rollups of 1 run.")
    assert len(wrong_runs() - {long_run}) == 1
    assert long_run not in wrong_runs()


def test_a_run_without_rollups_cannot_have_them_rebuilt(call, long_run):
    nobody = "00000000-0000-0000-0000-000000000000"
    told = f"Error: run {nobody} has no series of 1024 points or more\n"
    assert call(db_commands.rebuild_rollups, nobody) == (1, told)


def test_rollups_of_a_database_without_tables_cannot_be_rebuilt(call):
    code, told = call(db_commands.rebuild_rollups)
    assert (code, told) == (1, "Error: the database does not answer: no such table: series\n")


@pytest.mark.parametrize(("days", "told"), [((), "Removed 0 rows.\n"), (("--older-than", "0"), "Removed 3 rows.\n")])
def test_the_trash_is_purged(call, days, told):
    call(db_commands.upgrade)
    stream = started()
    stream.send(event())
    retention.delete_run(OPEN, stream.run_id)
    assert call(db_commands.purge, *days) == (0, told)


def test_what_the_database_takes_is_told(call, long_run):
    code, told = call(db_commands.stats)
    lines = told.splitlines()
    assert (code, lines[0].startswith("sqlite: ")) == (0, True)
    assert lines[1].startswith("10000 points, ")
    assert lines[2] == "trash: 0 runs, 0 points, 0 results, 0.0 MB"
    assert {"metrics", "series", "rollups"} <= {line.split()[0] for line in lines[5:] if line}
    assert sum(long_run in line for line in lines) == 1
    stats = json.loads(call(db_commands.stats, "--json")[1])
    assert (stats["points"], stats["database"], stats["largest_projects"][0]["points"]) == (10_000, "sqlite", 10_000)


@pytest.mark.parametrize("command", [backend, db_commands.upgrade])
@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"PREVUE_DATABASE_URL": "mysql://me:hunter2@db/prevue"}, "the database URL begins with 'mysql'"),
        ({"PREVUE_PORT": "eighty"}, "port 'eighty' is not a number"),
        ({"PREVUE_AUTH": "none"}, "PREVUE_AUTH is 'none'"),
        ({"PREVUE_DATABASE_URL_FILE": "/nowhere"}, "PREVUE_DATABASE_URL_FILE is '/nowhere', which cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_in_one_line(call, command, environ, told):
    code, output = call(command, **environ)
    assert code == 1
    assert output.startswith(f"Error: {told}")
    assert output.count("\n") == 1
    assert "hunter2" not in output


def test_upgrade_without_its_database_is_told_in_one_line(call):
    code, output = call(db_commands.upgrade, PREVUE_DATABASE_URL="sqlite:////no/such/folder/prevue.sqlite")
    assert (code, output) == (1, "Error: the database does not answer: unable to open database file\n")


@pytest.mark.parametrize("host", ["0.0.0.0", "0"])
def test_an_open_backend_is_not_put_on_the_network_by_mistake(call, host):
    code, output = call(backend, "--port", "0", PREVUE_HOST=host)
    assert code == 78  # EX_CONFIG
    assert f"  PREVUE_AUTH=auth prevue backend --host {host}  " in output
    assert "  prevue backend --host 127.0.0.1  " in output


def test_a_port_in_use_is_told_in_one_line(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "prevue", "backend", "--port", str(port), "--data", tmp_path],
            capture_output=True,
            text=True,
            env={**os.environ, "PREVUE_PLUGINS": ""},
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def held(call):
    """The database file of a backend, as `prevue backend` holds it in another process."""
    call(db_commands.upgrade)
    code = """if True:
        import sys
        from prevue_core.db import connection, serving_lock
        connection.connect(sys.argv[1])
        with serving_lock.only_server():
            print("held", flush=True)
            sys.stdin.read()
    """
    command = [sys.executable, "-c", code, f"sqlite:///{connection.db.obj.database}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("command", [db_commands.upgrade, db_commands.rebuild_rollups])
def test_while_a_backend_serves_the_file_it_has_to_be_stopped_first(call, held, command):
    told = f"Error: process {held.pid} serves {connection.db.obj.database}; stop the server first\n"
    assert call(command) == (1, told)
    held.kill()  # however it ends, the lock goes with it
    held.wait()
    assert call(command)[0] == 0


def test_a_second_backend_on_the_file_says_so_and_exits(call, held):
    code, told = call(backend, "--port", "0")
    assert (code, told.count("\n")) == (1, 1)
    assert f"another process works on {connection.db.obj.database}" in told
