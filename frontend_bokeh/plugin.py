"""The dashboard's own hook implementations: its commands and panels."""

from typing import TYPE_CHECKING, Any

from prevue_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def prevue_register_commands(cli: "click.Group") -> None:
    """Add `prevue dashboard`, `prevue up`, `prevue demo` and `prevue report`."""
    from frontend_bokeh.commands import dashboard  # click is not needed where no command line runs
    from frontend_bokeh.report_command import report
    from frontend_bokeh.up import demo, up

    for command in (dashboard, up, demo, report):
        cli.add_command(command)


@hookimpl
def prevue_register_panels() -> list[Any]:
    """Draw each kind of result that core has."""
    from frontend_bokeh.panels import PANELS  # imports Bokeh

    return PANELS
