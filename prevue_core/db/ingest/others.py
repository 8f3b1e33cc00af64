"""What records other than metrics say: model, configuration, environment, events, gaps, the end of the run."""

import hashlib

import orjson

from prevue_core import contract
from prevue_core.contract import check_int64, check_label
from prevue_core.db.happenings import Happening, store
from prevue_core.db.ingest.batch import Batch
from prevue_core.db.ingest.environment import add_environment, end_environment
from prevue_core.db.ingest.fields import Record, json_object, optional_int, text_of, time_of
from prevue_core.db.ingest.numbering import end_of
from prevue_core.db.models import ModelDescription, Project, TrainingRun, Writer
from prevue_core.errors import InvalidValue, shown

MAX_MISSING = 10**12  # that one record counts for, so that sums stay within 64 bits


def refuse_start(batch: Batch, record: Record) -> None:
    """Refuse a start record that does not open the writer."""
    if record["seq"] != 0:  # that one has opened the writer
        raise InvalidValue("a start record opens a writer and stands at number 0 only; use a new writer")


def set_model(batch: Batch, record: Record) -> None:
    """Store the model's description: from here on it is the model of the run's rows, and of the project."""
    architecture = json_object("architecture", record.get("architecture", {}))
    model = _ensure_model(
        check_label("model_name", record.get("model_name")),
        check_label("connector_name", record.get("connector_name")),
        architecture,
    )
    TrainingRun.update(model=model).where(TrainingRun.run_id == batch.run_id).execute()
    Project.update(model=model).where(Project.project_id == batch.project_id).execute()
    batch.model_id = model.model_id


def _ensure_model(model_name: str, connector_name: str, architecture: str) -> ModelDescription:
    fingerprint = hashlib.sha256(architecture.encode()).hexdigest()
    key = {"model_name": model_name, "connector_name": connector_name, "fingerprint": fingerprint}
    ModelDescription.insert(**key, architecture=architecture).on_conflict_ignore().execute()
    return ModelDescription.get(**key)


def add_config(batch: Batch, record: Record) -> None:
    """Add to the run's configuration. Of a key that comes again the later value counts, whole."""
    new = orjson.loads(json_object("config", record.get("config")))
    together = orjson.dumps({**orjson.loads(batch.config), **new}, option=orjson.OPT_SORT_KEYS)
    if len(together) > contract.MAX_CONFIG_BYTES:
        raise InvalidValue(
            f"config would have {len(together)} bytes with {shown(sorted(new))}; use at most "
            f"{contract.MAX_CONFIG_BYTES}, and log what is larger as a table or text"
        )
    batch.config = together.decode()
    TrainingRun.update(config=batch.config).where(TrainingRun.run_id == batch.run_id).execute()


def add_facts(batch: Batch, record: Record) -> None:
    """Add to what is known of where the run runs."""
    add_environment(batch.run_id, orjson.loads(json_object("environment", record.get("environment"))))


def add_event(batch: Batch, record: Record) -> None:
    """Store an event."""
    kind, text = check_label("kind", record.get("kind")), text_of("text", record.get("text"))
    if len(text) > contract.MAX_EVENT_CHARS:
        raise InvalidValue(f"text of an event has {len(text)} characters; use at most {contract.MAX_EVENT_CHARS}")
    level, step = record.get("level"), optional_int("step", record.get("step"))
    if level is not None and level not in contract.ALERT_LEVELS:
        raise InvalidValue(f"level {level!r} is not one of an alert; use {', '.join(contract.ALERT_LEVELS)}")
    happening = _store_event(batch, record, kind[:64], text, step, level)
    if kind == contract.ALERT:
        batch.happened.append(happening)


def add_gap(batch: Batch, record: Record) -> None:
    """Store that records are missing."""
    count = check_int64("count", record.get("count", end_of(record) - record["seq"]))
    reason = text_of("reason", record.get("reason", "not told"))
    _store_event(batch, record, "gap", f"{count} records are missing: {reason}", None)
    batch.gaps += 1
    batch.missing += min(max(count, 0), MAX_MISSING)


def _store_event(
    batch: Batch, record: Record, kind: str, text: str, step: int | None, level: str | None = None
) -> Happening:
    happening = Happening(batch.run_id, kind, time_of(record, batch.now), text, step, level)
    store(happening)
    return happening


def end_run(batch: Batch, record: Record) -> None:
    """Note how the run ended."""
    state = record.get("state", contract.FINISHED)
    if state not in (contract.FINISHED, contract.FAILED):
        raise InvalidValue(f"state {state!r} does not end a run; use 'finished' or 'failed'")
    told = orjson.loads(json_object("environment", record.get("environment", {})))
    message = ""
    if state == contract.FAILED:
        message = text_of("message", record.get("message", ""))
        _store_event(batch, record, contract.FAILED, message, None)
    elif batch.rank != 0:
        return  # the run goes on until its first process has finished
    time = time_of(record, batch.now)
    run_id = batch.run_id
    # An end that is heard of late changes neither a later end nor a run that was resumed after it.
    if Writer.select().where(Writer.run_id == run_id, Writer.started_at > time).exists():
        return
    ended = TrainingRun.update(state=state, finished_at=time).where(
        TrainingRun.run_id == run_id, TrainingRun.finished_at.is_null() | (TrainingRun.finished_at <= time)
    )
    if ended.execute():
        end_environment(run_id, told)
        if batch.state != state:
            batch.state = state
            batch.happened.append(Happening(run_id, state, time, message))
