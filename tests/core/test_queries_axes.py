"""Series over other axes than the step, against plain loops."""

import math
from itertools import accumulate

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core import oracle
from core.stream import metrics, started
from prevue_core.contract import encode_number
from prevue_core.db import queries, rollups
from prevue_core.db.queries import axes, levels
from prevue_core.errors import InvalidValue

pytestmark = pytest.mark.usefixtures("database")

few = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

BEGAN = 1_700_000_000.25


@pytest.fixture
def small(monkeypatch):
    """Rollups that begin with few points and are read early, so that tens do what thousands do."""
    monkeypatch.setattr(rollups, "FROM_POINTS", 6)
    monkeypatch.setattr(rollups, "FINEST", 1)
    monkeypatch.setattr(rollups, "ENOUGH", 3)
    monkeypatch.setattr(levels, "POINTS_READ", 1)


def logged(points):
    """Return a run with a series of points (step, value, epoch, seconds since it began)."""
    stream = started(time=BEGAN)
    stream.send(
        *(
            metrics(step, {"loss": encode_number(value)}, epoch=epoch, time=BEGAN + seconds)
            for step, value, epoch, seconds in points
        )
    )
    return stream


def loss_of(stream, kind, low=None, high=None, **asked):
    axis = queries.Axis(kind, low=low, high=high)
    (part,) = queries.series([stream.run_id], ["loss"], ["train"], axis=axis, **asked)
    return part


seconds = st.integers(-40, 40).map(lambda eighth: eighth / 8)  # as floats exact, also beside a UNIX time
anything = st.lists(st.tuples(st.integers(-5, 20), oracle.values, st.none() | st.integers(-3, 9), seconds), min_size=1)
ends = st.none() | st.integers(-50, 50).map(lambda eighth: eighth / 8)
kinds = st.sampled_from(["step", "epoch", "relative", "wall"])


@st.composite
def rising(draw):
    """Draw points whose epochs and times rise with their steps; the first may have no epoch."""
    count = draw(st.integers(1, 25))

    def drawn(first, *distances):
        gaps = draw(st.lists(st.sampled_from(distances), min_size=count - 1, max_size=count - 1))
        return list(accumulate(gaps, initial=first))

    steps, times, epochs = drawn(-5, 1, 1, 1, 2, 7), drawn(-2.0, 0.125, 0.125, 0.0, 0.5), drawn(-3, 0, 0, 1)
    without = draw(st.integers(0, count))
    epochs = [None if row < without else epoch for row, epoch in enumerate(epochs)]
    return [(step, float(step), epoch, time) for step, epoch, time in zip(steps, epochs, times, strict=True)]


def x_of(kind, point):
    step, _, epoch, seconds = point
    return {"step": step, "epoch": epoch, "relative": seconds, "wall": BEGAN + seconds}[kind]


def expected_range(kind, points, low, high):
    """Return the points from the first to the last step at which x lies in the range: all of them, without one."""
    origin = BEGAN if kind == "wall" else 0.0
    low = -math.inf if low is None else low + origin
    high = math.inf if high is None else high + origin
    if (low, high) == (-math.inf, math.inf):
        return {point[0] for point in points}
    inside = [point[0] for point in points if x_of(kind, point) is not None and low <= x_of(kind, point) <= high]
    return {point[0] for point in points if inside and min(inside) <= point[0] <= max(inside)}


def check_range(kind, points, low, high):
    origin = BEGAN if kind == "wall" else 0.0
    given = [None if end is None else end + origin for end in (low, high)]
    part = loss_of(logged(points), kind, *given)
    assert part.columns.step == sorted(expected_range(kind, points, low, high))
    if kind != "step":
        kept = {point[0]: x_of(kind, point) for point in points}
        assert part.columns.x == [kept[step] for step in part.columns.step]


@few
@given(kinds, anything, ends, ends)
@example("epoch", [(0, 1.0, None, 0.0), (1, 1.0, 0, 0.0)], None, 5.0)
def test_a_range_of_x_is_one_of_steps_whatever_the_order(kind, points, low, high):
    check_range(kind, points, low, high)


@few
@given(st.sampled_from(["epoch", "relative", "wall"]), rising(), ends, ends)
@example("epoch", [(0, 1.0, None, 0.0), (1, 1.0, 0, 0.0)], None, 5.0)
def test_in_long_series_a_range_of_rising_x_is_found_without_looking_at_all(kind, points, low, high):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(axes, "LOOKED_AT", 0)
        check_range(kind, points, low, high)


@pytest.mark.parametrize(
    ("kind", "low", "high", "steps"),
    [
        ("relative", -1e300, 1e300, [0, 1, 2]),
        ("wall", 1e300, None, []),
        ("wall", None, -1e300, []),
        ("epoch", -1e300, 1e300, [0, 1, 2]),
        ("step", 0.5, 1e300, [1, 2]),
        ("step", 2, 1, []),
    ],
)
def test_a_range_may_go_beyond_all_that_is_stored(kind, low, high, steps):
    stream = logged([(step, 1.0, step, float(step)) for step in range(3)])
    assert loss_of(stream, kind, low, high).columns.step == steps


def test_a_range_of_x_is_one_within_the_range_of_steps():
    stream = logged([(step, 1.0, step, float(step)) for step in range(10)])
    assert loss_of(stream, "relative", 2.0, 8.0, low_step=4, high_step=6).columns.step == [4, 5, 6]


def test_buckets_lie_where_their_last_point_does():
    stream = logged([(step, 1.0, step // 4, step / 2) for step in range(40)])
    columns = loss_of(stream, "relative", 2.0, None, budget=10).columns
    assert columns.x == [step / 2 for step in columns.step]
    assert loss_of(stream, "epoch", 1, 2).columns.x == [1] * 4 + [2] * 4


def test_a_part_and_another_axis_have_no_cursor():
    stream = logged([(step, 1.0, step, float(step)) for step in range(3)])
    assert loss_of(stream, "step").cursor
    assert loss_of(stream, "step", 1, None).cursor is None
    assert loss_of(stream, "relative").cursor is None


# another metric

pairs = st.lists(st.tuples(st.integers(-5, 90), oracle.values), min_size=1, max_size=70)


@few
@given(pairs, pairs, st.none() | st.integers(-5, 90), st.none() | st.integers(-5, 90), st.integers(1, 40))
@example([(step, 1.0) for step in range(60)], [(step, float(step)) for step in range(60)], 3, 57, 8)
def test_over_a_metric_both_series_are_cut_to_the_same_buckets(small, ys, xs, low, high, budget):
    stream = started()
    stream.send(*(metrics(step, {"loss": encode_number(value)}) for step, value in ys))
    stream.send(*(metrics(step, {"lr": encode_number(value)}) for step, value in xs))
    axis = queries.Axis("metric", "lr")
    asked = {"low_step": low, "high_step": high, "budget": budget}
    (part,) = queries.series([stream.run_id], ["loss"], axis=axis, **asked)
    (plain,) = queries.series([stream.run_id], ["loss"], **asked)
    columns, width = part.columns, 1 << part.shift
    assert repr(columns.step) == repr(plain.columns.step)
    assert repr(columns.mean) == repr(plain.columns.mean)
    for row, step in enumerate(columns.step):
        inside = [
            value
            for at, value in oracle.kept(xs).items()
            if (at == step if part.exact else at // width == step // width or part.shift == 64)
            and (low is None or at >= low)
            and (high is None or at <= high)
            and math.isfinite(value)
        ]
        if not inside:
            assert columns.x[row] is None
            continue
        scale = max(map(abs, inside))
        assert columns.x[row] == pytest.approx(oracle.mean(inside), rel=1e-9, abs=1e-9 * scale)
        if not part.exact:
            assert (columns.x_low[row], columns.x_high[row]) == (min(inside), max(inside))


def test_a_metric_of_another_split_can_be_the_axis():
    stream = started()
    stream.send(*(metrics(step, {"loss": step, "lr": step / 8, "val_lr": 1.0}) for step in range(3)))
    (part,) = queries.series([stream.run_id], ["loss"], axis=queries.Axis("metric", "lr", "val"))
    assert part.columns.x == [1.0, 1.0, 1.0]
    (part,) = queries.series([stream.run_id], ["loss"], axis=queries.Axis("metric", "lr"))
    assert part.columns.x == [0.0, 0.125, 0.25]


def test_without_that_metric_no_row_has_an_x():
    stream = started()
    stream.send(*(metrics(step, {"loss": step}) for step in range(3)))
    (part,) = queries.series([stream.run_id], ["loss"], axis=queries.Axis("metric", "lr"))
    assert part.columns.x == [None] * 3
    (part,) = queries.series([stream.run_id], ["loss"], axis=queries.Axis("metric", "lr"), budget=1)
    assert (part.columns.x, part.columns.x_low) == ([None], [None])


@pytest.mark.parametrize(
    ("asked", "quoted"),
    [
        ({"kind": "hour"}, "'hour'"),
        ({"kind": "metric"}, "x_name"),
        ({"kind": "step", "name": "lr"}, "'lr'"),
        ({"kind": "epoch", "split": "val"}, "'val'"),
        ({"kind": "metric", "name": "lr", "high": 2.5}, "2.5"),
    ],
)
def test_what_does_not_fit_together_is_quoted(asked, quoted):
    with pytest.raises(InvalidValue, match=quoted):
        queries.Axis(**asked)
