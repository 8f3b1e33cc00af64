"""Samples made by hypothesis: few values, so that ties, missing classes and single classes are common."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

TIED = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5 + 1e-12, 0.75, 1.0])
WEIGHT = st.sampled_from([0.25, 1.0, 2.0, 3.5])


class Case(NamedTuple):
    classes: int
    target: np.ndarray
    prediction: np.ndarray
    scores: np.ndarray  # (n, classes), rows sum to 1
    weight: np.ndarray | None


@st.composite
def cases(draw, least_classes=1, most_classes=4, most=30):
    classes = draw(st.integers(least_classes, most_classes))
    count = draw(st.integers(1, most))
    labels = st.lists(st.integers(0, classes - 1), min_size=count, max_size=count)
    rows = st.lists(st.lists(TIED, min_size=classes, max_size=classes), min_size=count, max_size=count)
    scores = np.array(draw(rows)) + 1e-3
    weight = draw(st.none() | st.lists(WEIGHT, min_size=count, max_size=count))
    return Case(
        classes,
        np.array(draw(labels)),
        np.array(draw(labels)),
        scores / scores.sum(axis=1, keepdims=True),
        None if weight is None else np.array(weight),
    )
