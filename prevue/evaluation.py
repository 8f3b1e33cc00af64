"""A test of a model as `Run.log_evaluation` is given it: checked, and brought into one form.

Needs NumPy, which every framework brings. All raise InvalidValue.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prevue.json_values import array_of
from prevue.masking import utf8
from prevue_core.errors import InvalidValue, shown
from prevue_core.evaluation_records import (
    BINARY,
    DECISION,
    LOGIT,
    MAX_SAMPLE_CHARS,
    MULTICLASS,
    MULTILABEL,
    PROBABILITY,
    REGRESSION,
    SCORE_TYPES,
    TASKS,
)

Array = Any  # of NumPy
ROWS_NAMED = 5  # in a message, of those that are wrong
_SUM_TOLERANCE = 4e-3  # of probabilities of one sample, as bfloat16 leaves it


@dataclass
class Samples:
    """The samples of a test in their one form: what their records are made of."""

    task: str
    target: Array  # (n,) class numbers or values; (n, k) of zeros and ones for several labels at once
    prediction: Array
    labels: list[str] = field(default_factory=list)
    positive: int | None = None
    scores: Array = None  # (n, score count)
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
    labels = None if labels is None else _list_of_labels(labels)
    true = _column_or_table("y_true", y_true)
    count = len(true)
    pred, score = (
        None if given is None else _column_or_table(what, given, count)
        for what, given in (("y_pred", y_pred), ("y_score", y_score))
    )
    if not count:
        raise InvalidValue("y_true is empty; give one sample at least")
    if pred is None and score is None:
        raise InvalidValue("y_pred and y_score are both missing; give one of them")
    samples = _of_task(_task_of(task, true, pred, score, labels), true, pred, score, labels, pos_label, score_type)
    samples.tested = count
    samples.weight = None if sample_weight is None else _weight(sample_weight, count)
    samples.sample_ids = None if sample_ids is None else _texts("sample_ids", sample_ids, count, is_needed=True)
    samples.slices = {utf8(str(name)): _texts(f"slice {name!r}", texts, count) for name, texts in _named(slices)}
    samples.features = {utf8(str(name)): _feature(name, values, count) for name, values in _named(features)}
    return samples


# the task and its classes


def _list_of_labels(labels: Any) -> list[Any]:
    if not isinstance(labels, Iterable) or isinstance(labels, Mapping | str | bytes):
        kind = type(labels).__name__
        raise InvalidValue(f"labels {shown(labels)} is of type {kind}; use a list of names in the order of the classes")
    if not (known := list(labels)):
        raise InvalidValue("labels is empty; use a list of names in the order of the classes, or leave it out")
    return known


def _task_of(task: str, true: Array, pred: Array, score: Array, labels: Any) -> str:
    if task != "auto":
        return task
    if true.ndim == 2 and true.dtype.kind == "f" and not _is_whole(true):
        return REGRESSION  # of several targets, which is refused
    if true.ndim == 2:
        is_one_hot = bool((_finite("y_true", true).sum(axis=1) == 1).all()) and (score is None or _sums_to_1(score))
        return MULTICLASS if is_one_hot else MULTILABEL
    if any(given is not None and given.dtype.kind == "f" and not _is_whole(given) for given in (true, pred)):
        _refuse_probabilities(true, pred)
        return REGRESSION
    if labels is not None:
        count = len(labels)
    elif score is not None and score.ndim == 2:
        count = score.shape[1]
    else:
        count = len(
            {_label(value) for given in (true, pred) if given is not None for value in np.unique(given).tolist()}
        )
    return BINARY if count <= 2 else MULTICLASS


def _refuse_probabilities(true: Array, pred: Array) -> None:
    """Refuse what Keras' and PyTorch's models return, where it stands in the place of classes."""
    is_classes = true.dtype.kind in "iufb" and _is_whole(true) and true.min() >= 0
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
            score = _finite("y_score", _finite("y_score", score).astype("float32"))
    if task == MULTILABEL:
        return _multilabel(true, pred, score, labels, score_type)
    if true.ndim == 2:
        true = true.argmax(axis=1)
    if pred is not None and pred.ndim == 2:
        pred = pred.argmax(axis=1)
    known = _classes(task, true, pred, score, labels)
    target = _class_numbers("y_true", true, known)
    prediction = None if pred is None else _class_numbers("y_pred", pred, known)
    samples = Samples(task, target, prediction, [_label(label) for label in known])
    if task == BINARY:
        samples.positive = 1 if pos_label is None else _positive(pos_label, known)
    elif pos_label is not None:
        raise InvalidValue(f"pos_label {shown(pos_label)} is for two classes, not for {shown(known)}; leave it out")
    if score is not None:
        _add_scores(samples, score, score_type)
    return samples


def _positive(pos_label: Any, known: list[Any]) -> int:
    try:
        return int(_class_numbers("pos_label", [pos_label], known).item())
    except (InvalidValue, ValueError):
        raise InvalidValue(f"pos_label {shown(pos_label)} is none of {shown(known)}; use one of them") from None


def _regression(true: Array, pred: Array) -> Samples:
    if true.ndim != 1 or pred.ndim != 1:
        raise InvalidValue(f"y_true of shape {true.shape} has several targets; log an evaluation for each of them")
    return Samples(REGRESSION, _finite("y_true", true).astype(float), _finite("y_pred", pred).astype(float))


def _multilabel(true: Array, pred: Array, score: Array, labels: Any, score_type: str) -> Samples:
    count = true.shape[1] if true.ndim == 2 else 0
    names = [str(number) for number in range(count)] if labels is None else [_label(label) for label in labels]
    if len(names) != count or any(given is not None and given.shape != true.shape for given in (pred, score)):
        raise InvalidValue(f"y_true of shape {true.shape} needs as many labels, and y_pred and y_score of this shape")
    kind = None if score is None else _score_type(score_type, score, is_whole=True, otherwise=LOGIT)
    if pred is None:
        pred = score >= _middle(kind)
    for what, given in (("y_true", true), ("y_pred", pred)):
        _refuse_rows(what, ~((given == 0) | (given == 1)).all(axis=1), "neither 0 nor 1 for each label")
    return Samples(MULTILABEL, true.astype(bool), pred.astype(bool), names, scores=score, score_type=kind)


def _classes(task: str, true: Array, pred: Array, score: Array, labels: Any) -> list[Any]:
    """Return the classes in the order of their numbers."""
    wanted = score.shape[1] if score is not None and score.ndim == 2 and score.shape[1] > 1 else None
    if labels is not None:
        known = list(labels)
    else:
        if pred is not None and (true.dtype.kind == "U") != (pred.dtype.kind == "U"):
            true, pred = (np.array([_label(value) for value in given.tolist()]) for given in (true, pred))
            if not np.isin(pred, true).any():
                raise InvalidValue(
                    f"y_true has classes such as {shown(true[0].item())}, y_pred such as {shown(pred[0].item())}, and "
                    "none is in both; give labels, the names of the classes 0, 1, 2 ..."
                )
        found = np.unique(true if pred is None else np.concatenate([true, pred]))
        known = found.tolist()
        least = wanted or 2
        if found.dtype.kind in "iufb" and _is_whole(found) and found[0] >= 0 and found[-1] < least:
            known = list(range(least))
        elif wanted is None and len(known) == 1:
            raise InvalidValue(f"there is no class but {shown(known[0])}; give labels, such as labels=['no', 'yes']")
    if wanted is not None and len(known) != wanted:
        raise InvalidValue(f"y_score has {wanted} columns, and there are {len(known)} classes; give labels")
    if task == BINARY and len(known) != 2:
        raise InvalidValue(f"there are {len(known)} classes, {shown(known)}, and not 2; use task='multiclass'")
    return known


def _class_numbers(what: str, values: Any, known: list[Any]) -> Array:
    values = np.asarray(values)
    found, places = np.unique(values, return_inverse=True)
    numbers = {label: number for number, label in enumerate(known)}
    texts = {_label(label): number for number, label in enumerate(known)}
    by_value = [numbers.get(value, texts.get(value)) for value in found.tolist()]
    if None in by_value and found.dtype.kind in "iufb" and _is_whole(found) and 0 <= found[0] <= found[-1] < len(known):
        by_value = [int(value) for value in found]  # labels are names of class numbers
    if None in by_value:
        wrong = by_value.index(None)
        row = int((places.ravel() == wrong).argmax())
        raise InvalidValue(f"{what}[{row}] is {shown(found[wrong].item())}, which is none of the labels {shown(known)}")
    return np.asarray(by_value, "int32")[places.ravel()]


def _label(label: Any) -> str:
    label = label.item() if hasattr(label, "item") else label
    return utf8(str(int(label) if isinstance(label, float) and label.is_integer() else label))


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


# what is given


def _column_or_table(what: str, given: Any, count: int | None = None) -> Array:
    try:
        values = array_of(given)
        values = np.asarray(given) if values is None else values
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"{what} is not an array of samples: {error}") from None
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 0:
        raise InvalidValue(f"{what} {shown(given)} is one value; use an array, a list or a column of one a sample")
    if values.ndim not in (1, 2) or values.dtype.kind not in "iufbUSO":
        raise InvalidValue(f"{what} has shape {values.shape} and type {values.dtype}; use a value or a row a sample")
    if count is not None and len(values) != count:
        raise InvalidValue(f"{what} has {len(values)} samples, y_true {count}; give as many")
    if values.dtype.kind in "UO" and values.ndim == 1:
        _refuse_rows(what, _missing(given if isinstance(given, list | tuple) else values), "missing")
    if np.ma.isMaskedArray(given) and (mask := np.ma.getmaskarray(given)).any():
        _refuse_rows(what, mask.reshape(len(mask), -1).any(axis=1), "masked")
    if values.dtype.kind == "O":  # of a data frame, say
        values = np.asarray(values.tolist())
        if values.dtype.kind == "O":
            raise InvalidValue(f"{what}[0] is {shown(values.flat[0])}, neither a text nor a number; use one of these")
    if values.dtype.kind == "S":  # of a tensor of TensorFlow's
        values = np.char.decode(values, "utf-8", "replace")
    return _finite(what, values) if values.dtype.kind == "f" else values


def _missing(values: Any) -> Array:
    """Return which values are None or NaN: NumPy would take NaN among texts for the text `nan`."""
    return np.array([value is None or value != value for value in map(_plain, values)], bool)


def _plain(value: Any) -> Any:
    # pandas.NA is neither equal to itself nor not.
    return None if type(value).__name__ == "NAType" else value


def _finite(what: str, values: Array) -> Array:
    if values.dtype.kind not in "iufb":
        raise InvalidValue(f"{what} has values of type {values.dtype}; use numbers")
    is_bad = ~np.isfinite(values)
    _refuse_rows(what, is_bad.any(axis=1) if values.ndim == 2 else is_bad, "NaN or infinite")
    return values


def _refuse_rows(what: str, is_bad: Array, why: str) -> None:
    rows = is_bad.nonzero()[0].tolist()
    if rows:
        more = len(rows) - ROWS_NAMED
        named = ", ".join(map(str, rows[:ROWS_NAMED])) + (f" and {more} more" if more > 0 else "")
        raise InvalidValue(f"{what} is {why} in row{'s' * (len(rows) > 1)} {named}; mend or leave out these samples")


def _is_whole(values: Array) -> bool:
    return bool((values == np.floor(values)).all())


def _weight(given: Any, count: int) -> Array:
    weight = _column_or_table("sample_weight", given, count)
    if weight.ndim != 1 or weight.dtype.kind not in "iufb":
        raise InvalidValue(f"sample_weight of shape {weight.shape} and type {weight.dtype} is not a number a sample")
    _refuse_rows("sample_weight", weight < 0, "below 0")
    if not weight.any():
        raise InvalidValue("sample_weight is 0 for every sample; leave it out, or give each its weight")
    return weight.astype(float)


def _named(columns: Any) -> Iterator[tuple[Any, Any]]:
    """Yield names and columns of a dict or a data frame."""
    if columns is None:
        return
    if not (isinstance(columns, Mapping) or hasattr(columns, "items")):
        raise InvalidValue(f"{shown(columns)} is neither a dict nor a data frame; use names and a value a sample")
    yield from columns.items()


def _texts(what: str, given: Any, count: int, *, is_needed: bool = False) -> list[str]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidValue(f"{what} {shown(given)} is one value; use a list with one a sample")
    array = array_of(given)
    values = list(given) if array is None else array.tolist()
    if len(values) != count:
        raise InvalidValue(f"{what} has {len(values)} samples, y_true {count}; give as many")
    if is_needed:
        _refuse_rows(what, _missing(values), "missing")
    texts = [_text(value) for value in values]
    if long := [place for place, text in enumerate(texts) if len(text) > MAX_SAMPLE_CHARS]:
        raise InvalidValue(
            f"{what}: {shown(texts[long[0]])} in row {long[0]} has {len(texts[long[0]])} characters; use at most "
            f"{MAX_SAMPLE_CHARS}"
        )
    return texts


def _text(value: Any) -> str:
    if isinstance(value, bytes):  # of a tensor of TensorFlow's
        value = value.decode("utf-8", "replace")
    return utf8(value) if isinstance(value, str) else _label(value)


def _feature(name: Any, given: Any, count: int) -> Array:
    values = array_of(given)
    values = np.asarray(given) if values is None else values
    try:
        if values.shape == (count,) and values.dtype.kind in "iufbO":
            return values.astype(float)  # None is NaN, which says that it is not known
    except (TypeError, ValueError):
        pass
    raise InvalidValue(f"feature {name!r} has shape {values.shape} and type {values.dtype}; use a number a sample")
