"""Intervals: against the plain bootstrap, against scipy, and against what is known of the samples."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from prevue_core.evaluation import areas, confusion, matrices, pairs, scoring, seeds
from prevue_core.evaluation.resampling import draws, interval_of
from prevue_core.evaluation.samples import Samples

random = np.random.default_rng(4)


def plain_bootstrap(number, count, repeats=4_000):
    """Draw every sample by itself."""
    draws = np.random.default_rng(5).integers(0, count, (repeats, count))
    return np.quantile([number(draw) for draw in draws], (0.025, 0.975))


def difference_of(target, a, b, score, *repeats, weight=None):
    both = [Samples("multiclass", ["0", "1", "2"], target, said, weight=weight) for said in (a, b)]
    of_a, of_b = matrices.drawn_scores(both, {"it": score}, *repeats)
    return interval_of(of_b["it"] - of_a["it"])


def two_models(count=400, better=0.0):
    target = random.integers(0, 3, count)
    a, b = (
        np.where(random.random(count) < share, target, random.integers(0, 3, count)) for share in (0.6, 0.6 + better)
    )
    return target, a, b


def test_an_interval_is_that_of_the_plain_bootstrap():
    target, prediction, _ = two_models()
    samples = Samples("multiclass", ["0", "1", "2"], target, prediction)
    (outcomes,) = matrices.drawn_scores([samples], {"it": confusion.balanced_accuracy}, 4_000)
    found = interval_of(outcomes["it"])

    expected = plain_bootstrap(lambda draw: metrics.balanced_accuracy_score(target[draw], prediction[draw]), 400, 1_000)
    assert (found.low, found.high) == pytest.approx(expected, abs=0.01)
    assert (found.repeats, found.level) == (4_000, 0.95)


def test_the_same_samples_give_the_same_interval():
    target, a, b = two_models()
    assert difference_of(target, a, b, confusion.accuracy) == difference_of(target, a, b, confusion.accuracy)


def test_a_paired_difference_is_that_of_the_plain_bootstrap():
    target, a, b = two_models(better=0.1)
    found = difference_of(target, a, b, confusion.accuracy, 4_000)

    gain = (b == target).astype(float) - (a == target)
    assert (found.low, found.high) == pytest.approx(plain_bootstrap(lambda draw: gain[draw].mean(), 400), abs=0.01)


def test_an_advantage_that_is_noise_has_0_in_its_interval_and_a_real_one_has_not():
    target, a, b = two_models(2_000, better=0.2)
    real = difference_of(target, a, b, confusion.matthews)
    assert real.low > 0.1

    inside = 0
    for _ in range(40):
        target, a, b = two_models(200)
        found = difference_of(target, a, b, confusion.matthews, 200)
        inside += found.low <= 0 <= found.high
    assert inside >= 34  # of 40, where 95% are expected


def test_an_area_has_the_interval_of_the_plain_bootstrap():
    positive = random.random(300) < 0.3
    score = np.round(random.normal(size=300) + positive, 1)
    found = areas.area_intervals(positive, score, repeats=2_000)["roc_auc"]

    expected = plain_bootstrap(lambda draw: metrics.roc_auc_score(positive[draw], score[draw]), 300, 400)
    assert (found.low, found.high) == pytest.approx(expected, abs=0.02)


def test_the_difference_of_two_areas_is_worked_out_on_the_same_draws():
    positive = random.random(300) < 0.5
    a = random.normal(size=300) + positive
    b = a + 0.2 * random.normal(size=300)
    found = areas.area_differences(positive, a, b)["roc_auc"]

    def difference(draw):
        return metrics.roc_auc_score(positive[draw], b[draw]) - metrics.roc_auc_score(positive[draw], a[draw])

    assert (found.low, found.high) == pytest.approx(plain_bootstrap(difference, 300, 400), abs=0.012)
    alone = areas.area_intervals(positive, a)["roc_auc"]
    assert found.high - found.low < 0.5 * (alone.high - alone.low)


def test_no_interval_of_an_area_leads_beyond_1():
    random = np.random.default_rng(6)
    positive = random.random(1_200) < 0.5
    score = np.round(random.normal(size=1_200) + 5 * positive, 3)
    found = areas.area_intervals(positive, score, repeats=200)
    assert max(interval.high for interval in found.values()) <= 1


def test_an_area_of_one_class_has_no_interval():
    found = areas.area_intervals(np.ones(20, bool), random.normal(size=20))["roc_auc"]
    assert np.isnan(found.low)
    assert np.isnan(found.high)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 5), (3, 17), (25, 25), (10, 40)])
def test_mcnemar_counts_few_disagreements_exactly(only_a, only_b):
    found = pairs.mcnemar(pairs.Agreement(10, only_a, only_b, 10))
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1
    assert (found.p_value, found.exact) == (pytest.approx(expected), True)


@pytest.mark.parametrize(("only_a", "only_b"), [(26, 25), (51, 0), (200, 260)])
def test_mcnemar_takes_chi_square_for_many(only_a, only_b):
    found = pairs.mcnemar(pairs.Agreement(10, only_a, only_b, 10))
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 1))
    assert found.statistic == pytest.approx((abs(only_a - only_b) - 1) ** 2 / (only_a + only_b))


def test_agreement_counts_each_sample_once():
    a, b = np.array([1, 1, 0, 0, 0], bool), np.array([1, 0, 1, 0, 0], bool)
    assert pairs.agreement(a, b) == (1, 1, 1, 2)


def test_thousands_of_classes_have_intervals_of_as_many_draws():
    target = random.integers(0, 3_000, 4_000)
    said = np.where(random.random(4_000) < 0.7, target, random.integers(0, 3_000, 4_000))
    samples = Samples("multiclass", [str(number) for number in range(3_000)], target, said)
    tracemalloc.start()
    found = scoring.intervals(samples)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300e6  # a matrix alone has 72 MB
    assert found["accuracy"]["repeats"] == 1_000
    expected = plain_bootstrap(lambda draw: (target == said)[draw].mean(), 4_000, 1_000)
    assert (found["accuracy"]["low"], found["accuracy"]["high"]) == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize(("width", "repeats"), [(10_000, 1_000), (250_000, 400), (25_000_000, 100)])
def test_of_very_many_cells_or_classes_fewer_are_drawn(width, repeats):
    assert sum(len(drawn) for drawn in draws(np.array([3, 4]), least_width=width)) == repeats


@pytest.mark.parametrize("freedom", [1, 1.7, 4, 30, 1_000, 1e6])
def test_quantiles_of_t_are_those_of_scipy(freedom):
    for share in (0.5, 0.9, 0.975, 0.995):
        assert seeds.t_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-5, abs=1e-9)


def test_seeds_give_the_interval_of_welch():
    a, b = np.array([0.81, 0.84, 0.79]), np.array([0.86, 0.85, 0.88, 0.9])
    found = seeds.seeds_difference(a, b)

    expected = stats.ttest_ind(b, a, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-5)
    assert found.spread_a == pytest.approx(np.std(a, ddof=1))
    assert np.isnan(seeds.seeds_difference(a, b[:1]).low)
