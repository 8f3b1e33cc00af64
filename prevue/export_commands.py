"""The command `prevue export`: points and tables of runs as a file."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import click

from prevue.account_commands import url_option
from prevue.run_commands import asking, find_project
from prevue.transport import HttpTransport
from prevue_core.errors import InvalidValue, PrevueError
from prevue_core.examples import examples

FORMATS = ("csv", "jsonl", "parquet")
TELL_S = 0.5


@click.command(
    epilog=examples(
        "prevue export 019ab1c2-... -o points.parquet",
        "prevue export --project digits --table runs -o runs.csv",
        "prevue export 019ab1c2-... --name loss --split val | head",
    )
)
@click.argument("run_ids", metavar="[RUN]...", nargs=-1, type=click.UUID)
@click.option("--project", help="All runs of a project that are not archived: its name, or another's as alice/test.")
@click.option("--filter", help='Of the project only runs that meet it, such as "config.lr < 1e-3".')
@click.option(
    "--table",
    type=click.Choice(("points", "runs")),
    default="points",
    show_default=True,
    help="A row for each point, or of a project a row for each run with its configuration and sums.",
)
@click.option("--format", type=click.Choice(FORMATS), help="[default: by the ending of FILE, or csv]")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to.")
@click.option("--name", "names", multiple=True, help="Only points of this name; may be given several times.")
@click.option("--split", "splits", multiple=True, help="Only points of this split; may be given several times.")
@url_option
def export(
    run_ids: tuple[Any, ...],
    project: str | None,
    filter: str | None,
    table: str,
    format: str | None,
    output: Path | None,
    names: tuple[str, ...],
    splits: tuple[str, ...],
    url: str | None,
) -> None:
    """Write the points of runs (RUN is an id), or a project's points or runs, to FILE or to standard output.

    Every point that was logged is there, of equal steps the later one; NaN and infinities too. FILE is there once it
    is complete.
    """
    ending = "" if output is None else output.suffix.removeprefix(".").lower()
    format = format or (ending if ending in FORMATS else FORMATS[0])
    if output is None and format == "parquet" and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal; give a file with -o.")
    with asking(url) as transport:
        path, params = _what(transport, run_ids, project, filter, table)
        params |= {"format": format, "name": names, "split": splits}
        parts = transport.stream(path, params)
        if output is None:
            for part in parts:
                sys.stdout.buffer.write(part)
        else:
            _write(parts, output)


def _what(
    transport: HttpTransport, run_ids: tuple[Any, ...], project: str | None, filter: str | None, table: str
) -> tuple[str, dict[str, Any]]:
    """Return where to ask, and for what."""
    if bool(run_ids) == bool(project):
        raise click.UsageError("Give either RUN or --project.")
    if filter and not project:
        raise click.UsageError("--filter chooses among the runs of --project.")
    if project:
        return f"/api/v1/projects/{find_project(transport, project)}/export", {"table": table, "filter": filter}
    if len(run_ids) == 1 and table == "points":
        return f"/api/v1/runs/{run_ids[0]}/export", {}
    project_ids = {transport.get(f"/api/v1/runs/{run_id}")["project_id"] for run_id in run_ids}
    if len(project_ids) > 1:
        raise InvalidValue("the runs are of several projects; export those of each by themselves")
    return f"/api/v1/projects/{project_ids.pop()}/export", {"table": table, "run_id": [str(one) for one in run_ids]}


def _write(parts: Iterator[bytes], output: Path) -> None:
    unfinished = output.with_name(f"{output.name}.part")
    began = time.monotonic()
    try:
        with unfinished.open("wb") as file:
            size = _copy(parts, file, _teller())
        unfinished.replace(output)
    except (OSError, PrevueError, KeyboardInterrupt) as error:
        unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None
        raise
    click.echo(f"Wrote {size / 1e6:.1f} MB to {output} in {time.monotonic() - began:.1f} s.", err=True)


def _copy(parts: Iterator[bytes], file: IO[bytes], tell: Callable[[int], None]) -> int:
    size = 0
    for part in parts:
        size += file.write(part)
        tell(size)
    return size


def _teller() -> Callable[[int], None]:
    """Return what tells how much is there, on a terminal and not too often."""
    told_at = time.monotonic()

    def tell(size: int) -> None:
        nonlocal told_at
        if sys.stderr.isatty() and time.monotonic() - told_at > TELL_S:
            told_at = time.monotonic()
            click.echo(f"\r{size / 1e6:.1f} MB ", err=True, nl=False)

    return tell
