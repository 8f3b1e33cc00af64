"""Samples as they are behind the wire."""

import numpy as np

from prevue import evaluation as client
from prevue_core.evaluation.samples import Samples


def logged(*args, **options):
    """Return the samples as they are behind the wire: one score of two classes as float64."""
    told = client.samples_of(*args, **options)
    is_binary = told.task == "binary"
    return Samples(
        told.task, told.labels, told.target, told.prediction, told.positive, told.score_type,
        score=told.scores[:, 0].astype(float) if is_binary and told.scores is not None else None,
        scores=None if is_binary else told.scores, weight=told.weight,
        slices={name: np.array(texts) for name, texts in told.slices.items()}, features=told.features,
    )  # fmt: skip
