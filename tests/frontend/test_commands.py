"""`prevue dashboard` and `prevue up`, as processes."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

import prevue
from frontend_bokeh.commands import dashboard
from frontend_bokeh.up import up
from serving import PATIENCE_S, finished, free_port, served


def get(url, path):
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def child_of(pid, command):
    """Return the number of the process that was started with `prevue <command>`, from what Linux tells of processes."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if Path(f"/proc/{child}/cmdline").read_text().split("\0")[3] == command:
            return int(child)
    raise AssertionError(f"no {command} runs")


def is_open(url):
    try:
        socket.create_connection(("127.0.0.1", urlsplit(url).port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def started_up(process):
    """Return the addresses of backend and dashboard, which may come in any order."""
    found = [process.address("Prevue's") for _ in range(2)]
    return sorted(found, key=lambda address: get(address, "/").status, reverse=True)  # the backend leads elsewhere


@pytest.fixture
def both(tmp_path):
    """`prevue up` on free ports, with the addresses of its backend and its dashboard."""
    with served("up", "--port", "0", "--dashboard-port", "0", data=tmp_path) as process:
        yield process, *started_up(process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up_starts_both_and_a_signal_stops_both(both, number):
    process, backend, shown = both
    assert get(backend, "/readyz").status == get(shown, "/healthz").status == get(shown, "/").status == 200
    answer = get(backend, "/")
    assert (answer.status, answer.headers["Location"]) == (302, shown)
    process.process.send_signal(number)
    assert process.process.wait(PATIENCE_S) == 0
    assert not is_open(backend)
    assert not is_open(shown)


def test_when_one_ends_the_other_is_stopped_and_it_is_said(both):
    process, backend, _ = both
    os.kill(child_of(process.process.pid, "dashboard"), signal.SIGKILL)
    assert process.process.wait(PATIENCE_S) == 1
    assert not is_open(backend)
    process.log.seek(0)
    assert "Error: the dashboard ended by itself" in process.log.read()


def test_yesterdays_data_is_there_today(tmp_path, monkeypatch):
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "client"))
    for count in (1, 2):
        with served("up", "--port", "0", "--dashboard-port", "0", data=tmp_path / "data") as process:
            backend, _ = started_up(process)
            finished(prevue.init("diary", f"day {count}", url=backend))
            assert len(prevue.Api(backend).runs("diary")) == count
            assert process.stop() == 0


def test_both_are_told_who_may_come_in(tmp_path):
    with served("up", "--port", "0", "--dashboard-port", "0", data=tmp_path, PREVUE_AUTH="auth") as process:
        backend = process.address("Prevue's backend")
        assert get(backend, "/api/v1/projects").status == 401


def test_the_dashboard_stops_when_it_is_told_to(tmp_path):
    with served("dashboard", "--port", "0", data=tmp_path) as process:
        process.address("dashboard")
        assert process.stop() == 0


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["dashboard", "--port", "{taken}"], "cannot listen on 127.0.0.1 port {taken}: "),
        (["up", "--port", "{taken}"], "port {taken} for the backend cannot be had: "),
        (
            ["up", "--port", "{free}", "--dashboard-port", "{taken}"],
            "port {taken} for the dashboard cannot be had: ",
        ),
    ],
)
def test_a_taken_port_is_a_clear_error(taken, tmp_path, command, told):
    ports = {"taken": taken, "free": free_port()}
    arguments = [part.format(**ports) for part in command]
    environ = {**os.environ, "PREVUE_DATA_DIR": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, "-m", "prevue", *arguments], env=environ, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("Error: " + told.format(**ports))
    assert "Address already in use" in answer.stderr
    assert "give another with --" in answer.stderr


@pytest.mark.parametrize("command", [dashboard, up])
def test_a_port_that_is_no_number_is_a_clear_error(command):
    answer = CliRunner().invoke(command, env={"PREVUE_DASHBOARD_PORT": "eighty"})
    assert (answer.exit_code, "'eighty' is not a number" in answer.output) == (1, True)


def test_the_dashboard_is_not_opened_to_the_network_by_accident():
    answer = CliRunner().invoke(dashboard, ["--host", "0.0.0.0", "--port", "0"], env={"PREVUE_AUTH": None})
    assert answer.exit_code == 78
    assert "can be reached from the network" in answer.output
