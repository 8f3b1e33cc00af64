"""Rollups as ingest keeps them, against plain loops over the points."""

import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core import oracle
from core.stream import metrics, started
from prevue_core.contract import encode_number
from prevue_core.db import rollups
from prevue_core.db.buckets import Bucket
from prevue_core.db.connection import db, writing
from prevue_core.db.models import Rollup, Series
from prevue_core.db.stored import to_float, to_unix

pytestmark = pytest.mark.usefixtures("database")

few = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

many_points = st.lists(st.tuples(st.integers(-30, 90), oracle.values), min_size=1, max_size=50)
batches = st.lists(many_points, min_size=1, max_size=4)


@pytest.fixture
def small(monkeypatch):
    """Rollups that begin with few points, so that tens do what thousands do."""
    monkeypatch.setattr(rollups, "FROM_POINTS", 6)
    monkeypatch.setattr(rollups, "FINEST", 1)
    monkeypatch.setattr(rollups, "ENOUGH", 3)


def records(points, name="loss"):
    """Return what logs the points (step, value) of a series."""
    return [metrics(step, {name: encode_number(value)}, epoch=step // 7, time=time_of(step)) for step, value in points]


def logged(batches):
    """Return a run with one series, sent in batches of points (step, value)."""
    stream = started()
    for batch in batches:
        stream.send(*records(batch))
    return stream


def time_of(step):
    return 1_700_000_000.0 + step


def stored(run_id):
    """Return the buckets of a run by series, width and number, times as UNIX seconds."""
    found = {}
    for row in Rollup.select().where(Rollup.run_id == run_id):
        bucket = Bucket._make(getattr(row, name) for name in Bucket._fields)
        found[row.series_no, row.width, row.bucket] = bucket._replace(
            first_value=to_float(bucket.first_value),
            last_value=to_float(bucket.last_value),
            last_time=to_unix(bucket.last_time),
        )
    return found


def expected_bucket(points):
    """Return what a bucket should hold of points (step, value), by a plain loop; its mean apart."""
    sums, values = oracle.sums(points), oracle.kept(points)
    finite = [value for value in values.values() if math.isfinite(value)]
    steps = list(values)
    bucket = Bucket(
        **{name: sums[name] for name in ("count", "nan_count", "inf_count", "ninf_count", "low_step", "high_step")},
        **{name: sums[name] for name in ("first_step", "last_step")},
        **{f"{name}_value": sums[name] for name in ("low", "high", "first", "last")},
        last_time=time_of(steps[-1]), last_epoch=steps[-1] // 7,
        mean=None,
    )  # fmt: skip
    return bucket, oracle.mean(finite)


def expected(points, stride):
    """Return all buckets of a series by width and number: levels up to the first of at most ENOUGH buckets."""
    kept, width, found = oracle.kept(points), stride << rollups.FINEST, {}
    while True:
        parts = {}
        for step, value in kept.items():
            parts.setdefault(step // width, []).append((step, value))
        found |= {(width, number): expected_bucket(part) for number, part in parts.items()}
        if max(parts) - min(parts) < rollups.ENOUGH:
            return found
        width *= 4


def check(stream, points, series_no=0):
    row = Series.get(Series.run_id == stream.run_id, Series.series_no == series_no)
    found = {key[1:]: bucket for key, bucket in stored(stream.run_id).items() if key[0] == series_no}
    if row.stride is None:
        assert (len(oracle.kept(points)) < rollups.FROM_POINTS, found) == (True, {})
        return
    wanted = expected(points, row.stride)
    assert found.keys() == wanted.keys()
    for key, (bucket, mean) in wanted.items():
        assert repr(found[key]._replace(mean=None)) == repr(bucket)
        scale = max(abs(bucket.low_value), abs(bucket.high_value)) if mean is not None else 0
        assert found[key].mean == (mean if mean is None else pytest.approx(mean, rel=1e-9, abs=1e-9 * scale))


@few
@given(batches)
@example([[(step, 1.0) for step in range(40)], [(39, 5.0), (3, math.nan)]])
def test_rollups_are_those_of_a_plain_loop_however_the_points_came(small, batches):
    check(logged(batches), [point for batch in batches for point in batch])


@few
@given(st.lists(st.tuples(many_points, many_points), min_size=1, max_size=3))
@example([([(step, 1.0) for step in range(40)],) * 2, ([(25, 2.0)], [(7, math.nan)])])
def test_series_of_one_batch_do_not_mix(small, batches):
    stream = started()
    for losses, accuracies in batches:
        stream.send(*records(losses), *records([(3 * step, value) for step, value in accuracies], "accuracy"))
    check(stream, [point for losses, _ in batches for point in losses])
    check(stream, [(3 * step, value) for _, accuracies in batches for step, value in accuracies], 1)


@few
@given(batches)
def test_rebuilt_rollups_are_the_same_rows(small, batches):
    stream = logged(batches)
    before = stored(stream.run_id)
    db.execute_sql("UPDATE rollups SET mean = 7, count = 7")
    with writing():
        list(rollups.rebuild(stream.run_id))
    assert repr(sorted(stored(stream.run_id).items())) == repr(sorted(before.items()))


def test_a_rebuild_in_many_parts_gives_the_same_rows(small, monkeypatch):
    monkeypatch.setattr("prevue_core.db.points.PAGE_ROWS", 7)
    stream = logged([[(step, math.sin(step)) for step in range(0, 200, 3)], [(9, 4.0), (12, 5.0)]])
    before = stored(stream.run_id)
    with writing():
        done = list(rollups.rebuild(stream.run_id))
    assert sum(done) == 69
    assert len(done) > 9
    assert stored(stream.run_id) == before


@pytest.mark.parametrize(("distance", "stride"), [(1, 1), (2, 2), (3, 2), (10, 8), (1_000, 512)])
def test_the_stride_is_the_power_of_two_below_the_usual_distance(small, distance, stride):
    logged([[(step * distance, 1.0) for step in range(9)] + [(10**9, 1.0)]])
    assert Series.get().stride == stride


def test_the_stride_stays_when_steps_come_closer(small):
    stream = logged([[(step * 100, 1.0) for step in range(9)], [(step, 1.0) for step in range(801, 900)]])
    assert Series.get().stride == 64
    check(stream, [(step * 100, 1.0) for step in range(9)] + [(step, 1.0) for step in range(801, 900)])


def test_steps_at_the_ends_of_all_steps_have_rollups(small):
    points = [(-(2**63), 1.0), *((step, 2.0) for step in range(8)), (2**63 - 1, 3.0)]
    stream = started()
    stream.send(*(metrics(step, {"loss": value}) for step, value in points))
    (low, *_, high) = sorted(stored(stream.run_id).values(), key=lambda bucket: bucket.first_step)
    assert (low.first_step, high.last_step) == (-(2**63), 2**63 - 1)


def test_a_series_below_1024_points_has_none():
    stream = logged([[(step, 1.0) for step in range(1_023)]])
    assert Rollup.select().count() == 0
    stream.send(metrics(1_023, {"loss": 1.0}))
    assert sorted({row.width for row in Rollup.select()}) == [16]
    assert Rollup.select().count() == 64


def test_levels_are_16_64_256_steps_wide_and_a_twelfth_of_the_points():
    logged([[(step, 1.0) for step in range(start, start + 4_500)] for start in range(0, 9_000, 4_500)])
    assert sorted({row.width for row in Rollup.select()}) == [16, 64, 256]
    assert Rollup.select().count() <= 9_000 / 12


def test_a_sparse_series_has_hardly_more_rollups_than_a_dense_one():
    logged([[(step * 1_000, 1.0) for step in range(4_900)]])
    assert Series.get().stride == 512
    assert Rollup.select().count() < 4_900 / 5


def test_a_bucket_that_is_touched_again_is_worked_out_anew(small):
    stream = logged([[(step, float(step)) for step in range(40)]])
    stream.send(metrics(5, {"loss": 100.0}))
    assert {
        bucket.high_value for bucket in stored(stream.run_id).values() if bucket.first_step <= 5 <= bucket.last_step
    } == {100.0}
    stream.send(metrics(5, {"loss": 1.0}))
    assert 100.0 not in {bucket.high_value for bucket in stored(stream.run_id).values()}


def test_a_bucket_that_should_not_be_there_gives_way(small):
    stream = logged([[(step, 1.0) for step in range(40)]])
    for row in list(Rollup.select().where(Rollup.width == 2, Rollup.bucket == 3).dicts()):
        Rollup.insert({**row, "bucket": 20}).execute()  # as a hand at the tables may leave it
    stream.send(*records([(step, 1.0) for step in range(40, 50)]))
    check(stream, [(step, 1.0) for step in range(50)])
