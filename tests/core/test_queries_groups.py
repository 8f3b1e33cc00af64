"""Runs in groups, with mean and deviation."""

import math
import statistics
from functools import partial
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.stream import metrics, started
from core.test_queries_pages import walk
from prevue_core.contract import encode_number
from prevue_core.db import queries
from prevue_core.db.accounts import OPEN
from prevue_core.db.queries.ordering import write_cursor
from prevue_core.errors import InvalidValue

pytestmark = pytest.mark.usefixtures("database")

NUMBERS = count()
MAX = "metrics.val.acc.max"


def logged(value=None, **fields):
    stream = started(**fields)
    if value is not None:
        stream.send(metrics(0, {"val/acc": encode_number(value)}))


def groups(*by, **asked):
    return queries.groups(OPEN, 100, by=by, **asked).items


def counted(*by, **asked):
    return [(*group["by"].values(), group["count"]) for group in groups(*by, **asked)]


def test_a_group_has_count_mean_and_the_deviation_of_a_sample():
    for value in (1.0, 2.0, 4.0):
        logged(value, config={"lr": 0.1})
    logged(7, config={"lr": 0.2})
    logged(config={"lr": 0.3})
    one, two, three = groups("config.lr", summary=[MAX])
    std = statistics.stdev([1, 2, 4])
    assert one["by"] == {"config.lr": 0.1}
    assert one["summaries"][MAX] == pytest.approx({"count": 3, "mean": 7 / 3, "std": std, "low": 1, "high": 4})
    assert two["summaries"][MAX] == {"count": 1, "mean": 7, "std": None, "low": 7, "high": 7}
    assert (three["count"], three["summaries"][MAX]) == (
        1,
        {"count": 0, "mean": None, "std": None, "low": None, "high": None},
    )


def test_values_that_are_not_finite_are_left_out_of_the_mean_and_counted_with_the_group():
    for value in (1, math.nan, math.inf, 3):
        logged(value)
    [group] = groups("user", summary=["metrics.val.acc.last"])
    assert group["count"] == 4
    assert (
        group["summaries"]["metrics.val.acc.last"]["count"],
        group["summaries"]["metrics.val.acc.last"]["mean"],
    ) == (2, 2)


def test_equal_values_are_one_group_and_those_of_other_types_are_others():
    for value in (1, 1.0, True, "1", "true", None, [1, 2], [1, 2]):
        logged(config={"x": value})
    logged()
    assert counted("config.x") == [(1, 2), ("1", 1), ("[1,2]", 2), ("true", 1), (True, 1), (None, 2)]


def test_a_run_is_in_the_group_of_each_of_its_tags():
    logged(tags=["a", "b", "a"])
    logged(tags=["b"], group="g")
    logged()
    assert counted("tag") == [("a", 1), ("b", 2), (None, 1)]
    assert counted("tag", "group") == [("a", None, 1), ("b", "g", 1), ("b", None, 1), (None, None, 1)]


@pytest.mark.parametrize(
    "by", ["name", "state", "user", "group", "project", "model", "connector", "env.x", "notes", "id"]
)
def test_runs_are_grouped_by(by):
    logged(environment={"x": "y"}, connector_name="torch")
    [group] = groups(by)
    assert (list(group["by"]), group["count"]) == ([by], 1)


def test_groups_are_sorted_by_a_field_by_a_mean_and_by_their_count():
    for name, values in {"a": [1], "ab": [5, 7], "b": [None, None, None]}.items():
        for value in values:
            logged(value, group=name)

    def order(sort):
        return [group["by"]["group"] for group in groups("group", summary=[MAX], sort=sort)]

    assert order(None) == order("group") == ["a", "ab", "b"]
    assert order("-group") == ["b", "ab", "a"]
    assert order(MAX) == ["a", "ab", "b"]
    assert order(f"-{MAX}") == ["ab", "a", "b"]
    assert order("-count") == ["b", "ab", "a"]


def test_groups_are_of_the_runs_that_meet_the_filter():
    for lr in (0.1, 0.2):
        logged(config={"lr": lr}, project="one")
        logged(config={"lr": lr}, project="two")
    assert counted("project", filter="config.lr < 0.15") == [("one", 1), ("two", 1)]
    assert counted("config.lr", project_name="two", user="alice") == [(0.1, 1), (0.2, 1)]


a_run = st.tuples(
    st.sampled_from([1, 0.5, "a", "b", True, None]), st.sampled_from([None, 1e9, 1e9 + 1, 0.25, math.inf])
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    runs=st.lists(a_run, min_size=1, max_size=8),
    sort=st.sampled_from([None, "config.x", "-config.x", "count", "-count", MAX, f"-{MAX}"]),
    limit=st.integers(1, 3),
)
def test_groups_are_what_a_plain_loop_makes_in_pages_of_any_order(runs, sort, limit):
    project = f"project {next(NUMBERS)}"
    for x, value in runs:
        logged(value, config={"x": x}, project=project)
    asked = {"by": ["config.x"], "summary": [MAX], "sort": sort, "project_name": project}
    whole = queries.groups(OPEN, 100, **asked).items
    assert [item for page in walk(partial(queries.groups, OPEN, **asked), limit) for item in page.items] == whole
    for group in whole:
        x = group["by"]["config.x"]
        alike = [value for other, value in runs if (type(other) is bool, other) == (type(x) is bool, x)]
        finite = [value for value in alike if value is not None and math.isfinite(value)]
        assert group["count"] == len(alike)
        sums = group["summaries"][MAX]
        assert sums["mean"] == (pytest.approx(statistics.fmean(finite)) if finite else None)
        assert sums["std"] == (pytest.approx(statistics.stdev(finite)) if len(finite) > 1 else None)
    assert sum(group["count"] for group in whole) == len(runs)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ({"by": ["started"]}, "hardly two runs share a time"),
        ({"by": ["lr"]}, "no such field"),
        ({"by": ["user"], "summary": ["name"]}, "this has no mean"),
        ({"by": ["user"], "sort": "group"}, "use one of count, user"),
        ({"by": []}, "1 to 5 fields"),
    ],
)
def test_what_cannot_be_grouped_is_refused_with_what_can(asked, hint):
    with pytest.raises(InvalidValue, match=hint):
        queries.groups(OPEN, 10, **asked)


def test_a_cursor_of_another_list_is_refused():
    logged(group="a")
    logged(group="b")
    cursor = queries.groups(OPEN, 1, by=["group"]).next
    forged = write_cursor([[], [1, {}]], "groups", ["group"], [], None)
    for by, one in (["user"], cursor), (["group"], queries.runs(OPEN, 1).next), (["group"], forged):
        with pytest.raises(InvalidValue, match="is not one that this server gave"):
            queries.groups(OPEN, 1, one, by=by)
