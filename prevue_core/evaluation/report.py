"""What the page of an evaluation shows, as one JSON object: scores, matrix, curves, calibration, slices.

Curves are thinned to what can be seen; their areas are worked out from all samples.
"""

from typing import Any, Literal

import numpy as np

from prevue_core.evaluation import confusion, probabilities, ranking, regression, thresholds
from prevue_core.evaluation.arrays import Bools, Floats
from prevue_core.evaluation.samples import Samples
from prevue_core.evaluation.scoring import PARTS, areas, intervals, matrix_of, number, scores
from prevue_core.evaluation.thinning import kept_points

MOST_THRESHOLDS = 1_001
MOST_POINTS = 2_000  # of predicted against true
MOST_MATRIX_CLASSES = 1_000  # beyond, only the cells that are not empty could be sent, and nobody could read them
MOST_SLICES = 200

_BINNED: tuple[Literal["width", "count"], ...] = ("width", "count")

Json = dict[str, Any]


def report(samples: Samples, label: int | None = None, beta: float = 1.0, bins: int = 10) -> Json:
    """Return all but the intervals. `label`: the class whose curves are drawn; None: the positive, or the first."""
    if samples.task == "regression":
        return _regression(samples)
    label = (samples.positive if samples.positive is not None else 0) if label is None else label
    return {**_classes(samples, beta), "label": label, **_of_label(samples, label, bins)}


def slices(samples: Samples, beta: float = 1.0) -> list[Json]:
    """Return the scores of each group of samples, the largest groups first."""
    rows = []
    for name, values in samples.slices.items():
        groups, counts = np.unique(values, return_counts=True)
        for place in np.argsort(-counts, kind="stable")[:MOST_SLICES]:
            part = samples.only(values == groups[place])
            row = {"slice": name, "value": str(groups[place]), "samples": int(counts[place])}
            rows.append({**row, "scores": scores(part, beta), "intervals": intervals(part, beta)})
    return rows


# classes


def _classes(samples: Samples, beta: float) -> Json:
    matrix = matrix_of(samples)
    found = confusion.class_scores(matrix, beta)
    if samples.task == "multilabel":  # each label's own two classes: it, and its absence
        found = confusion.ClassScores(*(part[:, 1] for part in found))
    per_class = [
        {
            "label": name,
            **{key: float(getattr(found, key)[place]) for key in (*PARTS, "support", "predicted")},
            **areas(samples, place),
        }
        for place, name in enumerate(samples.labels)
    ]
    return {
        "scores": scores(samples, beta),
        "matrix": matrix.tolist() if len(samples.labels) <= MOST_MATRIX_CLASSES else None,
        "classes": per_class,
    }


# one class against the rest


def _of_label(samples: Samples, label: int, bins: int) -> Json:
    score = samples.score_of(label)
    if score is None:
        return {"roc": None, "precision_recall": None, "sweep": None, "histogram": None, "calibration": None}
    positive = samples.is_of(label)
    ranked = ranking.rank(positive, score, samples.weight)
    given = samples.probabilities()
    return {
        "roc": _curve(ranking.roc(ranked)),
        "precision_recall": _curve(ranking.as_steps(ranking.precision_recall(ranked))),
        "sweep": _sweep(ranked),
        "histogram": _histogram(positive, score),
        "calibration": None if given is None else _calibration(positive, given[:, label], bins, samples.weight),
    }


def _curve(curve: ranking.Curve) -> Json:
    kept = kept_points(curve.x, curve.y)
    return {
        "x": curve.x[kept].tolist(),
        "y": curve.y[kept].tolist(),
        "threshold": [number(threshold) for threshold in curve.threshold[kept]],
        "points": len(curve.x),  # that it was thinned from
    }


def _sweep(ranked: ranking.Ranking) -> Json:
    swept = thresholds.sweep(ranked)
    kept = thresholds.kept_thresholds(swept, MOST_THRESHOLDS)
    columns = {name: column[kept].tolist() for name, column in swept._asdict().items()}
    return {**columns, "threshold": [number(threshold) for threshold in columns["threshold"]]}


def _histogram(positive: Bools, score: Floats) -> Json:
    counts, edges = probabilities.score_histogram(positive.astype(int), score, 2)
    return {"edges": edges.tolist(), "rest": counts[0].tolist(), "label": counts[1].tolist()}


def _calibration(positive: Bools, given: Floats, bins: int, weight: Floats | None) -> Json:
    found: Json = {}
    for by in _BINNED:
        binned = probabilities.calibration(positive, given, bins, by, weight)
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
