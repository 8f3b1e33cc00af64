"""What is summed up of very many samples: as exact as without, or right to a small part of an interval's width."""

import numpy as np
import pytest
from sklearn import metrics

from evaluation.logging import logged
from prevue import evaluation as client
from prevue import evaluation_blocks
from prevue_core.evaluation import areas, comparison, confusion, curves, report, resampling, scoring
from prevue_core.evaluation.areas import area_differences, area_intervals
from prevue_core.evaluation.matrices import drawn_scores
from prevue_core.evaluation.samples import Samples

COUNT = 40_000
random = np.random.default_rng(6)
POSITIVE = random.random(COUNT) < 0.05
A = random.normal(size=COUNT) + 1.2 * POSITIVE
B = A + 0.4 * random.normal(size=COUNT)
WEIGHT = random.gamma(2, size=COUNT)


def plain(number, repeats=150):
    """Draw every sample by itself; return the middle and the deviation of what comes out."""
    outcomes = [number(random.integers(0, COUNT, COUNT)) for _ in range(repeats)]
    return np.mean(outcomes), np.std(outcomes)


def middle_and_deviation(found):
    return (found.low + found.high) / 2, (found.high - found.low) / 3.92


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_areas_of_many_scores_have_the_interval_of_the_plain_bootstrap(weight):
    found = area_intervals(POSITIVE, A, weight)
    scores = {"roc_auc": metrics.roc_auc_score, "average_precision": metrics.average_precision_score}
    for name, score in scores.items():
        middle, deviation = plain(lambda draw, score=score: score(POSITIVE[draw], A[draw], **of(weight, draw)), 60)
        assert middle_and_deviation(found[name])[0] == pytest.approx(middle, abs=deviation / 2), name
        assert middle_and_deviation(found[name])[1] == pytest.approx(deviation, rel=0.3), name


def test_areas_of_drawn_samples_are_those_of_scikit_learn():
    positive, score = POSITIVE[:400], A[:400].round(1)
    place = np.unique(score, return_inverse=True)[1]
    drawn = random.integers(0, 3, (5, 400)).astype(float)

    found = areas._areas(drawn, place, positive)
    for number, weight in enumerate(drawn):
        both = {"sample_weight": weight}
        assert found[0, number] == pytest.approx(metrics.roc_auc_score(positive, score, **both))
        assert found[1, number] == pytest.approx(metrics.average_precision_score(positive, score, **both))


def of(weight, draw):
    return {} if weight is None else {"sample_weight": weight[draw]}


def test_the_difference_of_areas_of_many_scores_has_the_interval_of_the_plain_bootstrap():
    found = area_differences(POSITIVE, A, B)["roc_auc"]

    def difference(draw):
        both = (metrics.roc_auc_score(POSITIVE[draw], score[draw]) for score in (A, B))
        return np.subtract(*both) * -1

    middle, deviation = plain(difference, 60)
    assert middle_and_deviation(found)[0] == pytest.approx(middle, abs=deviation / 2)
    assert middle_and_deviation(found)[1] == pytest.approx(deviation, rel=0.3)


def test_weighted_accuracy_of_many_samples_has_the_interval_of_the_plain_bootstrap():
    said = (A > 1).astype(int)
    samples = Samples("binary", ["0", "1"], POSITIVE.astype(int), said, 1, weight=WEIGHT)
    (outcomes,) = drawn_scores([samples], {"it": confusion.accuracy})
    right = said == POSITIVE
    middle, deviation = plain(lambda draw: np.average(right[draw], weights=WEIGHT[draw]))
    assert np.mean(outcomes["it"]) == pytest.approx(middle, abs=deviation / 2)
    assert np.std(outcomes["it"]) == pytest.approx(deviation, rel=0.2)


def test_sums_over_blocks_spread_as_those_over_samples():
    each = np.column_stack([WEIGHT, WEIGHT * A])
    outcomes = resampling.drawn_sums(each)
    means = outcomes[:, 1] / outcomes[:, 0]
    middle, deviation = plain(lambda draw: np.average(A[draw], weights=WEIGHT[draw]))
    assert means.mean() == pytest.approx(middle, abs=deviation / 2)
    assert means.std() == pytest.approx(deviation, rel=0.2)


def test_top_k_is_that_of_all_scores_where_only_the_highest_are_sent(monkeypatch):
    target = random.integers(0, 30, 500)
    scores = random.normal(size=(500, 30)).round(1).astype("float32")  # with ties
    whole = logged(target, None, scores, labels=range(30))
    monkeypatch.setattr(evaluation_blocks, "MAX_SCORES", 1_000)
    sent = evaluation_blocks._few_scores(client.samples_of(target, None, scores, labels=range(30)))
    part = Samples(
        "multiclass",
        whole.labels,
        target,
        whole.prediction,
        score_type="logit",
        scores=sent.scores,
        classes=sent.classes,
    )
    assert report.report(part)["top_k"] == report.report(whole)["top_k"][:5]
    expected = metrics.top_k_accuracy_score(target, scores, k=5, labels=range(30))
    assert scoring.scores(part)["top_5_accuracy"] == pytest.approx(expected)
    assert curves.curves(part, [1]) == []


def test_a_report_of_many_samples_is_that_of_scikit_learn():
    found = report.report(logged(POSITIVE.astype(int), None, A.astype("float32"), score_type="decision"))
    score = A.astype("float32")
    assert found["scores"]["roc_auc"] == pytest.approx(metrics.roc_auc_score(POSITIVE, score))
    assert found["classes"][0]["average_precision"] == pytest.approx(metrics.average_precision_score(~POSITIVE, -score))
    assert len(found["roc"]["x"]) < 1_000


def test_all_scores_of_a_comparison_have_an_interval_with_weights_too():
    a, b = (logged(POSITIVE.astype(int), None, 1 / (1 + np.exp(-score)), sample_weight=WEIGHT) for score in (A, B))
    rows = comparison.compared(a, b)["scores"]
    for row in rows:
        assert row["interval"]["low"] <= row["difference"] <= row["interval"]["high"], row["name"]
