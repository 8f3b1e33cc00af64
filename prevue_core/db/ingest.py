"""The one way into the tables: a writer's records, in one transaction, each stored exactly once.

Records of a writer are numbered 0, 1, 2 ... without holes. The writer's row keeps the next number; it changes in the
transaction that stores the records, so a batch that arrives twice is stored once, whatever happened to its answer.
"""

import datetime
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from reprlib import repr as shortened
from typing import Any

import orjson
import peewee

from prevue_core import contract
from prevue_core.contract import check_int64, check_label
from prevue_core.db.accounts import INGEST, OPEN, Identity, may
from prevue_core.db.connection import insert_rows, is_sqlite, writing
from prevue_core.db.models import Event, ModelDescription, Project, Tombstone, TrainingRun, User, Writer, utc_now
from prevue_core.db.summary import Points, update_series
from prevue_core.errors import InvalidValue, Missing, RecordRefused, RunDeleted, SequenceGap

MAX_REJECTED_LISTED = 100
MAX_REASON_CHARS = 600

_METRIC_COLUMNS = (
    "run_id", "model_id", "rank", "split", "step", "epoch", "batch",
    "loss_name", "loss_value", "metric_name", "metric_value", "timestamp",
)  # fmt: skip

Record = dict[str, Any]


@dataclass
class Applied:
    """What became of a batch."""

    next_seq: int
    count: int = 0  # records that were new, those rejected included
    rejected: list[dict[str, Any]] = field(default_factory=list)  # {seq, reason}, the first 100
    rejected_count: int = 0


@dataclass
class Batch:
    """A batch on its way into the tables: rows and sums collected, written at the end."""

    run: TrainingRun
    writer: Writer
    now: datetime.datetime
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    points: Points = field(default_factory=dict)


def apply_records(identity: Identity, run_id: str, writer_id: str, first_seq: int, records: list[Record]) -> Applied:
    """Store what is new of `records`, numbered from `first_seq` on, and return the number to go on with.

    A record that is well formed but cannot be accepted is listed as rejected and uses its number.
    Raises SequenceGap where records are missing before these, Missing where the run or its project is not one that
    `identity` may log to, RunDeleted where the run was deleted, and RecordRefused, with nothing stored, for a batch
    whose numbers are not consecutive.
    """
    records = number(first_seq, records)
    with writing():
        writer = _lock(run_id, writer_id)
        if writer is None:
            _refuse_buried(run_id)
            if first_seq != 0 or not records or records[0].get("type") != "start":
                raise SequenceGap(0)
            _open_writer(identity, run_id, writer_id, records[0])
            writer = _lock(run_id, writer_id)  # the row may be another's, who sent the same batch at the same moment
        now = utc_now()
        run = _locked_run(identity, writer, now)
        if first_seq > writer.next_seq:
            raise SequenceGap(writer.next_seq)
        return _apply(Batch(run, writer, now), records)


def number(first_seq: int, records: Iterable[Record]) -> list[Record]:
    """Return `records` with their numbers filled in. Raises RecordRefused where given numbers are not consecutive."""
    expected, numbered = first_seq, []
    for record in records:
        seq = record.setdefault("seq", expected)
        if type(seq) is not int or seq != expected:  # a bool or a float may be equal to an int
            raise RecordRefused(
                f"record number {shortened(seq)} stands where {expected} should; number from first_seq={first_seq}"
            )
        expected = _end(record)
        numbered.append(record)
    return numbered


def _end(record: Record) -> int:
    """Return the number behind a record: only a gap uses more than one."""
    seq: int = record["seq"]
    if record.get("type") == "gap":
        until = record.get("until", seq)
        if type(until) is not int or not seq <= until < contract.MAX_INT64:
            raise RecordRefused(
                f"gap until {shortened(until)} does not end behind its number {seq}; give the last missing number"
            )
        return until + 1
    if seq == contract.MAX_INT64:
        raise RecordRefused(f"record number {seq} is behind the last of 64 bits; use a new writer")
    return seq + 1


def _lock(run_id: str, writer_id: str) -> Any:
    """Return the row of a writer, or None, and keep others from changing it until the transaction ends."""
    query = Writer.select().where(Writer.run_id == run_id, Writer.writer_id == writer_id)
    return (query if is_sqlite() else query.for_update()).first()  # SQLite's transaction holds all


def _locked_run(identity: Identity, writer: Writer, now: datetime.datetime) -> TrainingRun:
    """Return the writer's run and note that it was heard of.

    The update also locks the run's row, so that two writers of one run never number the same new series.
    """
    TrainingRun.update(heard_at=now).where(TrainingRun.run_id == writer.run_id).execute()
    run = TrainingRun.get_by_id(writer.run_id)
    if not may(identity, INGEST, run.__data__["project"]):
        raise Missing(f"run {writer.run_id} does not exist, or is not yours to log to")
    if run.deleted_at is not None:
        raise RunDeleted(f"run {writer.run_id} was deleted")
    return run


def _refuse_buried(run_id: str) -> None:
    if Tombstone.select().where(Tombstone.run_id == run_id).exists():
        raise RunDeleted(f"run {run_id} was deleted")


def _apply(batch: Batch, records: list[Record]) -> Applied:
    writer = batch.writer
    known = writer.next_seq
    fresh = [record for record in records if _end(record) > known]
    applied = Applied(_end(records[-1]) if fresh else known, len(fresh))
    for record in fresh:
        try:
            _APPLY[_type_of(record)](batch, record)
        except (InvalidValue, RecursionError) as error:
            applied.rejected_count += 1
            if len(applied.rejected) < MAX_REJECTED_LISTED:
                applied.rejected.append({"seq": record["seq"], "reason": _reason(error)})
    if batch.rows:
        update_series(writer.run_id, writer.rank, batch.points)
        insert_rows("metrics", _METRIC_COLUMNS, batch.rows)
    if applied.next_seq != known:
        Writer.update(next_seq=applied.next_seq).where(
            Writer.run_id == writer.run_id, Writer.writer_id == writer.writer_id
        ).execute()
    return applied


def _type_of(record: Record) -> str:
    kind = record.get("type")
    if isinstance(kind, str) and kind in _APPLY:
        return kind
    raise InvalidValue(f"record type {kind!r} is not stored by this version; use one of {', '.join(_APPLY)}")


def _reason(error: InvalidValue | RecursionError) -> str:
    """Return why a record is not accepted, short enough to be read: the text quotes a value of any size."""
    if isinstance(error, RecursionError):  # met in quoting: what is stored is looked at before
        return f"the record is nested deeper than {contract.MAX_DEPTH} levels; flatten it"
    text = str(error)
    return text if len(text) <= MAX_REASON_CHARS else f"{text[:400]} ... {text[-100:]}"


# start


def _open_writer(identity: Identity, run_id: str, writer_id: str, start: Record) -> None:
    try:
        uid = check_label("uid", start.get("uid"))  # a label, no proof: where there are accounts, the token decides
        user = _ensure(User, username=uid) if identity == OPEN else User.get_by_id(identity.user_id)
        project = _project_of(identity, user, start)
        if project.deleted_at is not None:  # a new run brings it back, without the runs that went with it
            Project.update(deleted_at=None).where(Project.project_id == project.project_id).execute()
        _join_run(run_id, project, user, start)
        host = start.get("host")
        Writer.insert(
            writer_id=writer_id,
            run_id=run_id,
            rank=_rank(start.get("rank", 0)),
            started_at=_time(start, utc_now()),
            host=None if host is None else check_label("host", host),
            pid=_optional_int("pid", start.get("pid")),
        ).on_conflict_ignore().execute()
    except (InvalidValue, RecursionError) as error:  # without a project and a user the records have no place at all
        raise RecordRefused(f"the start record cannot be accepted: {_reason(error)}") from error


def _project_of(identity: Identity, user: User, start: Record) -> Project:
    """Return the project to log to. It is made if it is missing and the user's own, in open mode whosever it is."""
    owner, _, name = contract.check_project(start.get("project")).rpartition("/")
    is_own = owner in ("", user.username)
    if is_own:
        return _ensure(Project, user=user, project_name=name)
    if identity == OPEN:
        return _ensure(Project, user=_ensure(User, username=owner), project_name=name)
    project = Project.select().join(User).where(User.username == owner, Project.project_name == name).first()
    if project is None or not may(identity, INGEST, project.project_id):
        raise Missing(f"project {owner}/{name} does not exist, or is not yours to log to")
    return project


def _join_run(run_id: str, project: Project, user: User, start: Record) -> None:
    now = utc_now()
    time = _time(start, now)
    name = start.get("run_name")
    group = start.get("group")
    TrainingRun.insert(
        run_id=run_id,
        project=project,
        user=user,
        run_name=run_id[-12:] if name is None else check_label("run_name", name),
        config=_json_object("config", start.get("config", {})),
        environment=_environment(start),
        tags=_tags(start.get("tags", [])),
        notes=_text("notes", start.get("notes") or ""),
        run_group=None if group is None else check_label("group", group),
        started_at=time,
        heard_at=now,
    ).on_conflict_ignore().execute()
    # A further writer of a run that ended goes on with it, unless it began before that end and is only heard of late.
    TrainingRun.update(state=contract.RUNNING, finished_at=None).where(
        TrainingRun.run_id == run_id, TrainingRun.finished_at <= time
    ).execute()


def _environment(start: Record) -> str:
    """Return where the run runs, with the connector that brought it: a run without a model keeps it nowhere else."""
    environment = orjson.loads(_json_object("environment", start.get("environment", {})))
    if (connector_name := start.get("connector_name")) is not None:
        environment["connector_name"] = check_label("connector_name", connector_name)
    return orjson.dumps(environment, option=orjson.OPT_SORT_KEYS).decode()


def _ensure(table: type[peewee.Model], **key: Any) -> Any:
    """Return the row of `key`, made if it is missing; several processes may ask at once."""
    where = [getattr(table, name) == value for name, value in key.items()]
    if (row := table.get_or_none(*where)) is None:
        table.insert(**key).on_conflict_ignore().execute()
        row = table.get(*where)
    return row


# the other records


def _start(batch: Batch, record: Record) -> None:
    if record["seq"] != 0:  # that one has opened the writer
        raise InvalidValue("a start record opens a writer and stands at number 0 only; use a new writer")


def _metrics(batch: Batch, record: Record) -> None:
    values = record.get("values")
    if not isinstance(values, dict) or not values:
        raise InvalidValue(f"values {values!r} is not an object of names and numbers; use {{'loss': 0.3}}")
    step = check_int64("step", record.get("step"))
    split = record.get("split")
    if split is not None:
        contract.check_split(split)
    placed: dict[str, tuple[list[tuple[str, float]], list[tuple[str, float]]]] = {}
    for name, value in values.items():
        place = contract.place_of(contract.check_name(name), split)
        losses_metrics = placed.setdefault(place.split, ([], []))
        losses_metrics[0 if place.is_loss else 1].append((place.name, contract.decode_number(value)))
    epoch, number = _optional_int("epoch", record.get("epoch")), _optional_int("batch", record.get("batch"))
    time = _time(record, batch.now).isoformat(" ", "microseconds")
    for split_name, (losses, metrics) in placed.items():
        for index in range(max(len(losses), len(metrics))):
            # The n-th loss of a split shares a row with its n-th metric.
            loss = losses[index] if index < len(losses) else (None, None)
            metric = metrics[index] if index < len(metrics) else (None, None)
            batch.rows.append(
                (
                    str(batch.run.run_id),
                    batch.run.__data__["model"],
                    batch.writer.rank,
                    split_name,
                    step,
                    epoch,
                    number,
                    *loss,
                    *metric,
                    time,
                )
            )
        for name, value in (*losses, *metrics):
            batch.points.setdefault((split_name, name), []).append((step, value, time, epoch))


def _model(batch: Batch, record: Record) -> None:
    architecture = _json_object("architecture", record.get("architecture", {}))
    model = _ensure_model(
        check_label("model_name", record.get("model_name")),
        check_label("connector_name", record.get("connector_name")),
        architecture,
    )
    TrainingRun.update(model=model).where(TrainingRun.run_id == batch.run.run_id).execute()
    Project.update(model=model).where(Project.project_id == batch.run.project).execute()
    batch.run.model = model


def _ensure_model(model_name: str, connector_name: str, architecture: str) -> ModelDescription:
    fingerprint = hashlib.sha256(architecture.encode()).hexdigest()
    key = {"model_name": model_name, "connector_name": connector_name, "fingerprint": fingerprint}
    ModelDescription.insert(**key, architecture=architecture).on_conflict_ignore().execute()
    return ModelDescription.get(**key)


def _config(batch: Batch, record: Record) -> None:
    new = orjson.loads(_json_object("config", record.get("config")))
    batch.run.config = orjson.dumps({**orjson.loads(batch.run.config), **new}, option=orjson.OPT_SORT_KEYS).decode()
    TrainingRun.update(config=batch.run.config).where(TrainingRun.run_id == batch.run.run_id).execute()


def _event(batch: Batch, record: Record) -> None:
    kind, text = check_label("kind", record.get("kind")), _text("text", record.get("text"))
    _add_event(batch, record, kind[:64], text, _optional_int("step", record.get("step")))


def _gap(batch: Batch, record: Record) -> None:
    count = record.get("count", _end(record) - record["seq"])
    reason = _text("reason", record.get("reason", "not told"))
    _add_event(batch, record, "gap", f"{check_int64('count', count)} records are missing: {reason}", None)


def _add_event(batch: Batch, record: Record, kind: str, text: str, step: int | None) -> None:
    Event.create(run_id=batch.run.run_id, step=step, time=_time(record, batch.now), kind=kind, text=text)


def _end_of_run(batch: Batch, record: Record) -> None:
    state = record.get("state", contract.FINISHED)
    if state not in (contract.FINISHED, contract.FAILED):
        raise InvalidValue(f"state {state!r} does not end a run; use 'finished' or 'failed'")
    if state == contract.FAILED:
        _add_event(batch, record, "failed", _text("message", record.get("message", "")), None)
    elif batch.writer.rank != 0:
        return  # the run goes on until its first process has finished
    time = _time(record, batch.now)
    run_id = batch.run.run_id
    # An end that is heard of late changes neither a later end nor a run that was resumed after it.
    if not Writer.select().where(Writer.run_id == run_id, Writer.started_at > time).exists():
        TrainingRun.update(state=state, finished_at=time).where(
            TrainingRun.run_id == run_id, TrainingRun.finished_at.is_null() | (TrainingRun.finished_at <= time)
        ).execute()


_APPLY: dict[str, Callable[[Batch, Record], None]] = {
    "start": _start,
    "metrics": _metrics,
    "model": _model,
    "config": _config,
    "event": _event,
    "gap": _gap,
    "end": _end_of_run,
}


# the fields of a record


def _time(record: Record, now: datetime.datetime) -> datetime.datetime:
    seconds = record.get("time")
    if seconds is None:
        return now
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError, OSError):
        raise InvalidValue(f"time {seconds!r} is not a UNIX time in seconds; use a number such as 1763843.1") from None


def _rank(value: object) -> int:
    rank = check_int64("rank", value)
    if not 0 <= rank < 2**31:  # its column has 32 bits
        raise InvalidValue(f"rank {rank} is not the number of a process; use 0, 1, 2 ...")
    return rank


def _optional_int(what: str, value: object) -> int | None:
    return None if value is None else check_int64(what, value)


def _text(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"{what} {value!r} is of type {type(value).__name__}; use text")
    return value.replace("\0", "")  # PostgreSQL has no text with NUL


def _tags(value: object) -> str:
    if not isinstance(value, list):
        raise InvalidValue(f"tags {value!r} is not a list; use a list of text")
    return orjson.dumps([check_label("tag", tag) for tag in value]).decode()


def _json_object(what: str, value: object) -> str:
    """Return `value` as JSON text in one form, so that equal objects give equal text."""
    if not isinstance(value, dict):
        raise InvalidValue(f"{what} {value!r} is not an object; use names and values")
    if contract.depth_of(value) > contract.MAX_DEPTH:
        raise InvalidValue(f"{what} is nested deeper than {contract.MAX_DEPTH} levels; flatten it")
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
