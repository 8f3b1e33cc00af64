"""How much the tables take, and what of it is a run's or a project's.

Tables are measured: by PostgreSQL itself, and on SQLite by its table `dbstat` where it was compiled with that, else as
rows times the mean size of some. Runs share tables, so their size is an estimate: their share of the points, and what
their results hold.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import peewee

from prevue_core.db.accounts import Identity
from prevue_core.db.connection import db, is_sqlite
from prevue_core.db.models import TABLES, Metric, Project, Result, Rollup, Series, TrainingRun
from prevue_core.db.queries.runs import is_visible
from prevue_core.db.shelves import is_kept

OF_POINTS = (Metric, Series, Rollup)  # the tables that grow with every point
LARGEST = 10
SAMPLE_ROWS = 1_000


@dataclass
class TableSize:
    """A table with its indexes."""

    table: str
    rows: int
    bytes: int


@dataclass
class Share:
    """What runs have of points and results."""

    runs: int
    points: int  # as logged, those of steps that came again included
    results: int
    bytes: int  # estimated: of points; and what results hold


@dataclass
class Holder:
    """A run or a project among the largest; `run_id` and `run_name` are a run's."""

    project_name: str
    points: int
    results: int
    bytes: int  # as of a share
    is_deleted: bool
    run_id: str | None = None
    run_name: str | None = None


@dataclass
class Stats:
    """The whole database."""

    database: str  # sqlite or postgresql
    measured: str  # how: dbstat, rows or postgresql
    bytes: int
    free_bytes: int  # on SQLite: in the file, for what comes
    points: int
    bytes_a_point: float | None  # None: there are no points
    tables: list[TableSize]
    largest_runs: list[Holder]
    largest_projects: list[Holder]
    trash: Share


def stats() -> Stats:
    """Return how much everything takes. It reads much: all of an SQLite file, and every row's key on PostgreSQL."""
    with nullcontext() if is_sqlite() else db.atomic():  # SQLite's would take the lock to write
        if not is_sqlite():
            db.execute_sql("SET LOCAL statement_timeout = 0")
        return _stats()


def _stats() -> Stats:
    measured, tables = _tables()
    points = _points()
    of_points = sum(table.bytes for table in tables if table.table in _NAMES)
    each = of_points / points if points else None
    free = _pragma("freelist_count") * _pragma("page_size") if is_sqlite() else 0
    return Stats(
        database="sqlite" if is_sqlite() else "postgresql",
        measured=measured,
        bytes=sum(table.bytes for table in tables) + free,
        free_bytes=free,
        points=points,
        bytes_a_point=each,
        tables=sorted(tables, key=lambda table: -table.bytes),
        largest_runs=_largest_runs(each or 0),
        largest_projects=_largest_projects(each or 0),
        trash=_share(~is_kept(), each or 0),
    )


def size_of_run(identity: Identity, run_id: str) -> Share:
    """Return what a run has; nothing where it is not there for `identity`."""
    return _share(is_visible(identity) & (TrainingRun.run_id == run_id), _bytes_a_point())


def size_of_project(identity: Identity, project_id: int) -> Share:
    """Return what the runs of a project have that are not in the trash."""
    return _share(is_visible(identity) & (TrainingRun.project == project_id), _bytes_a_point())


_NAMES = {table._meta.table_name for table in OF_POINTS}
_POINTS = peewee.fn.COALESCE(peewee.fn.SUM(Series.row_count), 0)
_BYTES = peewee.fn.COALESCE(peewee.fn.SUM(Result.payload_bytes), 0)


def _share(condition: Any, each: float) -> Share:
    runs = TrainingRun.select(TrainingRun.run_id).join(Project).where(condition)
    points = int(Series.select(_POINTS).where(Series.run_id.in_(runs)).scalar())
    results = Result.select(peewee.fn.COUNT(Result.result_id), _BYTES).where(Result.run_id.in_(runs))
    count, held = results.scalar(as_tuple=True)
    return Share(runs.count(), points, count, round(points * each) + int(held))


def _points() -> int:
    return int(Series.select(_POINTS).scalar())


def _bytes_a_point() -> float:
    """Return what a point takes, at the cost of a look: on SQLite all in the file but results is counted as points."""
    if is_sqlite():
        size = (_pragma("page_count") - _pragma("freelist_count")) * _pragma("page_size")
        size = max(0, size - Result.select(_BYTES).scalar())
    else:
        size = sum(_relation_bytes(name) for name in _NAMES)
    return size / max(1, _points())


def _largest_runs(each: float) -> list[Holder]:
    key = (TrainingRun.run_id, TrainingRun.run_name, TrainingRun.deleted_at, Project.project_name, Project.deleted_at)
    shown = (TrainingRun.run_id, TrainingRun.run_name, Project.project_name, ~is_kept())
    return [
        Holder(project, points, results, size, bool(is_deleted), str(run_id), run)
        for run_id, run, project, is_deleted, points, results, size in _largest(shown, key, each)
    ]


def _largest_projects(each: float) -> list[Holder]:
    key = (Project.project_id, Project.project_name, Project.deleted_at)
    shown = (Project.project_name, Project.deleted_at.is_null(False))
    return [
        Holder(project, points, results, size, bool(is_deleted))
        for project, is_deleted, points, results, size in _largest(shown, key, each)
    ]


def _largest(shown: tuple[Any, ...], key: tuple[Any, ...], each: float) -> Iterator[tuple[Any, ...]]:
    """Yield what is shown of groups of runs, with points, results and bytes, the largest first."""
    of_points = Series.select(Series.run_id, _POINTS.alias("points")).group_by(Series.run_id).alias("of_points")
    of_results = (
        Result.select(Result.run_id, peewee.fn.COUNT(Result.result_id).alias("results"), _BYTES.alias("held"))
        .group_by(Result.run_id)
        .alias("of_results")
    )
    points, results, held = (
        peewee.fn.COALESCE(peewee.fn.SUM(column), 0)
        for column in (of_points.c.points, of_results.c.results, of_results.c.held)
    )
    query = (
        TrainingRun.select(*shown, points, results, held)
        .join(Project)
        .switch(TrainingRun)
        .join(of_points, peewee.JOIN.LEFT_OUTER, on=TrainingRun.run_id == of_points.c.run_id)
        .switch(TrainingRun)
        .join(of_results, peewee.JOIN.LEFT_OUTER, on=TrainingRun.run_id == of_results.c.run_id)
        .group_by(*key)
        .having((points > 0) | (results > 0))
        .order_by((points * each + held).desc())
        .limit(LARGEST)
    )
    rows: Any = query.tuples()
    for *names, point_count, result_count, result_bytes in rows:  # PostgreSQL sums up to decimals
        yield *names, int(point_count), int(result_count), round(int(point_count) * each) + int(result_bytes)


# tables


def _tables() -> tuple[str, list[TableSize]]:
    rows = {table._meta.table_name: table.select().count() for table in TABLES}
    if not is_sqlite():
        return "postgresql", [TableSize(name, count, _relation_bytes(name)) for name, count in rows.items()]
    try:
        sizes = _sizes_by_dbstat()
    except peewee.OperationalError:  # no such table: dbstat
        return "rows", _by_rows(rows)
    return "dbstat", [TableSize(name, count, sizes.get(name, 0)) for name, count in rows.items()]


def _sizes_by_dbstat() -> dict[str, int]:
    return dict(
        db.execute_sql(
            "SELECT tbl_name, SUM(pgsize) FROM dbstat JOIN sqlite_master USING (name) "
            "WHERE aggregate = TRUE GROUP BY tbl_name"
        ).fetchall()
    )


def _by_rows(rows: dict[str, int]) -> list[TableSize]:
    """Return the tables with shares of the file as large as their rows' values are."""
    used = (_pragma("page_count") - _pragma("freelist_count")) * _pragma("page_size")
    weights = {name: count * _mean_bytes(name) for name, count in rows.items()}
    whole = sum(weights.values()) or 1.0
    return [TableSize(name, count, round(used * weights[name] / whole)) for name, count in rows.items()]


def _mean_bytes(table: str) -> float:
    columns = [column.name for column in db.get_columns(table)]
    length = " + ".join(f"COALESCE(LENGTH({name}), 1)" for name in columns)
    sample = f"SELECT AVG({length}) FROM (SELECT * FROM {table} LIMIT {SAMPLE_ROWS})"  # noqa: S608 - names are ours
    return float(db.execute_sql(sample).fetchone()[0] or 0)


def _relation_bytes(table: str) -> int:
    return int(db.execute_sql("SELECT pg_total_relation_size(%s)", (table,)).fetchone()[0])


def _pragma(name: str) -> int:
    return int(db.execute_sql(f"PRAGMA {name}").fetchone()[0])
