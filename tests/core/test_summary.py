import math
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import oracle
from prevue_core.db.models import Series
from prevue_core.db.summary import Summary


def summary_of(points):
    summary = Summary()
    for step, value in points:
        summary.add(step, value)
    return summary


@given(st.data())
def test_sums_do_not_depend_on_the_order_in_which_steps_come(data):
    points = list(oracle.kept(data.draw(oracle.points)).items())
    shuffled = data.draw(st.permutations(points))
    assert repr(summary_of(shuffled)) == repr(summary_of(points))  # as text, in which NaN equals NaN


@given(oracle.points)
def test_sums_are_those_of_a_plain_loop(points):
    expected = oracle.sums(points)
    found = asdict(summary_of(oracle.kept(points).items()))
    assert {name.removesuffix("_value"): repr(value) for name, value in found.items()} == {
        name: repr(value) for name, value in expected.items() if name != "rewritten"
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_counted_and_is_no_extreme(value):
    summary = summary_of([(0, value), (1, 2.0)])
    assert (summary.count, summary.nan_count + summary.inf_count + summary.ninf_count) == (2, 1)
    assert (summary.low_step, summary.low_value, summary.high_step, summary.high_value) == (1, 2.0, 1, 2.0)


def test_a_row_of_series_holds_the_sums():
    row = Series()
    summary_of([(0, 1.0), (3, math.inf)]).store(row)
    assert (row.count, row.inf_count, row.last_step, row.low_value) == (2, 1, 3, 1.0)
    assert Summary.of(row) == summary_of([(0, 1.0), (3, math.inf)])
