"""Which samples to look at: those of a cell or a slice, the worst first."""

from typing import Any, Literal

import numpy as np

from prevue_core.errors import InvalidValue, shown
from prevue_core.evaluation.arrays import Bools, Floats, Ints
from prevue_core.evaluation.probabilities import given_to
from prevue_core.evaluation.samples import Samples, grouped

Order = Literal["logged", "worst", "surest", "unsure"]
ORDERS: tuple[Order, ...] = ("logged", "worst", "surest", "unsure")


def chosen(
    samples: Samples,
    *,
    target: int | None = None,
    prediction: int | None = None,
    slice_name: str | None = None,
    slice_value: str | None = None,
    is_wrong: bool | None = None,
    by: str | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Ints:
    """Return the places of the samples of a true class, a predicted one, a group, or those that are wrong or right.

    Of several labels at once a class is one that is among a sample's; a negative number is any but the class whose
    number lies as far below -1 as its own above 0. `by`, `low`, `high`: those with `low` <= value < `high` of what
    `values_by` knows.
    """
    keep = np.ones(len(samples), bool)
    for values, label in ((samples.target, target), (samples.prediction, prediction)):
        if label is not None:
            number = label if label >= 0 else -1 - label
            is_of = values[:, number] == 1 if samples.task == "multilabel" else values == number
            keep &= is_of == (label >= 0)
    if slice_name is not None:
        keep &= samples.slices[slice_name] == slice_value
    if is_wrong is not None:
        keep &= wrong(samples) == is_wrong
    if by is not None:
        values = values_by(samples, by)
        keep &= (values >= (-np.inf if low is None else low)) & (values < (np.inf if high is None else high))
    return np.flatnonzero(keep)


def values_by(samples: Samples, by: str) -> Floats:
    """Return a value of each sample: its `score:2` for a label, its `error`, `target` or `prediction` of a regression,
    or its `feature:age`. Raises InvalidValue for what there is not.
    """
    kind, _, name = by.partition(":")
    found = None
    if kind == "score" and name in map(str, range(len(samples.labels))):
        found = samples.score_of(int(name))
    elif kind == "feature":
        found = samples.features.get(name)
    elif by in ("error", "target", "prediction") and samples.task == "regression":
        error = samples.prediction - samples.target
        found = {"error": error, "target": samples.target, "prediction": samples.prediction}[by]
    if found is None:
        raise InvalidValue(
            f"{shown(by)} is no value of these samples; use score:LABEL, feature:NAME, error, target or prediction"
        )
    return np.asarray(found)


def slice_counts(samples: Samples, places: Ints) -> list[dict[str, Any]]:
    """Return how many samples of each group are among those at `places`: slice, value, samples."""
    rows = []
    for name, values in samples.slices.items():
        groups, numbers = grouped(values[places])
        pairs = zip(groups, np.bincount(numbers).tolist(), strict=True)
        rows += [{"slice": name, "value": group, "samples": count} for group, count in pairs]
    return rows


def wrong(samples: Samples) -> Bools:
    """Return which samples are predicted wrongly, of a regression not exactly."""
    differs = samples.target != samples.prediction
    return np.asarray(differs.any(axis=1) if samples.task == "multilabel" else differs)


def ordered(samples: Samples, places: Ints, order: Order, most: int | None = None) -> Ints:
    """Return `places` in an order, of ties the earlier logged first; `most`: only that many, the first ones.

    `worst`: the largest error, or the lowest probability of the true class; `surest`: wrong samples first, those with
    the highest probability of what was predicted first of all; `unsure`: the lowest such probability first.
    """
    if order == "logged":
        return places[:most]
    if order == "worst":
        key = _badness(samples)
    else:
        sure = confidence(samples)
        key = -sure if order == "unsure" else sure + 2 * wrong(samples) * max(1.0, float(np.abs(sure).max()))
    late = -key[places]
    if most is not None and 0 < most < len(places):  # of a million a page's few, without sorting the others
        is_early = late <= np.partition(late, most - 1)[most - 1]
        places, late = places[is_early], late[is_early]
    return places[np.argsort(late, kind="stable")][:most]


def confidence(samples: Samples) -> Floats:
    """Return how sure the model was of what it predicted: a probability, or a score that ranks; 0 where none is known.

    Of a regression the error is taken, as nothing else tells.
    """
    if samples.task == "regression":
        return np.asarray(np.abs(samples.prediction - samples.target))
    given = samples.probabilities()
    if samples.task == "multilabel":
        return np.zeros(len(samples)) if given is None else np.abs(given - 0.5).min(axis=1).astype(float) + 0.5
    if given is not None:
        return given_to(samples.prediction, given)
    if samples.score is None:
        return np.zeros(len(samples))
    if samples.task == "binary":  # a decision's distance from its border
        return np.abs(samples.score)
    return np.nan_to_num(samples.score)


def _badness(samples: Samples) -> Floats:
    given = samples.probabilities()
    if samples.task == "regression" or given is None:
        return confidence(samples) * np.where(wrong(samples), 1.0, -1.0)
    if samples.task == "multilabel":
        return np.asarray(np.abs(given - samples.target).sum(axis=1))
    return 1 - given_to(samples.target, given)
