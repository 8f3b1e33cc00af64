"""Ready for Citus: what its rules ask of tables and queries, and the command that spreads them."""

import re

import peewee
import pytest
from click.testing import CliRunner

from conftest import _close, _connected
from core import citus
from core.stream import end, metrics, model, started
from prevue_core import db_commands
from prevue_core.db import connection, distribute, queries, schema
from prevue_core.db.accounts import OPEN
from prevue_core.db.models import TABLES
from prevue_core.errors import CannotDistribute

NOON = 1_763_812_800.0
BY_RUN = distribute.tables_by_run()

# The SQL for a new database: a table that comes with a migration belongs here too.
GOLDEN = """
CREATE EXTENSION citus
SELECT create_reference_table('users')
SELECT create_reference_table('codes')
SELECT create_reference_table('models')
SELECT create_reference_table('projects')
SELECT create_reference_table('members')
SELECT create_reference_table('sessions')
SELECT create_reference_table('tokens')
SELECT create_distributed_table('runs', 'run_id', colocate_with => 'none')
ALTER TABLE evaluations DROP CONSTRAINT evaluations_pkey, ADD PRIMARY KEY (run_id, evaluation_id)
SELECT create_distributed_table('evaluations', 'run_id', colocate_with => 'runs')
ALTER TABLE events DROP CONSTRAINT events_pkey, ADD PRIMARY KEY (run_id, event_id)
SELECT create_distributed_table('events', 'run_id', colocate_with => 'runs')
ALTER TABLE metrics DROP CONSTRAINT metrics_pkey, ADD PRIMARY KEY (run_id, metric_id)
SELECT create_distributed_table('metrics', 'run_id', colocate_with => 'runs')
SELECT create_distributed_table('predictions', 'run_id', colocate_with => 'runs')
ALTER TABLE results DROP CONSTRAINT results_pkey, ADD PRIMARY KEY (run_id, result_id)
SELECT create_distributed_table('results', 'run_id', colocate_with => 'runs')
SELECT create_distributed_table('rollups', 'run_id', colocate_with => 'runs')
SELECT create_distributed_table('series', 'run_id', colocate_with => 'runs')
SELECT create_distributed_table('tombstones', 'run_id', colocate_with => 'runs')
SELECT create_distributed_table('writers', 'run_id', colocate_with => 'runs')
""".strip().splitlines()


# the tables


def unique_keys(database, table):
    yield set(database.get_primary_keys(table))
    yield from (set(index.columns) for index in database.get_indexes(table) if index.unique)


def test_only_tables_that_stay_small_have_no_run_id():
    small = {table._meta.table_name for table in TABLES} - set(BY_RUN)
    shared = {"users", "models", "projects", "members", "tokens", "sessions", "codes"}
    assert small == shared | {"store", "attempts", "audit"}
    assert set(distribute.tables_of_all()) == shared


@pytest.mark.parametrize("table", BY_RUN)
def test_a_unique_key_has_the_run_or_is_the_number_of_the_row(database, table):
    for key in unique_keys(database, table):
        assert "run_id" in key or (key == set(database.get_primary_keys(table)) and len(key) == 1)


@pytest.mark.parametrize("table", [table._meta.table_name for table in TABLES])
def test_foreign_keys_lead_to_tables_on_every_node(database, table):
    for link in database.get_foreign_keys(table):
        assert link.dest_table in distribute.tables_of_all()
        assert link.column != "run_id"


@pytest.mark.postgresql
def test_no_table_has_a_trigger(database):
    assert database.execute_sql("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal").fetchall() == []


# the queries


@pytest.fixture
def told(database):
    """Every statement that the connection executes from here on."""
    found = []
    if connection.is_sqlite():
        database.connection().set_trace_callback(found.append)
    else:
        database.connection().cursor_factory = telling(found)
    yield found
    if connection.is_sqlite():
        database.connection().set_trace_callback(None)
    else:
        database.connection().cursor_factory = None


def telling(found):
    import psycopg2.extensions

    class Cursor(psycopg2.extensions.cursor):
        def execute(self, statement, parameters=None):
            found.append(statement.decode() if isinstance(statement, bytes) else statement)
            return super().execute(statement, parameters)

        def copy_expert(self, statement, file, size=8192):
            found.append(statement)
            return super().copy_expert(statement, file, size)

    return Cursor


def strayed(statements):
    """Return the statements on tables of runs that do not say of which run."""
    tables = re.compile(rf"\b({'|'.join(BY_RUN)})\b")
    names_run = re.compile(r"run_id\"?\)? (=|IN)|(INTO|COPY) \S+ ?\([^)]*\brun_id\b")
    return [one for one in statements if tables.search(one) and not names_run.search(one)]


def test_a_query_that_strays_is_found():
    assert strayed(['SELECT * FROM "writers" AS "t1" WHERE "t1"."writer_id" = 1', "COPY metrics (step) FROM STDIN"])
    assert not strayed(['DELETE FROM "series" WHERE ("series"."run_id" = 1)', "INSERT INTO metrics (run_id, step)"])


def train(*, points=1_500):
    stream = started()
    stream.send(model(), *(metrics(step, {"loss": step, "accuracy": 0.5}, time=NOON + step) for step in range(points)))
    again = range(points - 100, points + 100)
    stream.send(*(metrics(step, {"loss": -step}, time=NOON) for step in again), end())
    return stream


def test_what_a_training_sends_asks_for_its_run_only(told):
    train()
    assert len([one for one in told if "metrics" in one]) >= 2
    assert strayed(told) == []


def test_what_charts_read_asks_for_their_runs_only(database, told):
    one, two = train(), train()
    del told[:]
    for budget in (10, 1_000):
        queries.series([one.run_id, two.run_id], budget=budget)
        queries.series([one.run_id], ["loss"], low_step=33, high_step=1_500, budget=budget)
        cursors = [part.cursor for part in queries.news({one.run_id: [], two.run_id: []}, budget=budget).parts]
        queries.news({one.run_id: cursors[:2], two.run_id: cursors[2:]}, budget=budget)
    queries.run(OPEN, one.run_id)
    queries.series_of(one.run_id)
    assert len(told) >= 8
    assert strayed(told) == []


# the command


def test_the_statements_for_a_new_database():
    keys = {table._meta.table_name: tuple(table._meta.primary_key.field_names)
            if isinstance(table._meta.primary_key, peewee.CompositeKey) else (table._meta.primary_key.column_name,)
            for table in TABLES}  # fmt: skip
    assert list(distribute.statements(distribute.Cluster(True, False, set(), keys))) == GOLDEN


def test_a_file_is_not_distributed(database):
    if connection.is_sqlite():
        with pytest.raises(CannotDistribute, match="SQLite is one file on one machine"):
            list(distribute.distribute())


@pytest.mark.postgresql
def test_a_server_without_the_extension_says_so(databases):
    with databases.empty() as url, _connected(url), pytest.raises(CannotDistribute, match="no extension `citus`"):
        list(distribute.distribute())


@pytest.fixture
def citus_url(databases):
    """The URL of a database with empty tables that seems to have Citus."""
    with databases.empty() as url:
        with _connected(url) as database:
            schema.upgrade(database)
        citus.pretend(url)
        yield url


@pytest.fixture
def cluster(citus_url):
    """That database, with the models bound to it."""
    with _connected(citus_url) as database, database.connection_context():
        yield database


@pytest.mark.postgresql
def test_citus_accepts_every_statement(cluster):
    assert list(distribute.distribute()) == GOLDEN[1:]
    spread = "SELECT logicalrelid::text, partmethod, beside FROM pg_dist_partition"
    assert set(cluster.execute_sql(spread)) == {
        *((name, "n", None) for name in distribute.tables_of_all()),
        *((name, "h", "runs") for name in BY_RUN),
    }


@pytest.mark.postgresql
@pytest.mark.parametrize("table", ["metrics", "events", "evaluations", "results"])
def test_numbered_rows_get_the_run_into_their_key(cluster, table):
    number = cluster.get_primary_keys(table)
    list(distribute.distribute())
    keys = list(unique_keys(cluster, table))
    assert keys.count({"run_id", *number}) == 2  # as constraint and as index
    assert all("run_id" in key for key in keys)


@pytest.mark.postgresql
def test_a_second_time_there_is_nothing_to_do(cluster):
    list(distribute.distribute())
    assert list(distribute.distribute()) == []


@pytest.mark.postgresql
def test_what_stopped_half_way_goes_on_there(cluster):
    steps = distribute.distribute()
    done = [next(steps) for _ in range(11)]
    steps.close()  # the last one was only told
    assert done[:-1] + list(distribute.distribute()) == GOLDEN[1:]


@pytest.mark.postgresql
def test_trainings_and_charts_do_not_notice(cluster):
    before = train()
    list(distribute.distribute())
    after = train()
    read = [queries.series([stream.run_id], budget=50) for stream in (before, after)]
    assert [part.count for part in read[0]] == [1_600, 1_500]
    assert [part.columns for part in read[0]] == [part.columns for part in read[1]]
    assert {row["run_id"] for row in queries.runs(OPEN, 10).items} == {before.run_id, after.run_id}


@pytest.mark.postgresql
def test_the_stand_in_refuses_what_citus_refuses(cluster):
    for statement, reason in (
        ("SELECT create_reference_table('projects')", "referenced table"),
        ("SELECT create_distributed_table('metrics', 'run_id', colocate_with => 'none')", "cannot create constraint"),
        ("SELECT create_distributed_table('runs', 'run_id', colocate_with => 'none')", "referenced table"),
        ("SELECT create_distributed_table('series', 'run_id', colocate_with => 'runs')", "cannot colocate"),
    ):
        with pytest.raises(peewee.InternalError, match=reason):
            cluster.execute_sql(statement)


def command(url):
    answer = CliRunner().invoke(db_commands.distribute, env={"PREVUE_DATABASE_URL": url})
    _close(connection.db.obj)
    return answer.exit_code, answer.output.splitlines()


@pytest.mark.postgresql
def test_the_command_prints_what_it_does(citus_url):
    assert command(citus_url) == (0, [*GOLDEN[1:], "The tables are distributed."])
    assert command(citus_url) == (0, ["The tables are distributed."])


def test_the_command_says_in_one_line_why_not(database_url):
    code, told = command(database_url)
    assert code == 1
    assert re.fullmatch("Error: (SQLite is one file|this PostgreSQL server has no extension).*", *told)
