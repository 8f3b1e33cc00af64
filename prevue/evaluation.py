"""A test of a model as `Run.log_evaluation` is given it: checked, and brought into one form.

Needs NumPy, which every framework brings. All raise InvalidValue.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prevue.evaluation_classes import Reading, alike, classes_of, list_of_labels
from prevue.evaluation_columns import (
    Array,
    column_or_table,
    feature_of,
    finite,
    is_whole,
    label_of,
    named,
    refuse_rows,
    texts_of,
    weight_of,
)
from prevue.masking import utf8
from prevue_core.errors import InvalidValue, shown
from prevue_core.evaluation_records import (
    BINARY,
    DECISION,
    LOGIT,
    MAX_EXACT_SCORES,
    MULTICLASS,
    MULTILABEL,
    PROBABILITY,
    REGRESSION,
    SCORE_TYPES,
    TASKS,
)

_SUM_TOLERANCE = 4e-3  # of probabilities of one sample, as bfloat16 leaves it


@dataclass
class Samples:
    """The samples of a test in their one form: what their records are made of."""

    task: str
    target: Array  # (n,) class numbers or values; (n, k) of zeros and ones for several labels at once
    prediction: Array
    labels: list[str] = field(default_factory=list)
    positive: int | None = None
    scores: Array = None  # (n, score count), float32 or float64
    score_type: str | None = None
    classes: Array = None  # (n, 6): whose scores those are
    weight: Array = None
    sample_ids: list[str] | None = None
    slices: dict[str, list[str]] = field(default_factory=dict)
    features: dict[str, Array] = field(default_factory=dict)
    tested: int = 0  # how many there were


def samples_of(
    y_true: Any,
    y_pred: Any = None,
    y_score: Any = None,
    *,
    task: str = "auto",
    labels: Any = None,
    pos_label: Any = None,
    score_type: str = "auto",
    sample_ids: Any = None,
    sample_weight: Any = None,
    slices: Any = None,
    features: Any = None,
) -> Samples:
    """Return the samples of a test. See `Run.log_evaluation` for what is accepted."""
    if task not in ("auto", *TASKS):
        raise InvalidValue(f"task {shown(task)} is not known; use auto, {', '.join(TASKS)}")
    labels = None if labels is None else list_of_labels(labels)
    true = column_or_table("y_true", y_true)
    count = len(true)
    pred, score = (
        None if given is None else column_or_table(what, given, count)
        for what, given in (("y_pred", y_pred), ("y_score", y_score))
    )
    if not count:
        raise InvalidValue("y_true is empty; give one sample at least")
    if pred is None and score is None:
        raise InvalidValue("y_pred and y_score are both missing; give one of them")
    if pred is not None and {"b"} < {true.dtype.kind, pred.dtype.kind} <= set("biuf"):  # score > 0.5, say
        true, pred = (given.astype(int) if given.dtype.kind == "b" else given for given in (true, pred))
    samples = _of_task(_task_of(task, true, pred, score, labels), true, pred, score, labels, pos_label, score_type)
    samples.tested = count
    samples.weight = None if sample_weight is None else weight_of(sample_weight, count)
    samples.sample_ids = None if sample_ids is None else texts_of("sample_ids", sample_ids, count, is_needed=True)
    samples.slices = {utf8(str(name)): texts_of(f"slice {name!r}", texts, count) for name, texts in named(slices)}
    samples.features = {utf8(str(name)): feature_of(name, values, count) for name, values in named(features)}
    return samples


# tasks


def _task_of(task: str, true: Array, pred: Array, score: Array, labels: Any) -> str:
    if task != "auto":
        return task
    if true.ndim == 2 and true.dtype.kind == "f" and not is_whole(true):
        return REGRESSION  # of several targets, which is refused
    if true.ndim == 2:
        is_one_hot = bool((finite("y_true", true).sum(axis=1) == 1).all()) and (score is None or _sums_to_1(score))
        return MULTICLASS if is_one_hot else MULTILABEL
    if any(given is not None and given.dtype.kind == "f" and not is_whole(given) for given in (true, pred)):
        _refuse_probabilities(true, pred)
        return REGRESSION
    if labels is not None:
        count = len(labels)
    elif score is not None and score.ndim == 2:
        count = score.shape[1]
    else:
        count = len(
            {label_of(value) for given in (true, pred) if given is not None for value in np.unique(given).tolist()}
        )
    return BINARY if count <= 2 else MULTICLASS


def _refuse_probabilities(true: Array, pred: Array) -> None:
    """Refuse what Keras' and PyTorch's models return, where it stands in the place of classes."""
    is_classes = true.dtype.kind in "iufb" and is_whole(true) and true.min() >= 0
    if pred is None or not is_classes:
        return
    if pred.ndim == 2 or (true.max() <= 1 and pred.min() >= 0 and pred.max() <= 1):
        raise InvalidValue(
            f"y_pred of shape {pred.shape} has fractions, {shown(pred.flat[0].item())} the first, where y_true has "
            "classes; give scores as y_score, or say task='regression'"
        )


def _of_task(
    task: str, true: Array, pred: Array, score: Array, labels: Any, pos_label: Any, score_type: str
) -> Samples:
    if score_type not in ("auto", *SCORE_TYPES):
        raise InvalidValue(f"score_type {shown(score_type)} is not known; use auto, {', '.join(SCORE_TYPES)}")
    if task == REGRESSION:
        return _regression(true, score if pred is None else pred)
    if score is not None:
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite then, and refused
            narrow = finite("y_score", finite("y_score", score).astype("float32"))
        # A naive Bayes is sure by 1 - 1e-9 and 1 - 1e-12, which float32 makes equal: another area below the curve.
        is_narrow = score.dtype in ("float16", "float32") or (task != BINARY and score.size > MAX_EXACT_SCORES)
        score = narrow if is_narrow else score.astype(float)
    if task == MULTILABEL:
        return _multilabel(true, pred, score, labels, score_type)
    if labels is None:
        true, pred = alike(true, pred)
    known = _classes(task, true, pred, score, labels)
    reading = Reading(known, true, pred)
    target = reading.numbers("y_true", true)
    prediction = None if pred is None else reading.numbers("y_pred", pred)
    samples = Samples(task, target, prediction, [label_of(label) for label in known])
    if task == BINARY:
        samples.positive = 1 if pos_label is None else _positive(pos_label, reading, known)
    elif pos_label is not None:
        raise InvalidValue(f"pos_label {shown(pos_label)} is for two classes, not for {shown(known)}; leave it out")
    if score is not None:
        _add_scores(samples, score, score_type)
    return samples


def _positive(pos_label: Any, reading: Reading, known: list[Any]) -> int:
    try:
        return int(reading.numbers("pos_label", [pos_label]).item())
    except (InvalidValue, ValueError):
        raise InvalidValue(f"pos_label {shown(pos_label)} is none of {shown(known)}; use one of them") from None


def _regression(true: Array, pred: Array) -> Samples:
    if true.ndim != 1 or pred.ndim != 1:
        shares = (
            ", or one of the classes y_true.argmax(1)" if _sums_to_1(true) else ""
        )  # as mixup and smoothing leave them
        raise InvalidValue(f"y_true of shape {true.shape} has several targets; log an evaluation for each{shares}")
    true, pred = (finite(what, given).astype(float) for what, given in (("y_true", true), ("y_pred", pred)))
    with np.errstate(over="ignore"):
        refuse_rows("y_pred", ~np.isfinite(pred - true), "farther from y_true than a float can tell")
    return Samples(REGRESSION, true, pred)


def _multilabel(true: Array, pred: Array, score: Array, labels: Any, score_type: str) -> Samples:
    # A table of one column came as that column.
    true, pred, score = (
        given[:, None] if given is not None and given.ndim == 1 else given for given in (true, pred, score)
    )
    count = true.shape[1]
    names = [str(number) for number in range(count)] if labels is None else [label_of(label) for label in labels]
    if len(names) != count or any(given is not None and given.shape != true.shape for given in (pred, score)):
        raise InvalidValue(f"y_true of shape {true.shape} needs as many labels, and y_pred and y_score of this shape")
    kind = None if score is None else _score_type(score_type, score, is_whole=True, otherwise=LOGIT)
    if pred is None:
        pred = score >= _middle(kind)
    for what, given in (("y_true", true), ("y_pred", pred)):
        refuse_rows(what, ~((given == 0) | (given == 1)).all(axis=1), "neither 0 nor 1 for each label")
    return Samples(MULTILABEL, true.astype(bool), pred.astype(bool), names, scores=score, score_type=kind)


def _classes(task: str, true: Array, pred: Array, score: Array, labels: Any) -> list[Any]:
    """Return the classes in the order of their numbers."""
    count = score.shape[1] if score is not None and score.ndim == 2 and score.shape[1] > 1 else None
    known = list(labels) if labels is not None else classes_of(true, pred, count)
    if count is not None and len(known) != count:
        raise InvalidValue(f"y_score has {count} columns, and there are {len(known)} classes; give labels")
    if task == BINARY and len(known) != 2:
        raise InvalidValue(f"there are {len(known)} classes, {shown(known)}, and not 2; use task='multiclass'")
    return known


# scores


def _add_scores(samples: Samples, score: Array, given_type: str) -> None:
    if samples.task == BINARY:
        positive = samples.positive or 0
        is_pair = score.ndim == 2 and not _sums_to_1(score)
        if is_pair and given_type != PROBABILITY:  # logits: of two classes their difference is one
            within = bool(score.min() >= 0 and score.max() <= 1)
            given_type = (DECISION if within else LOGIT) if given_type == "auto" else given_type
            score = score[:, positive] - score[:, 1 - positive]
        elif score.ndim == 2:
            score = score[:, positive]
        samples.score_type = _score_type(given_type, score, is_whole=not is_pair, otherwise=DECISION)
        if samples.prediction is None:
            samples.prediction = abs((score >= _middle(samples.score_type)) - (1 - positive)).astype("int32")
        samples.scores = score[:, None]
        return
    if score.ndim != 2:
        raise InvalidValue(f"y_score of shape {score.shape} is not a column for each of {len(samples.labels)} classes")
    is_whole = _sums_to_1(score)
    samples.score_type = _score_type(given_type, score, is_whole=is_whole, otherwise=LOGIT)
    if samples.prediction is None:
        samples.prediction = score.argmax(axis=1).astype("int32")
    samples.scores = score


def _score_type(given: str, score: Array, *, is_whole: bool, otherwise: str) -> str:
    """Return what scores are. Those between 0 and 1 that don't add up for a sample only rank."""
    is_within = bool(score.min() >= 0 and score.max() <= 1)
    if given == PROBABILITY and not (is_within and is_whole):
        raise InvalidValue(
            f"y_score from {score.min():g} to {score.max():g} is not made of probabilities; use score_type='logit' "
            "or 'decision'"
        )
    if given != "auto":
        return given
    return (PROBABILITY if is_whole else DECISION) if is_within else otherwise


def _middle(score_type: str | None) -> float:
    return 0.5 if score_type == PROBABILITY else 0.0


def _sums_to_1(score: Array) -> bool:
    return score.ndim == 2 and bool((abs(score.sum(axis=1) - 1) <= _SUM_TOLERANCE).all())
