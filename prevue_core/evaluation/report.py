"""What the page of an evaluation shows, as one JSON object: scores, matrix, curves, calibration, slices.

Curves are thinned to what can be seen; their areas are worked out from all samples.
"""

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from prevue_core.evaluation import confusion, probabilities, ranking, regression, thresholds
from prevue_core.evaluation.areas import NAMES
from prevue_core.evaluation.arrays import Bools, Floats, Ints
from prevue_core.evaluation.curves import drawn, ranked_of, rankings, shown
from prevue_core.evaluation.resampling import FEWEST_REPEATS, REPEATS
from prevue_core.evaluation.samples import Samples, grouped
from prevue_core.evaluation.scoring import PARTS, areas, intervals, matrix_of, number, scores, top_accuracies

MOST_THRESHOLDS = 1_001
MOST_POINTS = 2_000  # of predicted against true
MOST_MATRIX_CLASSES = 1_000  # beyond, only the cells that are not empty could be sent, and nobody could read them
MOST_SLICES = 200  # groups, of all slices together
MOST_REPEATS = 50_000  # of the bootstraps of all groups together
MOST_TOP = 10  # of top-k accuracy
MOST_CONFUSIONS = 50

_BINNED: tuple[Literal["width", "count"], ...] = ("width", "count")

Json = dict[str, Any]
Areas = dict[str, float | None]


def report(
    samples: Samples,
    label: int | None = None,
    beta: float = 1.0,
    bins: int = 10,
    normalise: confusion.Shares | None = None,
) -> Json:
    """Return all but the intervals. `label`: the class whose curves are drawn; None: the positive, or the first.

    `normalise`: the matrix has shares, see `confusion.normalised`; None: weights of samples.
    """
    if samples.task == "regression":
        return _regression(samples)
    label = first_label(samples) if label is None else label
    per_class, ranked = [], None
    for place, one in enumerate(rankings(samples)):
        per_class.append(areas(one))
        ranked = one if place == label else ranked
    told = _classes(samples, beta, normalise, per_class)
    return {**told, "label": label, **_of_label(samples, label, ranked, bins)}


def first_label(samples: Samples) -> int:
    """Return the class whose curves are drawn unless another is asked for."""
    return samples.positive or 0


def costs(samples: Samples, label: int, prices: thresholds.Prices) -> Json | None:
    """Return the mean cost of a sample at each threshold, and the threshold at which it is lowest; None: no scores.

    The lowest is that of all thresholds; the others are thinned as those of the sweep.
    """
    if (ranked := ranked_of(samples, label)) is None:
        return None
    swept = thresholds.sweep(ranked)
    cost = thresholds.costs(swept, prices)
    best = int(cost.argmin())
    kept = np.union1d(thresholds.kept_thresholds(swept, MOST_THRESHOLDS), best)
    counts = {name: float(column[best]) for name, column in swept._asdict().items()}
    return {
        "label": label,
        "threshold": [number(threshold) for threshold in swept.threshold[kept]],
        "cost": cost[kept].tolist(),
        "best": {**counts, "threshold": number(counts["threshold"]), "cost": float(cost[best])},
    }


def slices(samples: Samples, beta: float = 1.0) -> list[Json]:
    """Return the scores of each group of samples, the largest groups of each slice first.

    All slices together have at most MOST_SLICES groups, or two each. The more groups, the fewer repeats each of their
    intervals has.
    """
    groups = [group for name in samples.slices for group in _groups(samples, name)]
    repeats = max(FEWEST_REPEATS, min(REPEATS, MOST_REPEATS // max(1, len(groups))))
    bare = replace(samples, slices={}, features={})
    rows = []
    for name, value, places in groups:
        part = bare.only(places)
        row = {"slice": name, "value": value, "samples": len(places)}
        rows.append({**row, "scores": scores(part, beta), "intervals": intervals(part, beta, repeats)})
    return rows


def _groups(samples: Samples, name: str) -> list[tuple[str, str, Ints]]:
    """Return the largest groups of a slice: its name, what they are called, and the places of their samples."""
    values, group = grouped(samples.slices[name])
    counts = np.bincount(group)
    order, ends = np.argsort(group, kind="stable"), np.cumsum(counts)
    largest = np.argsort(-counts, kind="stable")[: max(2, MOST_SLICES // len(samples.slices))]
    return [(name, values[at], order[ends[at] - counts[at] : ends[at]]) for at in largest]


# classes


def _classes(samples: Samples, beta: float, normalise: confusion.Shares | None, found_areas: list[Areas]) -> Json:
    matrix = matrix_of(samples)
    found = confusion.class_scores(matrix, beta)
    if samples.task == "multilabel":  # each label's own two classes: it, and its absence
        found = confusion.ClassScores(*(part[:, 1] for part in found))
    per_class = [
        {
            "label": name,
            **{key: float(getattr(found, key)[place]) for key in (*PARTS, "support", "predicted")},
            **(found_areas[place] if found_areas else _NO_AREAS),
        }
        for place, name in enumerate(samples.labels)
    ]
    told = matrix if normalise is None else confusion.normalised(matrix, normalise)
    return {
        "scores": scores(samples, beta, found_areas[samples.positive or 0] if found_areas else None),
        "matrix": told.tolist() if len(samples.labels) <= MOST_MATRIX_CLASSES else None,
        "confusions": None if samples.task == "multilabel" else _confusions(matrix),
        "classes": per_class,
        "top_k": top_accuracies(samples, MOST_TOP) if samples.task == "multiclass" and samples.score_type else None,
    }


_NO_AREAS = dict.fromkeys(NAMES)


def _confusions(matrix: Floats) -> list[Json]:
    """Return the pairs of classes that are taken for one another most, with the share of the true class."""
    wrong, shares = matrix - np.diag(np.diagonal(matrix)), confusion.normalised(matrix, "true")
    worst = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    cells = [divmod(int(place), len(matrix)) for place in worst if wrong.flat[place]]
    return [
        {"target": cell[0], "prediction": cell[1], "weight": float(wrong[cell]), "share": float(shares[cell])}
        for cell in cells
    ]


# one class against the rest


def _of_label(samples: Samples, label: int, ranked: ranking.Ranking | None, bins: int) -> Json:
    if ranked is None or (score := samples.score_of(label)) is None:
        return dict.fromkeys(("roc", "precision_recall", "sweep", "histogram", "calibration"))
    positive, given = samples.is_of(label), samples.probabilities()
    ranked = shown(samples, label, ranked)
    return {
        **drawn(ranked),
        "sweep": _sweep(ranked),
        "histogram": _histogram(positive, score + samples.shift_of(label)),
        "calibration": None if given is None else _calibration(positive, given[:, label], bins, samples.weight),
    }


def _sweep(ranked: ranking.Ranking) -> Json:
    swept = thresholds.sweep(ranked)
    kept = thresholds.kept_thresholds(swept, MOST_THRESHOLDS)
    columns = {name: column[kept].tolist() for name, column in swept._asdict().items()}
    return {**columns, "threshold": [number(threshold) for threshold in columns["threshold"]]}


def _histogram(positive: Bools, score: Floats) -> Json:
    counts, edges = probabilities.score_histogram(positive.astype(int), score, 2)
    return {"edges": edges.tolist(), "rest": counts[0].tolist(), "label": counts[1].tolist()}


def _calibration(positive: Bools, given: probabilities.Scores, bins: int, weight: Floats | None) -> Json:
    found: Json = {}
    exact = given.astype(float)
    for by in _BINNED:
        binned = probabilities.calibration(positive, exact, bins, by, weight)
        columns = {name: column.tolist() for name, column in binned._asdict().items()}
        found[by] = {**columns, "error": number(probabilities.calibration_error(binned))}
    return found


# numbers


def _regression(samples: Samples) -> Json:
    error = samples.prediction - samples.target
    counts, edges = regression.histogram(error, weight=samples.weight)
    by: dict[str, Floats] = {"target": samples.target, "prediction": samples.prediction, **samples.features}
    shown = np.sort(regression.largest(error, MOST_POINTS // 4))
    if len(samples) > MOST_POINTS:  # the worst, and a fair picture of the rest
        others = np.random.default_rng(0).choice(len(samples), MOST_POINTS - len(shown), replace=False)
        shown = np.union1d(shown, others)
    else:
        shown = np.arange(len(samples))
    return {
        "scores": scores(samples),
        "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
        "quantiles": np.quantile(error, np.linspace(0, 1, 101)).tolist(),
        "errors_by": {name: [_box(box) for box in _boxes(values, error)] for name, values in by.items()},
        "points": {
            "sample_no": shown.tolist(),
            "target": samples.target[shown].tolist(),
            "prediction": samples.prediction[shown].tolist(),
        },
    }


def _boxes(values: Floats, error: Floats) -> list[regression.Box]:
    known = ~np.isnan(values)
    return regression.errors_by(values[known], error[known]) if known.any() else []


def _box(box: regression.Box) -> Json:
    return {**box._asdict(), "quantiles": box.quantiles.tolist()}
