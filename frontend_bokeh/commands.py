"""The commands `prevue dashboard` and `prevue up`."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import click

from prevue.config import client_settings
from prevue_core.commands import data_option, refuse_open_network
from prevue_core.errors import PrevueError
from prevue_core.settings import dashboard_settings, server_settings

STOP_S = 10.0  # that the processes may take to stop before they are killed


@click.command(epilog="Example: prevue dashboard --url http://localhost:8080")
@click.option("--host", help="Address to listen on.  [default: PREVUE_DASHBOARD_HOST or 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [default: PREVUE_DASHBOARD_PORT or 5006]")
@click.option("--url", help="The backend to show.  [default: PREVUE_URL or http://localhost:8080]")
def dashboard(host: str | None, port: int | None, url: str | None) -> None:
    """Run the dashboard, which draws what a backend has. Ctrl-C stops."""
    try:
        settings = dashboard_settings(host=host, port=port)
        backend_url = client_settings(url=url).url
    except PrevueError as error:
        raise click.ClickException(str(error)) from None
    refuse_open_network(settings, "dashboard")
    try:
        from frontend_bokeh.main import serve
    except ImportError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'prevue[server]'") from None
    try:
        serve(backend_url, settings.host, settings.port, lambda address: click.echo(f"Prevue's dashboard: {address}"))
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; "
            "give another with --port, or stop what uses it"
        ) from None


@click.command(epilog="Example: prevue up --data ./prevue-data")
@click.option("--port", type=int, default=None, help="The backend's port.  [default: PREVUE_PORT or 8080]")
@click.option("--dashboard-port", type=int, help="The dashboard's port.  [default: PREVUE_DASHBOARD_PORT or 5006]")
@data_option
def up(port: int | None, dashboard_port: int | None, data_dir: Path | None) -> None:
    """Run backend and dashboard on this machine, until Ctrl-C or SIGTERM."""
    try:
        backend_port = server_settings(port=port, data_dir=data_dir).port
        shown_port = dashboard_settings(port=dashboard_port).port
    except PrevueError as error:
        raise click.ClickException(str(error)) from None
    for what, option, number in (("backend", "--port", backend_port), ("dashboard", "--dashboard-port", shown_port)):
        _refuse_taken(what, option, number)
    data = ["--data", str(data_dir)] if data_dir else []
    leads_to = ["--dashboard-url", f"http://localhost:{shown_port}"]
    raise SystemExit(
        _supervise(
            {
                "backend": ["backend", "--host", "127.0.0.1", "--port", str(backend_port), *data, *leads_to],
                "dashboard": [
                    *("dashboard", "--host", "127.0.0.1", "--port", str(shown_port)),
                    *("--url", f"http://127.0.0.1:{backend_port}"),
                ],
            },
        )
    )


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


def _supervise(commands: dict[str, list[str]]) -> int:
    """Run `prevue` commands beside each other until one ends or a signal comes, stop all, and return an exit code."""
    stopping: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # In a group of their own, so that Ctrl-C reaches them through us, once.
    processes = {
        name: subprocess.Popen([sys.executable, "-m", "prevue", *command], start_new_session=True)
        for name, command in commands.items()
    }
    ended = None
    while not stopping and ended is None:
        time.sleep(0.1)
        ended = next((name for name, process in processes.items() if process.poll() is not None), None)
    for process in processes.values():
        process.terminate()
    deadline = time.monotonic() + STOP_S
    for process in processes.values():
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if stopping or ended is None:
        return 0
    click.echo(f"Error: the {ended} ended by itself (exit code {processes[ended].returncode})", err=True)
    return 1
