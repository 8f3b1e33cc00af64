"""The dashboard's own hook implementations: its commands."""

from typing import TYPE_CHECKING

from prevue_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def prevue_register_commands(cli: "click.Group") -> None:
    """Add `prevue dashboard`, `prevue up` and `prevue demo`."""
    from frontend_bokeh.commands import dashboard  # click is not needed where no command line runs
    from frontend_bokeh.up import demo, up

    for command in (dashboard, up, demo):
        cli.add_command(command)
