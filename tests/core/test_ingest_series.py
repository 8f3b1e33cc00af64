"""The sums over each series, which ingest keeps beside the rows."""

import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core import oracle
from core.stream import metrics, started
from prevue_core.contract import encode_number
from prevue_core.db import queries
from prevue_core.db.models import Series

pytestmark = pytest.mark.usefixtures("database")

# Each example logs into a run of its own.
one_database = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def logged(points, name="loss"):
    return [metrics(step, {name: encode_number(value)}) for step, value in points]


def sums_of(stream, name="loss"):
    row = next(row for row in queries.series_of(stream.run_id) if row["name"] == name)
    return {key: row[key] for key in oracle.sums([(0, 0.0)])}


@one_database
@given(st.lists(oracle.points, min_size=1, max_size=4))
@example([[(0, math.nan)], [(1, 1.0)]])
@example([[(0, 1.0)], [(1, math.nan)]])
def test_sums_are_those_of_a_plain_loop_however_the_points_came(batches):
    stream = started()
    for batch in batches:
        stream.send(*logged(batch))
    expected = oracle.sums(point for batch in batches for point in batch)
    assert repr(sums_of(stream)) == repr(expected)  # as text, in which NaN equals NaN


@one_database
@given(oracle.points, oracle.points)
def test_two_series_of_one_batch_do_not_mix(losses, accuracies):
    stream = started()
    stream.send(*logged(losses), *logged(accuracies, "accuracy"))
    assert repr(sums_of(stream)) == repr(oracle.sums(losses))
    assert repr(sums_of(stream, "accuracy")) == repr(oracle.sums(accuracies))


@pytest.mark.parametrize(
    ("batches", "is_rewritten"),
    [
        ([[0, 1, 2]], False),
        ([[2, 0, 1]], False),
        ([[0, 2], [1, 3]], False),
        ([[5, 6], [0, 1]], False),
        ([[0, 0]], True),
        ([[0, 1, 0]], True),
        ([[0, 1], [1, 2]], True),
        ([[0, 1], [2, 0]], True),
        ([[0, 0], [1]], True),
    ],
)
def test_a_series_is_rewritten_only_when_a_step_comes_twice(batches, is_rewritten):
    stream = started()
    for steps in batches:
        stream.send(*logged([(step, 1.0) for step in steps]))
    assert sums_of(stream)["rewritten"] is is_rewritten


def test_one_rewritten_series_leaves_the_others_as_they_were():
    stream = started()
    stream.send(metrics(0, {"loss": 1, "accuracy": 1}), metrics(0, {"loss": 2}))
    assert [row.rewritten for row in Series.select().order_by(Series.series_no)] == [True, False]


def test_of_equal_steps_the_later_value_counts_in_all_sums():
    stream = started()
    stream.send(*logged([(0, 9.0), (1, 5.0)]))
    stream.send(*logged([(0, 1.0)]))
    assert sums_of(stream) == oracle.sums([(0, 9.0), (1, 5.0), (0, 1.0)])
    assert sums_of(stream)["high"] == 5.0


def test_series_are_numbered_in_the_order_in_which_they_begin():
    stream = started()
    stream.send(metrics(0, {"b": 1, "val_a": 2}))
    stream.send(metrics(1, {"b": 1, "a": 2}))
    named = [(row["series_no"], row["split"], row["name"]) for row in queries.series_of(stream.run_id)]
    assert named == [(0, "train", "b"), (1, "val", "a"), (2, "train", "a")]


@pytest.mark.parametrize(
    ("name", "kind"), [("loss", "loss"), ("val_loss", "loss"), ("my.loss", "loss"), ("lossless", "metric")]
)
def test_a_series_is_a_loss_or_a_metric(name, kind):
    started().send(metrics(0, {name: 1}))
    assert Series.get().kind == kind


def test_each_rank_has_series_of_its_own():
    first = started(rank=0)
    second = started(first.run_id, rank=1)
    first.send(*logged([(0, 1.0)]))
    second.send(*logged([(0, 2.0)]))
    assert [(row.rank, row.last_value, row.rewritten) for row in Series.select().order_by(Series.series_no)] == [
        (0, 1.0, False),
        (1, 2.0, False),
    ]


def test_a_batch_with_many_series_is_stored_whole():
    stream = started()
    stream.send(metrics(0, {f"weight {number}": number for number in range(1_200)}))
    stream.send(metrics(1, {f"weight {number}": math.pi for number in range(1_200)}))
    assert Series.select().where(Series.count == 2, Series.last_value == math.pi).count() == 1_200


def test_the_sums_of_a_long_series_follow_a_step_that_comes_again():
    points = [(step, float(step)) for step in range(4_500)]
    stream = started()
    stream.send(*logged(points))
    stream.send(*logged([(4_499, -1.0), (4_500, 2.0)]))
    assert sums_of(stream) == oracle.sums([*points, (4_499, -1.0), (4_500, 2.0)])
    assert sums_of(stream)["high"] == 4_498.0


def test_a_series_counts_all_its_rows():
    stream = started()
    stream.send(*logged([(0, 1.0), (1, 2.0), (0, 3.0)]))
    stream.send(*logged([(1, 2.0), (2, 2.0)]))
    assert [(row.count, row.row_count) for row in Series.select()] == [(3, 5)]


def test_rejected_records_leave_no_trace_in_the_sums():
    stream = started()
    stream.send(metrics(0, {"loss": 1, "accuracy": "high"}), *logged([(1, 2.0)]))
    assert [row["name"] for row in queries.series_of(stream.run_id)] == ["loss"]
    assert sums_of(stream) == oracle.sums([(1, 2.0)])
