"""The command `prevue dashboard`."""

import sys
from pathlib import Path

import click

from frontend_bokeh.signing import kept_key
from prevue.api import Api
from prevue.config import client_settings
from prevue_core.commands import EX_CONFIG, listening
from prevue_core.errors import ApiError, PrevueError
from prevue_core.examples import examples
from prevue_core.logs import set_up
from prevue_core.settings import DashboardSettings, dashboard_settings


@click.command(epilog=examples("prevue dashboard --url http://localhost:8080"))
@click.option("--host", help="Address to listen on.  [default: PREVUE_DASHBOARD_HOST or 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [default: PREVUE_DASHBOARD_PORT or 5006]")
@click.option("--url", help="The backend to show.  [default: PREVUE_URL or http://localhost:8080]")
@click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the key that signs pages.  [default: PREVUE_DATA_DIR or the user's data folder]",
)
def dashboard(host: str | None, port: int | None, url: str | None, data_dir: Path | None) -> None:
    """Run the dashboard, which draws what a backend has. Ctrl-C stops."""
    try:
        settings = dashboard_settings(host=host, port=port, data_dir=data_dir)
        backend_url = client_settings(url=url).url
    except PrevueError as error:
        raise click.ClickException(str(error)) from None
    try:
        from frontend_bokeh.main import serve
    except ImportError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'prevue[server]'") from None
    try:
        key = settings.secret_key or kept_key(settings.data_dir)
    except PrevueError as error:
        raise click.ClickException(str(error)) from None

    def tell(address: str) -> None:
        click.echo(f"Prevue's dashboard: {address}")

    set_up(settings.log_format)
    with listening(settings, "dashboard") as (sockets, _):
        _refuse_open_backend(settings, backend_url)
        serve(backend_url, settings, sockets, key, tell)


def _refuse_open_backend(settings: DashboardSettings, url: str) -> None:
    """Exit where users shall log in and the backend has no accounts. One that is away is judged when it answers."""
    if settings.auth != "auth":
        return
    try:
        with Api(url, token="") as api:
            mode = api.identity()["mode"]
    except ApiError:
        return
    if mode == "open":
        from frontend_bokeh.auth import contradiction  # as above: with the server's packages only

        click.echo(f"Error: {contradiction(url)}", err=True)
        sys.exit(EX_CONFIG)
