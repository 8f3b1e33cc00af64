"""Errors of predicted numbers, against scikit-learn."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import datasets, linear_model, metrics

from prevue_core.evaluation import regression, scoring
from prevue_core.evaluation.samples import Samples

VALUE = st.sampled_from([-3.0, 0.0, 0.5, 1.0, 1e6])


@st.composite
def samples(draw):
    count = draw(st.integers(1, 20))
    columns = [np.array(draw(st.lists(VALUE, min_size=count, max_size=count))) for _ in range(2)]
    weight = draw(st.none() | st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=count, max_size=count))
    return *columns, None if weight is None else np.array(weight)


@given(samples())
@example((np.full(3, 0.1), np.full(3, 0.2), None))  # whose mean is none of them
@settings(max_examples=200, deadline=None)
def test_scores_are_those_of_scikit_learn(case):
    target, prediction, weight = case
    scores, both = regression.regression_scores(target, prediction, weight), (target, prediction)

    assert scores.mae == pytest.approx(metrics.mean_absolute_error(*both, sample_weight=weight))
    assert scores.rmse == pytest.approx(metrics.root_mean_squared_error(*both, sample_weight=weight))
    assert scores.mape == pytest.approx(metrics.mean_absolute_percentage_error(*both, sample_weight=weight))
    assert scores.worst == metrics.max_error(*both)
    if len(set(target)) > 1:
        assert scores.r2 == pytest.approx(metrics.r2_score(*both, sample_weight=weight))
    else:
        assert np.isnan(scores.r2)
        outcomes = scoring.regression_outcomes(scoring.regression_parts(Samples("regression", [], target, prediction)))
        assert np.isnan(outcomes["r2"]).all()


@pytest.fixture(scope="module")
def diabetes():
    x, y = datasets.load_diabetes(return_X_y=True)
    prediction = linear_model.LinearRegression().fit(x[::2], y[::2]).predict(x[1::2])
    return x[1::2], y[1::2], prediction - y[1::2]


def test_boxes_by_a_feature_hold_every_sample_once(diabetes):
    features, _, error = diabetes
    for feature in features.T:  # one of them has two values only
        boxes = regression.errors_by(feature, error)

        assert sum(box.samples for box in boxes) == len(error)
        assert all(before.high < after.low for before, after in pairwise(boxes))
        for box in boxes:
            inside = error[(feature >= box.low) & (feature <= box.high)]
            assert box.quantiles == pytest.approx(np.quantile(inside, (0.05, 0.25, 0.5, 0.75, 0.95)))
            assert (box.mean, box.samples) == (pytest.approx(inside.mean()), len(inside))


def test_the_histogram_of_errors_holds_every_sample(diabetes):
    counts, edges = regression.histogram(diabetes[2])

    assert counts.sum() == len(diabetes[2])
    assert (len(counts), edges[0]) == (40, -edges[-1])


def test_the_largest_errors_come_first():
    assert regression.largest(np.array([1.0, -3.0, 2.0, 3.0]), 3).tolist() == [1, 3, 2]
