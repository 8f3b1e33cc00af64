"""Tables to take away: the points of runs, and a project's runs, in blocks of bounded size.

Points are read in pages along the index of `metrics`, each page a query of its own: an export neither keeps a
transaction open, which would hold up the database's clean-up, nor grows with what it reads. Of equal steps of a series
the later row counts, as everywhere. What is logged meanwhile may be in it or not.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import orjson
import peewee

from prevue_core.contract import MAX_INT64, MIN_INT64
from prevue_core.db import queries
from prevue_core.db.accounts import Identity
from prevue_core.db.connection import db, is_sqlite
from prevue_core.db.models import Metric, Series

PAGE_ROWS = 10_000
BLOCK_ROWS = 1_000
RUNS_PAGE = 500  # a run may bring thousands of series

TEXT, WHOLE, NUMBER, FLAG, TIME = "text", "whole", "number", "flag", "time"

Values = tuple[Any, ...]


@dataclass
class Table:
    """Rows in blocks, and what each column holds: text, a whole number, a float that may not be finite, true or false,
    or a moment as the database has it. Any may be None."""

    columns: dict[str, str]
    blocks: Iterator[list[Values]]


# points

_POINT_COLUMNS = {
    "run_id": TEXT,
    "run_name": TEXT,
    "project_name": TEXT,
    "username": TEXT,
    "rank": WHOLE,
    "split": TEXT,
    "name": TEXT,
    "kind": TEXT,
    "step": WHOLE,
    "epoch": WHOLE,
    "batch": WHOLE,
    "value": NUMBER,
    "timestamp": TIME,
}


def points(runs: Iterable[queries.Row], names: list[str] | None = None, splits: list[str] | None = None) -> Table:
    """Return the points of runs, as `queries.run` has them, of the given names and splits (None: all).

    Those of a run come in order of rank, split and step.
    """
    rows = (
        (run["run_id"], run["run_name"], run["project_name"], run["user"], *point)
        for run in runs
        for point in _points(_rows(run["run_id"], names, splits))
        if names is None or point[2] in names
    )
    return Table(_POINT_COLUMNS, _blocks(rows))


def _rows(run_id: str, names: list[str] | None, splits: list[str] | None) -> Iterator[Values]:
    """Yield rows of `metrics` by rank, split, step and time of arrival, as the index has them but for the last."""
    of_losses = (Metric.loss_name, Metric.loss_value)
    of_metrics = (Metric.metric_name, Metric.metric_value)
    columns = (*_PLACE, Metric.epoch, Metric.batch, *of_losses, *of_metrics, Metric.timestamp)
    query = Metric.select(*columns).where(Metric.run_id == run_id).order_by(Metric.step, Metric.metric_id)
    if names is not None:
        query = query.where(Metric.loss_name.in_(names) | Metric.metric_name.in_(names))
    for rank, split in _places(run_id, names, splits):
        yield from _pages(query.where(Metric.rank == rank, Metric.split == split).limit(PAGE_ROWS))


_PLACE = (Metric.rank, Metric.split, Metric.step, Metric.metric_id)


def _places(run_id: str, names: list[str] | None, splits: list[str] | None) -> list[Values]:
    query = Series.select(Series.rank, Series.split).where(Series.run_id == run_id).distinct()
    if names is not None:
        query = query.where(Series.name.in_(names))
    if splits is not None:
        query = query.where(Series.split.in_(splits))
    return sorted(db.execute(query).fetchall())


def _pages(query: Any) -> Iterator[Values]:
    behind = None
    while page := _read(query if behind is None else query.where(behind)):
        yield from page
        behind = peewee.Tuple(Metric.step, Metric.metric_id) > peewee.Tuple(*page[-1][2:4])


def _read(query: Any) -> list[Values]:
    with nullcontext() if is_sqlite() else db.atomic():  # SQLite's would take the lock to write
        if not is_sqlite():
            # A planner that does not know the table yet would read and sort all that is left, for each page.
            db.execute_sql("SET LOCAL enable_sort = off")
        page: list[Values] = db.execute(query).fetchall()
    db.close()  # while rows are on their way, which may take long, others can have the connection
    return page


def _points(rows: Iterable[Values]) -> Iterator[Values]:
    """Yield the points of rows; those of one rank, split and step stand together, the later behind."""
    place, found = None, dict[str, Values]()
    for row in rows:
        rank, split, step, _, epoch, batch, loss, loss_value, metric, metric_value, time = row
        if row[:3] != place:
            yield from found.values()
            place, found = row[:3], {}
        if loss is not None:
            value = math.nan if loss_value is None else loss_value
            found[loss] = (rank, split, loss, "loss", step, epoch, batch, value, time)
        if metric is not None:
            value = math.nan if metric_value is None else metric_value
            found[metric] = (rank, split, metric, "metric", step, epoch, batch, value, time)
    yield from found.values()


def _blocks(rows: Iterator[Values]) -> Iterator[list[Values]]:
    while block := list(islice(rows, BLOCK_ROWS)):
        yield block
    db.close()


# runs

_RUN_COLUMNS = {
    "run_id": TEXT,
    "run_name": TEXT,
    "project_name": TEXT,
    "username": TEXT,
    "state": TEXT,
    "run_group": TEXT,
    "tags": TEXT,
    "notes": TEXT,
    "started_at": TIME,
    "heard_at": TIME,
    "finished_at": TIME,
}
_SUMS = ("last", "min", "max")


@dataclass
class Chosen:
    """Runs of a project, the latest first: those of `run_ids`, or all that are not archived and meet a `filter`."""

    identity: Identity
    project_id: int
    run_ids: list[str] | None = None
    filter: str | None = None

    def __iter__(self) -> Iterator[queries.Row]:
        """Yield them as they are now. Raises InvalidExpression where the filter cannot be read."""
        return chain.from_iterable(self.pages())

    def pages(self) -> Iterator[list[queries.Row]]:
        """Yield them in lists of bounded length."""
        if self.run_ids is not None:
            found = (queries.run(self.identity, run_id) for run_id in self.run_ids)
            mine = (run for run in found if run is not None and run["project_id"] == self.project_id)
            while page := list(islice(mine, RUNS_PAGE)):
                yield page
            return
        cursor: str | None = None
        is_last = False
        while not is_last:
            part = queries.runs(self.identity, RUNS_PAGE, cursor, project_id=self.project_id, filter=self.filter)
            yield part.items
            cursor, is_last = part.next, part.next is None


def runs(chosen: Chosen) -> Table:
    """Return runs with a column for each key of their configurations (`config.lr`), and for the last, lowest and
    highest value of each series of rank 0 (`metrics.val.accuracy.max`). They are read twice: columns come first."""
    kinds: dict[str, str] = {}
    series: set[Values] = set()
    for page in chosen.pages():
        for key, value in chain.from_iterable(map(_config, page)):
            kinds[key] = _common(kinds.get(key), _kind(value))
        series.update(_series_names(page))
    sums = {f"metrics.{split}.{name}.{which}": NUMBER for split, name in sorted(series) for which in _SUMS}
    columns = _RUN_COLUMNS | dict(sorted(kinds.items())) | sums
    rows = (tuple(map(row.get, columns)) for page in chosen.pages() for row in _run_rows(page, kinds))
    return Table(columns, _blocks(rows))


def _run_rows(page: list[queries.Row], kinds: dict[str, str]) -> Iterator[queries.Row]:
    sums = _sums(page)
    for run in page:
        config = {key: _as_text(value) if kinds.get(key) == TEXT else value for key, value in _config(run)}
        tags = orjson.dumps(run["tags"]).decode()
        yield {**run, "username": run["user"], "tags": tags, **config, **sums[run["run_id"]]}


def _config(run: queries.Row) -> Iterator[tuple[str, Any]]:
    return _flat("config", run["config"])


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested objects, each under all keys that lead to it."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    elif value is not None and value != {}:
        yield name, value


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return FLAG
    if isinstance(value, int) and MIN_INT64 <= value <= MAX_INT64:
        return WHOLE
    return NUMBER if isinstance(value, int | float) else TEXT


def _common(one: str | None, other: str) -> str:
    if one is None or one == other:
        return other
    return NUMBER if {one, other} == {WHOLE, NUMBER} else TEXT


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _series_names(page: list[queries.Row]) -> list[Values]:
    run_ids = [run["run_id"] for run in page]
    query = Series.select(Series.split, Series.name).where(Series.run_id.in_(run_ids), Series.rank == 0)
    names: list[Values] = db.execute(query.distinct()).fetchall()
    return names


def _sums(page: list[queries.Row]) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {run["run_id"]: {} for run in page}
    for row in Series.select().where(Series.run_id.in_(list(found)), Series.rank == 0):
        values = (math.nan if row.last_value is None else row.last_value, row.low_value, row.high_value)
        names = (f"metrics.{row.split}.{row.name}.{which}" for which in _SUMS)
        found[str(row.run_id)].update(zip(names, values, strict=True))
    return found
