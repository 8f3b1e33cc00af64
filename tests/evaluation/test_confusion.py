"""Scores of a confusion matrix, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics

from evaluation.cases import cases
from prevue_core.evaluation import confusion

pytestmark = pytest.mark.filterwarnings("ignore")  # scikit-learn's, of scores that are not defined


def matrix_of(case):
    return confusion.confusion_matrix(case.target, case.prediction, case.classes, case.weight)


@given(cases())
@settings(max_examples=200, deadline=None)
def test_scores_are_those_of_scikit_learn(case):
    matrix, both = matrix_of(case), (case.target, case.prediction)
    given_weight = {"sample_weight": case.weight}

    assert matrix == pytest.approx(metrics.confusion_matrix(*both, labels=range(case.classes), **given_weight))
    assert confusion.accuracy(matrix) == pytest.approx(metrics.accuracy_score(*both, **given_weight))
    assert confusion.balanced_accuracy(matrix) == pytest.approx(metrics.balanced_accuracy_score(*both, **given_weight))
    assert confusion.matthews(matrix) == pytest.approx(metrics.matthews_corrcoef(*both, **given_weight), abs=1e-9)
    assert confusion.kappa(matrix) == pytest.approx(metrics.cohen_kappa_score(*both, **given_weight), nan_ok=True)


def test_kappa_of_a_single_class_is_not_defined_whatever_its_weights_round_to():
    weights = np.random.default_rng(3).random((100, 5))
    ones = np.ones(5, int)
    matrices = np.stack([confusion.confusion_matrix(ones, ones, 2, weight) for weight in weights])
    assert np.isnan(confusion.kappa(matrices)).all()


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
@given(case=cases())
@settings(max_examples=70, deadline=None)
def test_precision_recall_and_f_are_those_of_scikit_learn(beta, case):
    matrix, both = matrix_of(case), (case.target, case.prediction)
    options = {"beta": beta, "sample_weight": case.weight, "zero_division": 0}

    expected = metrics.precision_recall_fscore_support(*both, labels=range(case.classes), **options)
    assert np.array(confusion.class_scores(matrix, beta)[:4]) == pytest.approx(np.array(expected))
    for how in ("macro", "weighted", "micro"):
        expected = metrics.precision_recall_fscore_support(*both, average=how, **options)[:3]
        assert confusion.mean_scores(matrix, how, beta) == pytest.approx(expected)


@given(case=cases())
@settings(max_examples=200, deadline=None)
def test_shares_are_those_of_scikit_learn(case):
    for by in ("true", "predicted", "all"):
        theirs = {"true": "true", "predicted": "pred", "all": "all"}[by]
        expected = metrics.confusion_matrix(
            case.target, case.prediction, labels=range(case.classes), normalize=theirs, sample_weight=case.weight
        )
        assert confusion.normalised(matrix_of(case), by) == pytest.approx(expected)


def test_many_matrices_at_once_are_what_each_is_alone():
    matrices = np.random.default_rng(1).integers(0, 9, (5, 3, 3)).astype(float)
    matrices[0] = 0
    for score in (confusion.accuracy, confusion.balanced_accuracy, confusion.matthews, confusion.kappa):
        assert score(matrices) == pytest.approx([float(score(matrix)) for matrix in matrices], nan_ok=True)


def test_the_margins_of_drawn_cells_are_those_of_their_matrices():
    random = np.random.default_rng(2)
    target, prediction = random.integers(0, 4, (2, 30))
    drawn = random.integers(0, 5, (6, 30)).astype(float)
    found = confusion.drawn_margins(drawn, target, prediction, 5)

    for row, margins in zip(drawn, zip(*found, strict=True), strict=True):
        expected = confusion.margins(confusion.confusion_matrix(target, prediction, 5, row))
        assert np.array(margins) == pytest.approx(np.array(expected))
