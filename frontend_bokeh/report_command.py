"""The command `prevue report`."""

import json
import os
from pathlib import Path
from typing import Any, TextIO

import click

from prevue.account_commands import json_option, url_option
from prevue.api import Api
from prevue_core.examples import examples
from prevue_core.manager import plugins, refuse


@click.command(epilog=examples("prevue report 019ab1c2-... -o digits.html", "prevue report RUN_A RUN_B --json"))
@click.argument("runs", nargs=-1, required=True, type=click.UUID, metavar="RUN...")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="report.html",
    show_default=True,
    help="The file to write.",
)
@click.option("--title", default="", help="What stands on top, in place of the runs' names.")
@click.option(
    "--text", type=click.File(encoding="utf-8"), help="A file with what there is to say; - reads it from stdin."
)
@url_option
@json_option
def report(
    runs: tuple[Any, ...], output: Path, title: str, text: TextIO | None, url: str | None, as_json: bool
) -> None:
    """Write a report of runs as one HTML file, which needs neither server nor internet.

    It has their curves, which zoom, tell their values and can be smoothed; what differs in their configuration; their
    results as panels draw them, and the scores of their tests. RUN is a run's id.
    """
    try:
        from frontend_bokeh.drawing import registered
        from frontend_bokeh.report import MOST_RUNS
        from frontend_bokeh.report import report as made_of
    except ImportError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'prevue[server]'") from None
    run_ids = list(dict.fromkeys(map(str, runs)))
    if len(run_ids) > MOST_RUNS:
        raise click.ClickException(f"{len(run_ids)} runs are too many for one report; give at most {MOST_RUNS}")
    with Api(url) as api:
        made = made_of(api, run_ids, registered(plugins(refuse)), title, text.read() if text else "")
    size = _write(output, made.html)
    told = {"runs": len(run_ids), "charts": made.charts, "results": made.results, "left_out": made.left_out}
    if as_json:
        click.echo(json.dumps({"file": str(output), "bytes": size, **told}))
        return
    click.echo(f"{output}: {size / 1e6:.1f} MB, {len(run_ids)} runs, {made.charts} charts, {made.results} results")
    for what, count in made.left_out.items():
        if count:
            click.echo(f"{count} {what} had no room in it.")


def _write(output: Path, text: str) -> int:
    """Write a file whole or not at all; return its size in bytes."""
    part = output.with_name(f".{output.name}.part")
    try:
        size = part.write_bytes(text.encode())
        os.replace(part, output)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None
    return size
