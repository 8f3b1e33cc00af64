"""Backup and restore of an SQLite database. PostgreSQL has programs of its own for both.

A backup is one file, a database like the one that it was made of: whole at one moment, however long the copying takes
and whatever is written meanwhile, and read again to the last page before it gets its name.
"""

import datetime
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import peewee

from prevue_core.db import schema, serving_lock
from prevue_core.db.connection import db, is_sqlite
from prevue_core.errors import InvalidValue, NotSqlite

PAGES_AT_ONCE = 2_000  # 8 MB between two words of progress

Tell = Callable[[int, int], None]  # pages that are done, and all


def backup(file: Path, tell: Tell) -> dict[str, int]:
    """Copy the process's database to `file`, also while a backend works on it, and return the rows of each table.

    Raises InvalidValue where there is such a file, or no database; NotSqlite; sqlite3.Error where one cannot be read
    or the other not written.
    """
    source = _database()
    if file.exists():
        raise InvalidValue(f"{file} exists already; give a new name, for example one with the date")
    if not source.exists():
        raise InvalidValue(f"there is no database {source}; say with --data where it is")
    return _copy(source, file, tell)


def restore(file: Path, tell: Tell) -> tuple[dict[str, int], Path | None]:
    """Put a backup in the place of the process's database; return the rows of each table, and where the old one is.

    It gets another `store_id`, by which clients notice that what they sent since may be missing. Raises DatabaseInUse
    while a backend works on the database, SchemaTooNew for a backup of a newer Prevue, and as `backup` does. Whatever
    is raised, the database is as it was.
    """
    target = _database()
    with serving_lock.only_server():
        new = target.with_name(f"{target.name}.restoring")
        new.unlink(missing_ok=True)
        try:
            _check(file)
            counts = _copy(file, new, tell)
            _make_another(new)
            return counts, _replace(target, new)
        finally:
            new.unlink(missing_ok=True)


def _database() -> Path:
    if not is_sqlite():
        raise NotSqlite(
            "the database is PostgreSQL, which is backed up and restored by its own pg_dump and pg_restore: "
            "docs/how-to/back-up-and-restore.md has the commands"
        )
    return Path(db.obj.database).absolute()


def _copy(source: Path, target: Path, tell: Tell) -> dict[str, int]:
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # it has hashes of passwords
    try:
        with closing(_opened(source)) as old, closing(sqlite3.connect(part)) as new:
            # What a transaction has read once it goes on to see, so nobody's writing makes the copy begin anew.
            old.execute("BEGIN")
            counts = _counts(old)
            old.backup(new, pages=PAGES_AT_ONCE, progress=lambda _, left, total: tell(total - left, total))
        _verify(part, counts)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return counts


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=30)


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    names = [name for (name,) in tables]
    return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608


def _verify(path: Path, counts: dict[str, int]) -> None:
    """Read a copy to its last page. Raises sqlite3.DatabaseError where it is not what was copied."""
    with closing(_opened(path)) as copy:
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok" or _counts(copy) != counts:
            raise sqlite3.DatabaseError(f"the copy is damaged ({found}); the disk, or the original, is")
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without others beside it
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _check(file: Path) -> None:
    """Raise InvalidValue where a file is no backup, and SchemaTooNew where a newer Prevue made it."""
    if not file.is_file():
        raise InvalidValue(f"there is no file {file}")
    database = peewee.SqliteDatabase(str(file))
    try:
        with database.connection_context():
            tables = database.get_tables()
            if not {"store", "schema_migrations"} <= set(tables):
                raise InvalidValue(f"{file} is a database, but none of Prevue's")
            schema.refuse_newer(database)
    except peewee.DatabaseError as error:
        raise InvalidValue(f"{file} is no backup that can be read: {error}") from None


def _make_another(path: Path) -> None:
    database = peewee.SqliteDatabase(str(path))
    with database.connection_context():
        schema.renew_store_id(database)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _replace(target: Path, new: Path) -> Path | None:
    """Put `new` in the place of a database that nobody has open, and return where the old one is kept."""
    if not target.exists():
        os.replace(new, target)
        return None
    with suppress(sqlite3.Error), closing(_opened(target)) as old:  # a damaged one is kept as it is
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that the files beside it are empty, or go
    kept = target.with_name(f"{target.name}.before-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S%fZ}")
    os.link(target, kept)
    for ending in ("-wal", "-shm"):  # they belong to the old one
        with suppress(FileNotFoundError):
            os.replace(f"{target}{ending}", f"{kept}{ending}")
    os.replace(new, target)
    return kept
