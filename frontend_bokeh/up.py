"""The commands `prevue up` and `prevue demo`: backend and dashboard on one machine, under one supervisor."""

import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType
from typing import Any

import click

from prevue.transport import HttpTransport
from prevue_core.commands import data_option
from prevue_core.errors import ApiError, PrevueError
from prevue_core.settings import dashboard_settings, has_screen, server_settings

STOP_S = 10.0  # that the processes may take to stop before they are killed
LOOK_S = 0.1  # between looks at them
DEMOS = "prevue.demos"  # entry points: a framework's name -> main(url, once=...)


@dataclass(frozen=True)
class Plan:
    """What is to run, and where it will be."""

    commands: dict[str, list[str]]
    backend_url: str
    dashboard_url: str


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that `up` and `demo` share."""
    for option in (
        data_option,
        click.option("--dashboard-port", type=int, help="The dashboard's.  [default: PREVUE_DASHBOARD_PORT or 5006]"),
        click.option("--port", type=int, help="The backend's port.  [default: PREVUE_PORT or 8080]"),
    ):
        command = option(command)
    return command


@click.command(epilog="Example: prevue up --data ./prevue-data")
@_options
def up(port: int | None, dashboard_port: int | None, data_dir: Path | None) -> None:
    """Run backend and dashboard on this machine, until Ctrl-C or SIGTERM."""
    raise SystemExit(_supervise(_plan(port, dashboard_port, data_dir)))


@click.command(epilog="Examples: prevue demo      prevue demo --framework torch      prevue demo --once")
@click.option("--framework", default="sklearn", show_default=True, help="Whose demo: sklearn, torch ...")
@click.option("--once", is_flag=True, help="End when the training has ended.")
@_options
def demo(framework: str, once: bool, port: int | None, dashboard_port: int | None, data_dir: Path | None) -> None:
    """Show live curves: run backend and dashboard, and train several models on digits beside them.

    It stays up when the training has ended, until Ctrl-C or SIGTERM.
    """
    train = _find_demo(framework)
    plan = _plan(port, dashboard_port, data_dir)
    training = threading.Thread(target=lambda: train(plan.backend_url, once=once), name="prevue-demo", daemon=True)

    def begin() -> None:
        click.echo(f"Watch it live: {plan.dashboard_url}")
        if not once and has_screen():
            webbrowser.open(plan.dashboard_url)
        training.start()

    raise SystemExit(_supervise(plan, begin, lambda: once and not training.is_alive()))


def _find_demo(framework: str) -> Callable[..., Any]:
    found = {entry_point.name: entry_point for entry_point in entry_points(group=DEMOS)}
    if framework not in found:
        raise click.ClickException(
            f"no demo for {framework!r} is installed (installed: {', '.join(sorted(found)) or 'none'}); "
            f"pip install prevue-{framework}"
        )
    try:
        main: Callable[..., Any] = found[framework].load()
    except ImportError as error:
        raise click.ClickException(str(error)) from None
    return main


def _plan(port: int | None, dashboard_port: int | None, data_dir: Path | None) -> Plan:
    try:
        backend_port = server_settings(port=port, data_dir=data_dir).port
        shown_port = dashboard_settings(port=dashboard_port).port
    except PrevueError as error:
        raise click.ClickException(str(error)) from None
    for what, option, number in (("backend", "--port", backend_port), ("dashboard", "--dashboard-port", shown_port)):
        _refuse_taken(what, option, number)
    data = ["--data", str(data_dir)] if data_dir else []
    backend_url, dashboard_url = f"http://127.0.0.1:{backend_port}", f"http://localhost:{shown_port}"
    here = ["--host", "127.0.0.1"]
    backend = ["backend", *here, "--port", str(backend_port), *data, "--dashboard-url", dashboard_url]
    dashboard = ["dashboard", *here, "--port", str(shown_port), *data, "--url", backend_url]
    return Plan({"backend": backend, "dashboard": dashboard}, backend_url, dashboard_url)


def _refuse_taken(what: str, option: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise click.ClickException(
                f"port {port} for the {what} cannot be had: {error.strerror}; "
                f"give another with {option}, or stop what uses it"
            ) from None


def _supervise(
    plan: Plan, begin: Callable[[], None] = lambda: None, is_over: Callable[[], bool] = lambda: False
) -> int:
    """Run the plan's commands beside each other until one ends, a signal comes or `is_over`; then stop all.

    `begin` is called once when the backend answers. Return an exit code: 1 if a command ended by itself.
    """
    stopping: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # In a session of their own, so that Ctrl-C reaches them through us, once.
    processes = {
        name: subprocess.Popen([sys.executable, "-m", "prevue", *command], start_new_session=True)
        for name, command in plan.commands.items()
    }
    ended, has_begun = None, False
    while not stopping and ended is None and not (has_begun and is_over()):
        time.sleep(LOOK_S)
        ended = next((name for name, process in processes.items() if process.poll() is not None), None)
        if not has_begun and _answers(plan.backend_url):
            has_begun = True
            begin()
    _stop(list(processes.values()))
    if stopping or ended is None:
        return 0
    click.echo(f"Error: the {ended} ended by itself (exit code {processes[ended].returncode})", err=True)
    return 1


def _answers(url: str) -> bool:
    try:
        with HttpTransport(url) as transport:
            transport.get("/healthz", timeout_s=1)
    except ApiError:
        return False
    return True


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
