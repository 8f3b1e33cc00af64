"""A batch of a writer's records, stored in one transaction.

Records of a writer are numbered 0, 1, 2 ... without holes. The writer's row keeps the next number; it changes in the
transaction that stores the records, so a batch that arrives twice is stored once, whatever happened to its answer.
"""

import uuid
from bisect import bisect_right
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

from prevue_core import contract
from prevue_core.db.accounts import INGEST, Identity, in_reach, may
from prevue_core.db.committing import in_transaction
from prevue_core.db.connection import db, execute, is_sqlite
from prevue_core.db.happenings import Happening, was_told_lost
from prevue_core.db.ingest import alerts, others
from prevue_core.db.ingest.batch import Applied, Batch
from prevue_core.db.ingest.evaluations import add_evaluation, add_predictions
from prevue_core.db.ingest.fields import Record, reason_of
from prevue_core.db.ingest.numbering import end_of, number
from prevue_core.db.ingest.results import add_result, store_results
from prevue_core.db.ingest.starting import open_writer
from prevue_core.db.ingest.values import Layouts, add_metrics, layouts_of, store_rows
from prevue_core.db.models import Project, Tombstone, TrainingRun, Writer, utc_now
from prevue_core.db.stored import to_unix
from prevue_core.db.summary import update_series
from prevue_core.errors import InvalidValue, Missing, RunDeleted, SequenceGap

MAX_REJECTED_LISTED = 100
HEARD_S = 1.0  # how exactly is kept when a run was last heard of: one more changed row costs a batch 3%

_OTHERS: dict[str, Callable[[Batch, Record], None]] = {
    "start": others.refuse_start,
    "model": others.set_model,
    "config": others.add_config,
    "environment": others.add_facts,
    "result": add_result,
    "evaluation": add_evaluation,
    "predictions": add_predictions,
    "event": others.add_event,
    "gap": others.add_gap,
    "end": others.end_run,
}
STORED_TYPES = tuple(kind for kind in contract.RECORD_TYPES if kind == "metrics" or kind in _OTHERS)


def apply_records(
    identity: Identity,
    run_id: str,
    writer_id: str,
    first_seq: int,
    records: list[Record],
    *,
    max_names: int = contract.MAX_NAMES,
    causes: Collection[str] = contract.ALERT_CAUSES,
) -> Applied:
    """Store what is new of `records`, numbered from `first_seq` on, and return the number to go on with.

    A record that is well formed but cannot be accepted is listed as rejected and uses its number; so is one that would
    bring a run more than `max_names` names. `causes`: of the alerts to raise. Raises SequenceGap where records are
    missing before these, Missing where the run or its project is not one that `identity` may log to, RunDeleted where
    the run was deleted, and RecordRefused, with nothing stored, for a batch whose numbers are not consecutive.
    """
    records = number(first_seq, records)
    return in_transaction(
        lambda: _apply_in_transaction(identity, run_id, writer_id, first_seq, records, max_names, causes)
    )


def _apply_in_transaction(
    identity: Identity,
    run_id: str,
    writer_id: str,
    first_seq: int,
    records: list[Record],
    max_names: int,
    causes: Collection[str],
) -> Applied:
    batch = _locked(identity, run_id, writer_id)
    if batch is None:
        _refuse_buried(run_id)
        if first_seq != 0 or not records or records[0].get("type") != "start":
            raise SequenceGap(0)
        is_begun = open_writer(identity, run_id, writer_id, records[0])
        batch = _locked(identity, run_id, writer_id)  # it may be another's, who sent the same at the same moment
        assert batch is not None  # noqa: S101 - the row was made just now
        if is_begun:
            batch.happened.append(Happening(run_id, contract.RUNNING, batch.now))
    if first_seq > batch.next_seq:
        raise SequenceGap(batch.next_seq)
    return _apply(batch, records, max_names, causes)


def _locked(identity: Identity, run_id: str, writer_id: str) -> Batch | None:
    """Return a batch of a writer, None where there is no such, and keep its row and its run's from being changed.

    The run is locked so that two of its writers never number the same new series.
    """
    statement, values = _lock_statement(identity, is_sqlite())
    row = db.execute_sql(statement, (*values, run_id, writer_id)).fetchone()
    if row is None:
        return None
    *columns, heard_at, deleted_at, is_in_reach = row
    batch = Batch(run_id, writer_id, now := utc_now(), *columns)
    if not (is_in_reach and may(identity, INGEST)):
        raise Missing(f"run {run_id} does not exist, or is not yours to log to")
    if deleted_at is not None:
        raise RunDeleted(f"run {run_id} was deleted")
    if abs(silent_s := to_unix(now) - to_unix(heard_at)) >= HEARD_S:
        TrainingRun.update(heard_at=now).where(TrainingRun.run_id == run_id).execute()
    if silent_s >= contract.LOST_AFTER_S and batch.state == contract.RUNNING and was_told_lost(run_id, heard_at):
        batch.happened.append(Happening(run_id, contract.RUNNING, now))
    return batch


@lru_cache(maxsize=1_024)  # Peewee takes longer to write it than the database to answer it
def _lock_statement(identity: Identity, on_sqlite: bool) -> tuple[str, list[Any]]:
    """Return the statement that reads and locks a writer and its run, and its values up to the ids of the two."""
    query = (
        Writer.select(
            Writer.rank, Writer.next_seq, Project.project_id, TrainingRun.model, TrainingRun.state,
            TrainingRun.config, TrainingRun.heard_at, TrainingRun.deleted_at, in_reach(identity),
        )
        .join(TrainingRun, on=(Writer.run_id == TrainingRun.run_id))
        .join(Project)
        .where(Writer.run_id == _ANY_ID, Writer.writer_id == _ANY_ID)
    )  # fmt: skip
    if not on_sqlite:  # its transaction holds all
        query = query.for_update(of=(Writer, TrainingRun))
    statement, values = query.sql()
    return statement, values[:-2]


_ANY_ID = uuid.UUID(int=0)


def _refuse_buried(run_id: str) -> None:
    if Tombstone.select().where(Tombstone.run_id == run_id).exists():
        raise RunDeleted(f"run {run_id} was deleted")


def _apply(batch: Batch, records: list[Record], max_names: int, causes: Collection[str]) -> Applied:
    fresh = records[bisect_right(records, batch.next_seq, key=end_of) :]
    if not fresh:  # a sign of life
        of_writer = (Writer.run_id == batch.run_id) & (Writer.writer_id == batch.writer_id)
        Writer.update(heard_at=batch.now).where(of_writer).execute()
        return Applied(batch.next_seq, happened=batch.happened)
    applied = Applied(end_of(fresh[-1]), len(fresh), happened=batch.happened)
    layouts = layouts_of(batch, (record for record in fresh if record.get("type") == "metrics"), max_names)
    for record in fresh:
        try:
            _add(batch, layouts, record)
        except (InvalidValue, RecursionError) as error:
            applied.rejected_count += 1
            if len(applied.rejected) < MAX_REJECTED_LISTED:
                applied.rejected.append({"seq": record["seq"], "reason": reason_of(error)})
    if batch.rows:
        were_broken = alerts.broken(batch.series)
        rows = update_series(batch.run_id, batch.rank, batch.series, batch.points)
        store_rows(batch)
        if contract.NON_FINITE in causes:
            alerts.add_non_finite(batch, were_broken, rows)
    if batch.results:
        store_results(batch)
    _move(batch, applied)
    return applied


def _move(batch: Batch, applied: Applied) -> None:
    statement = (
        "UPDATE writers SET next_seq = ?, heard_at = ?, stored = stored + ?, missing = missing + ?, "
        "rejected = rejected + ? WHERE run_id = ? AND writer_id = ?"
    )
    heard_at = Writer.heard_at.db_value(batch.now)
    stored = applied.count - applied.rejected_count - batch.gaps
    counts = stored, batch.missing, applied.rejected_count
    execute(statement, applied.next_seq, heard_at, *counts, batch.run_id, batch.writer_id)


def _add(batch: Batch, layouts: Layouts, record: Record) -> None:
    kind = record.get("type")
    if kind == "metrics":
        add_metrics(batch, layouts, record)
    elif isinstance(kind, str) and kind in _OTHERS:
        _OTHERS[kind](batch, record)
    else:
        known = ", ".join(STORED_TYPES)
        raise InvalidValue(f"record type {kind!r} is not stored by this version; use one of {known}")
