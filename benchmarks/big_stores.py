"""Long series and many runs, made by SQL inside the database, as `log()` would take hours.

What ingest keeps beside the points is made too: sums with SQL, rollups by `prevue db rebuild-rollups`' own code.
"""

import datetime
import json
import uuid
from typing import Any

import peewee
from stores import send

from prevue_core.db import connection, rollups
from prevue_core.db.connection import db
from prevue_core.db.models import Series, TrainingRun

# `value_at` of `peers/driving.py`; of several series each lies one higher.
_VALUE = (
    "CASE step WHEN {spike} THEN 99.0 ELSE 1000.0 / (1000.0 + CAST(step AS double precision)) "
    "+ CAST(step * 48271 % 65537 AS double precision) / 655370.0 END"
)
_TIME = {
    True: "strftime('%Y-%m-%d %H:%M:%f000', 1767225600 + step, 'unixepoch')",
    False: "timestamp '2026-01-01' + step * interval '1 second'",
}
_STEPS = {
    True: "WITH RECURSIVE s(step) AS (SELECT 0 UNION ALL SELECT step + 1 FROM s WHERE step < {last})",
    False: "WITH s AS (SELECT generate_series(0::bigint, {last}) AS step)",
}
_NAMES = {
    True: ", n(no) AS (SELECT 0 UNION ALL SELECT no + 1 FROM n WHERE no < {last_no})",
    False: ", n AS (SELECT generate_series(0, {last_no}) AS no)",
}
_SUMS = """
SELECT count(*), min(step), max(step), min({value}), max({value}),
  (SELECT {value} FROM metrics WHERE {where} ORDER BY step LIMIT 1),
  (SELECT {value} FROM metrics WHERE {where} ORDER BY step DESC LIMIT 1)
FROM metrics WHERE {where}
"""
_STEP_OF = "SELECT min(step) FROM metrics WHERE {where} AND {value} = {sought!r}"


def new_run(project: str, run_name: str) -> str:
    """Return the id of a run that has begun and ended."""
    send(iter([{"type": "start", "project": project, "uid": "bench", "run_name": run_name}, {"type": "end"}]))
    return run_named(run_name) or ""


def run_named(run_name: str) -> str | None:
    """Return the id of a run, or None where there is none of that name."""
    run = TrainingRun.get_or_none(TrainingRun.run_name == run_name)
    return None if run is None else str(run.run_id)


def add_series(run_id: str, points: int, names: int = 1) -> None:
    """Fill an empty run with `names` losses and, of more than one, as many metrics; each row has one of both."""
    metric = ("'metric/' || no", f"{_value(points)} - no") if names > 1 else ("NULL", "NULL")
    rows = f"""
      INSERT INTO metrics (run_id, rank, split, step, loss_name, loss_value, metric_name, metric_value, timestamp)
      {_steps(points - 1)}{_NAMES[connection.is_sqlite()].format(last_no=names - 1)}
      SELECT {_uuid(run_id)}, 0, 'train', step, 'loss/' || no, {_value(points)} + no, {", ".join(metric)}, {_time()}
      FROM s CROSS JOIN n
    """
    with connection.writing():
        _take_time()
        db.execute_sql(rows.replace("%", "%%") if not connection.is_sqlite() else rows)
        for number in range(names):
            _sum_up(run_id, number, "loss", f"loss/{number}")
        for number in range(names if names > 1 else 0):
            _sum_up(run_id, names + number, "metric", f"metric/{number}")
        for _ in rollups.rebuild(run_id):
            pass


def copy_run(run_id: str, to_run_id: str) -> None:
    """Give an empty run all points of another."""
    with connection.writing():
        _take_time()
        for table in ("metrics", "series", "rollups"):
            columns = [one.name for one in db.get_columns(table) if one.name not in ("run_id", "metric_id")]
            names = ", ".join(columns)
            order = " ORDER BY metric_id" if table == "metrics" else ""
            db.execute_sql(
                f"INSERT INTO {table} (run_id, {names}) SELECT {_uuid(to_run_id)}, {names} FROM {table} "
                f"WHERE run_id = {_uuid(run_id)}{order}"
            )


def add_runs(project: str, count: int) -> None:
    """Add finished runs with a configuration, and the sums of four series each; they have no points."""
    first = TrainingRun.get_by_id(new_run(project, f"{project} 0"))
    runs = [
        {
            **first.__data__,
            "run_id": uuid.uuid4(),
            "run_name": f"{project} {number}",
            "config": json.dumps({"lr": 10.0 ** -(number % 5), "layers": number % 7}),
            "tags": json.dumps(["odd"] if number % 2 else []),
            "started_at": first.started_at + datetime.timedelta(seconds=number),
        }
        for number in range(1, count)
    ]
    sums = [
        {**sums_of(number * 48271 % 65537 / 65537), "run_id": run["run_id"], "series_no": no, "split": split, **name}
        for number, run in enumerate(runs)
        for no, (split, name) in enumerate(
            (split, {"name": name, "kind": kind})
            for split in ("train", "val")
            for name, kind in (("loss", "loss"), ("accuracy", "metric"))
        )
    ]
    with connection.writing():
        for table, rows in ((TrainingRun, runs), (Series, sums)):
            for batch in peewee.chunked(rows, 500):
                table.insert_many(batch).execute()
    settle()


def sums_of(value: float) -> dict[str, Any]:
    """Return the columns of a row of `series` that rose to `value` in 100 steps."""
    values = {"first": 0.0, "low": 0.0, "last": value, "high": value}
    return {
        **{"rank": 0, "count": 100, "row_count": 100},
        **{f"{name}_value": one for name, one in values.items()},
        **{f"{name}_step": 0 if one == 0.0 else 99 for name, one in values.items()},
    }


def settle() -> None:
    """Tell PostgreSQL what the tables hold by now, as its autovacuum would soon."""
    if connection.is_sqlite():
        db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        db.execute_sql("SET statement_timeout = 0")
        db.execute_sql("ANALYZE")
        db.execute_sql("CHECKPOINT")


def stored_bytes() -> int:
    """Return the bytes of the tables that grow with points, their indexes included; on SQLite of the whole file."""
    if connection.is_sqlite():
        pages, free = (db.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
        return int((pages - free) * db.execute_sql("PRAGMA page_size").fetchone()[0])
    tables = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname IN ('metrics', 'series', 'rollups')"
    return int(db.execute_sql(tables).fetchone()[0])


def _sum_up(run_id: str, number: int, kind: str, name: str) -> None:
    parts = {"value": f"{kind}_value", "where": f"run_id = {_uuid(run_id)} AND {kind}_name = '{name}'"}
    count, first, last, low, high, first_value, last_value = db.execute_sql(_SUMS.format(**parts)).fetchone()
    low_step, high_step = (db.execute_sql(_STEP_OF.format(**parts, sought=one)).fetchone()[0] for one in (low, high))
    sums: dict[str, Any] = {
        **{"count": count, "row_count": count, "first_step": first, "last_step": last},
        **{"first_value": first_value, "last_value": last_value},
        **{"low_step": low_step, "low_value": low, "high_step": high_step, "high_value": high},
    }
    stride = 1 if count >= rollups.FROM_POINTS else None
    Series.create(run_id=run_id, series_no=number, rank=0, split="train", name=name, kind=kind, stride=stride, **sums)


def _take_time() -> None:
    if not connection.is_sqlite():
        db.execute_sql("SET LOCAL statement_timeout = 0")


def _value(points: int) -> str:
    return _VALUE.format(spike=points // 3)


def _steps(last: int) -> str:
    return _STEPS[connection.is_sqlite()].format(last=last)


def _time() -> str:
    return _TIME[connection.is_sqlite()]


def _uuid(run_id: str) -> str:
    return f"'{uuid.UUID(run_id)}'" + ("" if connection.is_sqlite() else "::uuid")
