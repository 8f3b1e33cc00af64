"""Bring a database's tables up to date, and say whether they are."""

import time
import uuid
from pathlib import Path
from typing import Any

import peewee
from playhouse.migrations import Runner

from prevue_core.db.connection import database_at, execute, is_sqlite, outside_pool
from prevue_core.errors import SchemaTooNew

FOLDER = Path(__file__).parent / "migrations"
OPEN_S = 5.0  # as SQLite's busy_timeout
_LOCK_KEY = 7_238_465  # any number, the same for every Prevue that migrates this PostgreSQL database


def upgrade(database: peewee.Database, direct_url: str | None = None) -> list[str]:
    """Apply the migrations that are missing, in a transaction, and return their names.

    `direct_url`: of the same PostgreSQL database, past the pooler at `database`, which may give up what takes long.
    Safe to call from several processes at once: one migrates, the others wait and find nothing to do.
    Raises SchemaTooNew where a newer Prevue has migrated the database: writing to it could damage it. SettingsError
    where `direct_url` cannot be used.
    """
    if direct_url is None:
        return _upgrade(database)
    direct: Any = database_at(direct_url)
    try:
        return _upgrade(direct)
    finally:
        direct.close_all()


def _upgrade(database: peewee.Database) -> list[str]:
    _open(database)
    with database.connection_context(), database.atomic():
        if not is_sqlite():  # SQLite's transaction holds the lock already
            # The waiting ones may have to wait longer than the timeouts that are right for requests.
            database.execute_sql("SET LOCAL statement_timeout = 0")
            database.execute_sql("SET LOCAL lock_timeout = 0")
            database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
        runner = _runner(database)
        _refuse_newer(runner)
        applied: list[str] = runner.up()
        return applied


def is_ready() -> bool:
    """Return whether the database answers and its tables are those that this version expects."""
    try:
        with outside_pool() as database:
            return all(migration.applied and migration.path for migration in _runner(database).status())
    except peewee.PeeweeException:
        return False


def store_id() -> str:
    """Return the database's own identity, made with it and kept through upgrades."""
    return str(uuid.UUID(str(execute("SELECT store_id FROM store").fetchone()[0])))


def renew_store_id(database: peewee.Database) -> str:
    """Give the database another identity, as one has to have that was put back to an old state."""
    renewed = str(uuid.uuid4())
    database.execute_sql(f"UPDATE store SET store_id = {database.param}", (renewed,))  # noqa: S608 - ? or %s
    return renewed


def refuse_newer(database: peewee.Database) -> None:
    """Raise SchemaTooNew where a newer Prevue has migrated the database."""
    _refuse_newer(_runner(database))


def _open(database: peewee.Database) -> None:
    """Connect. Processes that make a new SQLite file at once lock each other out for a moment in the change to WAL,
    for which SQLite does not wait, whatever `busy_timeout` says."""
    deadline = time.monotonic() + OPEN_S
    while True:
        try:
            database.connect(reuse_if_open=True)
        except peewee.OperationalError as error:
            if "database is locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _runner(database: peewee.Database) -> Runner:
    return Runner(database, str(FOLDER), table_name="schema_migrations")


def _refuse_newer(runner: Runner) -> None:
    unknown = [migration.name for migration in runner.status() if migration.path is None]
    if unknown:
        raise SchemaTooNew(
            f"this database has migration {unknown[-1]!r}, which this version of Prevue does not know; "
            "install the version that made it, or a newer one"
        )
