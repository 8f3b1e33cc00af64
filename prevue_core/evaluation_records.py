"""Evaluations on the wire: what a test of a model sends, sample by sample.

An `evaluation` record tells of what the samples are; `predictions` records follow it with the samples themselves, in
blocks. Both have the same `key`. Numbers travel as base64 of little endian arrays: 5 bytes a score, where JSON takes 12
to 21.

| field of `evaluation` | |
|---|---|
| `key` | a UUID: which evaluation of the run it is |
| `name`, `split` | text; `test` for both, as a rule |
| `task` | `binary`, `multiclass`, `multilabel` or `regression` |
| `step` | int or left out: an evaluation may be repeated as training goes on |
| `labels` | the names of the classes in the order of their numbers; none for a regression |
| `positive` | number of the positive class of a binary task |
| `score_type` | `probability`, `logit` (softmax or the logistic function makes it one) or `decision` (only ranks); none without scores |
| `score_count` | scores of a sample: 0; 1 (binary: the positive class's); one for each class; or 6 (see `classes`) |
| `samples` | how many samples were tested |
| `stored` | how many of them follow; fewer where there are more than a million, stratified by class |
| `slices`, `features` | names of what is known of each sample: groups, and numbers |

| field of `predictions` | array of `count` x | |
|---|---|---|
| `first`, `count` | | number of the block's first sample, and how many there are |
| `target`, `prediction` | int32, float64 for a regression, bits for `multilabel` | class numbers, values, or a bit for each class |
| `scores` | `score_count` x float32 or float64, the same in all blocks | |
| `classes` | 6 x int32 | whose scores those are, where only the five highest and the true class's are sent |
| `weight` | float64 | how many samples this one stands for; left out: 1 |
| `sample_ids` | | list of text |
| `slices` | | a list of text for each of `slices` |
| `features` | one float64 for each of `features`; may be NaN | |
"""  # noqa: E501 - a table

import base64
import binascii
import sys
import uuid
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prevue_core.contract import check_int64, check_label, check_name, check_split
from prevue_core.errors import InvalidValue, shown

BINARY, MULTICLASS, MULTILABEL, REGRESSION = TASKS = ("binary", "multiclass", "multilabel", "regression")
PROBABILITY, LOGIT, DECISION = SCORE_TYPES = ("probability", "logit", "decision")

MAX_SAMPLES = 1_000_000  # stored
MAX_SCORES = 20_000_000  # stored; beyond, TOP_SCORES a sample
MAX_EXACT_SCORES = 2_000_000  # as float64; beyond, float32 for more than two classes
TOP_SCORES = 6  # the five highest and the true class's
MAX_CLASSES = 10_000
MAX_COLUMNS = 100  # slices, features
MAX_SAMPLE_CHARS = 1_000  # of the name of a sample, or of the group it is in
BLOCK_SAMPLES = 4_096
BLOCK_BYTES = 128 << 10  # of the arrays in a block

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """What an `evaluation` record tells, checked."""

    key: str
    name: str
    split: str
    task: str
    step: int | None
    labels: list[str]
    positive: int | None
    score_type: str | None
    score_count: int
    samples: int
    stored: int
    slices: list[str] = field(default_factory=list)
    features: list[str] = field(default_factory=list)

    @property
    def is_top(self) -> bool:
        """Whether only some classes' scores are sent, each with its class."""
        return self.task == MULTICLASS and self.score_count not in (0, len(self.labels))

    @property
    def label_type(self) -> str:
        """The type of a target or prediction, as `array` has it."""
        return {REGRESSION: "d", MULTILABEL: "B"}.get(self.task, "i")

    @property
    def label_width(self) -> int:
        """How many of these a sample has."""
        return -(-len(self.labels) // 8) if self.task == MULTILABEL else 1


def check_evaluation(record: Record) -> Evaluation:
    """Return what a record tells. Raises InvalidValue."""
    task = _one_of("task", record.get("task"), TASKS)
    labels = [check_label("label", label) for label in _list("labels", record.get("labels") or [], MAX_CLASSES)]
    least = {BINARY: 2, MULTICLASS: 2, MULTILABEL: 1, REGRESSION: 0}[task]
    if len(labels) < least or (task in (BINARY, REGRESSION) and len(labels) > least):
        raise InvalidValue(f"a {task} evaluation has {len(labels)} labels; give {least}")
    if len(set(labels)) < len(labels):
        raise InvalidValue(f"labels {shown(labels)} name a class twice; give each a name of its own")
    count = _up_to("score_count", record.get("score_count", 0), MAX_CLASSES)
    possible = {BINARY: {0, 1}, MULTICLASS: {0, len(labels), TOP_SCORES}, MULTILABEL: {0, len(labels)}}
    if count not in possible.get(task, {0}):
        raise InvalidValue(f"score_count {count} does not fit a {task} evaluation of {len(labels)} labels")
    stored = _up_to("stored", record.get("stored"), MAX_SAMPLES)
    step = record.get("step")
    return Evaluation(
        key=key_of(record),
        name=check_name(record.get("name"), "evaluation name"),
        split=check_split(record.get("split", "test")),
        task=task,
        step=None if step is None else check_int64("step", step),
        labels=labels,
        positive=_up_to("positive", record.get("positive", 1), 1) if task == BINARY else None,
        score_type=_one_of("score_type", record.get("score_type"), SCORE_TYPES) if count else None,
        score_count=count,
        samples=max(stored, _up_to("samples", record.get("samples", stored), 2**53)),
        stored=stored,
        slices=_names("slices", record),
        features=_names("features", record),
    )


@dataclass(frozen=True)
class Block:
    """Samples of an evaluation, checked: arrays as the table above has them."""

    first: int
    count: int
    target: "array[Any]"
    prediction: "array[Any]"
    scores: "array[float]"  # float32 or float64; empty where there are none, as those below
    classes: "array[int]"
    weight: "array[float]"
    features: "array[float]"
    sample_ids: list[str]
    slices: list[list[str]]


def check_predictions(record: Record, evaluation: Evaluation) -> Block:
    """Return the samples of a `predictions` record. Raises InvalidValue."""
    first, count = (_up_to(name, record.get(name), MAX_SAMPLES) for name in ("first", "count"))
    if not 1 <= count <= BLOCK_SAMPLES or first + count > evaluation.stored:
        raise InvalidValue(f"samples {first} to {first + count - 1} are no block of {evaluation.stored} samples")
    kind, width = evaluation.label_type, evaluation.label_width
    block = Block(
        first,
        count,
        target=unpacked(record, "target", kind, count * width),
        prediction=unpacked(record, "prediction", kind, count * width),
        scores=_scores(record, count * evaluation.score_count),
        classes=unpacked(record, "classes", "i", count * TOP_SCORES if evaluation.is_top else 0),
        weight=unpacked(record, "weight", "d", count if "weight" in record else 0),
        features=unpacked(record, "features", "d", count * len(evaluation.features), is_finite=False),
        sample_ids=_texts("sample_ids", record["sample_ids"], count) if "sample_ids" in record else [],
        slices=[_texts("slices", texts, count) for texts in _list("slices", record.get("slices", []), MAX_COLUMNS)],
    )
    if len(block.slices) != len(evaluation.slices):
        raise InvalidValue(f"{len(block.slices)} slices are given, but the evaluation has {len(evaluation.slices)}")
    if kind == "i":
        for numbers in (block.target, block.prediction, block.classes):
            if numbers and not 0 <= min(numbers) <= max(numbers) < len(evaluation.labels):
                last = len(evaluation.labels) - 1
                raise InvalidValue(f"class numbers {min(numbers)} to {max(numbers)} are not within 0 to {last}")
    return block


def _scores(record: Record, count: int) -> "array[float]":
    is_exact = len(str(record.get("scores", ""))) == 4 * -(-8 * count // 3) > 0  # the length of their base64
    return unpacked(record, "scores", "d" if is_exact else "f", count)


def packed(values: "array[Any]") -> str:
    """Return an array as it travels."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return base64.b64encode(values.tobytes()).decode()


def unpacked(record: Record, name: str, kind: str, count: int, *, is_finite: bool = True) -> "array[Any]":
    """Return an array of `count` numbers of a type of `array`'s. Raises InvalidValue."""
    values, given = array(kind), record.get(name, "")
    try:
        values.frombytes(base64.b64decode(given, validate=True))
    except (TypeError, ValueError, binascii.Error):
        raise InvalidValue(f"{name} {shown(given)} is not the base64 of numbers of {values.itemsize} bytes") from None
    if len(values) != count:
        raise InvalidValue(f"{name} has {len(values)} numbers; {count} are expected")
    if sys.byteorder == "big":
        values.byteswap()
    if kind in "df" and is_finite and not _all_finite(values):
        raise InvalidValue(f"{name} has NaN or an infinity; leave such samples out")
    return values


def _all_finite(values: "array[Any]") -> bool:
    # The sum may leave the range of floats where no value does: only then is each looked at.
    total = sum(values)
    return total - total == 0 or all(value - value == 0 for value in values)


def key_of(record: Record) -> str:
    try:
        return str(uuid.UUID(record.get("key")))
    except (TypeError, ValueError, AttributeError):
        raise InvalidValue(f"key {shown(record.get('key'))} is not a UUID; give each evaluation a new one") from None


def _one_of(what: str, value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise InvalidValue(f"{what} {shown(value)} is not known; use {', '.join(known)}")
    return str(value)


def _up_to(what: str, value: Any, most: int) -> int:
    number = check_int64(what, value)
    if not 0 <= number <= most:
        raise InvalidValue(f"{what} {number} is not within 0 to {most}")
    return number


def _list(what: str, value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise InvalidValue(f"{what} {shown(value)} is not a list of up to {most}")
    return value


def _names(what: str, record: Record) -> list[str]:
    names = [check_label(what, name) for name in _list(what, record.get(what, []), MAX_COLUMNS)]
    if len(set(names)) < len(names):
        raise InvalidValue(f"{what} {shown(names)} have a name twice; give each its own")
    return names


def _texts(what: str, value: Any, count: int) -> list[str]:
    if not isinstance(value, list) or len(value) != count or not all(isinstance(text, str) for text in value):
        raise InvalidValue(f"{what} {shown(value)} is not a list of {count} texts")
    if max(map(len, value), default=0) > MAX_SAMPLE_CHARS:
        raise InvalidValue(f"{what} has a text of more than {MAX_SAMPLE_CHARS} characters")
    return [text.replace("\0", "") for text in value]  # PostgreSQL has no text with NUL
