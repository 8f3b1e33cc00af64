"""What a bucket says of its points, against plain loops."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import oracle
from prevue_core.contract import MAX_INT64, MIN_INT64
from prevue_core.db.buckets import bucket_of, cut, fitted, merged, number_of, shift_within
from prevue_core.db.summary import SUMS

TIME = "2026-01-01 00:00:00.000000"
HUGE = 1.7e308


def rising(points):
    """Return points (step, value) as they are read: in order of step, each step once, with time and epoch."""
    return [(step, value, TIME, step) for step, value in oracle.kept(points).items()]


def sums_of(bucket):
    return {name.removesuffix("_value"): repr(getattr(bucket, name)) for name in SUMS}


def expected_sums(points):
    return {name: repr(value) for name, value in oracle.sums(points).items() if name != "rewritten"}


@given(oracle.points)
def test_a_bucket_holds_the_sums_of_a_plain_loop(points):
    assert sums_of(bucket_of(rising(points))) == expected_sums(points)


@given(oracle.points)
def test_a_mean_is_that_of_the_finite_values(points):
    finite = [value for value in oracle.kept(points).values() if math.isfinite(value)]
    mean = bucket_of(rising(points)).mean
    if not finite:
        assert mean is None
        return
    assert min(finite) <= mean <= max(finite)
    expected = oracle.mean(finite)
    assert mean == pytest.approx(expected, rel=1e-9, abs=1e-9 * max(map(abs, finite)))


@given(st.lists(oracle.points, min_size=1, max_size=5), st.randoms())
@example([[(0, HUGE)], [(1, HUGE), (2, HUGE)]], None)
def test_merged_parts_are_the_whole_in_any_order(parts, chance):
    points = rising([point for part in parts for point in part])
    size = max(1, len(points) // 3)
    pieces = [bucket_of(points[start : start + size]) for start in range(0, len(points), size)]
    if chance:
        chance.shuffle(pieces)
    whole, together = bucket_of(points), merged(pieces)
    assert repr(together._replace(mean=None)) == repr(whole._replace(mean=None))
    largest = max((abs(value) for _, value, _, _ in points if math.isfinite(value)), default=0)
    assert together.mean == (whole.mean and pytest.approx(whole.mean, rel=1e-9, abs=1e-9 * largest))


def test_a_bucket_knows_time_and_epoch_of_its_end():
    bucket = bucket_of([(0, 1.0, "a", 3), (1, 2.0, "b", None), (2, 3.0, "c", 4)])
    assert (bucket.last_time, bucket.last_epoch) == ("c", 4)


@pytest.mark.parametrize("value", [0.1, -0.1, HUGE, -HUGE, 5e-324])
def test_a_constant_stays_that_constant(value):
    parts = [bucket_of([(step, value, TIME, 0) for step in range(start, start + 7)]) for start in (0, 7, 14)]
    assert parts[0].mean == merged(parts).mean == value


@given(oracle.points, st.integers(0, 64))
@example([(MIN_INT64, 1.0), (MAX_INT64, 2.0)], 64)
def test_points_are_cut_where_their_bucket_ends(points, shift):
    points = rising(points)
    parts = list(cut(points, shift))
    assert [point for _, part in parts for point in part] == points
    assert [{number_of(point[0], shift) for point in part} for _, part in parts] == [{number} for number, _ in parts]
    assert len({number for number, _ in parts}) == len(parts)


@given(oracle.steps, oracle.steps, st.integers(1, 9))
@example(MIN_INT64, MAX_INT64, 1)
@example(-1, 0, 1)
def test_a_width_is_the_smallest_within_the_budget(one, other, budget):
    low, high = min(one, other), max(one, other)

    def touched(shift):
        return number_of(high, shift) - number_of(low, shift) + 1

    shift = shift_within(low, high, budget)
    assert touched(shift) <= budget
    assert shift == 0 or touched(shift - 1) > budget


@given(st.lists(st.integers(-20, 40), min_size=1, unique=True).map(sorted), st.integers(1, 8))
def test_too_many_buckets_are_merged(steps, budget):
    buckets = [bucket_of([(step, float(step), TIME, 0)]) for step in steps]
    found = fitted(buckets, budget)
    assert len(found) <= budget
    assert sum(bucket.count for bucket in found) == len(steps)
    assert (found[0].first_step, found[-1].last_step) == (steps[0], steps[-1])
