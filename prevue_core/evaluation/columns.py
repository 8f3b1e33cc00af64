"""The samples of an evaluation as columns that a page can hold, to choose among them without asking again."""

import base64
from typing import Any

import numpy as np

from prevue_core.evaluation.arrays import Ints
from prevue_core.evaluation.mistakes import confidence, ordered
from prevue_core.evaluation.samples import Samples, grouped

MOST_SAMPLES = 5_000
MOST_SCORES = 200_000  # of all classes together: a page of two megabytes

Json = dict[str, Any]


def held(samples: Samples, most: int = MOST_SAMPLES) -> Ints:
    """Return the places of the samples to hold, rising: all, or of more than `most` the worst, the surest mistakes and
    a fair picture of the rest."""
    most = min(most, max(500, MOST_SCORES // max(1, _score_width(samples))))
    if len(samples) <= most:
        return np.arange(len(samples))
    every = np.arange(len(samples))
    worst = [ordered(samples, every, order, most // 4) for order in ("worst", "surest")]
    others = np.random.default_rng(0).permutation(len(samples))
    first = np.unique(np.concatenate(worst))
    rest = others[~np.isin(others, first)][: most - len(first)]
    return np.sort(np.concatenate([first, rest]))


def columns(samples: Samples, places: Ints) -> Json:
    """Return columns of the samples at `places`, a value each.

    `target` and `prediction`: numbers of classes, lists of them, or values. `worst`, `sure`: each sample's place in
    those orders. `scores`: base64 of float64 for each label, of two classes for the positive only; None: none are kept.
    """
    part = samples.only(places)
    return {
        "sample_no": places.tolist(),
        "target": _labels(part, part.target),
        "prediction": _labels(part, part.prediction),
        "sure": None if samples.score_type is None else confidence(part).tolist(),
        "order": {order: _ranks(ordered(part, np.arange(len(part)), order)) for order in ("worst", "surest", "unsure")},
        "scores": _scores(part),
        "slices": {name: _coded(values) for name, values in part.slices.items()},
        "features": {name: values.tolist() for name, values in part.features.items()},
    }


def _score_width(samples: Samples) -> int:
    return 1 if samples.scores is None or samples.classes is not None else samples.scores.shape[1]


def _labels(samples: Samples, values: Any) -> list[Any]:
    if samples.task == "multilabel":
        return [np.flatnonzero(row).tolist() for row in values]
    return list(values.tolist())


def _ranks(order: Ints) -> list[int]:
    ranks = np.empty(len(order), int)
    ranks[order] = np.arange(len(order))
    return list(ranks.tolist())


def _scores(samples: Samples) -> dict[str, str] | None:
    """Return what ranks the samples for each label, by its number."""
    wanted = [samples.positive or 0] if samples.task == "binary" else range(len(samples.labels))
    found = {str(label): samples.score_of(label) for label in wanted}
    kept = {label: score for label, score in found.items() if score is not None}
    return {label: base64.b64encode(score.astype("<f8").tobytes()).decode() for label, score in kept.items()} or None


def _coded(values: Any) -> Json:
    """Return texts as numbers of different ones."""
    names, codes = grouped(values)
    return {"values": names, "codes": codes.tolist()}
