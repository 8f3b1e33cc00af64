"""What `log_display` leaves of scikit-learn's Display objects."""

import sys

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import CalibrationDisplay, calibration_curve
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.inspection import DecisionBoundaryDisplay, PartialDependenceDisplay, partial_dependence
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import LearningCurveDisplay, ValidationCurveDisplay, learning_curve, validation_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_results import results

import prevue
from prevue_sklearn import log_display

x, y = load_breast_cancer(return_X_y=True)
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[:400], y[:400])
scores, guesses, truth = model.predict_proba(x[400:])[:, 1], model.predict(x[400:]), y[400:]


@pytest.fixture(autouse=True)
def without_matplotlib(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"] or ["matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def logged(backend, request):
    """Log a display, and return its results."""

    def log(display, **arguments):
        project = request.node.name[-60:].replace("/", " ")
        with prevue.init(project) as run:
            log_display(run, display, **arguments)
        return results(backend, project)

    return log


def test_a_confusion_matrix(logged):
    counts = metrics.confusion_matrix(truth, guesses)
    [(name, (matrix, split))] = logged(metrics.ConfusionMatrixDisplay(counts, display_labels=["bad", "good"])).items()
    assert (name, split) == ("confusion_matrix", "test")
    assert matrix["values"] == counts.tolist()
    assert (matrix["rows"], matrix["x_name"], matrix["y_name"]) == (["bad", "good"], "predicted", "true")


def test_a_roc_curve(logged):
    fpr, tpr, _ = metrics.roc_curve(truth, scores)
    area = metrics.auc(fpr, tpr)
    curve, _ = logged(metrics.RocCurveDisplay(fpr=fpr, tpr=tpr, roc_auc=area, pos_label=1))["roc_curve"]
    assert (curve["fpr"], curve["tpr"]) == (fpr.tolist(), tpr.tolist())
    assert (curve["auc"], curve["label"]) == (pytest.approx(area), "class 1")


def test_roc_curves_of_folds(logged):
    fpr, tpr, _ = metrics.roc_curve(truth, scores)
    display = metrics.RocCurveDisplay(fpr=[fpr, fpr], tpr=[tpr, tpr], roc_auc=[0.9, 0.8])
    assert {name: curve["auc"] for name, (curve, _) in logged(display).items()} == {
        "roc_curve/fold 0": 0.9,
        "roc_curve/fold 1": 0.8,
    }


def test_a_precision_recall_curve(logged):
    precision, recall, _ = metrics.precision_recall_curve(truth, scores)
    curve, _ = logged(metrics.PrecisionRecallDisplay(precision, recall, average_precision=0.9))["pr_curve"]
    assert (curve["recall"], curve["precision"]) == (recall.tolist(), precision.tolist())
    assert curve["average_precision"] == 0.9


def test_a_det_curve(logged):
    fpr, fnr, _ = metrics.det_curve(truth, scores)
    curve, _ = logged(metrics.DetCurveDisplay(fpr=fpr, fnr=fnr))["det_curve"]
    assert (curve["x"], curve["y"], curve["x_name"]) == (fpr.tolist(), fnr.tolist(), "false positive rate")


def test_a_calibration_curve_with_the_spread_of_what_was_predicted(logged):
    true, predicted = calibration_curve(truth, scores, n_bins=5)
    found = logged(CalibrationDisplay(true, predicted, scores))
    assert (found["calibration"][0]["x"], found["calibration"][0]["y"]) == (predicted.tolist(), true.tolist())
    assert sum(found["calibration/predicted"][0]["counts"]) == len(scores)


def test_errors_of_a_regression(logged):
    inputs, targets = load_diabetes(return_X_y=True)
    guessed = Ridge().fit(inputs, targets).predict(inputs)
    payload, _ = logged(metrics.PredictionErrorDisplay(y_true=targets, y_pred=guessed))["prediction_error"]
    columns = {column["name"]: column["values"] for column in payload["columns"]}
    assert columns["true"] == targets.tolist()
    assert columns["residual"] == pytest.approx(targets - guessed)


def test_a_learning_curve_is_the_mean_of_its_folds_in_a_band(logged):
    estimator = LogisticRegression(max_iter=200)
    sizes, train, test = learning_curve(estimator, *load_iris(return_X_y=True), cv=3, shuffle=True, random_state=0)[:3]
    display = LearningCurveDisplay(train_sizes=sizes, train_scores=train, test_scores=test, score_name="Accuracy")
    [(name, (curve, split))] = logged(display).items()  # the latest of two: one for each split
    assert (name, split, curve["x"]) == ("learning_curve", "val", sizes.tolist())
    assert curve["y"] == pytest.approx(test.mean(axis=1))
    assert curve["high"] == pytest.approx(test.mean(axis=1) + test.std(axis=1))
    assert (curve["x_name"], curve["y_name"]) == ("samples", "Accuracy")


@pytest.mark.parametrize(("name", "tried"), [("C", [0.1, 1.0]), ("class_weight", ["balanced", None])])
def test_a_validation_curve(logged, name, tried):
    estimator = LogisticRegression(max_iter=200)
    train, test = validation_curve(estimator, *load_iris(return_X_y=True), param_name=name, param_range=tried, cv=2)
    display = ValidationCurveDisplay(param_name=name, param_range=tried, train_scores=train, test_scores=test)
    curve, _ = logged(display)[f"validation_curve/{name}"]
    assert (curve["x"], curve["x_name"]) == (tried if name == "C" else ["balanced", "None"], name)
    assert curve["y"] == pytest.approx(test.mean(axis=1))


def test_partial_dependence_of_one_feature_and_of_two(logged):
    found = [partial_dependence(model, x, features, grid_resolution=5) for features in ([0], [0, 1])]
    names = [f"f{number}" for number in range(x.shape[1])]
    display = PartialDependenceDisplay(found, features=[(0,), (0, 1)], feature_names=names, target_idx=0, deciles={})
    told = logged(display)
    curve, matrix = told["partial_dependence/f0"][0], told["partial_dependence/f0 x f1"][0]
    assert curve["x"] == pytest.approx(found[0]["grid_values"][0])
    assert curve["y"] == pytest.approx(found[0]["average"][0])
    assert np.array(matrix["values"]) == pytest.approx(found[1]["average"][0])
    assert (matrix["y_name"], matrix["x_name"]) == ("f0", "f1")


def test_a_decision_boundary_is_thinned_to_a_matrix(logged):
    across, down = np.meshgrid(np.linspace(0, 1, 300), np.linspace(0, 2, 200))
    several = {"n_classes": 2} if "n_classes" in DecisionBoundaryDisplay.__init__.__code__.co_varnames else {}
    display = DecisionBoundaryDisplay(xx0=across, xx1=down, response=across * down, xlabel="width", **several)
    matrix, split = logged(display)["decision_boundary"]
    values = np.array(matrix["values"])
    assert (values.shape, values[-1, -1], split) == ((100, 100), 2.0, "train")
    assert (matrix["rows"][-1], matrix["columns"][-1], matrix["x_name"]) == ("2", "1", "width")


def test_name_and_split_can_be_given(logged):
    found = logged(metrics.ConfusionMatrixDisplay(np.eye(2)), name="held out", split="val")
    assert {name: split for name, (_, split) in found.items()} == {"held out": "val"}


def test_what_is_no_display_costs_a_warning(caplog):
    log_display(prevue.init(mode="disabled"), model)
    assert "log_display failed: InvalidValue: display Pipeline" in caplog.text
