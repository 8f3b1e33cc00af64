"""Evaluations: which tests a run has, their samples as arrays, and single samples as rows."""

import uuid
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import orjson
import peewee

from prevue_core.db.accounts import Identity
from prevue_core.db.connection import execute, marks
from prevue_core.db.models import Evaluation, Prediction, Project, TrainingRun
from prevue_core.db.queries.once import Kept
from prevue_core.db.queries.pages import Page, Row, cut_page
from prevue_core.db.queries.runs import is_visible, runs_in_reach
from prevue_core.db.stored import to_unix
from prevue_core.evaluation.samples import Samples
from prevue_core.evaluation_records import BINARY, MULTICLASS, MULTILABEL, REGRESSION, TOP_SCORES

KEPT_BYTES = 256 << 20  # of arrays kept: a page asks for the same samples several times
MAX_GROUP = 100  # runs of a group that are compared
MAX_GROUP_SAMPLES = 5_000_000  # that are read for one answer
_BYTES = ("target_set", "prediction_set", "scores", "score_classes", "features")
_ROWS_AT_ONCE = 5_000  # which stay in a processor's cache


def evaluations(
    identity: Identity,
    run_id: str,
    limit: int,
    cursor: str | None = None,
    *,
    name: str | None = None,
    split: str | None = None,
) -> Page | None:
    """Return the evaluations of a run, those that came last first; None: there is no such run."""
    if not runs_in_reach(identity, [run_id]):
        return None
    query = Evaluation.select().where(Evaluation.run_id == run_id)
    for field, wanted in ((Evaluation.name, name), (Evaluation.split, split)):
        if wanted is not None:
            query = query.where(field == wanted)
    return cut_page(query, (Evaluation.created_at, Evaluation.evaluation_id), limit, cursor, _told)


def project_evaluations(
    identity: Identity, project_id: int, limit: int, cursor: str | None = None, *, evaluation_id: int | None = None
) -> Page:
    """Return the evaluations of a project's runs, those that came last first; `evaluation_id`: that one only."""
    is_theirs = TrainingRun.run_id == Evaluation.run_id
    query = (
        Evaluation.select(Evaluation, TrainingRun.run_name).join(TrainingRun, on=is_theirs, attr="run").join(Project)
    )
    query = query.where(is_visible(identity), TrainingRun.project == project_id)
    if evaluation_id is not None:
        query = query.where(Evaluation.evaluation_id == evaluation_id)
    key = (Evaluation.created_at, Evaluation.evaluation_id)
    return cut_page(query, key, limit, cursor, lambda row: {**_told(row), "run_name": row.run.run_name})


def evaluation(identity: Identity, run_id: str, evaluation_id: int) -> Row | None:
    """Return one evaluation, None where there is no such."""
    if not runs_in_reach(identity, [run_id]):
        return None
    row = Evaluation.get_or_none(Evaluation.run_id == run_id, Evaluation.evaluation_id == evaluation_id)
    return None if row is None else _told(row)


def of_group(identity: Identity, project_id: int, group: str, name: str, split: str) -> tuple[list[Row], list[str]]:
    """Return of each run of a group the last whole evaluation of a name and split, the latest first.

    And the ids of the runs that are left out: samples of all that they have of the name are missing, or together with
    later runs they are more than MAX_GROUP, or have more than MAX_GROUP_SAMPLES.
    """
    every = (
        Evaluation.select(Evaluation.run_id)
        .join(TrainingRun, on=TrainingRun.run_id == Evaluation.run_id)
        .join(Project)
        .where(is_visible(identity), TrainingRun.project == project_id, TrainingRun.run_group == group)
        .where(Evaluation.name == name, Evaluation.split == split)
    )
    is_whole = (Evaluation.received_count == Evaluation.stored_count) & (Evaluation.stored_count > 0)
    last = every.where(is_whole).group_by(Evaluation.run_id).select(peewee.fn.MAX(Evaluation.evaluation_id))
    query = Evaluation.select().where(Evaluation.evaluation_id.in_(last)).order_by(Evaluation.evaluation_id.desc())
    rows: list[Row] = []
    count = 0
    for row in map(_told, query.limit(MAX_GROUP)):
        count += row["stored_count"]
        if rows and count > MAX_GROUP_SAMPLES:
            break
        rows.append(row)
    compared = {row["run_id"] for row in rows}
    return rows, sorted({str(uuid.UUID(str(row.run_id))) for row in every.distinct()} - compared)


def samples(run_id: str, evaluation_id: int) -> Samples:
    """Return the samples of an evaluation that have come, in the order logged; who asks was let in before."""
    row = Evaluation.get(Evaluation.run_id == run_id, Evaluation.evaluation_id == evaluation_id)
    return _kept.get((str(row.run_id), row.evaluation_id, row.received_count), lambda: _read(row))


def sample_ids(run_id: str, evaluation_id: int, count: int) -> list[str] | None:
    """Return the names of the first `count` samples in the order logged, None where they have none."""
    key = run_id, evaluation_id, count
    of = "FROM predictions WHERE run_id = ? AND evaluation_id = ? AND sample_no < ?"
    if execute(f"SELECT 1 {of} AND sample_id IS NULL LIMIT 1", *key).fetchone():
        return None
    return [name for (name,) in execute(f"SELECT sample_id {of} ORDER BY sample_no", *key)] or None


def sample_rows(run_id: str, evaluation_id: int, numbers: Sequence[int]) -> dict[int, Row]:
    """Return what is stored of samples beside their arrays, by number."""
    if not numbers:
        return {}
    columns, among = "sample_no, sample_id, slices", marks(numbers)
    query = f"SELECT {columns} FROM predictions WHERE run_id = ? AND evaluation_id = ? AND sample_no IN ({among})"  # noqa: S608 - no text of others
    found = execute(query, run_id, evaluation_id, *numbers)
    return {number: {"sample_id": name, "slices": orjson.loads(slices or "[]")} for number, name, slices in found}


def _told(row: Any) -> Row:
    names = ("evaluation_id", "name", "split", "task", "step", "positive", "score_type", "score_count")
    counts = ("sample_count", "stored_count", "received_count")
    return {
        **{name: getattr(row, name) for name in (*names, *counts)},
        "run_id": str(uuid.UUID(str(row.run_id))),
        "labels": orjson.loads(row.labels),
        "slices": orjson.loads(row.slice_names),
        "features": orjson.loads(row.feature_names),
        "created_at": to_unix(row.created_at),
    }


def _size(samples: Samples) -> int:
    arrays = (samples.target, samples.prediction, samples.score, samples.scores, samples.classes, samples.weight)
    others = (*samples.slices.values(), *samples.features.values())
    texts = (text for values in samples.slices.values() for text in set(values))
    return sum(array.nbytes for array in (*arrays, *others) if array is not None) + sum(map(len, texts))


_kept: Kept[Samples] = Kept(KEPT_BYTES, _size)


def _read(row: Any) -> Samples:
    """Read the arrays of an evaluation, only the columns that its task has."""
    told, task = _told(row), row.task
    has_scores, is_multilabel = bool(row.score_count), task == MULTILABEL
    is_top = task not in (BINARY, MULTILABEL) and row.score_count not in (0, len(told["labels"]))
    plain = [] if is_multilabel else ["target", "prediction"]
    plain += ["weight"] * _is_weighted(row) + ["score"] * (task == BINARY and has_scores)
    packed = ["target_set", "prediction_set"] * is_multilabel + ["score"] * (task == MULTICLASS and has_scores)
    packed += ["scores"] * (task != BINARY and has_scores) + ["score_classes"] * is_top
    packed += ["slices"] * bool(told["slices"]) + ["features"] * bool(told["features"])
    found = {**_numbers(row, plain), **_columns(row, packed)}
    target, prediction = (
        _labels(found[f"{name}_set" if is_multilabel else name], task, len(told["labels"]))
        for name in ("target", "prediction")
    )
    slices = zip(*map(orjson.loads, found.get("slices", ())), strict=True)
    features = _blobs(found["features"], "<f8", len(told["features"])).T if "features" in found else []
    return Samples(
        task,
        told["labels"],
        target,
        prediction,
        told["positive"],
        told["score_type"],
        score=np.array(found["score"], float) if "score" in found else None,
        scores=_scores(found["scores"], len(target), row.score_count) if "scores" in found else None,
        classes=_blobs(found["score_classes"], "<i4", TOP_SCORES).astype(int) if is_top else None,
        weight=found.get("weight"),
        slices={name: _texts(values) for name, values in zip(told["slices"], slices, strict=False)},
        features=dict(zip(told["features"], features, strict=False)),
    )


def _is_weighted(row: Any) -> bool:
    query = "SELECT 1 FROM predictions WHERE run_id = ? AND evaluation_id = ? AND weight <> 1 LIMIT 1"
    return execute(query, Prediction.run_id.db_value(row.run_id), row.evaluation_id).fetchone() is not None


def _numbers(row: Any, names: list[str]) -> dict[str, Any]:
    """Return columns of numbers, none of them NULL, as arrays: in a quarter of the time that lists take."""
    if not names:
        return {}
    flat = [np.fromiter(chain.from_iterable(rows), float, len(rows) * len(names)) for rows in _rows(row, names)]
    table = np.concatenate([np.empty(0), *flat]).reshape(-1, len(names))
    return {name: np.ascontiguousarray(column) for name, column in zip(names, table.T, strict=True)}


def _columns(row: Any, names: list[str]) -> dict[str, Any]:
    """Return columns of texts and of what may be NULL as lists, columns of bytes as the bytes of all samples."""
    columns: list[Any] = [bytearray() if name in _BYTES else [] for name in names]
    for rows in _rows(row, names) if names else ():
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(b"".join(values) if isinstance(column, bytearray) else values)
    return dict(zip(names, columns, strict=True))


def _rows(row: Any, names: list[str]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield columns of an evaluation's samples, part by part, as rows take far more room than arrays."""
    # Others may come in meanwhile: those would be in one column, and not in another.
    which = "run_id = ? AND evaluation_id = ? AND sample_no < ?"
    query = f"SELECT {', '.join(names)} FROM predictions WHERE {which} ORDER BY sample_no"  # noqa: S608
    cursor = execute(query, Prediction.run_id.db_value(row.run_id), row.evaluation_id, row.received_count)
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield rows


def _scores(values: bytearray, count: int, width: int) -> Any:
    size = len(values) // max(1, count * width)
    return _blobs(values, f"<f{size or 4}", width)


def _labels(values: Any, task: str, count: int) -> Any:
    if task == MULTILABEL:
        bits = _blobs(values, "B", -(-count // 8))
        return np.unpackbits(bits, axis=1, count=count, bitorder="little").astype(int)
    return np.asarray(values, float if task == REGRESSION else int)


def _texts(values: Sequence[str]) -> Any:
    """Return texts as an array that holds each different one once; those of NumPy are all as wide as the longest."""
    known: dict[str, str] = {}
    return np.array([known.setdefault(value, value) for value in values], object)


def _blobs(values: bytearray, kind: str, width: int) -> Any:
    return np.frombuffer(values, kind).reshape(-1, width)
