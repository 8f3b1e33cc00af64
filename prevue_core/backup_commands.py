"""The server's commands `prevue backup` and `prevue restore`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prevue_core.commands import connect, data_option, settings_of
from prevue_core.errors import PrevueError
from prevue_core.examples import examples

if TYPE_CHECKING:
    from prevue_core.db.backup import Tell

file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command(epilog=examples("prevue backup prevue-2026-10-25.sqlite"))
@file_argument
@data_option
def backup(file: Path, data_dir: Path | None) -> None:
    """Copy the SQLite database to FILE, whole as it is now, and check the copy.

    A backend may go on beside it. It has everything: runs, points, users with the hashes of their passwords.
    """
    connect(settings_of(data_dir=data_dir))
    from prevue_core.db import backup  # the server's packages may not be installed

    with _told(), _bar("Copying") as tell:
        counts = backup.backup(file, tell)
    click.echo(f"{file} has {_contents(counts)}; it was read again and is whole ({file.stat().st_size / 1e6:.1f} MB).")


@click.command(epilog=examples("prevue restore prevue-2026-10-25.sqlite"))
@file_argument
@data_option
def restore(file: Path, data_dir: Path | None) -> None:
    """Put a backup in the place of the SQLite database. Stop the backend first.

    The backup is checked before, and the old database stays beside the new one. Training machines notice by its new
    identity that it is another one, and send again what they still have of the time after the backup.
    """
    connect(settings_of(data_dir=data_dir))
    from prevue_core.db import backup  # the server's packages may not be installed

    with _told(), _bar("Copying") as tell:
        counts, old = backup.restore(file, tell)
    click.echo(f"Restored {_contents(counts)}.")
    if old is not None:
        click.echo(f"The database of before is {old}; remove it when you don't need it any more.")
    click.echo("Start the backend; its next programs on each training machine, or `prevue sync --verify`, fill it up.")


@contextmanager
def _told() -> Iterator[None]:
    """Exit with a word where something is not as it should be."""
    try:
        yield
    except (PrevueError, sqlite3.Error, OSError) as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _bar(label: str) -> Iterator["Tell"]:
    with click.progressbar(length=1, label=label) as bar:

        def tell(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield tell


def _contents(counts: dict[str, int]) -> str:
    return f"{counts.get('runs', 0)} runs with {counts.get('metrics', 0)} rows of metrics"
