"""What the benchmarks put into a database by SQL is what ingest would have stored."""

import sys
from pathlib import Path

import pytest

from core.stream import metrics, started
from prevue_core.db import queries
from prevue_core.db.models import Metric, Rollup, Series

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "peers"))

import big_stores
import compare
import driving
import floors
import targets

POINTS = 1_500
BEGIN = 1_767_225_600.0  # 2026-01-01

pytestmark = pytest.mark.usefixtures("database")


def rows_of(table, run_id):
    """Return the rows of a run without what numbers them."""
    columns = [column for column in table._meta.sorted_fields if column.name not in ("run_id", "metric_id", "cursor")]
    return sorted(table.select(*columns).where(table.run_id == run_id).tuples(), key=str)


def values_at(step, names):
    value = driving.value_at(step, POINTS)
    losses = {f"loss/{number}": value + number for number in range(names)}
    return losses | ({f"metric/{number}": value - number for number in range(names)} if names > 1 else {})


@pytest.mark.parametrize("names", [1, 3])
def test_a_run_made_by_sql_is_as_if_it_had_been_logged(names):
    run = big_stores.new_run("bench", "made")
    big_stores.add_series(run, POINTS, names)
    stream = started()
    stream.send(*(metrics(step, values_at(step, names), time=BEGIN + step) for step in range(POINTS)))
    for table in (Metric, Rollup, Series):
        assert rows_of(table, run) == rows_of(table, stream.run_id)


def test_a_copied_run_is_like_the_first():
    first, second = big_stores.new_run("bench", "first"), big_stores.new_run("bench", "second")
    big_stores.add_series(first, POINTS)
    big_stores.copy_run(first, second)
    for table in (Metric, Rollup, Series):
        assert rows_of(table, first) == rows_of(table, second)


def test_the_spike_is_in_the_answer():
    run = big_stores.new_run("bench", "spike")
    big_stores.add_series(run, POINTS)
    [part] = queries.series([run], budget=20)
    assert max(part.columns.high) == driving.SPIKE


def test_runs_without_points_are_in_lists_and_tables():
    from prevue_core.db.accounts import OPEN

    big_stores.add_runs("table", 30)
    best = "metrics.val.accuracy.max"
    page = queries.runs(OPEN, 5, project_name="table", filter="config.lr < 0.05", sort=[f"-{best}"], summary=[best])
    found = [row["summaries"][best] for row in page.items]
    assert len(found) == 5
    assert found == sorted(found, reverse=True)


def test_the_floor_stores_as_many_points_as_it_says():
    floors.rate(1_000, requests=4)
    assert Metric.select().count() * floors.POINTS_A_ROW == 5_000  # one request more warms up


@pytest.mark.parametrize(("got", "reached"), [(99_999, False), (100_000, True)])
def test_a_figure_is_judged_by_its_target(got, reached):
    found = {targets.SQLITE: {"ingest": {"points_per_s": got}}}
    [(target, system, value)] = [verdict for verdict in targets.verdicts(found) if verdict[2] is not None]
    assert (system, value, target.reached(value)) == (targets.SQLITE, got, reached)


def test_every_target_names_a_workload_of_the_comparison():
    assert {target.workload for target in targets.TARGETS} <= set(compare.WORKLOADS)
    assert {workload for system in compare.SYSTEMS for workload in system.workloads} < set(compare.WORKLOADS)


@pytest.mark.parametrize(("more_is_better", "told"), [(True, "2x"), (False, "0.25x")])
def test_a_ratio_is_that_of_our_best_to_their_best(more_is_better, told):
    values = {targets.SQLITE: 20.0, targets.POSTGRESQL: 30.0, "trackio": 5.0, "MLflow": 15.0, "TensorBoard": None}
    assert compare.ratio(values, more_is_better) == told


def test_the_table_says_what_was_reached_and_by_which_command():
    found = {targets.SQLITE: {"zoom": {"ms": 15.5}}, targets.POSTGRESQL: {"zoom": {"ms": 9.0}}}
    lines = compare.told(found, ["zoom"])[1:]
    assert ["MISSED" in line for line in lines] == ["reached" not in line for line in lines] == [True, False]
    assert all(line.endswith("nox -s bench -- --only zoom") for line in lines)


def test_senders_that_are_compared_take_turns_with_the_same_requests():
    sent = []
    senders = [lambda step, body, name=name: sent.append((name, step, body)) for name in "ab"]
    figures = driving.rates_in_turn(str, senders, requests=2, points=8)
    assert [name for name, _, _ in sent] == ["a", "b", "b", "a", "a", "b"]
    assert [step for _, step, _ in sent] == [0, 0, 2, 2, 4, 4]
    assert all(one["points_per_s"] > 0 for one in figures)
