"""Intervals of the area below ROC: of one model, and of the difference of two on the same samples."""

import numpy as np

from prevue_core.evaluation.arrays import Bools, Floats, Ints
from prevue_core.evaluation.resampling import REPEATS, SEED, Interval, interval


def auc_interval(positive: Bools, score: Floats, repeats: int = REPEATS, seed: int = SEED) -> Interval:
    """Return the bootstrap interval of the area; samples of one class and score are drawn together."""
    place, places = _places(score)
    cells, counts = np.unique(place * 2 + positive, return_counts=True)
    return interval(counts, lambda drawn: _areas(drawn, cells // 2, cells % 2 == 1, places), repeats, seed)


def auc_difference(
    positive: Bools, score_a: Floats, score_b: Floats, repeats: int = REPEATS, seed: int = SEED
) -> Interval:
    """Return the paired bootstrap interval of B's area minus A's: each draw takes the same samples for both."""
    (place_a, places_a), (place_b, places_b) = _places(score_a), _places(score_b)
    cells, counts = np.unique((place_a * places_b + place_b) * 2 + positive, return_counts=True)
    of_a, of_b = np.divmod(cells // 2, places_b)

    def difference(drawn: Floats) -> Floats:
        is_positive = cells % 2 == 1
        return _areas(drawn, of_b, is_positive, places_b) - _areas(drawn, of_a, is_positive, places_a)

    return interval(counts, difference, repeats, seed)


def _places(score: Floats) -> tuple[Ints, int]:
    # The place of each score among the different ones, rising; and how many those are.
    different, place = np.unique(score, return_inverse=True)
    return place, len(different)


def _areas(drawn: Floats, place: Ints, positive: Bools, places: int) -> Floats:
    # (r, c) counts of cells, each with a place and a class -> (r,): how often a positive is above a negative.
    return np.array([_area(counts, place, positive, places) for counts in drawn])


def _area(counts: Floats, place: Ints, positive: Bools, places: int) -> float:
    positives = np.bincount(place, counts * positive, places)
    negatives = np.bincount(place, counts * ~positive, places)
    above = positives @ (np.cumsum(negatives) - negatives / 2)  # of equal scores each counts half
    whole = positives.sum() * negatives.sum()
    return float(above / whole) if whole else float("nan")
