"""Rows of `metrics` as points of series: one scan of a range of steps, however many series are read from it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import peewee

from prevue_core.contract import MAX_INT64, MIN_INT64
from prevue_core.db.buckets import Point
from prevue_core.db.connection import db, execute, marks
from prevue_core.db.models import Metric
from prevue_core.db.stored import to_float

PAGE_ROWS = 20_000
FAR_STEPS = 64  # as many rows, or more, are passed over in the time that a step takes to be looked up

_COLUMNS = (
    Metric.step, Metric.metric_id, Metric.timestamp, Metric.epoch,
    Metric.loss_name, Metric.loss_value, Metric.metric_name, Metric.metric_value,
)  # fmt: skip

_NAMES = ("loss_name", "metric_name")
_SELECT = (
    "SELECT step, metric_id, timestamp, epoch, loss_name, loss_value, metric_name, metric_value FROM metrics "
    "WHERE run_id = ? AND rank = ? AND split = ?"
)

Points = dict[int, list[Point]]  # by the series' number


def read(rows: Iterable[Any], low_step: int = MIN_INT64, high_step: int = MAX_INT64) -> Points:
    """Return the points of some series of one run, given as rows of `series`, from `low_step` to `high_step`.

    By the series' number, in order of step; where a step came twice, the later point.
    """
    found: Points = {}
    for members in _by_split(rows).values():
        found |= _read(members, "step BETWEEN ? AND ?", low_step, high_step)
    return found


def read_even(rows: Iterable[Any], low_step: int, high_step: int) -> Points:
    """Return, as `read` does, the points of those short series whose steps are far and equally apart.

    They may stand between a million others, as what is logged once an epoch does beside what is logged at each step:
    a scan of those would take 150 ms. That a series has equal distances is a guess; a series has `count` steps, so
    once as many are found, none is missing.
    """
    alike = defaultdict(list)
    for (rank, split), members in _by_split(rows).items():
        for row in members:
            if steps := _even_steps(row):
                alike[rank, split, steps].append(row)
    found: Points = {}
    for (_, _, steps), members in alike.items():
        all_of = _read(members, f"step IN ({marks(steps)})", *steps)
        for row in members:
            if len(points := all_of[row.series_no]) == row.count:
                found[row.series_no] = [point for point in points if low_step <= point[0] <= high_step]
    return found


def _even_steps(row: Any) -> range | None:
    if row.stride is not None or row.count < 2:
        return None
    distance, rest = divmod(row.last_step - row.first_step, row.count - 1)
    return None if rest or distance < FAR_STEPS else range(row.first_step, row.last_step + 1, distance)


def _read(members: list[Any], where: str, *values: Any) -> Points:
    """Return the points of series of one rank and split at some steps."""
    losses, metrics = _names(members, "loss"), _names(members, "metric")
    named = [f"{column} IN ({marks(names)})" for column, names in zip(_NAMES, (losses, metrics), strict=True) if names]
    statement = f"{_SELECT} AND {where} AND ({' OR '.join(named)}) ORDER BY step, metric_id"
    place = (str(members[0].run_id), members[0].rank, members[0].split)
    found = _points_of(members, execute(statement, *place, *values, *losses, *metrics))
    return {row.series_no: _latest(found[row.series_no]) if row.rewritten else found[row.series_no] for row in members}


def at(row: Any, steps: Sequence[int]) -> dict[int, float]:
    """Return the values of a series at those of the `steps` at which it has one, by step."""
    query = _rows_of([row]).where(Metric.step.in_(list(steps))).order_by(Metric.step, Metric.metric_id)
    found = _points_of([row], db.execute(query)) if steps else {}
    return {step: value for step, value, _, _ in found.get(row.series_no, [])}  # of a step that came twice, the later


def pages(rows: Iterable[Any]) -> Iterator[dict[int, list[Point]]]:
    """Yield the points of some series of one run in parts of bounded size, those of one split and rank after another.

    Of each series they come in order of step; of a step that came twice all points come, the latest last.
    """
    for members in _by_split(rows).values():
        query = _rows_of(members).order_by(Metric.step, Metric.metric_id).limit(PAGE_ROWS)
        behind = None
        while page := db.execute(query if behind is None else query.where(behind)).fetchall():
            yield _points_of(members, page)
            behind = peewee.Tuple(Metric.step, Metric.metric_id) > peewee.Tuple(*page[-1][:2])


def _by_split(rows: Iterable[Any]) -> dict[tuple[int, str], list[Any]]:
    parts = defaultdict(list)
    for row in rows:
        parts[row.rank, row.split].append(row)
    return parts


def _rows_of(members: list[Any]) -> "peewee.ModelSelect[Any]":
    losses, metrics = _names(members, "loss"), _names(members, "metric")
    return Metric.select(*_COLUMNS).where(
        Metric.run_id == members[0].run_id,
        Metric.rank == members[0].rank,
        Metric.split == members[0].split,
        Metric.loss_name.in_(list(losses)) | Metric.metric_name.in_(list(metrics)),
    )


def _names(members: list[Any], kind: str) -> dict[str, int]:
    return {row.name: row.series_no for row in members if row.kind == kind}


def _points_of(members: list[Any], page: Iterable[tuple[Any, ...]]) -> dict[int, list[Point]]:
    found: dict[int, list[Point]] = {row.series_no: [] for row in members}
    losses = {name: found[number].append for name, number in _names(members, "loss").items()}
    metrics = {name: found[number].append for name, number in _names(members, "metric").items()}
    for step, _, time, epoch, loss, loss_value, metric, metric_value in page:
        if loss in losses:
            losses[loss]((step, to_float(loss_value), time, epoch))
        if metric in metrics:
            metrics[metric]((step, to_float(metric_value), time, epoch))
    return found


def _latest(points: list[Point]) -> list[Point]:
    return list({point[0]: point for point in points}.values())  # a key keeps its place and takes the later value
