"""How much the tables take, and whose it is."""

from secrets import token_hex

import peewee
import pytest

from core.stream import metrics, model, started
from prevue_core.contract import SCOPES
from prevue_core.db import queries, retention, sizes
from prevue_core.db.accounts import OPEN, Identity
from prevue_core.db.models import Project

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def large():
    stream = started(project="net", run_name="large")
    stream.send(model(), *(metrics(step, {"loss": step, "accuracy": 0.5}) for step in range(4_500)))
    return stream


@pytest.fixture
def small():
    stream = started(project="other", run_name="small")
    stream.send(*(metrics(step, {"loss": step}) for step in range(1_000)))
    return stream


def test_an_empty_database_has_tables_and_no_points():
    stats = sizes.stats()
    assert (stats.points, stats.bytes_a_point, stats.largest_runs, stats.largest_projects) == (0, None, [], [])
    assert {table.table for table in stats.tables} >= {"metrics", "series", "rollups", "runs"}


def test_points_and_rows_are_counted_and_what_they_take(large, small):
    stats = sizes.stats()
    rows = {table.table: table.rows for table in stats.tables}
    assert (stats.points, rows["metrics"], rows["series"], rows["runs"]) == (10_000, 5_500, 3, 2)
    assert rows["rollups"] > 0
    of_points = [table.bytes for table in stats.tables if table.table in ("metrics", "series", "rollups")]
    assert stats.bytes_a_point == pytest.approx(sum(of_points) / 10_000)
    assert stats.bytes_a_point > 20
    assert sum(table.bytes for table in stats.tables) <= stats.bytes
    assert stats.tables[0].table == "metrics"


def test_on_sqlite_the_tables_make_up_the_file(large, database):
    if not isinstance(database, peewee.SqliteDatabase):
        pytest.skip("PostgreSQL has a file for each table")
    file_bytes = sizes._pragma("page_count") * sizes._pragma("page_size")
    assert sizes.stats().bytes == pytest.approx(file_bytes, rel=0.05)


def test_the_largest_come_first(large, small):
    stats = sizes.stats()
    assert [(one.run_name, one.points) for one in stats.largest_runs] == [("large", 9_000), ("small", 1_000)]
    assert [(one.project_name, one.points) for one in stats.largest_projects] == [("net", 9_000), ("other", 1_000)]
    assert stats.largest_runs[0].run_id == large.run_id
    assert stats.largest_runs[0].bytes == pytest.approx(9_000 * stats.bytes_a_point, rel=0.01)


def test_what_lies_in_the_trash_is_told_apart(large, small):
    assert sizes.stats().trash.runs == 0
    retention.delete_run(OPEN, small.run_id)
    stats = sizes.stats()
    assert (stats.trash.runs, stats.trash.points) == (1, 1_000)
    assert [one.is_deleted for one in stats.largest_runs] == [False, True]
    retention.delete_project(OPEN, Project.get(project_name="net").project_id)
    assert sizes.stats().trash.points == 10_000
    list(retention.purge(0))
    assert (sizes.stats().points, sizes.stats().trash.runs) == (0, 0)


def test_a_run_and_a_project_have_their_share_of_the_points(large, small):
    run, project = (
        sizes.size_of_run(OPEN, large.run_id),
        sizes.size_of_project(OPEN, queries.run(OPEN, small.run_id)["project_id"]),
    )
    assert (run.runs, run.points, project.runs, project.points) == (1, 9_000, 1, 1_000)
    assert run.bytes == pytest.approx(9 * project.bytes, rel=0.01)
    stranger = Identity(10**6, "mallory", frozenset(SCOPES))
    assert sizes.size_of_run(stranger, large.run_id) == sizes.Share(0, 0, 0, 0)


def test_what_results_hold_is_counted_where_they_are(large, small):
    before = sizes.stats()
    small.send(
        *({"type": "result", "kind": "text", "name": "n", "payload": {"text": token_hex(45_000)}} for _ in range(60))
    )
    stats = sizes.stats()
    assert stats.bytes - before.bytes >= 5_000_000
    assert stats.bytes_a_point == pytest.approx(before.bytes_a_point, rel=0.01)
    sizes_of = {one.run_name: one for one in stats.largest_runs}
    assert (sizes_of["small"].points, sizes_of["small"].results, sizes_of["large"].results) == (1_000, 60, 0)
    # A point takes more in the tables of PostgreSQL that other tests have grown.
    assert sizes_of["small"].bytes == pytest.approx(60 * 90_011 + 1_000 * stats.bytes_a_point, abs=1)
    assert list(sizes_of.values()) == sorted(sizes_of.values(), key=lambda one: -one.bytes)
    run = sizes.size_of_run(OPEN, small.run_id)
    assert (run.points, run.results) == (1_000, 60)
    assert run.bytes > 60 * 90_000
    retention.delete_run(OPEN, small.run_id)
    assert sizes.stats().trash.results == 60


def test_a_run_with_nothing_but_results_is_among_the_largest():
    stream = started(run_name="pictures")
    stream.send({"type": "result", "kind": "text", "name": "n", "payload": {"text": "x"}})
    assert [(one.run_name, one.points, one.bytes) for one in sizes.stats().largest_runs] == [("pictures", 0, 12)]


def test_where_sqlite_cannot_measure_it_estimates(large, small, database, monkeypatch):
    if not isinstance(database, peewee.SqliteDatabase):
        pytest.skip("PostgreSQL measures")
    exact = sizes.stats()

    def not_compiled():
        raise peewee.OperationalError("no such table: dbstat")

    monkeypatch.setattr(sizes, "_sizes_by_dbstat", not_compiled)
    rough = sizes.stats()
    assert (exact.measured, rough.measured) == ("dbstat", "rows")
    assert rough.bytes == pytest.approx(exact.bytes, rel=0.1)
    assert rough.bytes_a_point == pytest.approx(exact.bytes_a_point, rel=0.5)
