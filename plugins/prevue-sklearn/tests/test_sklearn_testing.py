"""Tests of fitted estimators, sample by sample: what arrives is what scikit-learn says of them."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine, make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.metrics import accuracy_score, f1_score, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import prevue
from prevue_sklearn import log_test


@pytest.fixture
def tested(backend):
    """Fit an estimator on half of the samples, log its test on the others, and return what the backend says of it."""

    def tested(estimator, data, **options):
        x_train, x_test, y_train, y_test = train_test_split(*data, random_state=0)
        estimator.fit(x_train, y_train)
        with prevue.init(project="tests", url=backend.url) as run:
            log_test(run, estimator, x_test, y_test, **options)
        api = prevue.Api(backend.url)
        (row,) = api.evaluations(run.run_id)
        return row, api.report(run.run_id, row["evaluation_id"]), estimator, x_test, y_test

    return tested


def test_two_classes_with_probabilities(tested):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    row, report, model, x, y = tested(model, load_breast_cancer(return_X_y=True), name="holdout", split="val")
    assert (row["name"], row["split"], row["task"], row["score_type"]) == ("holdout", "val", "binary", "probability")
    assert report["scores"]["accuracy"] == pytest.approx(accuracy_score(y, model.predict(x)))
    assert report["scores"]["roc_auc"] == pytest.approx(roc_auc_score(y, model.predict_proba(x)[:, 1]), abs=1e-4)


def test_ten_classes_without_probabilities(tested):
    row, report, model, x, y = tested(RidgeClassifier(), load_digits(return_X_y=True))
    assert (row["task"], row["score_type"], row["labels"]) == (
        "multiclass",
        "decision",
        [str(digit) for digit in range(10)],
    )
    assert report["scores"]["macro_f"] == pytest.approx(f1_score(y, model.predict(x), average="macro"))
    assert report["calibration"] is None


@pytest.mark.parametrize("estimator", [GaussianNB(), RidgeClassifier(), DummyClassifier()])
@pytest.mark.parametrize("options", [{"labels": ["ill", "fit"]}, {"pos_label": "fit"}, {"labels": ["fit", "ill"]}])
def test_scores_are_of_the_classes_that_the_labels_say(tested, estimator, options):
    x, y = load_breast_cancer(return_X_y=True)
    row, report, model, x, y = tested(estimator, (x, np.array(["fit", "ill"])[y]), **options)
    is_positive = y == row["labels"][row["positive"]]
    score = model.decision_function(x) if hasattr(model, "decision_function") else model.predict_proba(x)[:, 1]
    told = score if row["labels"][row["positive"]] == "ill" else -score
    assert report["scores"]["roc_auc"] == pytest.approx(roc_auc_score(is_positive, told), abs=1e-4)


@pytest.mark.parametrize(
    ("options", "positive"),
    [
        ({"labels": ["malignant", "benign"], "pos_label": 1}, "benign"),
        ({"labels": ["malignant", "benign"], "pos_label": "malignant"}, "malignant"),
        ({"labels": ["1", "0"]}, "0"),
        ({"labels": [1, 0], "pos_label": "1"}, "1"),
    ],
)
def test_the_positive_class_is_said_by_value_text_or_name(tested, options, positive):
    row, report, model, x, y = tested(RidgeClassifier(), load_breast_cancer(return_X_y=True), **options)
    assert row["labels"][row["positive"]] == positive
    assert report["scores"]["accuracy"] == pytest.approx(accuracy_score(y, model.predict(x)))
    assert report["scores"]["roc_auc"] == pytest.approx(roc_auc_score(y, model.decision_function(x)), abs=1e-4)


def test_scores_of_pairs_of_classes_are_left_out(tested):
    model = make_pipeline(StandardScaler(), SVC(decision_function_shape="ovo"))
    row, report, model, x, y = tested(model, load_wine(return_X_y=True), labels=["1", "2", "3"])
    assert (row["labels"], row["score_type"], report["scores"].get("roc_auc")) == (["1", "2", "3"], None, None)
    assert report["scores"]["accuracy"] == pytest.approx(accuracy_score(y, model.predict(x)))


def test_a_label_that_no_training_sample_has_scores_0(backend):
    x, y = make_multilabel_classification(60, n_classes=3, random_state=0)
    y[:, 2] = 0
    model = RandomForestClassifier(5, random_state=0).fit(x, y)
    y[:5, 2] = 1
    with prevue.init(project="tests", url=backend.url) as run:
        log_test(run, model, x, y)
    api = prevue.Api(backend.url)
    (row,) = api.evaluations(run.run_id)
    histogram = api.report(run.run_id, row["evaluation_id"], label=2)["histogram"]
    assert (histogram["edges"][0], histogram["label"][0], histogram["rest"][0]) == (0, 5, 55)


def test_several_labels_at_once(tested):
    data = make_multilabel_classification(200, n_classes=3, random_state=0)
    row, report, model, x, y = tested(RandomForestClassifier(10, random_state=0), data)
    assert row["task"] == "multilabel"
    assert report["scores"]["macro_f"] == pytest.approx(f1_score(y, model.predict(x), average="macro"))


def test_a_regression(tested):
    row, report, model, x, y = tested(LinearRegression(), load_diabetes(return_X_y=True))
    assert (row["task"], row["sample_count"]) == ("regression", len(y))
    assert report["scores"]["r2"] == pytest.approx(r2_score(y, model.predict(x)))


def test_what_cannot_be_tested_warns_and_raises_nothing(backend, caplog):
    with prevue.init(project="tests", url=backend.url) as run:
        log_test(run, LinearRegression(), [[1.0]], [1.0])
    assert "log_test failed: NotFittedError" in caplog.text
