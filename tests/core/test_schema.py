import os
import sqlite3
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import urlsplit

import peewee
import pytest
import requests
from playhouse.migrations import Runner
from playhouse.schema_diff import diff_models

import postgres
from prevue_core.db import connection, schema
from prevue_core.db.models import TABLES, Store
from prevue_core.errors import SchemaTooNew
from serving import served

MIGRATIONS = sorted(file.stem for file in schema.FOLDER.glob("[0-9]*.py"))


@pytest.fixture
def runner(database):
    return Runner(database, str(schema.FOLDER), table_name="schema_migrations")


@pytest.fixture
def newer_database(database):
    database.execute_sql(
        "INSERT INTO schema_migrations (name, applied) VALUES ('9999_from_the_future', '2100-01-01 00:00:00')"
    )
    return database


def test_an_empty_database_gets_every_table(empty_database):
    assert schema.upgrade(empty_database) == MIGRATIONS
    assert {table._meta.table_name for table in TABLES} <= set(empty_database.get_tables())


def test_upgrading_again_changes_nothing(empty_database):
    schema.upgrade(empty_database)
    store_id = schema.store_id()
    assert schema.upgrade(empty_database) == []
    assert schema.store_id() == store_id == str(uuid.UUID(store_id))


def test_of_threads_that_upgrade_at_once_one_does_it(empty_database):
    together = Barrier(4)

    def upgrade(_):
        together.wait()
        return schema.upgrade(empty_database)

    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(upgrade, range(4)))
    assert sorted(applied) == [[], [], [], MIGRATIONS]
    assert Store.select().count() == 1


def test_of_processes_that_upgrade_at_once_one_does_it(databases):
    with databases.empty() as url:
        started = [
            subprocess.Popen(
                [sys.executable, "-c", "from prevue.cli import main; main()", "db", "upgrade"],
                env={**os.environ, "PREVUE_DATABASE_URL": url, "PREVUE_PLUGINS": ""},
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        told = [process.communicate()[0] for process in started]
    up_to_date = "The tables are up to date.\n"
    assert sorted(told) == [up_to_date, "".join(f"applied {name}\n" for name in MIGRATIONS) + up_to_date]


@pytest.fixture
def past_a_pooler(databases):
    """The environment of a backend whose usual URL may not make tables, and the direct one may."""
    with databases.empty() as url:
        role = f"user_{uuid.uuid4().hex}"
        rights = f"ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}"
        postgres.execute(url, f"CREATE ROLE {role} LOGIN; {rights}")
        usual = urlsplit(url)._replace(netloc=f"{role}@{urlsplit(url).netloc.rpartition('@')[2]}").geturl()
        yield {"PREVUE_DATABASE_URL": usual, "PREVUE_DATABASE_DIRECT_URL": url}
        postgres.execute(url, f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.postgresql
def test_tables_are_made_past_a_pooler(past_a_pooler, tmp_path):
    upgrade = [sys.executable, "-m", "prevue", "db", "upgrade"]
    usual = {name: past_a_pooler[name] for name in ["PREVUE_DATABASE_URL"]}
    told = subprocess.run(upgrade, env={**os.environ, **usual}, capture_output=True, text=True)
    assert (told.returncode, "permission denied for schema public" in told.stderr) == (1, True)
    with served("backend", "--port", "0", data=tmp_path, **past_a_pooler) as backend:
        assert requests.get(f"{backend.address('backend')}/readyz", timeout=30).status_code == 200
    told = subprocess.run(upgrade, env={**os.environ, **past_a_pooler}, capture_output=True, text=True)
    assert told.stdout == "The tables are up to date.\n"


class LockedAtFirst(peewee.SqliteDatabase):
    """A new SQLite file while another process turns it to WAL: one opening in a hundred is refused at once."""

    refusals = 3

    def _connect(self):
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database is locked")
        return super()._connect()


def test_a_new_file_that_another_process_is_making_is_waited_for(tmp_path):
    database = LockedAtFirst(tmp_path / "new.sqlite", lock_type="IMMEDIATE")
    connection.db.initialize(database)
    assert schema.upgrade(database) == MIGRATIONS
    connection.db.initialize(None)


def test_a_database_made_by_a_newer_prevue_is_refused(newer_database):
    with pytest.raises(SchemaTooNew, match="9999_from_the_future"):
        schema.upgrade(newer_database)


def test_a_database_with_our_tables_is_ready(database):
    assert schema.is_ready()


def test_a_database_without_tables_is_not_ready(empty_database):
    assert not schema.is_ready()


def test_a_database_made_by_a_newer_prevue_is_not_ready(newer_database):
    assert not schema.is_ready()


def test_the_models_are_the_migrated_tables(database):
    assert str(diff_models(database, TABLES)) == ""


def test_the_columns_of_the_models_are_those_of_the_migrations(database, runner):
    def columns():
        return {table: database.get_columns(table) for table in sorted(table._meta.table_name for table in TABLES)}

    migrated = columns()
    runner.down(MIGRATIONS[0])
    database.create_tables(TABLES)
    assert columns() == migrated


def test_a_migration_taken_back_can_be_applied_again(database, runner):
    assert runner.down(MIGRATIONS[0]) == MIGRATIONS[::-1]
    assert database.get_tables() == ["schema_migrations"]
    assert schema.upgrade(database) == MIGRATIONS


def test_each_database_has_an_identity_of_its_own(database, runner):
    first = schema.store_id()
    runner.down(MIGRATIONS[0])
    schema.upgrade(database)
    assert schema.store_id() != first
