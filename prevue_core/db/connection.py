"""The one database of a process: how to connect, to write in a transaction, to insert many rows."""

import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import orjson
import peewee
from playhouse import db_url
from playhouse.pool import MaxConnectionsExceeded

from prevue_core.contract import encode_number
from prevue_core.errors import SettingsError

# Connections that a process may hold. More writers at once make none of them faster, and wait for one.
POOL_SIZE = 10

# Of an insert into SQLite: twice as fast as a row at a time, and few enough for its limit of 32 766 values.
ROWS_AT_ONCE = 200

# An answer from a commit is a promise, so SQLite syncs at each (`FULL`); WAL lets readers go on beside the writer.
# The file is read as memory, which every thread shares, as far as SQLite does at most: a table of 10 000 runs looks at
# as many pages in half the time.
SQLITE_PRAGMAS = {
    "journal_mode": "wal", "synchronous": "full", "foreign_keys": 1, "busy_timeout": 5_000, "mmap_size": 2047 << 20,
}  # fmt: skip
POSTGRES_OPTIONS = "-c timezone=UTC -c statement_timeout=15s -c lock_timeout=2s"
WRITE_TIMEOUT_MS = 5_000  # of a statement that writes

# What a request meets when the database is away, too busy or at odds with itself: all of it passes.
FAILURES = (peewee.PeeweeException, MaxConnectionsExceeded)

_ENDED_BY_ANOTHER = ("40001", "40P01")  # SQLSTATE: serialization failure, deadlock
_DISK_FULL = "53100"
_SQLITE_DISK_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)  # the second: for the WAL's index

db = peewee.DatabaseProxy()

# SQLite lets one connection write at a time. Threads that queue here are woken at once, instead of polling the file.
_sqlite_writing = threading.Lock()


def connect(url: str) -> peewee.Database:
    """Bind the models to the database at `url` (`sqlite:///file` or `postgresql://...`) and return it, not yet open.

    Raises SettingsError where the URL cannot be used; its text never holds the password.
    """
    database = database_at(url)
    db.initialize(database)
    return database


def database_at(url: str) -> peewee.Database:
    """Return the database at `url`, not yet open. Raises as `connect` does."""
    scheme, mark, _ = url.partition("://")
    try:
        if scheme == "sqlite":
            # A deferred BEGIN that later wants to write fails at once when another writes; IMMEDIATE waits its turn.
            return db_url.connect(url, pragmas=SQLITE_PRAGMAS, lock_type="IMMEDIATE")
        if scheme in ("postgres", "postgresql"):
            return db_url.connect(
                f"postgresql+pool{url[len(scheme) :]}",
                unquote_user=True,
                unquote_password=True,
                max_connections=POOL_SIZE,
                stale_timeout=300,
                timeout=5,
                connect_timeout=5,
                options=POSTGRES_OPTIONS,
            )
        begin = f"begins with {scheme!r}" if mark else "has no scheme"  # without '://' it may be a password alone
        raise SettingsError(f"the database URL {begin}; use sqlite:///FILE or postgresql://USER@HOST/NAME")
    except (ValueError, RuntimeError) as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(
            "the database URL cannot be read; use sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from None


def is_sqlite() -> bool:
    """Return whether the process's database is SQLite."""
    return isinstance(db.obj, peewee.SqliteDatabase)


@contextmanager
def outside_pool() -> Iterator[peewee.Database]:
    """Open with the database by a connection for which nobody waits and that is kept from nobody."""
    if is_sqlite():
        yield db.obj
        return
    database = peewee.PostgresqlDatabase(db.obj.database, **db.obj.connect_params)
    with database.connection_context():
        yield database


@contextmanager
def writing(*, takes_long: bool = False) -> Iterator[None]:
    """Open a transaction that writes: on SQLite it holds the write lock from its beginning.

    On PostgreSQL its statements are given up after 5 s, unless it `takes_long`.
    """
    if is_sqlite():
        with _sqlite_writing, db.atomic():
            yield
    else:
        with db.atomic():
            db.execute_sql(f"SET LOCAL statement_timeout = {0 if takes_long else WRITE_TIMEOUT_MS}")
            if takes_long:
                db.execute_sql("SET LOCAL lock_timeout = 0")
            yield


@contextmanager
def reading() -> Iterator[None]:
    """Open a transaction that reads: all its queries see the database as it was at the first one."""
    with db.atomic("DEFERRED" if is_sqlite() else "REPEATABLE READ"):
        yield


def is_worth_again(error: BaseException) -> bool:
    """Return whether PostgreSQL gave up a transaction for another's sake: the same may do well now."""
    return any(getattr(cause, "pgcode", None) in _ENDED_BY_ANOTHER for cause in _causes(error))


def is_disk_full(error: BaseException) -> bool:
    """Return whether the database has no room to write."""
    return any(
        getattr(cause, "sqlite_errorcode", None) in _SQLITE_DISK_FULL or getattr(cause, "pgcode", None) == _DISK_FULL
        for cause in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[Any]:
    """Yield the driver's errors in Peewee's, the last first: to give up a transaction may fail as well.

    On a full disk SQLite has ended it by itself.
    """
    while error is not None:
        yield getattr(error, "orig", None)
        error = error.__context__


def execute(statement: str, *values: Any) -> Any:
    """Execute a statement, `?` standing for each of `values`, and return the driver's cursor.

    For what every batch asks: Peewee takes as long to write such a statement as the database to answer it.
    """
    return db.execute_sql(statement.replace("?", db.param), values)


def marks(values: Collection[Any]) -> str:
    """Return a `?` for each value."""
    return ", ".join("?" * len(values))


def insert_rows(
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    key: Sequence[str] | None = None,
    fixed: Sequence[str] = (),
) -> None:
    """Insert `rows` (a value for each of `columns`) with few calls of the driver: Peewee's own costs 20 us a row.

    With a `key`, some of the columns, a row takes the place of one that has the same key. Columns that are `fixed` by
    the key are left as they are: SQLite writes the entries of an index anew when a column of it is set, changed or not.
    """
    names, replace = ", ".join(columns), _replace(columns, {*key, *fixed}, key) if key else ""
    cursor = db.cursor()
    # The driver's errors become Peewee's, as everywhere else.
    with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
        if is_sqlite():
            one = f"({', '.join('?' * len(columns))})"
            full = len(rows) - len(rows) % ROWS_AT_ONCE
            several = f"INSERT INTO {table} ({names}) VALUES {', '.join([one] * ROWS_AT_ONCE)}{replace}"  # noqa: S608 - names are ours
            for start in range(0, full, ROWS_AT_ONCE):
                cursor.execute(several, list(chain(*rows[start : start + ROWS_AT_ONCE])))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES {one}{replace}", rows[full:])  # noqa: S608
        else:
            # One parameter: PostgreSQL needs three times as long to parse and plan thousands.
            records = f"json_populate_recordset(NULL::{table}, %s)"
            json = orjson.dumps([dict(zip(columns, map(_json_value, row), strict=True)) for row in rows]).decode()
            cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {records}{replace}", (json,))  # noqa: S608


def _json_value(value: Any) -> Any:
    return encode_number(value) if type(value) is float else value


def _replace(columns: Sequence[str], same: set[str], key: Sequence[str]) -> str:
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in same)
    return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {updates}"
