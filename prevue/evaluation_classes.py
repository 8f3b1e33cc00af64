"""The classes of a test: which there are, and which of them each value is. All raise InvalidValue.

A value is the class whose label it is, by its text; a number that is no label is that of a class: 0, 1, 2 ... Where
labels are other numbers, such as 1 to 5, targets and predictions decide together which of both is meant; what may be
either is refused.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from prevue.evaluation_columns import Array, is_whole, label_of
from prevue_core.errors import InvalidValue, shown

_TRUTH = {0: ("0", "False"), 1: ("1", "True")}  # how a truth, or its number, may be written as a label


def list_of_labels(labels: Any) -> list[Any]:
    """Return the names of classes as they are given, of NumPy's and tensors' values the plain ones."""
    if not isinstance(labels, Iterable) or isinstance(labels, Mapping | str | bytes):
        kind = type(labels).__name__
        raise InvalidValue(f"labels {shown(labels)} is of type {kind}; use a list of names in the order of the classes")
    if not (known := [label.item() if hasattr(label, "item") else label for label in labels]):
        raise InvalidValue("labels is empty; use a list of names in the order of the classes, or leave it out")
    return known


def alike(true: Array, pred: Array) -> tuple[Array, Array]:
    """Return targets and predictions that no labels tell of as columns of one type; of one-hot ones the class numbers.

    Texts beside numbers are the numbers that they spell, else both are texts.
    """
    columns: list[Array] = [given.argmax(axis=1) if np.ndim(given) == 2 else given for given in (true, pred)]
    if pred is None or (true.dtype.kind == "U") == (pred.dtype.kind == "U"):
        return columns[0], columns[1]
    texts = [np.array([label_of(value) for value in given.tolist()]) for given in columns]
    is_strange = ~np.isin(texts[1], texts[0])
    if is_strange.any() or 2 in (true.ndim, pred.ndim):
        row = int(is_strange.argmax())
        raise InvalidValue(
            f"y_true has classes such as {shown(columns[0][0].item())}, and y_pred[{row}], which is "
            f"{shown(columns[1][row].item())}, is none of them; give labels, the names of the classes 0, 1, 2 ..."
        )
    spelt = [_spelt(given) for given in texts]
    return (texts[0], texts[1]) if spelt[0] is None else (spelt[0], spelt[1])


def _spelt(texts: Array) -> Array:
    try:
        numbers = texts.astype("int64")
    except (ValueError, OverflowError):
        return None
    return numbers if (numbers.astype(str) == texts).all() else None


def classes_of(true: Array, pred: Array, column_count: int | None) -> list[Any]:
    """Return the classes that are found, in the order of their numbers. `column_count`: of their scores."""
    found = np.unique(true if pred is None else np.concatenate([true, pred]))
    known: list[Any] = found.tolist()
    least = column_count or 2
    if found.dtype.kind in "iufb" and is_whole(found) and found[0] >= 0 and found[-1] < least:
        return list(range(least))
    if column_count is None and len(known) == 1:
        raise InvalidValue(f"there is no class but {shown(known[0])}; give labels, such as labels=['no', 'yes']")
    return known


class Reading:
    """Which class each value is, the same way for all values of a test.

    `true`, `pred`: its targets and predictions, (n,) labels or class numbers, or (n, k) one-hot; `pred` may be None.
    """

    def __init__(self, known: list[Any], true: Array, pred: Array = None) -> None:
        self._known = known
        self._values = {label: number for number, label in enumerate(known)}
        self._own = {label_of(label): number for number, label in enumerate(known)} | self._values
        # Whether a number may be one class by its text and another by its place.
        self._clashes = any(self._of_label(number) not in (None, number) for number in range(len(known)))
        columns = [np.unique(given) for given in (true, pred) if given is not None and given.ndim == 1]
        self._is_by_number = False
        if self._clashes and all(given.dtype.kind in "iufb" for given in columns):
            self._is_by_number = true.ndim == 2 or None in self._labelled(columns[0])
            if not self._is_by_number:
                self._refuse_unclear([value for given in columns for value in given.tolist()])

    def numbers(self, what: str, given: Any) -> Array:
        """Return the class number of each value, (n,) int32."""
        values = np.asarray(given)
        if values.ndim == 2:
            self._check_columns(what, values.shape[1])
            return values.argmax(axis=1).astype("int32")
        found, rows = np.unique(values, return_inverse=True)
        own = self._labelled(found)
        by_number = [self._of_number(value) for value in found.tolist()]
        is_number = self._is_by_number and found.dtype.kind in "iufb"
        if is_number or (None in own and None not in by_number and not self._clashes):
            own = by_number
        if None in own:
            wrong = next((at for at, pair in enumerate(zip(own, by_number, strict=True)) if pair == (None, None)), None)
            wrong = own.index(None) if wrong is None else wrong
            row, value = int((rows.ravel() == wrong).argmax()), shown(found[wrong].item())
            is_other = is_number and what != "y_true"
            why = " by their numbers, as y_true is; give both by their labels" if is_other else ""
            raise InvalidValue(f"{what}[{row}] is {value}, which is none of the labels {shown(self._known)}{why}")
        return np.asarray(own, "int32")[rows.ravel()]

    def _labelled(self, found: Array) -> list[int | None]:
        return [self._of_label(value) for value in found.tolist()]

    def _of_label(self, value: Any) -> int | None:
        spellings = (value, label_of(value), *_TRUTH.get(value, ()))
        return next((self._own[spelling] for spelling in spellings if spelling in self._own), None)

    def _of_number(self, value: Any) -> int | None:
        is_place = not isinstance(value, str) and 0 <= value < len(self._known) and value == int(value)
        return int(value) if is_place else None

    def _check_columns(self, what: str, count: int) -> None:
        if count > len(self._known):
            raise InvalidValue(
                f"{what} has {count} columns, and there are {len(self._known)} labels; give one for each"
            )

    def _refuse_unclear(self, values: list[Any]) -> None:
        """Refuse numbers beside labels of text where all may be classes by their text and by their number."""
        is_both = all(None not in (self._of_label(value), self._of_number(value)) for value in values)
        is_text = not any(value in self._values for value in values)
        is_order = all(self._of_label(number) is not None for number in range(len(self._known)))
        if is_both and is_text and not is_order and any(self._of_label(value) != value for value in values):
            raise InvalidValue(
                f"y_true has numbers such as {shown(values[0])}, which may be labels of {shown(self._known)} or class "
                "numbers 0, 1, 2 ...; give them as text"
            )
