"""The command `prevue import`: runs that other tools have logged."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from prevue.account_commands import json_option, url_option
from prevue.config import client_settings
from prevue.event_files import find_runs
from prevue.importing import Imported, import_run
from prevue.transport import HttpTransport
from prevue_core.examples import examples


@click.group(name="import")
def import_() -> None:
    """Bring in runs that other tools have logged."""


@import_.command(
    epilog=examples(
        "prevue import tensorboard runs",
        "prevue import tensorboard lightning_logs --project digits --url https://prevue.example",
    )
)
@click.argument("logdir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--project", help="Where to: its name, or another's as alice/test.  [default: PREVUE_PROJECT or default]")
@url_option
@json_option
def tensorboard(logdir: Path, project: str | None, url: str | None, as_json: bool) -> None:
    """Import the runs that TensorBoard would show of LOGDIR: its event files, in all folders below.

    Scalars, histograms, images, text, precision-recall curves and hyperparameters come along with their steps and
    times; what else there is, is counted and told. A second time adds only what is new in the files. Folders `train`
    and `validation` become splits of the run that they are in, and so does the end of a tag: Loss/test.

    Exit code 1: a run could not be imported whole. Needs: pip install 'prevue[tensorboard]'
    """
    settings = client_settings(url=url, project=project)
    runs = find_runs(logdir)
    if not runs:
        raise click.ClickException(f"{logdir} has no event files (events.out.tfevents...), nor has a folder in it.")
    with (
        HttpTransport(settings.url, settings.bearer) as transport,
        click.progressbar(runs, label="importing", show_pos=True, hidden=as_json, file=sys.stderr) as bar,
    ):
        done = [import_run(run, settings, transport) for run in bar]
    if as_json:
        click.echo(json.dumps(_document(done)))
    else:
        _tell(done, f"{settings.url}, project {settings.project}")
    if any(run.problem for run in done):
        raise SystemExit(1)


def _document(done: list[Imported]) -> dict[str, Any]:
    runs = [
        {
            "name": run.name,
            "run_id": run.run_id,
            "records": run.records,
            "known": run.known,
            "left_out": dict(run.left_out),
            "problem": run.problem,
        }
        for run in done
    ]
    return {"records": sum(run.records for run in done), "runs": runs}


def _tell(done: list[Imported], where: str) -> None:
    for run in done:
        known = f", {run.known} were there already" if run.known else ""
        click.echo(f"{run.name}: {run.records} records{known}" + (f"; {run.problem}" if run.problem else ""))
    left_out = sum((run.left_out for run in done), Counter[str]())
    for what, count in left_out.most_common():
        click.echo(f"left out: {count} x {what}")
    click.echo(f"{len(done)} runs are in {where}.")
