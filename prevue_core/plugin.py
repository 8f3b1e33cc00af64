"""Core's own hook implementations: the server's commands, the webhook, and the method checks."""

from typing import TYPE_CHECKING, Any

from prevue_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import click

    from prevue_core.checks import Check


@hookimpl
def prevue_register_commands(cli: "click.Group") -> None:
    """Add `prevue backend`, `prevue db`, `prevue backup` and `prevue restore`."""
    from prevue_core.backup_commands import backup, restore  # click is not needed where no command line runs
    from prevue_core.commands import backend
    from prevue_core.db_commands import db

    for command in (backend, backup, db, restore):
        cli.add_command(command)


@hookimpl
def prevue_run_event(event: dict[str, Any]) -> None:
    """Post it to the webhook, if there is one."""
    from prevue_core.webhook import webhook  # nobody else needs it

    if (here := webhook()) is not None:
        here.send(event)


@hookimpl
def prevue_register_checks() -> "list[Check]":
    """Look at curves and samples for what is often wrong."""
    from prevue_core.method_checks import checks  # imports NumPy

    return checks()
