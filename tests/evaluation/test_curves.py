"""Curves of several classes together, costs and top-k, against scikit-learn."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import datasets, metrics, model_selection, naive_bayes

from evaluation.cases import cases
from evaluation.logging import logged
from prevue_core.evaluation import report
from prevue_core.evaluation.columns import held
from prevue_core.evaluation.curves import curves
from prevue_core.evaluation.thinning import HALF_PIXEL
from prevue_core.evaluation.thresholds import Prices

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def digits():
    x, y = datasets.load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = model_selection.train_test_split(x, y, random_state=0)
    model = naive_bayes.GaussianNB(var_smoothing=1e-2).fit(x_train, y_train)
    return y_test, model.predict_proba(x_test)


@given(cases(3, 4, most=15))
@settings(max_examples=200, deadline=None)
def test_areas_of_all_classes_together_are_those_of_scikit_learn(case):
    micro, macro, *each = curves(logged(case.target, None, case.scores, **options(case)), range(case.classes))
    one_hot, scores = np.eye(case.classes)[case.target], case.scores
    weight = {"sample_weight": case.weight}

    assert micro["roc_auc"] == pytest.approx(metrics.roc_auc_score(one_hot, scores, average="micro", **weight))
    expected = metrics.average_precision_score(one_hot, scores, average="micro", **weight)
    assert micro["average_precision"] == pytest.approx(expected)
    defined = [label for label in range(case.classes) if 0 < one_hot[:, label].sum() < len(one_hot)]
    for name, score in (("roc_auc", metrics.roc_auc_score), ("average_precision", metrics.average_precision_score)):
        expected = {label: score(one_hot[:, label], scores[:, label], **weight) for label in defined}
        assert {label: each[label][name] for label in defined} == pytest.approx(expected)
        assert macro[name] == (pytest.approx(np.mean(list(expected.values()))) if defined else None)


def options(case):
    return {"labels": range(case.classes), "sample_weight": case.weight, "task": "multiclass"}


def test_the_mean_curves_are_those_of_scikit_learn_to_half_a_pixel(digits):
    target, scores = digits
    micro, macro, three = curves(logged(target, None, scores), [3])
    one_hot = np.eye(10)[target]

    for found, positive, score in ((micro, one_hot.ravel(), scores.ravel()), (three, one_hot[:, 3], scores[:, 3])):
        x, y, _ = metrics.roc_curve(positive, score, drop_intermediate=False)
        assert farthest(x, y, found["roc"]) <= HALF_PIXEL
    grid = np.linspace(0, 1, 4_001)
    each = [metrics.roc_curve(one_hot[:, label], scores[:, label])[:2] for label in range(10)]
    expected = np.mean([np.interp(grid, *curve) for curve in each], axis=0)
    assert farthest(grid[1:], expected[1:], macro["roc"]) <= HALF_PIXEL + 1e-4


def test_the_macro_precision_is_the_mean_of_what_each_class_has_at_a_recall(digits):
    target, scores = digits
    found = curves(logged(target, None, scores))[1]["precision_recall"]

    for recall in (0.111, 0.5, 0.873):
        each = []
        for label in range(10):
            precision, reached, _ = metrics.precision_recall_curve(target == label, scores[:, label])
            each.append(precision[reached >= recall][-1])
        assert np.interp(recall, found["x"], found["y"]) == pytest.approx(np.mean(each), abs=2e-3)


def test_the_mean_curves_of_many_classes_take_no_room_for_each():
    samples = logged(np.arange(400) % 200, None, np.random.default_rng(0).dirichlet(np.ones(200), 400))
    tracemalloc.start()
    curves(samples)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30_000_000  # 64 MB for two curves of each


def test_no_second_copy_is_made_of_many_scores():
    random = np.random.default_rng(0)
    samples = logged(random.integers(0, 50, 20_000), None, random.dirichlet(np.ones(50), 20_000))
    tracemalloc.start()
    report.report(samples)
    held(samples)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    scores_mb, peak_mb = samples.scores.nbytes / 1e6, peak / 1e6
    assert peak_mb < 2 * scores_mb  # what they would take as floats of 8 bytes


def test_curves_of_very_many_samples_are_thinned_by_half_a_pixel_and_their_areas_are_of_all():
    random = np.random.default_rng(5)
    target = (random.random(150_000) < 0.1).astype(int)
    score = (random.normal(size=150_000) + target).round(5)  # some are equal
    weight = random.gamma(2, size=150_000)
    (found,) = curves(logged(target, None, score, sample_weight=weight), [1])

    x, y, _ = metrics.roc_curve(target, score, sample_weight=weight, drop_intermediate=False)
    precision, recall, _ = metrics.precision_recall_curve(target, score, sample_weight=weight)
    assert found["precision_recall"]["points"] == len(precision) > 50_000
    some = np.append(np.arange(300), random.integers(0, len(precision) - 1, 700))  # the first of all go up and down
    assert farthest(x[some], y[some], found["roc"]) <= HALF_PIXEL
    assert farthest(recall[-2::-1][some], precision[-2::-1][some], found["precision_recall"]) <= HALF_PIXEL
    assert len(found["precision_recall"]["x"]) < 3_000
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(target, score, sample_weight=weight))
    expected = metrics.average_precision_score(target, score, sample_weight=weight)
    assert found["average_precision"] == pytest.approx(expected)


def farthest(x, y, drawn):
    """Return how far points are from a line, at most."""
    line = np.array(drawn["x"]) + 1j * np.array(drawn["y"])
    start, along = line[:-1], np.diff(line)
    square = np.where(abs(along) > 0, abs(along) ** 2, 1)
    worst = 0.0
    for point in x + 1j * np.asarray(y):
        share = (((point - start) * along.conjugate()).real / square).clip(0, 1)
        worst = max(worst, abs(start + share * along - point).min())
    return worst


@given(cases(3, 4))
@settings(max_examples=200, deadline=None)
def test_the_accuracy_among_the_highest_scores_is_that_of_scikit_learn(case):
    found = report.report(logged(case.target, None, case.scores, **options(case)))["top_k"]
    weight, labels = {"sample_weight": case.weight}, range(case.classes)
    scores = case.scores

    for k in range(1, case.classes):
        assert found[k - 1] == pytest.approx(
            metrics.top_k_accuracy_score(case.target, scores, k=k, labels=labels, **weight)
        )
    assert found[-1] == pytest.approx(1)


def test_the_heaviest_confusions_come_first_and_a_matrix_may_have_shares(digits):
    target, scores = digits
    matrix = metrics.confusion_matrix(target, scores.argmax(axis=1))
    found = report.report(logged(target, None, scores), normalise="predicted")

    assert np.array(found["matrix"]) == pytest.approx(
        metrics.confusion_matrix(target, scores.argmax(axis=1), normalize="pred")
    )
    weights = [one["weight"] for one in found["confusions"]]
    wrong = [matrix[place] for place in np.ndindex(matrix.shape) if place[0] != place[1] and matrix[place]]
    assert weights == sorted(wrong, reverse=True)[:50]
    first = found["confusions"][0]
    assert matrix[first["target"], first["prediction"]] == first["weight"]
    assert first["share"] == pytest.approx(first["weight"] / (target == first["target"]).sum())


@given(cases(2, 2))
@settings(max_examples=200, deadline=None)
def test_the_best_threshold_costs_least_of_all_ways_to_cut(case):
    prices = Prices(true_positive=-1, false_positive=2, false_negative=5, true_negative=0.5)
    samples = logged(case.target, None, case.scores, **{**options(case), "task": "binary"})
    score, weight = case.scores[:, 1], np.ones(len(case.target))
    weight = weight if case.weight is None else case.weight

    def cost(threshold):
        said = score >= threshold
        matrix = metrics.confusion_matrix(case.target, said, labels=[0, 1], sample_weight=weight)
        return (matrix * [[prices.true_negative, prices.false_positive], [5, -1]]).sum() / weight.sum()

    found = report.costs(samples, 1, prices)
    least = min(cost(threshold) for threshold in (*score, np.inf))
    assert found["best"]["cost"] == pytest.approx(least)
    threshold = np.inf if found["best"]["threshold"] is None else found["best"]["threshold"]
    assert cost(threshold) == pytest.approx(least)
    assert min(found["cost"]) == pytest.approx(least)


def test_thresholds_of_the_other_class_are_its_own_probabilities(digits):
    target, scores = digits
    score = scores[:, 3]
    found = report.report(logged((target == 3).astype(int), None, score), label=0)

    assert set(found["sweep"]["threshold"]) == {None, *(1 - score.astype(float)).tolist()}
    assert (found["histogram"]["edges"][0], found["histogram"]["edges"][-1]) == (0, 1)
    x, y, _ = metrics.roc_curve(target != 3, 1 - score.astype(float), drop_intermediate=False)
    assert farthest(x, y, found["roc"]) <= HALF_PIXEL


def test_a_group_that_counts_nothing_has_no_score_and_breaks_nothing():
    target, score = np.arange(40) % 2, np.linspace(0.1, 0.9, 40)
    weight, site = np.repeat([0.0, 1.0], 20), np.repeat(["a", "b"], 20)
    rows = report.slices(logged(target, None, score, sample_weight=weight, slices={"site": site}))

    assert {row["value"]: row["scores"]["log_loss"] is None for row in rows} == {"a": True, "b": False}
