import json
import os
import subprocess
import sys

import pytest

import prevue
from prevue.spool import Spool


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
    assert f"Examples:\n    prevue {name}" in shown
    assert "--json" in shown


def test_the_version_is_told(command):
    assert prevue.__version__ in command("--version").output


def test_looking_takes_nothing_from_a_living_writer(no_server, command, python):
    """A second descriptor of its lock, once closed, would free it."""
    run = prevue.init("p", mode="offline")
    command("doctor")
    source = """
from prevue.sync_commands import waiting_writers
print([writer.is_in_use for writer in waiting_writers(None, all_servers=False)])
"""
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
