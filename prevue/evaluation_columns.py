"""What `Run.log_evaluation` is given of each sample, as arrays and texts. All raise InvalidValue."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from prevue.json_values import array_of
from prevue.masking import utf8
from prevue_core.errors import InvalidValue, shown
from prevue_core.evaluation_records import MAX_SAMPLE_CHARS

Array = Any  # of NumPy
ROWS_NAMED = 5  # in a message, of those that are wrong
_EXACT = np.float64(2**53)  # from here on it has no fractions


def column_or_table(what: str, given: Any, count: int | None = None) -> Array:
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
        refuse_rows(what, _missing(given if isinstance(given, list | tuple) else values), "missing")
    if np.ma.isMaskedArray(given) and (mask := np.ma.getmaskarray(given)).any():
        refuse_rows(what, mask.reshape(len(mask), -1).any(axis=1), "masked")
    if values.dtype.kind == "O":  # of a data frame, say
        values = np.asarray(values.tolist())
        if values.dtype.kind == "O":
            places = (at for at, value in enumerate(values.flat) if np.asarray(value).dtype.kind == "O")
            wrong = next(places, 0)
            row, value = wrong * len(values) // values.size, shown(values.flat[wrong])
            raise InvalidValue(f"{what}[{row}] is {value}, neither a text nor a number of 64 bits; use one of these")
    if values.dtype.kind == "S":  # of a tensor of TensorFlow's
        values = np.char.decode(values, "utf-8", "replace")
    return finite(what, values) if values.dtype.kind == "f" else values


def _missing(values: Any) -> Array:
    """Return which values are None or NaN: NumPy would take NaN among texts for the text `nan`."""
    return np.array([value is None or value != value for value in map(_plain, values)], bool)


def _plain(value: Any) -> Any:
    # pandas.NA is neither equal to itself nor not.
    return None if type(value).__name__ == "NAType" else value


def finite(what: str, values: Array) -> Array:
    if values.dtype.kind not in "iufb":
        raise InvalidValue(f"{what} has values of type {values.dtype}; use numbers")
    is_bad = ~np.isfinite(values)
    refuse_rows(what, is_bad.any(axis=1) if values.ndim == 2 else is_bad, "NaN or infinite")
    return values


def refuse_rows(what: str, is_bad: Array, why: str) -> None:
    rows = is_bad.nonzero()[0].tolist()
    if rows:
        more = len(rows) - ROWS_NAMED
        named = ", ".join(map(str, rows[:ROWS_NAMED])) + (f" and {more} more" if more > 0 else "")
        raise InvalidValue(f"{what} is {why} in row{'s' * (len(rows) > 1)} {named}; mend or leave out these samples")


def is_whole(values: Array) -> bool:
    """Return whether numbers may be classes: whole, and not so large that every float is."""
    return bool(((abs(values) < _EXACT) & (values == np.floor(values))).all())


def weight_of(given: Any, count: int) -> Array:
    weight = column_or_table("sample_weight", given, count)
    if weight.ndim != 1 or weight.dtype.kind not in "iufb":
        raise InvalidValue(f"sample_weight of shape {weight.shape} and type {weight.dtype} is not a number a sample")
    refuse_rows("sample_weight", weight < 0, "below 0")
    if not weight.any():
        raise InvalidValue("sample_weight is 0 for every sample; leave it out, or give each its weight")
    return weight.astype(float)


def named(columns: Any) -> Iterator[tuple[Any, Any]]:
    """Yield names and columns of a dict or a data frame."""
    if columns is None:
        return
    if not (isinstance(columns, Mapping) or hasattr(columns, "items")):
        raise InvalidValue(f"{shown(columns)} is neither a dict nor a data frame; use names and a value a sample")
    yield from columns.items()


def texts_of(what: str, given: Any, count: int, *, is_needed: bool = False) -> list[str]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidValue(f"{what} {shown(given)} is one value; use a list with one a sample")
    array = array_of(given)
    values = list(given) if array is None else array.tolist()
    if len(values) != count:
        raise InvalidValue(f"{what} has {len(values)} samples, y_true {count}; give as many")
    if is_needed:
        refuse_rows(what, _missing(values), "missing")
    texts = [_text(value) for value in values]
    if long := [place for place, text in enumerate(texts) if len(text) > MAX_SAMPLE_CHARS]:
        raise InvalidValue(
            f"{what}: {shown(texts[long[0]])} in row {long[0]} has {len(texts[long[0]])} characters; use at most "
            f"{MAX_SAMPLE_CHARS}"
        )
    return texts


def label_of(label: Any) -> str:
    """Return the name of a class: its text, of a whole number without a fraction."""
    label = label.item() if hasattr(label, "item") else label
    return utf8(str(int(label) if isinstance(label, float) and label.is_integer() else label))


def _text(value: Any) -> str:
    if isinstance(value, bytes):  # of a tensor of TensorFlow's
        value = value.decode("utf-8", "replace")
    return utf8(value) if isinstance(value, str) else label_of(value)


def feature_of(name: Any, given: Any, count: int) -> Array:
    values = array_of(given)
    values = np.asarray(given) if values is None else values
    try:
        if values.shape == (count,) and values.dtype.kind in "iufbO":
            return values.astype(float)  # None is NaN, which says that it is not known
    except (TypeError, ValueError):
        pass
    raise InvalidValue(f"feature {name!r} has shape {values.shape} and type {values.dtype}; use a number a sample")
