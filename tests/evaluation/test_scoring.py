"""Scores by name, their intervals and the report, against scikit-learn."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import datasets, ensemble, linear_model, metrics, model_selection, naive_bayes

from evaluation.cases import cases
from evaluation.logging import logged
from prevue_core.evaluation import report, scoring

pytestmark = pytest.mark.filterwarnings("ignore")


def split_of(data, model):
    x, y = data(return_X_y=True)
    x_train, x_test, y_train, y_test = model_selection.train_test_split(x, y, random_state=0)
    return model.fit(x_train, y_train), x_test, y_test


@pytest.fixture(scope="module")
def cancer():
    model, x, y = split_of(datasets.load_breast_cancer, naive_bayes.GaussianNB())
    return y, model.predict_proba(x)[:, 1].astype("float32")


@pytest.fixture(scope="module")
def digits():
    model, x, y = split_of(datasets.load_digits, naive_bayes.GaussianNB(var_smoothing=1e-2))
    return y, model.predict_proba(x).astype("float32")


def test_scores_of_several_labels_are_those_of_scikit_learn():
    x, y = datasets.make_multilabel_classification(300, n_classes=4, random_state=0)
    model = ensemble.RandomForestClassifier(20, random_state=0).fit(x[:200], y[:200])
    target, said = y[200:], model.predict(x[200:])
    samples = logged(
        target, said, np.column_stack([part[:, 1] for part in model.predict_proba(x[200:])]), task="multilabel"
    )

    found = report.report(samples, label=2)
    expected = {
        "macro_f": metrics.f1_score(target, said, average="macro"),
        "weighted_recall": metrics.recall_score(target, said, average="weighted"),
        "subset_accuracy": metrics.accuracy_score(target, said),
        "hamming_loss": metrics.hamming_loss(target, said),
    }
    assert {name: found["scores"][name] for name in expected} == pytest.approx(expected)
    assert found["matrix"] == metrics.multilabel_confusion_matrix(target, said).tolist()
    assert [label["f"] for label in found["classes"]] == pytest.approx(metrics.f1_score(target, said, average=None))


def test_classes_of_samples_that_weigh_nothing_count_as_in_scikit_learn():
    random = np.random.default_rng(8)
    target, said = random.integers(0, 4, (2, 300))
    weight = np.where((target == 3) | (said == 3), 0, random.random(300))
    samples = logged(target, said, labels=range(5), sample_weight=weight)
    found, options = scoring.scores(samples), {"average": "macro", "sample_weight": weight, "zero_division": 0}
    expected = metrics.precision_recall_fscore_support(target, said, **options)[:3]
    assert [found[f"macro_{name}"] for name in ("precision", "recall", "f")] == pytest.approx(expected)
    draws = [metrics.f1_score(target[places], said[places], average="macro", sample_weight=weight[places])
             for places in random.integers(0, 300, (400, 300))]  # fmt: skip
    interval = scoring.intervals(samples)["macro_f"]
    assert (interval["low"], interval["high"]) == pytest.approx(np.quantile(draws, (0.025, 0.975)), abs=0.015)


@given(cases(2, 3, most=12))
@settings(max_examples=100, deadline=None)
def test_every_report_is_json_without_nan(case):
    samples = logged(case.target, None, case.scores, labels=range(case.classes), sample_weight=case.weight)
    for found in (report.report(samples), scoring.intervals(samples)):
        json.dumps(found, allow_nan=False)


def test_intervals_hold_their_scores_and_shrink_with_more_samples(cancer):
    target, score = cancer
    samples, larger = logged(target, None, score), logged(np.tile(target, 16), None, np.tile(score, 16))
    found, narrow = scoring.intervals(samples), scoring.intervals(larger)
    for name, interval in found.items():
        assert interval["low"] <= scoring.scores(samples)[name] <= interval["high"], name
        assert narrow[name]["high"] - narrow[name]["low"] < 0.4 * (interval["high"] - interval["low"]), name
    assert {"accuracy", "f", "roc_auc"} <= found.keys()


@pytest.mark.parametrize("weight", [None, 2.0])
def test_equal_weights_change_no_interval(digits, weight):
    target, score = digits
    plain = scoring.intervals(logged(target, None, score))
    weighted = scoring.intervals(logged(target, None, score, sample_weight=np.full(len(target), weight or 1.0)))
    for name, interval in plain.items():
        assert weighted[name]["low"] == pytest.approx(interval["low"], abs=0.01), name


def test_intervals_of_a_regression_are_those_of_the_plain_bootstrap():
    model, x, y = split_of(datasets.load_diabetes, linear_model.LinearRegression())
    said, random = model.predict(x), np.random.default_rng(1)
    found = scoring.intervals(logged(y, said))
    draws = random.integers(0, len(y), (2_000, len(y)))
    for name, score in (("mae", metrics.mean_absolute_error), ("r2", metrics.r2_score)):
        expected = np.quantile([score(y[draw], said[draw]) for draw in draws], (0.025, 0.975))
        assert (found[name]["low"], found[name]["high"]) == pytest.approx(expected, rel=0.05, abs=0.02), name


def test_slices_have_the_scores_of_their_samples(cancer):
    target, score = cancer
    site = np.where(np.arange(len(target)) % 3 == 0, "a", "b")
    rows = report.slices(logged(target, None, score, slices={"site": site}))
    assert [(row["slice"], row["value"], row["samples"]) for row in rows] == [("site", "b", 95), ("site", "a", 48)]
    inside = site == "a"
    assert rows[1]["scores"]["accuracy"] == pytest.approx(metrics.accuracy_score(target[inside], score[inside] >= 0.5))


def test_very_many_groups_share_the_rows_and_the_draws(cancer):
    target, score = (np.tile(column, 4) for column in cancer)
    names = {f"by {number}": np.arange(len(target)) // 5 for number in range(4)}  # 115 groups each
    rows = report.slices(logged(target, None, score, slices=names))
    assert [row["slice"] for row in rows] == [name for name in names for _ in range(50)]
    assert {row["intervals"]["accuracy"]["repeats"] for row in rows} == {250}
    inside = names["by 2"] == 10
    (row,) = [row for row in rows if (row["slice"], row["value"]) == ("by 2", "10")]
    assert row["scores"]["accuracy"] == pytest.approx(metrics.accuracy_score(target[inside], score[inside] >= 0.5))


def test_the_sweep_and_the_curves_belong_to_the_class_asked_for(digits):
    target, score = digits
    found = report.report(logged(target, None, score), label=3)
    x, _, _ = metrics.roc_curve(target == 3, score[:, 3])
    assert (found["label"], found["roc"]["x"][-1]) == (3, 1.0)
    assert len(found["roc"]["x"]) <= len(x)
    counts = np.array([found["sweep"][name] for name in ("true_positives", "false_negatives")])
    assert set(counts.sum(axis=0)) == {float((target == 3).sum())}
