"""What each threshold of a score does: the four counts, and what they cost."""

from typing import NamedTuple

import numpy as np

from prevue_core.evaluation.arrays import Floats, Ints
from prevue_core.evaluation.ranking import Ranking


class Sweep(NamedTuple):
    """Weights of samples at each threshold, shape (t,), thresholds falling: the first predicts nothing positive."""

    threshold: Floats  # a sample is predicted positive where its score is at least this; the first is inf
    true_positives: Floats
    false_positives: Floats
    false_negatives: Floats
    true_negatives: Floats


def sweep(ranking: Ranking) -> Sweep:
    """Return the counts at every threshold that changes anything."""
    true, false = np.append(0, ranking.true), np.append(0, ranking.false)
    positives, negatives = ranking.positives, ranking.negatives
    return Sweep(np.append(np.inf, ranking.score), true, false, positives - true, negatives - false)


def kept_thresholds(swept: Sweep, most: int) -> Ints:
    """Return the places of at most `most` thresholds, among them the first and the last.

    They lie as evenly as they can in the number of samples predicted positive, so that none of the counts moves by more
    than it must from one to the next.
    """
    count = len(swept.threshold)
    if count <= most:
        return np.arange(count)
    predicted = swept.true_positives + swept.false_positives
    wanted = np.linspace(0, predicted[-1], most)
    return np.unique(np.append(np.searchsorted(predicted, wanted[:-1]), count - 1))


class Prices(NamedTuple):
    """What one sample of each outcome costs; below 0 it earns."""

    true_positive: float = 0.0
    false_positive: float = 1.0
    false_negative: float = 1.0
    true_negative: float = 0.0


def costs(swept: Sweep, prices: Prices) -> Floats:
    """Return the mean cost of a sample at each threshold."""
    counts = np.stack(swept[1:])
    return np.array(prices) @ counts / counts[:, 0].sum()
