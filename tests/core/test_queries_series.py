"""Series, exact or cut down to a budget."""

import math
from itertools import accumulate

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core import oracle
from core.stream import metrics, started
from prevue_core.contract import encode_number
from prevue_core.db import queries
from prevue_core.db.models import Metric

pytestmark = pytest.mark.usefixtures("database")

one_database = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def logged(*points):
    """Return a run with a series `loss` of points (step, value)."""
    stream = started()
    stream.send(*(metrics(step, {"loss": encode_number(value)}) for step, value in points))
    return stream


def loss_of(stream, **asked):
    (part,) = queries.series([stream.run_id], ["loss"], ["train"], **asked)
    return part


def waves(count, stride=1):
    return [(step * stride, math.sin(step / 7) * step) for step in range(count)]


# which series


def test_series_come_in_the_order_of_the_runs_and_of_their_beginning():
    one, two = started(), started()
    one.send(metrics(0, {"loss": 1, "val_loss": 2, "accuracy": 3}))
    two.send(metrics(0, {"loss": 4}))
    parts = queries.series([two.run_id, one.run_id])
    assert [(part.run_id, part.split, part.name) for part in parts] == [
        (two.run_id, "train", "loss"),
        (one.run_id, "train", "loss"),
        (one.run_id, "train", "accuracy"),
        (one.run_id, "val", "loss"),
    ]


@pytest.mark.parametrize(
    ("names", "splits", "found"),
    [
        (["loss"], None, [("train", "loss"), ("val", "loss")]),
        (None, ["val"], [("val", "loss")]),
        (["loss", "accuracy"], ["train"], [("train", "loss"), ("train", "accuracy")]),
        (["nothing"], None, []),
        ([], None, []),
    ],
)
def test_names_and_splits_choose_series(names, splits, found):
    stream = started()
    stream.send(metrics(0, {"loss": 1, "val_loss": 2, "accuracy": 3}))
    assert [(part.split, part.name) for part in queries.series([stream.run_id], names, splits)] == found


def test_each_rank_has_series_of_its_own():
    first = started(rank=0)
    second = started(first.run_id, rank=1)
    first.send(metrics(0, {"loss": 1}))
    second.send(metrics(0, {"loss": 2}))
    assert [(part.rank, part.columns.last) for part in queries.series([first.run_id])] == [(0, [1.0]), (1, [2.0])]


def test_a_run_that_is_not_known_has_no_series():
    assert queries.series(["00000000-0000-0000-0000-000000000000"]) == []


# exact


@pytest.mark.parametrize("count", [1, 9, 10])
def test_up_to_the_budget_the_answer_is_the_points_themselves(count):
    points = waves(count)
    part = loss_of(logged(*points), budget=10)
    columns = part.columns
    assert (part.exact, part.count, part.kind) == (True, count, "loss")
    assert list(zip(columns.step, columns.last, strict=True)) == points
    assert columns.first == columns.last == columns.mean == columns.low == columns.high
    assert columns.count == [1] * count


def test_one_point_more_than_the_budget_makes_buckets():
    assert not loss_of(logged(*waves(11)), budget=10).exact


def test_points_carry_their_time_and_epoch():
    stream = started()
    stream.send(metrics(0, {"loss": 1}, epoch=3, time=1_700_000_000.5), metrics(1, {"loss": 1}, time=1_700_000_001))
    columns = loss_of(stream).columns
    assert (columns.time, columns.epoch) == ([1_700_000_000.5, 1_700_000_001.0], [3, None])


def test_points_come_in_order_of_step_whatever_the_order_of_arrival():
    assert loss_of(logged((5, 1.0), (-2, 2.0), (3, 3.0))).columns.step == [-2, 3, 5]


def test_of_equal_steps_the_later_value_wins():
    stream = logged((0, 1.0), (1, 2.0), (0, 3.0))
    stream.send(metrics(1, {"loss": "NaN"}))
    part = loss_of(stream)
    assert part.columns.step == [0, 1]
    assert repr(part.columns.last) == "[3.0, nan]"
    assert part.count == 2


def test_points_that_are_not_finite_are_counted_and_have_no_mean_and_no_extremes():
    columns = loss_of(logged((0, math.nan), (1, math.inf), (2, -math.inf), (3, 4.0))).columns
    assert repr(columns.last) == "[nan, inf, -inf, 4.0]"
    assert columns.mean == columns.low == columns.high == [None, None, None, 4.0]
    assert (columns.nan_count, columns.inf_count, columns.ninf_count) == ([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0])


def test_the_cursor_grows_with_every_row_of_the_series():
    stream = logged((0, 1.0))
    before = loss_of(stream).cursor
    stream.send(metrics(0, {"accuracy": 1}))
    assert loss_of(stream).cursor == before
    stream.send(metrics(0, {"loss": 2}))
    assert loss_of(stream).cursor > before


# a range


@pytest.mark.parametrize(
    ("low", "high", "steps"),
    [
        (None, None, [0, 10, 20, 30]),
        (10, 20, [10, 20]),
        (11, 19, []),
        (None, 10, [0, 10]),
        (30, None, [30]),
        (31, None, []),
        (20, 10, []),
        (-(2**63), 2**63 - 1, [0, 10, 20, 30]),
    ],
)
def test_a_range_of_steps_includes_both_of_its_ends(low, high, steps):
    part = loss_of(logged(*((step, 1.0) for step in (0, 10, 20, 30))), low_step=low, high_step=high)
    assert part.columns.step == steps
    assert (part.count, part.exact) == (len(steps), True)


def test_a_range_within_the_budget_is_exact_though_the_series_is_not():
    stream = logged(*waves(200))
    assert not loss_of(stream, budget=50).exact
    part = loss_of(stream, low_step=100, high_step=149, budget=50)
    assert part.exact
    assert list(zip(part.columns.step, part.columns.last, strict=True)) == waves(200)[100:150]


# a few points between many


@one_database
@given(
    st.lists(st.sampled_from([3, 3, 3, 3, 3, 4]), min_size=1, max_size=8),
    st.lists(st.integers(0, 30), max_size=3),
    st.none() | st.integers(-2, 30),
    st.none() | st.integers(-2, 30),
    st.sampled_from([2, 50]),
)
@example([3, 3, 3], [], None, None, 50)
@example([3, 3, 3], [3], 1, 7, 50)
def test_points_far_apart_are_found_whether_evenly_or_not(gaps, again, low, high, budget):
    steps = list(accumulate(gaps, initial=0))
    points = [(step, float(place)) for place, step in enumerate([*steps, *again])]
    stream = logged(*points)
    stream.send(*(metrics(step, {"accuracy": 1.0}) for step in range(30)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prevue_core.db.points.FAR_STEPS", 3)
        part = loss_of(stream, low_step=low, high_step=high, budget=budget)
    kept = {
        step: value
        for step, value in oracle.kept(points).items()
        if (low is None or step >= low) and (high is None or step <= high)
    }
    assert part.count == len(kept)
    if part.exact:
        assert dict(zip(part.columns.step, part.columns.last, strict=True)) == kept


def test_what_is_logged_once_an_epoch_is_found_without_passing_over_every_step():
    stream = started()
    stream.send(*(metrics(step, {"loss": 1.0} | ({} if step % 100 else {"lr": float(step)})) for step in range(1_000)))
    Metric.update(metric_name="lr").where(Metric.step == 50).execute()  # where nobody is to look
    (part,) = queries.series([stream.run_id], ["lr"])
    assert (part.columns.step, part.columns.last) == (
        list(range(0, 1_000, 100)),
        list(map(float, range(0, 1_000, 100))),
    )


# buckets


@one_database
@given(st.lists(oracle.points, min_size=1, max_size=6), st.integers(1, 6))
@example([[(-1, 1.0), (0, 2.0)]], 1)
@example([[(-(2**63), 1.0), (2**63 - 1, 2.0)]], 1)
def test_whatever_the_budget_nothing_is_hidden(batches, budget):
    points = [point for batch in batches for point in batch]
    expected = oracle.sums(points)
    columns = loss_of(logged(*points), budget=budget).columns
    finite = [(low, high) for low, high in zip(columns.low, columns.high, strict=True) if low is not None]
    assert len(columns.step) <= budget
    assert sum(columns.count) == expected["count"]
    assert sum(columns.nan_count) == expected["nan_count"]
    assert sum(columns.inf_count) == expected["inf_count"]
    assert sum(columns.ninf_count) == expected["ninf_count"]
    assert min((low for low, _ in finite), default=None) == expected["low"]
    assert max((high for _, high in finite), default=None) == expected["high"]
    assert (columns.step[-1], repr(columns.last[-1])) == (expected["last_step"], repr(expected["last"]))
    assert repr(columns.first[0]) == repr(expected["first"])


@one_database
@given(st.lists(oracle.points, min_size=1, max_size=6), st.integers(1, 6))
@example([[(step, 0.8547639602512432) for step in range(4)] + [(4, 0.8547639602512431)]], 1)
def test_a_mean_lies_between_low_and_high(batches, budget):
    columns = loss_of(logged(*(point for batch in batches for point in batch)), budget=budget).columns
    for low, mean, high in zip(columns.low, columns.mean, columns.high, strict=True):
        assert (low is None and mean is None and high is None) or low <= mean <= high


def cut(points, width):
    """Return points in buckets, by a plain loop."""
    buckets = {}
    for step, value in points:
        buckets.setdefault(step // width, []).append((step, value))
    return list(buckets.values())


@pytest.mark.parametrize(("count", "stride", "budget", "width"), [(100, 1, 16, 8), (100, 10, 16, 64), (33, 1, 32, 2)])
def test_buckets_are_those_of_a_plain_loop(count, stride, budget, width):
    points = waves(count, stride)
    columns = loss_of(logged(*points), budget=budget).columns
    buckets = cut(points, width)
    values = [[value for _, value in bucket] for bucket in buckets]
    assert columns.step == [bucket[-1][0] for bucket in buckets]
    assert columns.first == [bucket[0] for bucket in values]
    assert columns.last == [bucket[-1] for bucket in values]
    assert columns.low == [min(bucket) for bucket in values]
    assert columns.high == [max(bucket) for bucket in values]
    assert columns.count == [len(bucket) for bucket in values]
    assert columns.mean == pytest.approx([sum(bucket) / len(bucket) for bucket in values])


@pytest.mark.parametrize("budget", [16, 17, 100, 999])
def test_evenly_spread_points_use_at_least_a_quarter_of_the_budget(budget):
    assert budget / 4 <= len(loss_of(logged(*waves(1_000)), budget=budget).columns.step) <= budget


def test_edges_are_multiples_of_a_power_of_two():
    columns = loss_of(logged(*waves(1_000)), budget=100).columns
    assert [step + 1 for step in columns.step[:-1]] == [16 * bucket for bucket in range(1, 63)]


def test_later_points_do_not_move_the_edges():
    stream = logged(*waves(1_000))
    before = loss_of(stream, budget=100).columns
    stream.send(*(metrics(step, {"loss": 1}) for step in range(1_000, 1_500)))
    after = loss_of(stream, budget=100).columns
    complete = len(before.step) - 1
    assert after.step[:complete] == before.step[:complete]
    assert after.mean[:complete] == before.mean[:complete]


def test_when_a_series_outgrows_its_buckets_two_become_one():
    stream = logged(*waves(512))
    before = loss_of(stream, budget=32).columns
    stream.send(metrics(512, {"loss": 1}))
    after = loss_of(stream, budget=32).columns
    assert after.step[:-1] == before.step[1::2]
    assert after.low[:-1] == [min(pair) for pair in zip(before.low[::2], before.low[1::2], strict=True)]


def test_buckets_of_parallel_runs_align():
    one, two = loss_of(logged(*waves(300)), budget=50), loss_of(logged(*waves(310)), budget=50)
    assert one.columns.step[:-1] == two.columns.step[: len(one.columns.step) - 1]


def test_a_bucket_of_one_value_keeps_it_to_the_last_bit():
    columns = loss_of(logged(*((step, 0.1) for step in range(30))), budget=10).columns
    assert columns.mean == columns.low == columns.high == [0.1] * len(columns.step)


def test_the_mean_of_huge_values_is_finite():
    columns = loss_of(logged((0, 1.7e308), (1, 1.6e308), (2, 1.7e308)), budget=1).columns
    assert columns.mean == [pytest.approx(1.6666666666666667e308)]


def test_a_bucket_without_finite_values_has_no_mean():
    columns = loss_of(logged((0, math.nan), (1, math.inf), (2, 1.0), (3, 2.0)), budget=2).columns
    assert (columns.mean, columns.low, columns.high) == ([None, 1.5], [None, 1.0], [None, 2.0])
    assert (columns.count, columns.nan_count, columns.inf_count) == ([2, 2], [1, 0], [1, 0])


def test_the_mean_leaves_out_what_is_not_finite():
    columns = loss_of(logged((0, 1.0), (1, math.nan), (2, 3.0), (3, math.inf)), budget=1).columns
    assert (columns.mean, columns.count) == ([2.0], [4])


def test_a_bucket_counts_the_later_of_equal_steps():
    columns = loss_of(logged((0, 9.0), (1, 1.0), (0, 3.0)), budget=1).columns
    assert (columns.mean, columns.high, columns.count, columns.first) == ([2.0], [3.0], [2], [3.0])
