import sqlite3
import threading
from contextlib import closing

import peewee
import pytest

from prevue_core.db import connection
from prevue_core.db.models import User
from prevue_core.errors import SettingsError


@pytest.fixture
def connect():
    """Bind the models to a database of one's own."""
    made = []
    yield lambda url: made.append(connection.connect(url)) or made[-1]
    for database in made:
        database.close()
    connection.db.initialize(None)


@pytest.fixture
def sqlite_path(connect, tmp_path):
    connect(f"sqlite:///{tmp_path}/one.sqlite").execute_sql("CREATE TABLE numbers (number)")
    return tmp_path / "one.sqlite"


def pragmas():
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    return [connection.db.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in names]


def test_sqlite_keeps_what_it_has_committed_and_waits_for_its_turn(sqlite_path):
    full = 2
    assert pragmas() == ["wal", full, 1, 5_000]


def test_every_thread_has_the_same_pragmas(sqlite_path):
    seen = []

    def look():
        with connection.db.connection_context():
            seen.append(pragmas())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [pragmas()]


def test_a_writing_transaction_holds_sqlites_lock_from_its_beginning(sqlite_path):
    with (
        connection.writing(),
        closing(sqlite3.connect(sqlite_path, timeout=0)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_readers_go_on_beside_a_writer(sqlite_path):
    with connection.writing(), closing(sqlite3.connect(sqlite_path, timeout=0)) as other:
        connection.insert_rows("numbers", ("number",), [(1,)])
        assert other.execute("SELECT count(*) FROM numbers").fetchone() == (0,)


def test_a_transaction_that_fails_leaves_nothing(database):
    def write_and_fail():
        with connection.writing():
            User.create(username="alice")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert User.select().count() == 0


def test_rows_are_inserted_as_given(database):
    rows = [(f"user {number}", number % 2 == 0, "2024-05-06 07:08:09.000001") for number in range(2_500)]
    connection.insert_rows("users", ("username", "is_admin", "created_at"), rows)
    assert User.select().count() == 2_500
    assert User.get(User.username == "user 1").is_admin is False


def test_a_failing_insert_is_the_databases_error(database):
    with pytest.raises(peewee.IntegrityError), connection.writing():
        connection.insert_rows("users", ("username", "is_admin", "created_at"), [(None, False, "2024-05-06")])


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:hunter2@db/prevue",
        "postgresql://me:hunter2@db:port/prevue",
        "postgresql://me:hunter2@db",
        "postgresql://me:hunter2@[db/prevue",
        "postgresql+pool://me:hunter2@db/prevue",
        "me:hunter2@db/prevue",
        "//me:hunter2@db/prevue",
        "hunter2",
        "hunter2:",
        "",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(connect, url):
    with pytest.raises(SettingsError, match="use sqlite:///FILE or postgresql://USER@HOST/NAME") as refusal:
        connect(url)
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_password_with_special_characters_is_written_percent_encoded(connect):
    parameters = connect("postgresql://a%2Fb:p%40ss%3Aword@db/prevue").connect_params
    assert (parameters["user"], parameters["password"]) == ("a/b", "p@ss:word")


@pytest.mark.parametrize(
    ("url", "is_sqlite"),
    [("sqlite:///:memory:", True), ("postgres://db/prevue", False), ("postgresql://db/prevue", False)],
)
def test_the_url_says_which_database_it_is(connect, url, is_sqlite):
    connect(url)
    assert connection.is_sqlite() is is_sqlite


@pytest.mark.postgresql
def test_postgresql_tells_times_in_utc_and_gives_up_on_what_takes_too_long(database):
    def shown(name):
        return database.execute_sql(f"SHOW {name}").fetchone()[0]

    assert [shown("timezone"), shown("statement_timeout"), shown("lock_timeout")] == ["UTC", "15s", "2s"]
    with connection.writing():
        assert shown("statement_timeout") == "5s"
    assert shown("statement_timeout") == "15s"
