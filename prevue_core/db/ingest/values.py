"""Metrics records as rows of `metrics` and as points of series.

Where a record's values go depends on their names only. It is worked out once for each set of names in a batch; a record
then costs little more than the tuples it is made of.
"""

from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Any, NamedTuple

from prevue_core import contract
from prevue_core.contract import Place, check_int64
from prevue_core.db import summary
from prevue_core.db.buckets import Point
from prevue_core.db.connection import insert_rows, is_sqlite
from prevue_core.db.copying import copy_metrics
from prevue_core.db.ingest.batch import Batch
from prevue_core.db.ingest.fields import Record, optional_int, time_of
from prevue_core.errors import InvalidValue

COLUMNS = (
    "run_id", "model_id", "rank", "split", "step", "epoch", "batch",
    "loss_name", "loss_value", "metric_name", "metric_value", "timestamp",
)  # fmt: skip

_NO_VALUE = -1  # index of the None behind a record's numbers


class Layout(NamedTuple):
    """Where the values of a record go, by their index in it."""

    rows: list[tuple[str, str | None, int, str | None, int]]  # split, loss and its index, metric and its index
    points: list[tuple[Callable[[Point], None], int]]  # `append` of a series' points, index


Names = tuple[tuple[str, ...], str | None]  # of a record, and its split
Layouts = dict[Names, Layout | InvalidValue]
Indexed = list[tuple[str, int]]


def layouts_of(batch: Batch, records: Iterable[Record], max_names: int) -> Layouts:
    """Return the layouts of metrics records, and why there is none for some; find the rows of their series."""
    placed: dict[Names, list[Place] | InvalidValue] = {}
    for record in records:
        values, split = record.get("values"), record.get("split")
        if (
            isinstance(values, dict)
            and isinstance(split, str | None)
            and (names := (tuple(values), split)) not in placed
        ):
            placed[names] = _places(*names)
    keys = {place[:2] for places in placed.values() if isinstance(places, list) for place in places}
    batch.series = summary.find(batch.run_id, batch.rank, keys)
    known = set() if keys == batch.series.keys() else summary.names_of(batch.run_id)
    return {names: _layout(batch, places, known, max_names) for names, places in placed.items()}


def add_metrics(batch: Batch, layouts: Layouts, record: Record) -> None:
    """Add the rows and points of a metrics record to its batch."""
    values, split = record.get("values"), record.get("split")
    if not isinstance(values, dict) or not values:
        raise InvalidValue(f"values {values!r} is not an object of names and numbers; use {{'loss': 0.3}}")
    if not isinstance(split, str | None):
        contract.check_split(split)
    layout = layouts[tuple(values), split]
    if isinstance(layout, InvalidValue):
        raise layout
    step = check_int64("step", record.get("step"))
    epoch, number = optional_int("epoch", record.get("epoch")), optional_int("batch", record.get("batch"))
    time = time_of(record, batch.now).isoformat(" ", "microseconds")
    numbers: list[Any] = list(values.values())
    if not _FLOAT.issuperset(map(type, numbers)):
        numbers = list(map(contract.decode_number, numbers))
    for append, index in layout.points:
        append((step, numbers[index], time, epoch))
    numbers.append(None)
    run_id, model_id, rank = batch.run_id, batch.model_id, batch.rank
    batch.rows += [
        (run_id, model_id, rank, split, step, epoch, number, loss, numbers[of_loss], metric, numbers[of_metric], time)
        for split, loss, of_loss, metric, of_metric in layout.rows
    ]


_FLOAT = {float}


def store_rows(batch: Batch) -> None:
    """Store the rows that were added."""
    if is_sqlite():
        insert_rows("metrics", COLUMNS, batch.rows)
    else:
        copy_metrics(batch.rows)


def _places(names: Iterable[str], split: str | None) -> list[Place] | InvalidValue:
    try:
        if split is not None:
            contract.check_split(split)
        return [contract.place_of(contract.check_name(name), split) for name in names]
    except InvalidValue as error:
        return error


def _layout(
    batch: Batch, places: list[Place] | InvalidValue, known: set[summary.Key], max_names: int
) -> Layout | InvalidValue:
    """Return the layout of names with these places, and count them to the `known` names of the run."""
    if isinstance(places, InvalidValue):
        return places
    new = {place[:2] for place in places} - batch.series.keys() - known
    if new and len(known) + len(new) > max_names:
        return InvalidValue(
            f"name {min(new)[1]!r} is one too many: a run has at most {max_names} names; "
            "log under the same names at each step, and what changes as the step or the epoch"
        )
    known |= new
    layout = Layout([], [])
    for split, (losses, metrics) in _by_split(places).items():
        # The n-th loss of a split shares a row with its n-th metric.
        for (loss, of_loss), (metric, of_metric) in zip_longest(losses, metrics, fillvalue=(None, _NO_VALUE)):
            layout.rows.append((split, loss, of_loss, metric, of_metric))
        for name, index in (*losses, *metrics):
            layout.points.append((batch.points.setdefault((split, name), []).append, index))
    return layout


def _by_split(places: list[Place]) -> dict[str, tuple[Indexed, Indexed]]:
    """Return the losses and the metrics of each split."""
    found: dict[str, tuple[Indexed, Indexed]] = {}
    for index, (split, name, is_loss) in enumerate(places):
        found.setdefault(split, ([], []))[0 if is_loss else 1].append((name, index))
    return found
