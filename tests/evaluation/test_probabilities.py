"""Log loss, Brier, top-k and calibration, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics
from sklearn.calibration import calibration_curve

from evaluation.cases import cases
from prevue_core.evaluation import probabilities

pytestmark = pytest.mark.filterwarnings("ignore")


@given(cases(2, 4))
@settings(max_examples=200, deadline=None)
def test_scores_are_those_of_scikit_learn(case):
    labels, weight = range(case.classes), {"sample_weight": case.weight}
    args = (case.target, case.scores)

    assert probabilities.log_loss(*args, case.weight) == pytest.approx(metrics.log_loss(*args, labels=labels, **weight))
    scores = case.scores[:, 1] if case.classes == 2 else case.scores
    expected = metrics.brier_score_loss(case.target, scores, labels=list(labels), **weight)
    assert probabilities.brier_score(*args, case.weight) == pytest.approx(expected)
    if case.classes > 2:
        expected = metrics.top_k_accuracy_score(*args, k=2, labels=labels, **weight)
        found = np.average(probabilities.places_of(*args) < 2, weights=case.weight)
        assert found == pytest.approx(expected)


@pytest.mark.parametrize(("by", "theirs"), [("width", "uniform"), ("count", "quantile")])
@given(case=cases(2, 2))
@settings(max_examples=200, deadline=None)
def test_calibration_is_that_of_scikit_learn(by, theirs, case):
    positive, probability = case.target == 1, case.scores[:, 1]
    ours = probabilities.calibration(positive, probability, 5, by)

    share, mean = calibration_curve(positive, probability, n_bins=5, strategy=theirs, pos_label=True)
    assert ours.mean == pytest.approx(mean)
    assert ours.share == pytest.approx(share)
    assert ours.samples.sum() == len(positive)
    expected = np.abs(share - mean) @ ours.samples / len(positive)
    assert probabilities.calibration_error(ours) == pytest.approx(expected)


@given(cases(2, 4))
@settings(max_examples=200, deadline=None)
def test_a_histogram_of_scores_holds_every_sample(case):
    counts, edges = probabilities.score_histogram(case.target, case.scores[:, 0], case.classes, bins=8)

    for number in range(case.classes):
        expected, _ = np.histogram(case.scores[case.target == number, 0], edges)
        assert counts[number].tolist() == expected.tolist()


def test_softmax_of_large_logits_is_finite():
    assert probabilities.softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3)]])) == pytest.approx(
        np.array([[0.5, 0.5], [0.25, 0.75]])
    )
