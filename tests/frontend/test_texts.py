"""Durations, numbers and configurations as the pages show them."""

import math

import pytest

from frontend_bokeh import texts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (0.01728, "0.0173 s"), (9.994, "9.99 s"), (59.4, "59 s"), (60, "1 min"), (61.9, "1 min 1 s"),
        (3_600, "1 h"), (4_320, "1 h 12 min"), (86_399, "23 h 59 min"), (200_000, "2 d 7 h"), (-5, "0 s"),
    ],
)  # fmt: skip
def test_a_duration_has_its_two_greatest_units(seconds, text):
    assert texts.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (0.0, "0"), (0.123456, "0.12346"), (-2.5, "−2.5"), (12345.678, "12346"), (1e6, "1.000e+06"),
        (2e-5, "2.000e−05"), (math.nan, "NaN"), (math.inf, "∞"), (-math.inf, "−∞"),
    ],
)  # fmt: skip
def test_a_number_is_short_and_tells_what_it_is(value, text):
    assert texts.number(value) == text


def test_a_configuration_is_flat_and_in_order():
    config = {"lr": 1e-3, "data": {"name": "µ", "sizes": [1, 2], "more": {}}, "act": None, "on": True}
    assert list(texts.flat(config)) == [
        ("act", "null"), ("data.more", "{}"), ("data.name", "µ"), ("data.sizes", "[1, 2]"), ("lr", "0.001"),
        ("on", "true"),
    ]  # fmt: skip


def test_a_long_value_is_cut():
    ((_, text),) = texts.flat({"prompt": "x" * 10_000})
    assert (len(text), text[-2:]) == (texts.MAX_VALUE_CHARS + 2, " …")
