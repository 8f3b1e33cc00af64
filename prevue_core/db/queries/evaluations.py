"""Evaluations: which tests a run has, their samples as arrays, and single samples as rows."""

import uuid
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
import orjson
import peewee

from prevue_core.db.accounts import Identity
from prevue_core.db.connection import execute, marks
from prevue_core.db.models import Evaluation, Prediction, Project, TrainingRun
from prevue_core.db.queries.pages import Page, Row, cut_page
from prevue_core.db.queries.runs import is_visible, runs_in_reach
from prevue_core.db.stored import to_unix
from prevue_core.evaluation.samples import Samples
from prevue_core.evaluation_records import BINARY, MULTILABEL, REGRESSION, TOP_SCORES

CACHE_BYTES = 256 << 20  # of arrays kept: a page asks for the same samples several times
MAX_GROUP = 100  # runs of a group that are compared
_ROWS_AT_ONCE = 50_000


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


def of_group(identity: Identity, project_id: int, group: str, name: str, split: str) -> list[Row]:
    """Return the last evaluation of a name and split of each run of a group, those of the latest runs first."""
    last = (
        Evaluation.select(peewee.fn.MAX(Evaluation.evaluation_id))
        .join(TrainingRun, on=TrainingRun.run_id == Evaluation.run_id)
        .join(Project)
        .where(is_visible(identity), TrainingRun.project == project_id, TrainingRun.run_group == group)
        .where(Evaluation.name == name, Evaluation.split == split, Evaluation.received_count > 0)
        .group_by(Evaluation.run_id)
    )
    query = Evaluation.select().where(Evaluation.evaluation_id.in_(last)).order_by(Evaluation.evaluation_id.desc())
    return [_told(row) for row in query.limit(MAX_GROUP)]


def samples(run_id: str, evaluation_id: int) -> Samples:
    """Return the samples of an evaluation that have come, in the order logged; who asks was let in before."""
    return _cache.get(Evaluation.get(Evaluation.run_id == run_id, Evaluation.evaluation_id == evaluation_id))


def sample_ids(run_id: str, evaluation_id: int) -> list[str] | None:
    """Return the names of an evaluation's samples in the order logged, None where they have none."""
    query = "SELECT sample_id FROM predictions WHERE run_id = ? AND evaluation_id = ? ORDER BY sample_no"
    names = [name for (name,) in execute(query, run_id, evaluation_id)]
    return names if names and None not in names else None


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


class _Cache:
    """The samples that were asked for last, as long as there is room. Safe for several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, int], tuple[Samples, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, row: Any) -> Samples:
        """Return the samples of an evaluation."""
        key = (str(row.run_id), row.evaluation_id, row.received_count)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        samples = _read(row)
        with self._lock:
            self._kept[key] = samples, _size(samples)
            while sum(size for _, size in self._kept.values()) > CACHE_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return samples


_cache = _Cache()


def _size(samples: Samples) -> int:
    arrays = (samples.target, samples.prediction, samples.score, samples.scores, samples.classes, samples.weight)
    others = (*samples.slices.values(), *samples.features.values())
    return sum(array.nbytes for array in (*arrays, *others) if array is not None)


def _read(row: Any) -> Samples:
    """Read the arrays of an evaluation, only the columns that its task has."""
    told, task = _told(row), row.task
    labels = ("target_set", "prediction_set") if task == MULTILABEL else ("target", "prediction")
    columns = [*labels, "weight", *(["score"] if row.score_count else [])]
    columns += ["scores"] if row.score_count and task != BINARY else []
    is_top = task not in (BINARY, MULTILABEL) and row.score_count not in (0, len(told["labels"]))
    columns += ["score_classes"] * is_top + ["slices"] * bool(told["slices"]) + ["features"] * bool(told["features"])
    found = dict(zip(columns, _columns(row, columns), strict=True))
    target, prediction = (_labels(found[name], task, len(told["labels"])) for name in labels)
    weight = np.array(found["weight"], float)
    slices = zip(*map(orjson.loads, found.get("slices", ())), strict=True)
    features = _blobs(found["features"], "<f8", len(told["features"])).T if "features" in found else []
    return Samples(
        task,
        told["labels"],
        target,
        prediction,
        told["positive"],
        told["score_type"],
        score=None if "score" not in found or task == MULTILABEL else np.array(found["score"], float),
        scores=_blobs(found["scores"], "<f4", row.score_count) if "scores" in found else None,
        classes=_blobs(found["score_classes"], "<i4", TOP_SCORES).astype(int) if is_top else None,
        weight=None if (weight == 1).all() else weight,
        slices={name: np.array(values) for name, values in zip(told["slices"], slices, strict=False)},
        features=dict(zip(told["features"], features, strict=False)),
    )


def _columns(row: Any, names: list[str]) -> list[list[Any]]:
    """Return columns of an evaluation's samples; part by part, as rows take far more room than arrays."""
    query = f"SELECT {', '.join(names)} FROM predictions WHERE run_id = ? AND evaluation_id = ? ORDER BY sample_no"  # noqa: S608
    cursor = execute(query, Prediction.run_id.db_value(row.run_id), row.evaluation_id)
    columns: list[list[Any]] = [[] for _ in names]
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
    return columns


def _labels(values: list[Any], task: str, count: int) -> Any:
    if task == MULTILABEL:
        bits = _blobs(values, "B", -(-count // 8))
        return np.unpackbits(bits, axis=1, count=count, bitorder="little").astype(int)
    return np.array(values, float if task == REGRESSION else int)


def _blobs(values: list[Any], kind: str, width: int) -> Any:
    return np.frombuffer(b"".join(values), kind).reshape(-1, width)
