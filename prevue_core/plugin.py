"""Core's own hook implementations: the server's commands."""

from typing import TYPE_CHECKING

from prevue_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def prevue_register_commands(cli: "click.Group") -> None:
    """Add `prevue backend` and `prevue db`."""
    from prevue_core.commands import backend  # click is not needed where no command line runs
    from prevue_core.db_commands import db

    cli.add_command(backend)
    cli.add_command(db)
