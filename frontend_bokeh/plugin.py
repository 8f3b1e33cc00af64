"""The dashboard's own hook implementations: its commands."""

from typing import TYPE_CHECKING

from prevue_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def prevue_register_commands(cli: "click.Group") -> None:
    """Add `prevue dashboard` and `prevue up`."""
    from frontend_bokeh.commands import dashboard, up  # click is not needed where no command line runs

    cli.add_command(dashboard)
    cli.add_command(up)
