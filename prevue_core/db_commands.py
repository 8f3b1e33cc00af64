"""The server's commands `prevue db ...`: care for the database."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prevue_core.commands import connect, data_option, settings_of, told
from prevue_core.errors import PrevueError
from prevue_core.examples import examples

if TYPE_CHECKING:
    from prevue_core.db import sizes


@click.group()
def db() -> None:
    """Care for the database."""


@db.command(epilog=examples("PREVUE_DATABASE_URL=postgresql://prevue@localhost/prevue prevue db upgrade"))
@data_option
def upgrade(data_dir: Path | None) -> None:
    """Make the tables, or bring them up to date. `prevue backend` does the same when it starts.

    With SQLite, stop the backend first.
    """
    settings = settings_of(data_dir=data_dir)
    database = connect(settings)
    import peewee

    from prevue_core.db import schema, serving_lock  # the server's packages may not be installed

    try:
        with told(serving_lock.without_server()):
            applied = schema.upgrade(database, settings.database_direct_url)
    except peewee.PeeweeException as error:
        raise click.ClickException(f"the database does not answer: {str(error).strip()}") from None
    except PrevueError as error:
        raise click.ClickException(str(error)) from None
    for name in applied:
        click.echo(f"applied {name}")
    click.echo("The tables are up to date.")


@db.command("renew-store-id", epilog=examples("prevue db renew-store-id"))
@data_option
def renew_store_id(data_dir: Path | None) -> None:
    """Give the database another identity, once it was put back to an old state by other means than `prevue restore`.

    Training machines notice it and send again what they still have and the database lacks.
    """
    database = connect(settings_of(data_dir=data_dir))
    import peewee

    from prevue_core.db import schema  # the server's packages may not be installed

    try:
        with database.connection_context():
            click.echo(f"The database is {schema.renew_store_id(database)} now.")
    except peewee.PeeweeException as error:
        raise click.ClickException(f"the database does not answer: {str(error).strip()}") from None


@db.command("rebuild-rollups", epilog=examples("prevue db rebuild-rollups --data ./prevue-data"))
@click.argument("run_id", required=False, metavar="[RUN]", type=click.UUID)
@data_option
def rebuild_rollups(run_id: uuid.UUID | None, data_dir: Path | None) -> None:
    """Drop the rollups of one run, or of all, and make them anew from the points.

    The backend keeps them while points arrive; this is for tables that something else has changed. With SQLite, where
    one process writes at a time, stop the backend first. With PostgreSQL it may run beside one: only what trainings of
    the run in hand send waits, or is sent again.
    """
    connect(settings_of(data_dir=data_dir))
    import peewee

    from prevue_core.db import rollups, serving_lock  # the server's packages may not be installed
    from prevue_core.db.connection import writing

    try:
        sizes = rollups.sizes(run_id)
        if run_id and not sizes:
            raise click.ClickException(f"run {run_id} has no series of {rollups.FROM_POINTS} points or more")
        length = sum(sizes.values())
        with told(serving_lock.without_server()), click.progressbar(length=length, label="Rebuilding rollups") as bar:
            for run in sizes:
                with writing(takes_long=True):
                    for points in rollups.rebuild(run):
                        bar.update(points)
    except peewee.PeeweeException as error:
        raise click.ClickException(f"the database does not answer: {str(error).strip()}") from None
    click.echo(f"Rebuilt the rollups of {len(sizes)} run{'' if len(sizes) == 1 else 's'}.")


@db.command(epilog=examples("prevue db stats", "prevue db stats --json"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@data_option
def stats(as_json: bool, data_dir: Path | None) -> None:
    """Say what the database takes: tables, a point, the largest runs and projects, the trash.

    What a run or project takes is estimated, by its share of the points and what its results hold. It reads all of an
    SQLite file, or all keys of PostgreSQL's tables, and may run beside a backend.
    """
    connect(settings_of(data_dir=data_dir))
    import peewee

    from prevue_core.db import sizes  # the server's packages may not be installed

    try:
        found = sizes.stats()
    except peewee.PeeweeException as error:
        raise click.ClickException(f"the database does not answer: {str(error).strip()}") from None
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    for line in _told(found):
        click.echo(line)


def _told(stats: "sizes.Stats") -> Iterator[str]:
    free = f", {stats.free_bytes / 1e6:.1f} MB of them free for what comes" if stats.free_bytes else ""
    each = f", {stats.bytes_a_point:.0f} bytes each" if stats.bytes_a_point else ""
    guess = "" if stats.measured != "rows" else " (tables are estimated: this SQLite was compiled without dbstat)"
    yield f"{stats.database}: {stats.bytes / 1e6:.1f} MB{free}{guess}"
    yield f"{stats.points} points{each}"
    trash = stats.trash
    yield f"trash: {trash.runs} runs, {trash.points} points, {trash.results} results, {trash.bytes / 1e6:.1f} MB"
    yield f"\n{'table':<15}{'rows':>14}{'MB':>12}{'share':>8}"
    for table in stats.tables:
        if table.rows:
            share = table.bytes / max(1, stats.bytes)
            yield f"{table.table:<15}{table.rows:>14}{table.bytes / 1e6:>12.1f}{share:>8.0%}"
    for what, holders in (("run", stats.largest_runs), ("project", stats.largest_projects)):
        if holders:
            yield f"\nlargest {what}s"
        for one in holders:
            words = [one.project_name, one.run_name, one.run_id, "(in the trash)" if one.is_deleted else None]
            size = f"{one.points:>13} points {one.results:>7} results {one.bytes / 1e6:>9.1f} MB"
            yield f"{size}   {'  '.join(filter(None, words))}"


@db.command(epilog=examples("prevue db purge", "prevue db purge --older-than 0"))
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(0, 36_500),
    metavar="DAYS",
    help="What was deleted so long ago; 0: all.  [default: PREVUE_TRASH_DAYS or 30]",
)
@data_option
def purge(days: float | None, data_dir: Path | None) -> None:
    """Remove for good what lies in the trash.

    The backend does it by itself, a while after the days are over. It may run beside one. On SQLite the file keeps its
    size, and new points fill what became free.
    """
    settings = settings_of(data_dir=data_dir)
    connect(settings)
    import peewee

    from prevue_core.db import retention  # the server's packages may not be installed

    try:
        rows = sum(retention.purge(settings.trash_days if days is None else days))
    except peewee.PeeweeException as error:
        raise click.ClickException(f"the database does not answer: {str(error).strip()}") from None
    click.echo(f"Removed {rows} rows.")


@db.command(epilog=examples("PREVUE_DATABASE_URL=postgresql://prevue@coordinator/prevue prevue db distribute"))
@data_option
def distribute(data_dir: Path | None) -> None:
    """Spread the tables over the machines of a Citus cluster.

    All that belongs to a run lies together, by run_id; users, projects, models and what refers to them are copied to
    every machine. Stop the backends first, and call it again after an upgrade that brings tables. What it does is
    printed as SQL; where all is done that is nothing.
    """
    connect(settings_of(data_dir=data_dir))
    import peewee

    from prevue_core.db import distribute  # the server's packages may not be installed

    try:
        for statement in distribute.distribute():
            click.echo(statement)
    except peewee.PeeweeException as error:
        raise click.ClickException(f"the database refused: {str(error).strip()}") from None
    except PrevueError as error:
        raise click.ClickException(str(error)) from None
    click.echo("The tables are distributed.")
