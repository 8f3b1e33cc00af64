"""Two evaluations on the same samples: what differs, by how much, and whether that is more than chance.

The first is A, the second B; a difference is B minus A. With many comparisons some intervals miss 0 by chance: one in
twenty, at 95%.
"""

from collections import Counter
from typing import Any

import numpy as np

from prevue_core.errors import InvalidValue, shown
from prevue_core.evaluation import pairs
from prevue_core.evaluation.areas import area_differences
from prevue_core.evaluation.arrays import Bools, Ints, ratio, weights_of
from prevue_core.evaluation.matrices import drawn_scores
from prevue_core.evaluation.mistakes import wrong
from prevue_core.evaluation.resampling import Interval, drawn_sums, interval_of
from prevue_core.evaluation.samples import Samples
from prevue_core.evaluation.scoring import (
    losses_of,
    matrix_scores,
    regression_outcomes,
    regression_parts,
    scores,
    told,
    weighed,
)

Json = dict[str, Any]
GROUPS = ("both", "only_a", "only_b", "neither")  # who is right


def matched(a: Samples, b: Samples, ids_a: list[str] | None, ids_b: list[str] | None) -> tuple[Ints, Ints]:
    """Return the places in A and in B of the samples that both have, in the order of A.

    By their names where both have them, else one by one, which takes as many samples with the same targets. Raises
    InvalidValue where they can't be matched.
    """
    if (a.task, a.labels) != (b.task, b.labels):
        told = (f"{of.task} evaluation of {shown(of.labels)}" for of in (a, b))
        raise InvalidValue("a {} and a {} are not comparable; log both with the same task and labels".format(*told))
    if a.positive != b.positive:
        told = (shown(of.labels[of.positive or 0]) for of in (a, b))
        raise InvalidValue("the positive class is {} in A and {} in B; log both with the same pos_label".format(*told))
    if ids_a is not None and ids_b is not None:
        _refuse_twice(ids_a, ids_b)
        place_of = {name: place for place, name in enumerate(ids_b)}
        found = [(place, place_of[name]) for place, name in enumerate(ids_a) if name in place_of]
        if not found:
            raise InvalidValue("the two have no sample_ids in common; evaluate both on the same samples")
        of_a, of_b = (np.array(places) for places in zip(*found, strict=True))
    else:
        if len(a) != len(b):
            raise InvalidValue(f"{len(a)} and {len(b)} samples without sample_ids can't be matched; log sample_ids")
        of_a = of_b = np.arange(len(a))
    if not np.array_equal(a.target[of_a], b.target[of_b]):
        raise InvalidValue("the same samples have other targets in the two; evaluate both on the same samples")
    return of_a, of_b


def compared(a: Samples, b: Samples, beta: float = 1.0) -> Json:
    """Return the comparison of two evaluations whose samples are matched: the same number, in the same order."""
    found: Json = {"samples": len(a), "scores": _differences(a, b, beta)}
    if a.task != "regression":
        agreed = pairs.agreement(~wrong(a), ~wrong(b))
        found |= {"agreement": agreed._asdict(), "mcnemar": pairs.mcnemar(agreed)._asdict()}
    return found


def of_group(a: Samples, b: Samples, group: str) -> Ints:
    """Return the places of the samples that both, only A, only B or neither are right about."""
    right_a, right_b = ~wrong(a), ~wrong(b)
    chosen: dict[str, Bools] = {
        "both": right_a & right_b,
        "only_a": right_a & ~right_b,
        "only_b": right_b & ~right_a,
        "neither": ~(right_a | right_b),
    }
    return np.flatnonzero(chosen[group])


def _refuse_twice(*names: list[str]) -> None:
    for given in names:
        if len(set(given)) < len(given):
            ((twice, _),) = Counter(given).most_common(1)
            raise InvalidValue(f"sample_id {shown(twice)} stands for several samples; give each a name of its own")


def _differences(a: Samples, b: Samples, beta: float) -> list[Json]:
    of_a, of_b = scores(a, beta), scores(b, beta)
    intervals = _intervals(a, b, beta)
    rows = []
    for name, value in of_a.items():
        other, found = of_b.get(name), intervals.get(name)
        difference = None if value is None or other is None else other - value
        rows.append({"name": name, "a": value, "b": other, "difference": difference, "interval": told(found)})
    return rows


def _intervals(a: Samples, b: Samples, beta: float) -> dict[str, Interval]:
    """Return the paired intervals; none where the two weigh the same samples differently."""
    if not np.array_equal(weights_of(a.weight, len(a)), weights_of(b.weight, len(b))):
        return {}
    if a.task == "regression":
        return _of_sums(a, b)
    of_a, of_b = drawn_scores([a, b], matrix_scores(a, beta))
    found = {name: interval_of(of_b[name] - outcomes) for name, outcomes in of_a.items()}
    found |= _of_losses(a, b)
    if a.task == "binary" and a.score is not None and b.score is not None:
        found |= area_differences(a.target == a.positive, a.score, b.score, a.weight)
    return found


def _of_losses(a: Samples, b: Samples) -> dict[str, Interval]:
    """Return those of scores that are means over the samples."""
    losses_a, losses_b = losses_of(a), losses_of(b)
    names = [name for name in losses_a if name in losses_b]
    if not names:
        return {}
    sums = drawn_sums(weighed([losses_b[name] - losses_a[name] for name in names], a.weight))
    return {name: interval_of(ratio(sums[:, place], sums[:, 0])) for place, name in enumerate(names, 1)}


def _of_sums(a: Samples, b: Samples) -> dict[str, Interval]:
    """Return those of the scores of regressions: each draw takes the same samples for both."""
    parts = [regression_parts(samples) for samples in (a, b)]
    sums = drawn_sums(np.column_stack(parts))
    of_a, of_b = (regression_outcomes(half) for half in np.split(sums, 2, axis=1))
    return {name: interval_of(of_b[name] - outcomes) for name, outcomes in of_a.items()}
