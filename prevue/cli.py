"""The command `prevue`: the client's commands. The server's come through the hook `prevue_register_commands`."""

import click

from prevue.account_commands import login, logout, token, user
from prevue.check_commands import checks
from prevue.doctor import doctor
from prevue.evaluation_commands import evaluate
from prevue.export_commands import export
from prevue.import_commands import import_
from prevue.plugin_commands import plugin
from prevue.run_commands import projects, runs
from prevue.sync_commands import sync
from prevue_core import __version__
from prevue_core.errors import PrevueError
from prevue_core.manager import plugins, refuse


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="prevue")
def cli() -> None:
    """Prevue shows how machine-learning models train and how well they test."""


for command in (login, logout, user, token, runs, projects, evaluate, checks, export, import_, sync, plugin, doctor):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    try:
        plugins(refuse).hook.prevue_register_commands(cli=cli)
        cli()
    except PrevueError as error:
        raise SystemExit(f"Error: {error}") from None
