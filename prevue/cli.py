"""The command `prevue`: the client's commands. The server's come through the hook `prevue_register_commands`."""

import json
from dataclasses import asdict

import click

from prevue.account_commands import json_option, login, logout, token, url_option, user
from prevue.config import client_settings, spool_root
from prevue.export_commands import export
from prevue.run_commands import projects, runs
from prevue.sync_commands import sync, waiting_writers
from prevue.transport import HttpTransport
from prevue_core import __version__
from prevue_core.errors import PrevueError
from prevue_core.manager import plugins, refuse


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="prevue")
def cli() -> None:
    """Prevue shows how machine-learning models train and how well they test."""


for command in (login, logout, user, token, runs, projects, export, sync):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    try:
        plugins(refuse).hook.prevue_register_commands(cli=cli)
        cli()
    except PrevueError as error:
        raise SystemExit(f"Error: {error}") from None


@cli.command(epilog="Examples: prevue doctor      prevue doctor --json")
@click.argument("run", required=False)
@url_option
@json_option
def doctor(run: str | None, url: str | None, as_json: bool) -> None:
    """Say whether the server answers, and which records wait on this machine, of all runs or of RUN (its id)."""
    settings = client_settings(url=url)
    problem = None
    try:
        with HttpTransport(settings.url, settings.bearer) as transport:
            transport.get("/readyz", timeout_s=5)
    except PrevueError as error:
        problem = str(error)
    waiting = [writer for writer in waiting_writers(url, all_servers=True) if run in (None, writer.run_id)]
    if as_json:
        rows = [{**asdict(writer), "folder": str(writer.folder)} for writer in waiting]
        click.echo(json.dumps({"url": settings.url, "problem": problem, "spool": str(spool_root()), "writers": rows}))
        return
    click.echo(f"server  {settings.url}: {problem or 'answers'}")
    click.echo(f"spool   {spool_root()}: {sum(writer.records for writer in waiting)} records wait")
    for writer in waiting:
        what = writer.problem or ("its training runs" if writer.is_in_use else "`prevue sync` sends them")
        click.echo(f"run     {writer.run_id}: {writer.records} records for {writer.url}; {what}")
