"""Long series, which are read from their rollups: the same promises as for short ones, against plain loops."""

import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from playhouse.test_utils import count_queries

from core import oracle
from core.stream import metrics, started
from prevue_core.contract import encode_number
from prevue_core.db import queries, rollups
from prevue_core.db.models import Metric
from prevue_core.db.queries import levels

pytestmark = pytest.mark.usefixtures("database")

few = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

points = st.lists(st.tuples(st.integers(-40, 120), oracle.values), min_size=1, max_size=60)
ends = st.none() | st.integers(-50, 130)


@pytest.fixture
def small(monkeypatch):
    """Rollups that begin with few points and are read early, so that tens do what thousands do."""
    monkeypatch.setattr(rollups, "FROM_POINTS", 6)
    monkeypatch.setattr(rollups, "FINEST", 1)
    monkeypatch.setattr(rollups, "ENOUGH", 3)
    monkeypatch.setattr(levels, "POINTS_READ", 1)


def logged(*batches, names=("loss",)):
    """Return a run with series of the same points (step, value)."""
    stream = started()
    for batch in batches:
        stream.send(*(metrics(step, dict.fromkeys(names, encode_number(value))) for step, value in batch))
    return stream


def loss_of(stream, **asked):
    (part,) = queries.series([stream.run_id], ["loss"], **asked)
    return part


def waves(count, stride=1):
    return [(step * stride, math.sin(step / 7) * step) for step in range(count)]


def sent(points, stream=None):
    """Return a run with a series of many points, in batches of a sender's size."""
    stream = stream or started()
    for start in range(0, len(points), 4_000):
        stream.send(*(metrics(step, {"loss": value}) for step, value in points[start : start + 4_000]))
    return stream


def check(part, points, budget):
    """Say that an answer keeps its promises for the kept points (step, value) of its range."""
    columns, rows = part.columns, list(points.items())
    assert part.count == sum(columns.count) == len(rows)
    assert part.exact == (len(rows) <= budget)
    assert len(columns.step) <= budget
    at = 0
    for index, count in enumerate(columns.count):
        expected = oracle.sums(rows[at : at + count])
        for name, column in (("last_step", "step"), *((name, name) for name in ("low", "high", "last", "first"))):
            assert repr(getattr(columns, column)[index]) == repr(expected[name])
        for name in ("nan_count", "inf_count", "ninf_count"):
            assert getattr(columns, name)[index] == expected[name]
        check_mean(columns.mean[index], [value for _, value in rows[at : at + count] if math.isfinite(value)])
        at += count


def check_mean(mean, finite):
    if not finite:
        assert mean is None
        return
    expected = oracle.mean(finite)
    assert min(finite) <= mean <= max(finite)
    assert mean == pytest.approx(expected, rel=1e-9, abs=1e-9 * max(map(abs, finite)))


@few
@given(st.lists(points, min_size=1, max_size=3), ends, ends, st.integers(1, 30))
@example([[(step, 1.0) for step in range(60)]], 3, 57, 20)
@example([[(step, 1.0) for step in range(60)]], 13, 14, 1)
@example([[(step * 3, 1.0) for step in range(12)]], 3, 27, 9)
@example([[(-1, 1.0), (0, 2.0), *((step, 1.0) for step in range(1, 9))]], None, None, 1)
def test_at_any_budget_and_any_zoom_the_answer_is_right(small, batches, low, high, budget):
    kept = oracle.kept(point for batch in batches for point in batch)
    in_range = {
        step: value for step, value in kept.items() if (low is None or step >= low) and (high is None or step <= high)
    }
    part = loss_of(logged(*batches), low_step=low, high_step=high, budget=budget)
    check(part, in_range, budget)


@few
@given(st.integers(6, 60), st.integers(1, 30), st.data())
def test_even_points_use_a_quarter_of_the_budget_or_more(small, count, budget, data):
    low = data.draw(st.integers(0, count - 1))
    high = data.draw(st.integers(low, count - 1))
    part = loss_of(logged(waves(count)), low_step=low, high_step=high, budget=budget)
    assert part.exact or budget / 4 <= len(part.columns.step) <= budget


def edges_of(part, points):
    """Return the first steps of an answer's buckets but for the first, which may begin in the middle of one."""
    first, at = [], 0
    for count in part.columns.count:
        first.append(points[at][0])
        at += count
    return set(first[1:])


@few
@given(st.integers(20, 60), st.integers(1, 40), st.integers(4, 20))
def test_later_points_move_no_edge(small, count, more, budget):
    stream = logged(waves(count))
    before = edges_of(loss_of(stream, budget=budget), waves(count))
    stream.send(*(metrics(step, {"loss": 1.0}) for step in range(count, count + more)))
    after = edges_of(loss_of(stream, budget=budget), waves(count + more))
    coarser = {edge for edge in after if edge < count}
    assert coarser <= before  # all edges stay, or every second or fourth one does


# as it is, with series of thousands of points


@pytest.mark.parametrize("stride", [1, 2, 7, 1_000])
@pytest.mark.parametrize("budget", [1, 50, 290, 400, 1_000, 5_000])
def test_a_long_series_keeps_its_promises_at_usual_budgets(stride, budget):
    points = waves(12_000, stride)
    part = loss_of(sent(points), budget=budget)
    check(part, dict(points), budget)
    assert budget / 4 <= len(part.columns.step) or budget == 1


@pytest.mark.parametrize(
    ("low", "high"), [(6_000, 6_900), (1, 11_998), (5_001, 5_065), (64, 11_999), (0, 8_191), (6_300, 6_300)]
)
def test_a_part_of_a_long_series_ends_where_it_should(low, high):
    points = waves(12_000)
    check(loss_of(sent(points), low_step=low, high_step=high, budget=200), dict(points[low : high + 1]), 200)


def test_a_spike_of_one_point_is_seen_from_everywhere():
    points = dict.fromkeys(range(20_000), 0.5) | {13_337: 100.0}
    stream = sent(list(points.items()))
    for width in (20_000, 9_000, 2_500, 700, 90, 3):
        part = loss_of(stream, low_step=13_337 - width // 3, high_step=13_337 + width // 2, budget=300)
        assert max(part.columns.high) == 100.0


def test_the_level_answers_without_the_points():
    stream = sent(waves(12_000))
    Metric.delete().execute()
    part = loss_of(stream, budget=400)
    assert (part.count, len(part.columns.step), part.exact) == (12_000, 188, False)


def test_points_far_apart_are_cut_where_they_lie():
    points = waves(6_000) + [(10**12 + step, value) for step, value in waves(6_000)]
    part = loss_of(sent(points), budget=200)
    check(part, dict(points), 200)
    assert len(part.columns.step) == 188  # not one bucket for each heap


def test_more_names_take_no_more_queries():
    names = [f"{split}{name}" for split in ("", "val_") for name in ("loss", "a", "b", "c")]
    few, many = logged(waves(4_200), names=names[:1] + names[4:5]), logged(waves(4_200), names=names)

    def cost(stream, **asked):
        with count_queries() as counted:
            assert queries.series([stream.run_id], **asked)
        return counted.count

    for asked in ({"budget": 50}, {"budget": 400}, {"low_step": 5, "high_step": 4_000, "budget": 50}):
        assert cost(few, **asked) == cost(many, **asked)
