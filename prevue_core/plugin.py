"""Core's own hook implementations: the server's commands."""

from typing import TYPE_CHECKING

from prevue_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def prevue_register_commands(cli: "click.Group") -> None:
    """Add `prevue backend`, `prevue db`, `prevue backup` and `prevue restore`."""
    from prevue_core.backup_commands import backup, restore  # click is not needed where no command line runs
    from prevue_core.commands import backend
    from prevue_core.db_commands import db

    for command in (backend, backup, db, restore):
        cli.add_command(command)
