"""All reading: lists in pages, single objects, and series cut down to a budget.

Of a series this holds, whatever the budget: every stored extreme is in the answer, so is the last point, and bucket
edges depend on steps only, so that a live chart does not flicker and the buckets of parallel runs align.
"""

import base64
import datetime
import math
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import peewee

from prevue_core.contract import LOST, LOST_AFTER_S, MIN_INT64, RUNNING, check_int64
from prevue_core.db.models import Metric, ModelDescription, Project, Series, TrainingRun, User, utc_now
from prevue_core.errors import InvalidValue

MAX_PAGE = 1_000
MAX_BUDGET = 5_000

Row = dict[str, Any]


# lists and single objects


@dataclass
class Page:
    """A part of a list, and the cursor of the next part (None: this was the last)."""

    items: list[Row]
    next: str | None


def projects(limit: int, cursor: str | None = None, *, user: str | None = None, name: str | None = None) -> Page:
    """Return projects with their owner's name, the newest first."""
    query = Project.select(Project, User).join(User)
    if user is not None:
        query = query.where(User.username == user)
    if name is not None:
        query = query.where(Project.project_name == name)
    return _page(query, (Project.project_id,), limit, cursor, _project)


def project(project_id: int) -> Row | None:
    """Return one project, or None."""
    return _first(Project.select(Project, User).join(User).where(Project.project_id == project_id), _project)


def runs(
    limit: int,
    cursor: str | None = None,
    *,
    project_id: int | None = None,
    project_name: str | None = None,
    user: str | None = None,
) -> Page:
    """Return runs, those that started last first."""
    query = _runs()
    if project_id is not None:
        query = query.where(TrainingRun.project == project_id)
    if project_name is not None:
        query = query.where(Project.project_name == project_name)
    if user is not None:
        query = query.where(User.username == user)
    return _page(query, (TrainingRun.started_at, TrainingRun.run_id), limit, cursor, _run)


def run(run_id: str) -> Row | None:
    """Return one run with its highest step, or None."""
    row = _first(_runs().where(TrainingRun.run_id == run_id), _run)
    if row is not None:
        row["last_step"] = Series.select(peewee.fn.MAX(Series.last_step)).where(Series.run_id == run_id).scalar()
    return row


def models(limit: int, cursor: str | None = None, *, connector_name: str | None = None) -> Page:
    """Return models without their architecture, the newest first."""
    query = ModelDescription.select()
    if connector_name is not None:
        query = query.where(ModelDescription.connector_name == connector_name)
    return _page(query, (ModelDescription.model_id,), limit, cursor, _model)


def model(model_id: int) -> Row | None:
    """Return one model with its architecture, or None."""
    return _first(
        ModelDescription.select().where(ModelDescription.model_id == model_id),
        lambda row: {**_model(row), "architecture": orjson.loads(row.architecture)},
    )


def series_of(run_id: str) -> list[Row]:
    """Return the sums of each series of a run, in the order in which they began."""
    query = Series.select().where(Series.run_id == run_id).order_by(Series.series_no)
    return [_series(row) for row in query]


def _runs() -> "peewee.ModelSelect[Any]":
    return TrainingRun.select(TrainingRun, Project, User).join(Project).switch(TrainingRun).join(User)


def _first(query: "peewee.ModelSelect[Any]", to_row: Callable[[Any], Row]) -> Row | None:
    found = query.first()
    return None if found is None else to_row(found)


def _page(
    query: "peewee.ModelSelect[Any]",
    key: tuple[peewee.Field, ...],
    limit: int,
    cursor: str | None,
    to_row: Callable[[Any], Row],
) -> Page:
    """Cut a page out of `query`, in falling order of `key`. The cursor is the key of the page's last row, so pages
    stay right while rows are added, and the last page costs as much as the first."""
    if cursor is not None:
        query = query.where(peewee.Tuple(*key) < peewee.Tuple(*_read_cursor(cursor, key)))
    found = list(query.order_by(*(column.desc() for column in key)).limit(limit + 1))
    rows = [to_row(row) for row in found[:limit]]
    return Page(rows, _write_cursor(found[limit - 1], key) if len(found) > limit else None)


def _write_cursor(row: Any, key: tuple[peewee.Field, ...]) -> str:
    values = [getattr(row, column.name) for column in key]
    text = orjson.dumps([value.isoformat() if isinstance(value, datetime.datetime) else value for value in values])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _read_cursor(cursor: str, key: tuple[peewee.Field, ...]) -> list[Any]:
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [
            peewee.Value(_key_value(column, value), converter=column.db_value)
            for column, value in zip(key, values, strict=True)
        ]
    except (ValueError, TypeError, RecursionError):
        raise InvalidValue(f"cursor {cursor!r} is not one that this server gave; leave it out to begin again") from None


def _key_value(column: peewee.Field, value: Any) -> Any:
    if isinstance(column, peewee.DateTimeField):
        return datetime.datetime.fromisoformat(value)
    return uuid.UUID(str(value)) if isinstance(column, peewee.UUIDField) else check_int64("key", value)


def _project(row: Any) -> Row:
    return {
        "project_id": row.project_id,
        "project_name": row.project_name,
        "user": row.user.username,
        "model_id": row.model_id,
        "visibility": row.visibility,
        "created_at": to_unix(row.created_at),
    }


def _run(row: Any) -> Row:
    return {
        "run_id": str(row.run_id),
        "run_name": row.run_name,
        "project_id": row.project_id,
        "project_name": row.project.project_name,
        "user": row.user.username,
        "model_id": row.model_id,
        "state": _state(row),
        "config": orjson.loads(row.config),
        "environment": orjson.loads(row.environment),
        "tags": orjson.loads(row.tags),
        "notes": row.notes,
        "run_group": row.run_group,
        "started_at": to_unix(row.started_at),
        "heard_at": to_unix(row.heard_at),
        "finished_at": None if row.finished_at is None else to_unix(row.finished_at),
    }


def _state(row: Any) -> str:
    silence = utc_now() - row.heard_at
    return LOST if row.state == RUNNING and silence.total_seconds() > LOST_AFTER_S else str(row.state)


def _model(row: Any) -> Row:
    return {
        "model_id": row.model_id,
        "model_name": row.model_name,
        "connector_name": row.connector_name,
        "fingerprint": row.fingerprint,
        "created_at": to_unix(row.created_at),
    }


def _series(row: Any) -> Row:
    names = ("first", "last", "low", "high")
    return {
        **{name: getattr(row, name) for name in ("series_no", "rank", "split", "name", "kind", "count")},
        **{name: getattr(row, name) for name in ("nan_count", "inf_count", "ninf_count", "rewritten")},
        **{f"{name}_step": getattr(row, f"{name}_step") for name in names},
        # The first and the last value may be NaN, which SQLite keeps as NULL; low and high are finite or absent.
        "first": to_float(row.first_value),
        "last": to_float(row.last_value),
        "low": row.low_value,
        "high": row.high_value,
    }


def to_unix(time: datetime.datetime) -> float:
    """Return UNIX seconds of a time as the tables hold it."""
    return time.replace(tzinfo=datetime.UTC).timestamp()


def to_float(value: float | None) -> float:
    """Return a value as it was logged: SQLite has NULL for NaN, PostgreSQL has NaN."""
    return math.nan if value is None else value


# series


@dataclass
class Columns:
    """Points of a series, or buckets of points, in order of step. A point is a bucket of one."""

    step: list[int] = field(default_factory=list)  # of the bucket's last point
    time: list[float] = field(default_factory=list)  # UNIX seconds, of the bucket's last point
    epoch: list[int | None] = field(default_factory=list)  # of the bucket's last point
    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    mean: list[float | None] = field(default_factory=list)  # of finite values, as low and high; None: there is none
    low: list[float | None] = field(default_factory=list)
    high: list[float | None] = field(default_factory=list)
    count: list[int] = field(default_factory=list)  # of all values
    nan_count: list[int] = field(default_factory=list)
    inf_count: list[int] = field(default_factory=list)
    ninf_count: list[int] = field(default_factory=list)


@dataclass
class SeriesPart:
    """What was asked of one series."""

    run_id: str
    rank: int
    split: str
    name: str
    kind: str
    exact: bool  # the points themselves, not buckets
    count: int  # points in the range
    cursor: int  # the highest metric_id in the range, 0 if there is none
    columns: Columns


@dataclass(frozen=True)
class Point:
    """A value of a series with its axes."""

    step: int
    epoch: int | None
    time: datetime.datetime
    value: float
    metric_id: int


def series(
    run_ids: list[str],
    names: list[str] | None = None,
    splits: list[str] | None = None,
    *,
    low_step: int | None = None,
    high_step: int | None = None,
    budget: int = 1_000,
) -> list[SeriesPart]:
    """Return the asked series (None: all) of `run_ids`, in the order of the runs and of the series in them.

    Of each, the points from `low_step` to `high_step`, both included: the points themselves if they are at most
    `budget`, otherwise buckets of equally many steps, at most `budget` of them and at least a quarter where points
    are evenly spread.
    """
    query = Series.select().where(Series.run_id.in_(run_ids))
    if names is not None:
        query = query.where(Series.name.in_(names))
    if splits is not None:
        query = query.where(Series.split.in_(splits))
    found = sorted(query, key=lambda row: (run_ids.index(str(row.run_id)), row.series_no))
    return [_part(row, low_step, high_step, budget) for row in found]


def rows_of(row: Any, *columns: Any) -> "peewee.ModelSelect[Any]":
    """Return a query of the rows of `metrics` that belong to a series."""
    name = Metric.loss_name if row.kind == "loss" else Metric.metric_name
    return Metric.select(*columns).where(
        Metric.run_id == row.run_id, Metric.rank == row.rank, Metric.split == row.split, name == row.name
    )


def values_of(row: Any) -> Iterator[tuple[int, float]]:
    """Yield step and value of a series in order of step, the later value where a step came twice."""
    for point in _points(row, None, None):
        yield point.step, point.value


def _part(row: Any, low_step: int | None, high_step: int | None, budget: int) -> SeriesPart:
    points = list(_points(row, low_step, high_step))
    exact = len(points) <= budget
    width = 1 if exact else _width(points[0].step, points[-1].step, budget)
    columns = Columns()
    for bucket in _buckets(points, width):
        _add_bucket(columns, bucket)
    return SeriesPart(
        run_id=str(row.run_id),
        rank=row.rank,
        split=row.split,
        name=row.name,
        kind=row.kind,
        exact=exact,
        count=len(points),
        cursor=max((point.metric_id for point in points), default=0),
        columns=columns,
    )


def _points(row: Any, low_step: int | None, high_step: int | None) -> Iterator[Point]:
    value = Metric.loss_value if row.kind == "loss" else Metric.metric_value
    query = rows_of(row, Metric.step, Metric.epoch, Metric.timestamp, value, Metric.metric_id)
    if low_step is not None:
        query = query.where(Metric.step >= low_step)
    if high_step is not None:
        query = query.where(Metric.step <= high_step)
    held: Point | None = None
    for step, epoch, time, number, metric_id in query.order_by(Metric.step, Metric.metric_id).tuples().iterator():
        if held is not None and held.step != step:  # of equal steps the last row is kept
            yield held
        held = Point(step, epoch, time, to_float(number), metric_id)
    if held is not None:
        yield held


def _width(first_step: int, last_step: int, budget: int) -> int:
    """Return the smallest power of two whose multiples cut the range into at most `budget` buckets."""
    width = 1
    while _bucket_no(last_step, width) - _bucket_no(first_step, width) + 1 > budget:
        width *= 2
    return width


def _bucket_no(step: int, width: int) -> int:
    # Counted from the lowest step there is, so that one bucket can hold steps on both sides of 0.
    return (step - MIN_INT64) // width


def _buckets(points: Iterable[Point], width: int) -> Iterator[list[Point]]:
    bucket: list[Point] = []
    for point in points:
        if bucket and _bucket_no(point.step, width) != _bucket_no(bucket[0].step, width):
            yield bucket
            bucket = []
        bucket.append(point)
    if bucket:
        yield bucket


def _add_bucket(columns: Columns, bucket: list[Point]) -> None:
    last = bucket[-1]
    values = [point.value for point in bucket]
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=None), max(finite, default=None)
    columns.step.append(last.step)
    columns.time.append(to_unix(last.time))
    columns.epoch.append(last.epoch)
    columns.first.append(values[0])
    columns.last.append(values[-1])
    columns.mean.append(_mean(finite, low, high))
    columns.low.append(low)
    columns.high.append(high)
    columns.count.append(len(values))
    columns.nan_count.append(sum(map(math.isnan, values)))
    columns.inf_count.append(values.count(math.inf))
    columns.ninf_count.append(values.count(-math.inf))


def _mean(finite: list[float], low: float | None, high: float | None) -> float | None:
    if low is None or high is None:
        return None
    try:
        mean = math.fsum(finite) / len(finite)
    except OverflowError:  # values near the largest float: divide first
        mean = math.fsum(value / len(finite) for value in finite)
    return min(max(mean, low), high)  # rounding may lead out: a constant stays that constant
