"""The order of runs: by what they logged, in pages that hold each run once, with what they came to."""

import math
from functools import partial
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.stream import metrics, started
from core.test_queries_pages import names, walk
from prevue_core.contract import encode_number
from prevue_core.db import queries
from prevue_core.db.accounts import OPEN
from prevue_core.db.models import TrainingRun
from prevue_core.db.queries.ordering import write_cursor
from prevue_core.errors import InvalidExpression, InvalidValue

pytestmark = pytest.mark.usefixtures("database")

NOON = 1_700_000_000.0
NUMBERS = count()

one_database = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def logged(name, *values, **fields):
    """Return a run with a series `val/acc`."""
    stream = started(run_name=name, **fields)
    stream.send(*(metrics(step, {"val/acc": encode_number(value)}) for step, value in enumerate(values)))
    return stream


def in_order(*sort, **asked):
    return names([queries.runs(OPEN, 100, sort=sort, **asked)])


def test_runs_are_sorted_by_what_a_series_comes_to_and_those_without_come_last_either_way():
    for name, values in {"low": [1, 0.5], "high": [0.2, 3], "none": [], "nan": [math.nan], "inf": [math.inf]}.items():
        logged(name, *values)
    assert in_order("-metrics.val.acc.max")[:2] == ["high", "low"]
    assert in_order("metrics.val.acc.min")[:2] == ["high", "low"]
    assert in_order("metrics.val.acc.last")[:3] == ["low", "high", "inf"]
    assert in_order("-metrics.val.acc.last")[:3] == ["inf", "high", "low"]
    assert set(in_order("-metrics.val.acc.last")[3:]) == set(in_order("metrics.val.acc.last")[3:]) == {"none", "nan"}


def test_the_best_loss_is_the_least_and_the_best_of_anything_else_the_greatest():
    for name, values in {"a": [1, 5], "b": [2, 3]}.items():
        started(run_name=name).send(*(metrics(step, {"loss": one, "acc": one}) for step, one in enumerate(values)))
    assert in_order("metrics.train.loss.best") == ["a", "b"]
    assert in_order("metrics.train.acc.best") == ["b", "a"]


def test_a_configuration_of_mixed_types_is_sorted_by_number_then_text_then_truth():
    for name, lr in {"d": "auto", "b": 0.5, "c": 10, "e": True, "a": 0.1, "f": None}.items():
        started(run_name=name, config={"lr": lr})
    started(run_name="g")
    assert in_order("config.lr", "name") == list("abcdefg")
    assert in_order("-config.lr", "name") == list("cbadefg")


def test_equals_are_decided_by_the_next_key_and_at_last_by_the_id():
    ids = {name: started(run_name=name, group=group).run_id for name, group in zip("abcd", "yxyx", strict=True)}
    assert in_order("group", "-name") == ["d", "b", "c", "a"]
    assert in_order("group") == sorted("bd", key=ids.get) + sorted("ac", key=ids.get)
    assert in_order("-group") == sorted("ac", key=ids.get)[::-1] + sorted("bd", key=ids.get)[::-1]


@pytest.mark.parametrize("field", sorted(set(queries.single_fields()) - {"tag"}))
def test_every_field_sorts_in_pages_both_ways(field):
    for number in range(3):
        started(run_name=f"run {number}", notes=f"note {number}" if number else "")
    for sort in (field, f"-{field}"):
        pages = walk(partial(queries.runs, OPEN, sort=[sort]), 1)
        assert sorted(names(pages)) == ["run 0", "run 1", "run 2"]


SORTS = [
    "metrics.val.acc.last",
    "metrics.val.acc.max",
    "metrics.val.acc.count",
    "config.lr",
    "group",
    "name",
    "started",
]
a_run = st.tuples(
    st.lists(st.sampled_from([0.1, -1e300, 1.0, math.nan, math.inf, -math.inf]), max_size=2),
    st.sampled_from([None, 1, 0.1, "b", "B", "é", True, False, [1], 1e-7]),
    st.sampled_from([None, "g", "h"]),
)


@one_database
@given(
    runs=st.lists(a_run, min_size=2, max_size=7),
    sort=st.lists(st.sampled_from(SORTS).flatmap(lambda sort: st.sampled_from([sort, f"-{sort}"])), max_size=3),
    limit=st.integers(1, 3),
)
def test_pages_of_any_order_hold_each_run_once_in_the_order_of_the_whole(runs, sort, limit):
    project = f"project {next(NUMBERS)}"
    for number, (values, lr, group) in enumerate(runs):
        logged(f"run {number}", *values, config={"lr": lr}, group=group, project=project, time=NOON + number // 2)
    whole = in_order(*sort, project_name=project)
    assert sorted(whole) == [f"run {number}" for number in range(len(runs))]
    assert names(walk(partial(queries.runs, OPEN, project_name=project, sort=sort), limit)) == whole


def test_pages_neither_skip_nor_repeat_while_runs_arrive_and_go():
    for number in range(6):
        logged(f"run {number}", number)
    list_page = partial(queries.runs, OPEN, sort=["-metrics.val.acc.max"])
    first = list_page(2)
    logged("best of all", 100)
    logged("between", 2.5)
    TrainingRun.delete().where(TrainingRun.run_name == "run 4").execute()
    rest = walk(lambda limit, cursor=first.next: list_page(limit, cursor), 2)
    assert names([first, *rest]) == ["run 5", "run 4", "run 3", "between", "run 2", "run 1", "run 0"]


def test_now_is_the_same_moment_on_all_pages():
    for number in range(3):
        started(run_name=f"run {number}")
    pages = walk(partial(queries.runs, OPEN, sort=["-duration"], filter="duration >= 0 and started <= now"), 1)
    assert names(pages) == ["run 0", "run 1", "run 2"]


@pytest.mark.parametrize("sort", [["name"], ["-started"], ["-started", "name"], ["-name"]])
def test_a_cursor_of_another_order_is_refused(sort):
    for _ in range(2):
        started()
    cursor = queries.runs(OPEN, 1).next
    with pytest.raises(InvalidValue, match="is not one that this server gave"):
        queries.runs(OPEN, 1, cursor, sort=sort)


@pytest.mark.parametrize("value", ["\0", 5, [], {}, True, None])
def test_a_forged_cursor_is_refused(value):
    cursor = write_cursor(["2024-01-01T00:00:00", value, "00000000-0000-0000-0000-000000000000"], "name")
    with pytest.raises(InvalidValue, match="is not one that this server gave"):
        queries.runs(OPEN, 1, cursor, sort=["name"])


@pytest.mark.parametrize(
    ("sort", "hint"), [("tag", "a run has several"), ("", "write a field"), ("lr", "no such field"), ("a b", "'b'")]
)
def test_an_order_that_cannot_be_read_is_refused_with_what_is_accepted(sort, hint):
    with pytest.raises(InvalidExpression, match=f"^sort, at character .*{hint}"):
        in_order(sort)


# summaries


def test_what_series_come_to_is_told_with_each_run():
    logged("one", 3, math.nan, rank=0)
    logged("two", math.inf)
    logged("three")
    asked = [f"metrics.val.acc.{one}" for one in ("last", "max", "best", "count", "nonfinite")]
    rows = {row["run_name"]: list(row["summaries"].values()) for row in queries.runs(OPEN, 9, summary=asked).items}
    assert math.isnan(rows["one"].pop(0))
    assert rows == {"one": [3, 3, 2, 1], "two": [math.inf, None, None, 1, 1], "three": [None] * 5}


def test_summaries_are_of_the_process_asked_for_and_named_as_asked():
    stream = logged("run", 1)
    logged("run", 2, run_id=stream.run_id, rank=1)
    asked = ['metrics.val."acc".last', "metrics.val.acc.last@1"]
    assert queries.runs(OPEN, 9, summary=asked).items[0]["summaries"] == {asked[0]: 1, asked[1]: 2}


def test_a_summary_that_is_none_is_refused():
    with pytest.raises(InvalidExpression, match=r"^summary, at character 1, 'config.lr': a summary is of a series"):
        queries.runs(OPEN, 9, summary=["config.lr"])
