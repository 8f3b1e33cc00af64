"""Every number of a report on digits, breast cancer and diabetes, with and without weights, against scikit-learn."""

import numpy as np
import pytest
from sklearn import datasets, linear_model, metrics, model_selection, naive_bayes
from sklearn.calibration import calibration_curve

from evaluation.logging import logged
from prevue_core.evaluation import report

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", params=["digits", "cancer"])
def classified(request):
    """Targets, probabilities of the classes, and the class whose curves are looked at."""
    data, model, label = {
        "digits": (datasets.load_digits, naive_bayes.GaussianNB(var_smoothing=1e-2), 3),
        "cancer": (datasets.load_breast_cancer, naive_bayes.GaussianNB(), 1),
    }[request.param]
    x_train, x, y_train, y = model_selection.train_test_split(*data(return_X_y=True), random_state=0)
    scores = model.fit(x_train, y_train).predict_proba(x)
    return y, scores, label


@pytest.fixture(params=[False, True], ids=["equal", "weighted"])
def weights(request):
    """Make weights for so many samples, or none."""
    return lambda count: np.random.default_rng(1).gamma(2, size=count) if request.param else None


def test_matrix_and_classes(classified, weights):
    target, scores, _ = classified
    said, weight = scores.argmax(axis=1), weights(len(target))
    samples = logged(target, said, scores, sample_weight=weight)
    for ours, theirs in ((None, None), ("true", "true"), ("predicted", "pred"), ("all", "all")):
        found = report.report(samples, beta=2, normalise=ours)
        expected = metrics.confusion_matrix(target, said, normalize=theirs, sample_weight=weight)
        assert np.array(found["matrix"]) == pytest.approx(expected)
    expected = metrics.precision_recall_fscore_support(target, said, beta=2, zero_division=0, sample_weight=weight)
    for name, values in zip(("precision", "recall", "f", "support"), expected, strict=True):
        assert [one[name] for one in found["classes"]] == pytest.approx(values), name
    exact = scores.astype(float)
    for name, score in (("roc_auc", metrics.roc_auc_score), ("average_precision", metrics.average_precision_score)):
        values = [score(target == label, exact[:, label], sample_weight=weight) for label in range(scores.shape[1])]
        assert [one[name] for one in found["classes"]] == pytest.approx(values, abs=1e-6), name
    if scores.shape[1] > 2:
        values = [metrics.top_k_accuracy_score(target, exact, k=k, sample_weight=weight) for k in range(1, 10)]
        assert found["top_k"] == pytest.approx([*values, 1.0])


def test_scores_together(classified, weights):
    target, scores, _ = classified
    said, exact, weight = scores.argmax(axis=1), scores.astype(float), {"sample_weight": weights(len(target))}
    found = report.report(logged(target, None, scores, **weight))["scores"]
    is_pair = scores.shape[1] == 2
    given = exact[:, 1] if is_pair else exact
    expected = {
        "accuracy": metrics.accuracy_score(target, said, **weight),
        "balanced_accuracy": metrics.balanced_accuracy_score(target, said, **weight),
        "matthews": metrics.matthews_corrcoef(target, said, **weight),
        "kappa": metrics.cohen_kappa_score(target, said, **weight),
        "log_loss": metrics.log_loss(target, given, **weight),
        "brier": metrics.brier_score_loss(target, given, scale_by_half=is_pair, **weight),
    }
    for how in ("binary",) if is_pair else ("macro", "weighted"):
        values = metrics.precision_recall_fscore_support(target, said, average=how, zero_division=0, **weight)
        names = ("precision", "recall", "f") if is_pair else (f"{how}_precision", f"{how}_recall", f"{how}_f")
        expected |= dict(zip(names, values, strict=False))
    if is_pair:
        expected["roc_auc"] = metrics.roc_auc_score(target, given, **weight)
        expected["average_precision"] = metrics.average_precision_score(target, given, **weight)
    else:
        expected["top_5_accuracy"] = metrics.top_k_accuracy_score(target, exact, k=5, **weight)
    assert found == pytest.approx(expected, rel=1e-6)


def test_what_belongs_to_a_class(classified, weights):
    target, scores, label = classified
    positive, score, weight = target == label, scores[:, label].astype(float), weights(len(target))
    found = report.report(logged(target, None, scores, sample_weight=weight), label=label)

    swept = found["sweep"]
    for place in range(0, len(swept["threshold"]), 10):
        threshold = np.inf if swept["threshold"][place] is None else swept["threshold"][place]
        (tn, fp), (fn, tp) = metrics.confusion_matrix(positive, score >= threshold, sample_weight=weight)
        names = ("true_negatives", "false_positives", "false_negatives", "true_positives")
        assert [swept[name][place] for name in names] == pytest.approx([tn, fp, fn, tp], abs=1e-9)
    for kind, values in (("label", score[positive]), ("rest", score[~positive])):
        assert found["histogram"][kind] == np.histogram(values, found["histogram"]["edges"])[0].tolist()
    for by, theirs in (("width", "uniform"), ("count", "quantile")):
        bins = found["calibration"][by]
        if weight is None:
            share, mean = calibration_curve(positive, score, n_bins=10, strategy=theirs)
            assert (bins["share"], bins["mean"]) == (pytest.approx(share), pytest.approx(mean))
        gaps = np.abs(np.array(bins["share"]) - bins["mean"])
        assert bins["error"] == pytest.approx(np.average(gaps, weights=bins["weight"]))
        assert sum(bins["weight"]) == pytest.approx(len(target) if weight is None else weight.sum())


def test_regression(weights):
    x, y = datasets.load_diabetes(return_X_y=True)
    target, said = y[::2], linear_model.LinearRegression().fit(x[1::2], y[1::2]).predict(x[::2])
    weight, error = {"sample_weight": weights(len(target))}, said - target
    found = report.report(logged(target, said, features={"bmi": x[::2, 2]}, **weight))
    assert found["scores"] == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(target, said, **weight),
            "rmse": metrics.root_mean_squared_error(target, said, **weight),
            "mape": metrics.mean_absolute_percentage_error(target, said, **weight),
            "r2": metrics.r2_score(target, said, **weight),
            "bias": np.average(error, weights=weight["sample_weight"]),
            "worst": metrics.max_error(target, said),
        }
    )
    assert found["points"]["prediction"] == said.tolist()
    assert found["quantiles"] == pytest.approx(np.percentile(error, range(101)))
    counts, _ = np.histogram(error, found["histogram"]["edges"], weights=weight["sample_weight"])
    assert found["histogram"]["counts"] == pytest.approx(counts)
    for name, values in (("target", target), ("prediction", said), ("bmi", x[::2, 2])):
        for box in found["errors_by"][name]:
            inside = error[(values >= box["low"]) & (values <= box["high"])]
            assert box["quantiles"] == pytest.approx(np.percentile(inside, (5, 25, 50, 75, 95)))
