"""Every score by its name, as the API tells it, against scikit-learn: 200 made cases of each task, and real data."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import datasets, linear_model, metrics

from evaluation.cases import TIED, WEIGHT, cases
from evaluation.logging import logged
from prevue_core.evaluation import curves, report, scoring
from prevue_core.evaluation.probabilities import calibration
from prevue_core.evaluation.thresholds import Prices

pytestmark = pytest.mark.filterwarnings("ignore")  # scikit-learn's, of scores that are not defined


def same(found, expected):
    """Assert that all are the same; None where scikit-learn has no number."""
    assert found.keys() == expected.keys()
    numbers = {name: np.nan if value is None else value for name, value in found.items()}
    assert numbers == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True)


def of_matrix(target, said, weight):
    both = {"sample_weight": weight}
    return {
        "accuracy": metrics.accuracy_score(target, said, **both),
        "balanced_accuracy": metrics.balanced_accuracy_score(target, said, **both),
        "matthews": metrics.matthews_corrcoef(target, said, **both),
        "kappa": metrics.cohen_kappa_score(target, said, **both),
    }


def of_probabilities(target, scores, weight):
    labels = list(range(scores.shape[1]))
    brier = metrics.brier_score_loss(
        target, scores[:, 1] if len(labels) == 2 else scores, sample_weight=weight, labels=labels
    )
    loss = metrics.log_loss(target, scores.astype(float), sample_weight=weight, labels=labels)
    return {"log_loss": loss, "brier": brier}


@given(cases(2, 2), st.sampled_from([0.5, 1.0, 2.0]))
@settings(max_examples=200, deadline=None)
def test_two_classes(case, beta):
    target, score, weight = case.target, case.scores[:, 1], case.weight
    said, is_mixed = (score >= 0.5).astype(int), 0 < target.sum() < len(target)
    options = {"beta": beta, "zero_division": 0, "sample_weight": weight, "labels": [1], "average": None}
    precision, recall, f, _ = metrics.precision_recall_fscore_support(target, said, **options)
    area = metrics.roc_auc_score(target, score, sample_weight=weight) if is_mixed else np.nan
    average = metrics.average_precision_score(target, score, sample_weight=weight) if target.any() else np.nan
    scores = np.column_stack([1 - score.astype(float), score.astype(float)])

    found = scoring.scores(
        logged(target, None, score, sample_weight=weight, task="binary", score_type="probability"), beta
    )
    expected = {**of_matrix(target, said, weight), "precision": precision[0], "recall": recall[0], "f": f[0]}
    same(found, {**expected, **of_probabilities(target, scores, weight), "roc_auc": area, "average_precision": average})


@given(cases(3, 4), st.sampled_from([0.5, 1.0, 2.0]))
@settings(max_examples=200, deadline=None)
def test_several_classes(case, beta):
    target, scores, weight = case.target, case.scores, case.weight
    said = scores.argmax(axis=1)
    expected = of_matrix(target, said, weight)
    for how in ("macro", "weighted"):
        options = {"beta": beta, "zero_division": 0, "sample_weight": weight, "average": how}
        values = metrics.precision_recall_fscore_support(target, said, **options)[:3]
        expected |= {f"{how}_{name}": value for name, value in zip(("precision", "recall", "f"), values, strict=True)}

    options = {"sample_weight": weight, "labels": range(case.classes), "task": "multiclass"}
    found = scoring.scores(logged(target, None, scores, **options), beta)
    same(found, {**expected, **of_probabilities(target, scores.astype(float), weight)})


@st.composite
def several_labels(draw):
    labels, count = draw(st.integers(2, 3)), draw(st.integers(1, 12))
    rows = st.lists(st.lists(st.booleans(), min_size=labels, max_size=labels), min_size=count, max_size=count)
    values = st.lists(st.lists(TIED, min_size=labels, max_size=labels), min_size=count, max_size=count)
    weight = draw(st.none() | st.lists(WEIGHT, min_size=count, max_size=count))
    return np.array(draw(rows)).astype(int), np.array(draw(values)), weight


@given(several_labels())
@settings(max_examples=200, deadline=None)
def test_several_labels_at_once(case):
    target, scores, weight = case
    said, expected = (scores >= 0.5).astype(int), {}
    for how in ("micro", "macro", "weighted"):
        options = {"average": how, "zero_division": 0, "sample_weight": weight}
        values = metrics.precision_recall_fscore_support(target, said, **options)[:3]
        expected |= {f"{how}_{name}": value for name, value in zip(("precision", "recall", "f"), values, strict=True)}
    expected["subset_accuracy"] = metrics.accuracy_score(target, said, sample_weight=weight)
    expected["hamming_loss"] = metrics.hamming_loss(target, said, sample_weight=weight)
    same(scoring.scores(logged(target, None, scores, sample_weight=weight, task="multilabel")), expected)


@pytest.fixture(scope="module")
def diabetes():
    x, y = datasets.load_diabetes(return_X_y=True)
    return y[::2], linear_model.LinearRegression().fit(x[1::2], y[1::2]).predict(x[::2])


@pytest.mark.parametrize("is_weighted", [False, True])
def test_intervals_of_a_regression_are_those_of_scipy(diabetes, is_weighted):
    target, said = diabetes
    weight = np.random.default_rng(2).gamma(2, size=len(target)) if is_weighted else np.ones(len(target))
    found = scoring.intervals(logged(target, said, sample_weight=weight if is_weighted else None))
    scores = {
        "mae": metrics.mean_absolute_error,
        "rmse": metrics.root_mean_squared_error,
        "mape": metrics.mean_absolute_percentage_error,
        "r2": metrics.r2_score,
        "bias": lambda target, said, sample_weight: np.average(said - target, weights=sample_weight),
    }
    assert found.keys() == scores.keys()
    for name, score in scores.items():
        matches(
            found[name], lambda *drawn, score=score: score(*drawn[:2], sample_weight=drawn[2]), target, said, weight
        )


def matches(found, score, *columns):
    """Assert that an interval is that of scipy's percentile bootstrap, by a part of its width."""
    options = {"paired": True, "vectorized": False, "method": "percentile", "n_resamples": 300, "rng": 1}
    expected = stats.bootstrap(columns, score, **options).confidence_interval
    near = pytest.approx((expected.low, expected.high), abs=0.25 * (expected.high - expected.low))
    assert (found["low"], found["high"]) == near


@pytest.mark.parametrize("is_weighted", [False, True])
def test_intervals_of_two_classes_are_those_of_scipy(is_weighted):
    random = np.random.default_rng(3)
    target = random.integers(0, 2, 150)
    score = np.clip(target * 0.3 + random.random(150) * 0.7, 0.01, 0.99)
    weight = random.gamma(2, size=150) if is_weighted else np.ones(150)
    found = scoring.intervals(logged(target, None, score, sample_weight=weight if is_weighted else None))
    scores = {
        "log_loss": lambda a, b, w: metrics.log_loss(a, b.astype(float), sample_weight=w),
        "brier": lambda a, b, w: metrics.brier_score_loss(a, b, sample_weight=w),
        "average_precision": lambda a, b, w: metrics.average_precision_score(a, b, sample_weight=w),
        "roc_auc": lambda a, b, w: metrics.roc_auc_score(a, b, sample_weight=w),
        "matthews": lambda a, b, w: metrics.matthews_corrcoef(a, b >= 0.5, sample_weight=w),
        "f": lambda a, b, w: metrics.f1_score(a, b >= 0.5, sample_weight=w),
    }
    assert found.keys() == scoring.scores(logged(target, None, score)).keys()
    for name, one in scores.items():
        matches(found[name], one, target, score, weight)


@given(cases(2, 2))
@settings(max_examples=200, deadline=None)
def test_a_weight_of_2_is_as_good_as_the_sample_twice_in_a_calibration(case):
    times = np.arange(len(case.target)) % 3 + 1
    positive, probability = case.target == 1, case.scores[:, 1]
    weighted = calibration(positive, probability, 5, "width", times.astype(float))
    repeated = calibration(np.repeat(positive, times), np.repeat(probability, times), 5, "width")
    for name in ("low", "high", "weight", "mean", "share"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name)), name


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_one_sample_has_everything_that_is_defined(task):
    given = {
        "binary": ([1], None, [0.4]),
        "multiclass": ([1], None, [[0.2, 0.5, 0.3]]),
        "multilabel": ([[1, 0]], None, [[0.4, 0.1]]),
        "regression": ([1.5], [2.0]),
    }[task]
    samples = logged(*given, task=task, slices={"site": ["a"]}, features={"age": [3]}, sample_weight=[2.0])
    found = [report.report(samples), report.slices(samples), scoring.intervals(samples)]
    if task != "regression":
        found += [curves.curves(samples, [1]), report.costs(samples, 1, Prices())]
    json.dumps(found, allow_nan=False)
    assert found[0]["scores"]
