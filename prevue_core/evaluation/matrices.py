"""Scores that follow from confusion matrices, of one model or of several on the same samples, over drawn samples."""

from collections.abc import Mapping, Sequence

import numpy as np

from prevue_core.evaluation.arrays import Floats, Ints
from prevue_core.evaluation.confusion import Matrix, MatrixScore, drawn_margins
from prevue_core.evaluation.resampling import REPEATS, SEED, draws, levels
from prevue_core.evaluation.samples import Samples


def drawn_scores(
    models: Sequence[Samples], scores: Mapping[str, MatrixScore], repeats: int = REPEATS, seed: int = SEED
) -> list[dict[str, Floats]]:
    """Return for each model the outcomes of each score, (r,), all from the same draws.

    The models have the same samples in the same order, and the weights of the first count.
    """
    classes, task = len(models[0].labels), models[0].task
    counts, weight, outcomes = _multilabel_cells(models) if task == "multilabel" else _cells(models)
    found: list[dict[str, list[Floats]]] = [{name: [] for name in scores} for _ in models]
    for drawn in draws(counts, repeats, seed, least_width=classes):
        weighted = drawn if weight is None else drawn * weight
        for places, parts in zip(outcomes, found, strict=True):
            matrices: Matrix
            if task == "multilabel":
                matrices = _matrices_of_labels(weighted, places, classes)
            else:
                pairs = divmod(places, classes)
                matrices = drawn_margins(weighted, *pairs, classes)
                if weight is not None and not weight.all():
                    matrices = matrices._replace(present=drawn_margins(drawn, *pairs, classes).present)
            for name, score in scores.items():
                parts[name].append(score(matrices))
    return [{name: np.concatenate(arrays) for name, arrays in parts.items()} for parts in found]


def _cells(models: Sequence[Samples]) -> tuple[Ints, Floats | None, list[Ints]]:
    """Return how many samples each cell has, what one weighs, and where the cell is in each model's matrix.

    Samples of a cell have the same class, the same predictions, and nearly the same weight.
    """
    classes, target, weight = len(models[0].labels), models[0].target, models[0].weight
    key = target
    for model in models:
        key = key * classes + model.prediction
    level, count = levels(weight, len(key))
    cells, place, counts = np.unique(key * count + level, return_inverse=True, return_counts=True)
    mean = None if weight is None else np.bincount(place, weight) / counts
    rest, predictions = cells // count, []
    for _ in models:
        rest, prediction = np.divmod(rest, classes)
        predictions.append(prediction)
    return counts, mean, [rest * classes + prediction for prediction in reversed(predictions)]


def _multilabel_cells(models: Sequence[Samples]) -> tuple[Ints, Floats | None, list[Ints]]:
    """The same, with an outcome from 0 to 3 for each label: (c, k)."""
    weight, width = models[0].weight, len(models[0].labels)
    columns = [(model.target * 2 + model.prediction).astype("uint8") for model in models]
    level, _ = levels(weight, len(columns[0]))
    rows = np.column_stack([*columns, level.astype("uint16")])
    cells, place, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    mean = None if weight is None else np.bincount(place.ravel(), weight) / counts
    return counts, mean, [cells[:, start * width : (start + 1) * width] for start in range(len(models))]


def _matrices_of_labels(drawn: Floats, places: Ints, labels: int) -> Floats:
    """Return one matrix for each label: (r, k, 2, 2); `places`: of a cell in each of them, (c, k)."""
    parts = [drawn @ (places == outcome).astype(float) for outcome in range(4)]
    return np.stack(parts, axis=-1).reshape(len(drawn), labels, 2, 2)
