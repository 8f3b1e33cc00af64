"""ROC and precision-recall, against scikit-learn."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets, linear_model, metrics

from evaluation.cases import cases
from prevue_core.evaluation import ranking
from prevue_core.evaluation.thinning import HALF_PIXEL, kept_points
from prevue_core.evaluation.thresholds import Prices, costs, kept_thresholds, sweep

pytestmark = pytest.mark.filterwarnings("ignore")  # scikit-learn's, of scores that are not defined


def binary(case):
    return case.target == 1, case.scores[:, 1], case.weight


@given(cases(2, 2))
@settings(max_examples=200, deadline=None)
def test_areas_are_those_of_scikit_learn(case):
    positive, score, weight = binary(case)
    ranked = ranking.rank(positive, score, weight)

    area, average = ranking.roc_auc(ranked), ranking.average_precision(ranked)
    if positive.all() or not positive.any():
        assert np.isnan(area)
    else:
        assert area == pytest.approx(metrics.roc_auc_score(positive, score, sample_weight=weight))
    if positive.any():
        assert average == pytest.approx(metrics.average_precision_score(positive, score, sample_weight=weight))
    else:
        assert np.isnan(average)


@given(cases(2, 2))
@settings(max_examples=200, deadline=None)
def test_curves_are_those_of_scikit_learn(case):
    positive, score, weight = binary(case)
    if positive.all() or not positive.any():
        return
    ranked = ranking.rank(positive, score, weight)

    x, y, threshold = metrics.roc_curve(positive, score, sample_weight=weight, drop_intermediate=False)
    assert np.array(ranking.roc(ranked)) == pytest.approx(np.array([x, y, threshold]))
    precision, recall, threshold = metrics.precision_recall_curve(positive, score, sample_weight=weight)
    ours = ranking.precision_recall(ranked)
    assert np.array(ours)[:, 1:] == pytest.approx(np.array([recall[-2::-1], precision[-2::-1], threshold[::-1]]))
    assert (ours.x[0], ours.y[0]) == (0, ours.y[1])


@given(cases(2, 2))
@settings(max_examples=200, deadline=None)
def test_a_sweep_counts_what_each_threshold_makes_of_the_samples(case):
    positive, score, weight = binary(case)
    weight = np.ones(len(score)) if weight is None else weight
    swept = sweep(ranking.rank(positive, score, case.weight))

    for place, threshold in enumerate(swept.threshold):
        said = score >= threshold
        expected = [(weight * part).sum() for part in (said & positive, said & ~positive, ~said & positive)]
        assert [column[place] for column in swept[1:4]] == pytest.approx(expected)
        cost = (5 * expected[1] + 3 * expected[2]) / weight.sum()
        assert costs(swept, Prices(0, 5, 3))[place] == pytest.approx(cost)


def test_the_kept_thresholds_are_even_in_what_they_predict():
    random = np.random.default_rng(2)
    swept = sweep(ranking.rank(random.random(10_000) < 0.3, random.normal(size=10_000)))
    kept = kept_thresholds(swept, 1_001)

    predicted = (swept.true_positives + swept.false_positives)[kept]
    assert len(kept) <= 1_001
    assert (predicted[0], predicted[-1]) == (0, 10_000)
    assert np.diff(predicted).max() <= 11


@st.composite
def rising_curves(draw):
    steps = st.sampled_from([0.0, 1e-5, 1e-3, 0.3])
    count = draw(st.integers(2, 200))
    columns = [np.cumsum(draw(st.lists(steps, min_size=count, max_size=count))) for _ in range(2)]
    return [column / (column[-1] or 1) for column in columns]


@given(rising_curves())
@settings(max_examples=200, deadline=None)
def test_a_thinned_curve_stays_within_half_a_pixel(curve):
    x, y = curve
    kept = kept_points(x, y)

    assert {0, len(x) - 1} <= set(kept)
    for start, end in pairwise(kept):
        for place in range(start, end + 1):
            assert distance(x[[start, place, end]], y[[start, place, end]]) <= HALF_PIXEL + 1e-12


def distance(x, y):
    """Return how far the middle point is from the segment between the others."""
    start, point, end = (complex(*pair) for pair in zip(x, y, strict=True))
    along = ((point - start) / (end - start)).real if end != start else 0
    return abs(start + min(max(along, 0), 1) * (end - start) - point)


def test_a_curve_of_a_million_points_becomes_one_that_a_browser_draws_at_once():
    random = np.random.default_rng(3)
    positive = random.random(1_000_000) < 0.5
    curve = ranking.roc(ranking.rank(positive, random.normal(size=1_000_000) + positive))

    assert len(kept_points(curve.x, curve.y)) < 500


def test_the_macro_curve_is_the_mean_of_the_classes_of_digits():
    x, y = datasets.load_digits(return_X_y=True)
    model = linear_model.LogisticRegression(max_iter=20, C=1e-4).fit(x[::2], y[::2])
    scores = model.predict_proba(x[1::2])
    ranked = [ranking.rank(y[1::2] == digit, scores[:, digit]) for digit in range(10)]

    mean = ranking.mean_curve(np.mean([ranking.roc_heights(one) for one in ranked], axis=0), start=0.0)
    area = np.trapezoid(mean.y, mean.x)
    assert area == pytest.approx(metrics.roc_auc_score(y[1::2], scores, multi_class="ovr"), abs=1e-4)
