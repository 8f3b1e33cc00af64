"""Evaluations as rows: one of `evaluations`, and one of `predictions` for each sample."""

import struct
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import orjson
import peewee

from prevue_core.db.connection import insert_rows, is_sqlite
from prevue_core.db.ingest.batch import Batch
from prevue_core.db.ingest.fields import Record
from prevue_core.db.models import Evaluation as Row
from prevue_core.db.models import Prediction
from prevue_core.errors import InvalidValue
from prevue_core.evaluation_records import (
    BINARY,
    MULTICLASS,
    MULTILABEL,
    TOP_SCORES,
    Block,
    Evaluation,
    check_evaluation,
    check_predictions,
    key_of,
)

COLUMNS = (
    "run_id", "evaluation_id", "sample_no", "sample_id", "target", "prediction", "score", "weight",
    "target_set", "prediction_set", "scores", "score_classes", "slices", "features",
)  # fmt: skip


def add_evaluation(batch: Batch, record: Record) -> None:
    """Store what an evaluation is of; its samples follow."""
    told = check_evaluation(record)
    if _row(batch, told.key) is not None:
        raise InvalidValue(f"evaluation {told.key} was logged before; give each a new key")
    Row.insert(
        run_id=batch.run_id,
        evaluation_key=told.key,
        split=told.split,
        name=told.name,
        task=told.task,
        step=told.step,
        labels=_json(told.labels),
        positive=told.positive,
        score_type=told.score_type,
        score_count=told.score_count,
        slice_names=_json(told.slices),
        feature_names=_json(told.features),
        sample_count=told.samples,
        stored_count=told.stored,
    ).execute()


def add_predictions(batch: Batch, record: Record) -> None:
    """Store samples of an evaluation, the next in order."""
    row = _row(batch, key_of(record))
    if row is None:
        raise InvalidValue(f"evaluation {key_of(record)} is not known; send its evaluation record first")
    block = check_predictions(record, told := _told(row))
    if block.first != row.received_count:
        raise InvalidValue(f"sample {block.first} stands where {row.received_count} should; send samples in order")
    if block.first and block.scores and told.task != BINARY:
        _check_width(row, block.scores.itemsize * told.score_count)
    numbers = range(block.first, block.first + block.count)
    rows = zip(repeat(batch.run_id), repeat(row.evaluation_id), numbers, *_columns(told, block), strict=False)
    insert_rows("predictions", COLUMNS, list(rows))
    Row.update(received_count=numbers.stop).where(
        Row.run_id == batch.run_id, Row.evaluation_id == row.evaluation_id
    ).execute()


def _row(batch: Batch, key: str) -> Any:
    return Row.get_or_none(Row.run_id == batch.run_id, Row.evaluation_key == key)


def _check_width(row: Any, width: int) -> None:
    is_first = (Prediction.run_id == row.run_id) & (Prediction.evaluation_id == row.evaluation_id)
    stored = Prediction.select(peewee.fn.LENGTH(Prediction.scores)).where(is_first, Prediction.sample_no == 0).scalar()
    if stored != width:
        raise InvalidValue(
            f"scores of a sample have {width} bytes, those before {stored}; send all as float32 or float64"
        )


def _told(row: Any) -> Evaluation:
    labels, slices, features = map(orjson.loads, (row.labels, row.slice_names, row.feature_names))
    return Evaluation(
        str(row.evaluation_key), row.name, row.split, row.task, row.step, labels, row.positive, row.score_type,
        row.score_count, row.sample_count, row.stored_count, slices, features,
    )  # fmt: skip


def _columns(told: Evaluation, block: Block) -> Iterator[Any]:
    """Yield the columns from `sample_id` on; what is not known is NULL."""
    nothing = repeat(None)
    yield block.sample_ids or nothing
    if told.task == MULTILABEL:
        yield from (nothing, nothing)
    else:
        yield from ([float(value) for value in values] for values in (block.target, block.prediction))
    yield _score(told, block) if block.scores else nothing
    yield block.weight or repeat(1.0)
    if told.task == MULTILABEL:
        yield from (_blobs(values.tobytes(), told.label_width) for values in (block.target, block.prediction))
    else:
        yield from (nothing, nothing)
    yield _floats(block.scores, told.score_count) if block.scores and told.task != BINARY else nothing
    yield _floats(block.classes, TOP_SCORES) if told.is_top else nothing
    yield [_json(texts) for texts in zip(*block.slices, strict=True)] if told.slices else nothing
    yield _floats(block.features, len(told.features)) if told.features else nothing


def _score(told: Evaluation, block: Block) -> Any:
    """Return the score that a sample has a column for, NULL of several labels at once."""
    if told.task == BINARY:
        return block.scores
    if told.task != MULTICLASS:
        return repeat(None)
    width = told.score_count
    if not told.is_top:
        return [block.scores[place * width + number] for place, number in enumerate(block.prediction)]
    scores: list[float | None] = []
    for place, number in enumerate(block.prediction):
        given = block.classes[place * width : (place + 1) * width]
        scores.append(block.scores[place * width + given.index(number)] if number in given else None)
    return scores


def _floats(values: Any, width: int) -> list[Any]:
    return _blobs(struct.pack(f"<{len(values)}{values.typecode}", *values), width * values.itemsize)


def _blobs(whole: bytes, width: int) -> list[Any]:
    parts = (whole[start : start + width] for start in range(0, len(whole), width))
    return list(parts) if is_sqlite() else [rf"\x{part.hex()}" for part in parts]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
