import math
import zlib

import numpy as np
import pytest

from frontend.series import decoded, series
from frontend_bokeh.blocks import MAX_RANK, RANK_BIT, RAW, fragment, packed


def test_a_fragment_has_the_series_rows():
    (part,) = decoded(fragment(3, 7, series([0.5, 0.25, 2.0], first_step=10, count=13)))
    assert (part["run"], part["key"], part["rows"], part["total"]) == (3, 7, 3, 13)
    assert part["step"] == [10, 11, 12]
    assert part["time"] == [1_700_000_000.25, 1_700_000_001.25, 1_700_000_002.25]
    assert part["mean"] == part["low"] == part["high"] == part["last"] == [0.5, 0.25, 2.0]
    assert part["count"] == [1, 1, 1]
    assert part["epoch"] == [None, None, None]


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 8, 1_001])
def test_fragments_can_be_joined(rows):
    one = fragment(0, 0, series([0.5] * rows))
    other = fragment(1, 0, series([None, 1.0]))
    assert len(one) % 8 == len(other) % 8 == 0
    assert [part["rows"] for part in decoded(one + other + one)] == [rows, 2, rows]


def test_steps_beyond_32_bits_stay_exact():
    (part,) = decoded(fragment(0, 0, series([1.0], first_step=2**52 + 1)))
    assert part["step"] == [2**52 + 1]


@pytest.mark.parametrize(("exact", "flags"), [(True, RAW), (False, 0)])
def test_flags_tell_points_from_buckets(exact, flags):
    given = series([1.0, 2.0])
    given.exact = exact
    (part,) = decoded(fragment(0, 0, given))
    assert part["flags"] == flags


@pytest.mark.parametrize(("rank", "told"), [(0, 0), (3, 3), (2**31 - 1, MAX_RANK)])
def test_flags_tell_the_rank(rank, told):
    (part,) = decoded(fragment(0, 0, series([1.0], rank=rank)))
    assert (part["flags"] >> RANK_BIT, part["flags"] & RAW) == (told, RAW)


@pytest.mark.parametrize("from_step", [None, -3, 2**52 + 1])
def test_a_fragment_tells_what_it_takes_the_place_of(from_step):
    (part,) = decoded(fragment(0, 0, series([1.0], from_step=from_step)))
    assert math.isnan(part["from"]) if from_step is None else part["from"] == from_step


def test_what_is_not_finite_is_counted_by_row_and_drawn_as_nothing():
    given = series([0.5, None, 1.5, 2.5])
    given.columns |= {"inf_count": [0, 2, 0, 0], "ninf_count": [0, 3, 0, 1]}
    (part,) = decoded(fragment(0, 0, given))
    assert part["odd"] == [(1, 1, 2, 3), (3, 0, 0, 1)]
    assert part["mean"] == [0.5, None, 1.5, 2.5]


def test_a_value_beyond_float32_stays_beyond():
    (part,) = decoded(fragment(0, 0, series([1e300, -1e300])))
    assert part["mean"] == [math.inf, -math.inf]


def test_packed_fragments_are_small_and_lose_nothing():
    buffer = fragment(1, 2, series([math.sin(step) for step in range(1_000)]))
    planes = np.frombuffer(zlib.decompress(packed(buffer)), dtype="u1")
    assert planes.reshape(4, -1).T.tobytes() == buffer
    assert len(packed(buffer)) < len(buffer) / 2
    assert zlib.decompress(packed(b"")) == b""
