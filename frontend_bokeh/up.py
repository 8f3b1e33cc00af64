"""The commands `prevue up` and `prevue demo`: backend and dashboard on one machine, under one supervisor."""

import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import FrameType
from typing import Any

import click

from prevue.config import client_settings
from prevue.transport import HttpTransport
from prevue_core.commands import data_option
from prevue_core.errors import ApiError, PrevueError
from prevue_core.examples import examples
from prevue_core.settings import dashboard_settings, has_screen, server_settings

STOP_S = 10.0  # that the processes may take to stop before they are killed
TRAINING_STOP_S = 7.0  # the same for a training: its client waits up to 5 seconds for the backend
START_S = 60.0  # that a training waits for the backend
LOOK_S = 0.1  # between looks at them
TRAINING = "training"  # the name of its process
EX_INTERRUPTED = 130  # as shells have it
DEMOS = "prevue.demos"  # entry points: a framework's name -> main(url, once=...)


@dataclass(frozen=True)
class Plan:
    """What is to run, and where it will be."""

    servers: dict[str, list[str]]
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


@click.command(epilog=examples("prevue up --data ./prevue-data"))
@_options
def up(port: int | None, dashboard_port: int | None, data_dir: Path | None) -> None:
    """Run backend and dashboard on this machine, until Ctrl-C or SIGTERM."""
    raise SystemExit(_supervise(_plan(port, dashboard_port, data_dir)))


@click.command(epilog=examples("prevue demo", "prevue demo --framework torch", "prevue demo --once"))
@click.option("--framework", default="sklearn", show_default=True, help="Whose demo: sklearn, torch, keras ...")
@click.option("--once", is_flag=True, help="End when the training has ended.")
@click.option("--url", help="Train for a backend that runs already, and start none.")
@_options
def demo(framework: str, once: bool, url: str | None, **servers: Any) -> None:
    """Show live curves: run backend and dashboard, and train several models on digits beside them.

    It stays up when the training has ended, until Ctrl-C or SIGTERM, which end a training too.
    """
    entry_point = _find_demo(framework)
    if url is None:
        training = ["demo", "--framework", framework, *(["--once"] if once else [])]
        plan = _plan(**servers)
        _check_login(plan.backend_url)
        raise SystemExit(_supervise(plan, training, is_over_then=once))
    if any(option is not None for option in servers.values()):
        raise click.UsageError("--url starts no server; leave out --port, --dashboard-port and --data")
    _train(entry_point, url, once)


def _find_demo(framework: str) -> EntryPoint:
    found = {entry_point.name: entry_point for entry_point in entry_points(group=DEMOS)}
    if framework not in found:
        raise click.ClickException(
            f"no demo for {framework!r} is installed (installed: {', '.join(sorted(found)) or 'none'}); "
            f"pip install prevue-{framework}"
        )
    return found[framework]


def _check_login(url: str) -> None:
    """Exit with a word where the backend will ask the training for a token, and there is none."""
    if server_settings().auth == "auth" and client_settings(url=url).bearer() is None:
        raise click.ClickException(
            f"with PREVUE_AUTH=auth the demo's training needs a login, and this machine has none to {url}: start "
            f"`prevue up`, log in with the line that it prints, and then `prevue demo --url {url}`; "
            "or leave PREVUE_AUTH out"
        )


def _train(demo: EntryPoint, url: str, once: bool) -> None:
    """Train when the backend answers; a signal ends the run that is open, and what it logged is delivered."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main: Callable[..., Any] = demo.load()
        deadline = time.monotonic() + START_S
        while not _answers(url):
            if time.monotonic() > deadline:
                raise click.ClickException(f"no backend answers at {url}; start one with `prevue up`")
            time.sleep(LOOK_S)
        main(url, once=once)
    except ImportError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit(EX_INTERRUPTED) from None


def _plan(port: int | None, dashboard_port: int | None, data_dir: Path | None) -> Plan:
    try:
        shown = dashboard_settings(port=dashboard_port)
        ports = server_settings(port=port, data_dir=data_dir).port, shown.port
    except PrevueError as error:
        raise click.ClickException(str(error)) from None
    # Both are held before either is let go: two free ports may else be the same.
    with _held("backend", "--port", ports[0]) as one, _held("dashboard", "--dashboard-port", ports[1]) as other:
        backend_port, shown_port = one.getsockname()[1], other.getsockname()[1]
    data = ["--data", str(data_dir)] if data_dir else []
    backend_url, dashboard_url = f"http://127.0.0.1:{backend_port}", f"http://localhost:{shown_port}{shown.prefix}"
    here = ["--host", "127.0.0.1"]
    backend = ["backend", *here, "--port", str(backend_port), *data, "--dashboard-url", dashboard_url]
    dashboard = ["dashboard", *here, "--port", str(shown_port), *data, "--url", backend_url]
    return Plan({"backend": backend, "dashboard": dashboard}, backend_url, dashboard_url)


def _held(what: str, option: str, port: int) -> socket.socket:
    """Return a socket on a port, which nobody else has; 0: on one that is free."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind(("127.0.0.1", port))
    except OSError as error:
        held.close()
        raise click.ClickException(
            f"port {port} for the {what} cannot be had: {error.strerror}; "
            f"give another with {option}, or stop what uses it"
        ) from None
    return held


def _supervise(plan: Plan, training: list[str] | None = None, *, is_over_then: bool = False) -> int:
    """Run the plan's servers, and a training beside them, until one fails or a signal comes; then stop all.

    `is_over_then`: stop also when the training has ended. Return an exit code: 1 if one ended by itself.
    """
    stopping: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    processes = {name: _start(command) for name, command in plan.servers.items()}
    if training:
        processes[TRAINING] = _start([*training, "--url", plan.backend_url])
    is_told, ended = training is None, None
    while not stopping and ended is None:
        time.sleep(LOOK_S)
        ended = _ended(processes)
        if is_over_then and processes[TRAINING].returncode == 0:
            break
        if not is_told and _answers(plan.backend_url):
            is_told = True
            _tell(plan.dashboard_url, is_shown=not is_over_then)
    # The training first: the backend takes what it has logged.
    _stop([process for name, process in processes.items() if name == TRAINING], TRAINING_STOP_S)
    _stop([process for name, process in processes.items() if name != TRAINING], STOP_S)
    if stopping or ended is None:
        return 0
    click.echo(f"Error: the {ended} ended by itself (exit code {processes[ended].returncode})", err=True)
    return 1


def _ended(processes: Mapping[str, subprocess.Popen[bytes]]) -> str | None:
    """Return the name of one that has ended, unless it is a training that has ended well."""
    codes = {name: process.poll() for name, process in processes.items()}
    return next((name for name, code in codes.items() if code or (code == 0 and name != TRAINING)), None)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    # In a session of its own, so that Ctrl-C reaches it through us, once, and in order.
    return subprocess.Popen([sys.executable, "-m", "prevue", *command], start_new_session=True)


def _tell(url: str, *, is_shown: bool) -> None:
    click.echo(f"Watch it live: {url}")
    if is_shown and has_screen():
        webbrowser.open(url)


def _answers(url: str) -> bool:
    try:
        with HttpTransport(url) as transport:
            transport.get("/healthz", timeout_s=1)
    except ApiError:
        return False
    return True


def _stop(processes: list[subprocess.Popen[bytes]], within_s: float) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + within_s
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
