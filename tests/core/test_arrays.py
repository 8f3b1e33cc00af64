"""What the client makes of NumPy's arrays; the client's own tests run where NumPy is not installed."""

import base64
import struct
import zlib

import numpy as np
import pytest

from prevue import payloads
from prevue.json_values import json_value
from prevue_core.errors import InvalidValue
from prevue_core.result_kinds import check_payload

SHAPES = [
    np.random.default_rng(1).normal(size=(40, 25)),
    np.random.default_rng(2).normal(size=1_000).astype(np.float32),
    np.random.default_rng(3).normal(size=1_000).astype(np.float16),
    np.arange(1_000),
    np.arange(256, dtype=np.uint8),
    np.arange(10) > 3,
    np.float32(3.0),
    np.array([1e308, -1e308]),
    np.array([1.0, np.nextafter(1.0, 2.0)]),
    np.array([16_777_216, 16_777_217], dtype=np.float32),
    np.array([5e-324, 1e-323]),
    np.full(7, -2.5),
]


@pytest.mark.parametrize("values", SHAPES, ids=lambda values: f"{values.dtype}-{values.size}")
def test_a_histogram_of_an_array_has_all_its_values(values):
    made = check_payload("histogram", payloads.histogram(values))
    assert sum(made["counts"]) == values.size
    assert made["edges"][0] <= float(values.min()) <= float(values.max()) <= made["edges"][-1]


@pytest.mark.parametrize("values", SHAPES[:2] + SHAPES[3:5], ids=lambda values: str(values.dtype))
def test_an_array_and_a_list_of_its_values_make_one_histogram(values):
    of_array, of_list = payloads.histogram(values), payloads.histogram(values.tolist())
    assert of_array["edges"] == pytest.approx(of_list["edges"])
    # A value that lies on an edge, as far as floats can tell, may be in either bucket beside it.
    assert np.cumsum(of_array["counts"]) == pytest.approx(np.cumsum(of_list["counts"]), abs=1)


def test_what_is_not_finite_is_counted_beside_the_buckets():
    made = payloads.histogram(np.array([[1.0, np.nan], [np.inf, -np.inf], [np.nan, 2.0]]))
    assert (sum(made["counts"]), made["nan_count"], made["inf_count"], made["ninf_count"]) == (2, 2, 1, 1)


@pytest.mark.parametrize("values", [np.array(["a"]), np.array([1j]), np.array([]), np.array([np.nan])])
def test_what_makes_no_histogram(values):
    with pytest.raises(InvalidValue):
        payloads.histogram(values)


def test_columns_of_arrays_become_numbers_and_texts():
    made = payloads.table(
        {
            "whole": np.arange(2),
            "float": np.array([0.5, np.nan]),
            "text": np.array(["x", "y"]),
            "flag": np.array([True, False]),
            "mixed": [np.float32(0.5), np.int8(2)],
            "time": np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[D]"),
        }
    )
    assert [column["values"] for column in made["columns"]] == [
        [0, 1], [0.5, "NaN"], ["x", "y"], [True, False], [0.5, 2], ["2026-01-01", "2026-01-02"],
    ]  # fmt: skip


def read(png):
    """Return the pixels of a PNG of ours."""
    width, height = struct.unpack(">II", png[16:24])
    length = struct.unpack(">I", png[33:37])[0]
    rows = np.frombuffer(zlib.decompress(png[41 : 41 + length]), np.uint8).reshape(height, -1)
    assert (rows[:, 0] == 2).all()
    return np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).reshape(height, width, -1)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4), (1, 1), (300, 2, 3)])
def test_an_array_is_a_png_of_its_pixels(shape):
    pixels = np.random.default_rng(4).integers(0, 256, shape, dtype=np.uint8)
    made = check_payload("image", payloads.image(pixels))
    assert (made["height"], made["width"]) == shape[:2]
    assert (read(base64.b64decode(made["png"])) == pixels.reshape(*shape[:2], -1)).all()


@pytest.mark.parametrize(
    ("pixels", "read_as"),
    [
        (np.array([[0.0, 0.5, 1.0, -1.0, 9.0, np.nan]]), [0, 128, 255, 0, 255, 0]),
        (np.array([[True, False]]), [255, 0]),
        (np.array([[0, 255]], dtype=np.int64), [0, 255]),
        (np.zeros((2, 3), dtype=np.float32).T[:1], [0, 0]),
    ],
)
def test_floats_are_from_0_to_1_and_whole_numbers_to_255(pixels, read_as):
    assert read(base64.b64decode(payloads.image(pixels)["png"])).ravel().tolist() == read_as


@pytest.mark.parametrize(
    ("pixels", "told"),
    [
        (np.full((2, 2), 300), "has values from 300 to 300; use floats from 0 to 1, or 0 to 255"),
        (np.full((2, 2), -1), "has values from -1 to -1"),
        (np.array([["a"]]), "has no numbers"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\) is not one"),
        (np.zeros(4), r"shape \(4,\) is not one"),
        (np.zeros((0, 4)), r"shape \(0, 4\) is not one"),
        (np.zeros((1, 4_097)), "1 x 4097 pixels; use at most 4096 a side"),
    ],
)
def test_an_array_that_is_no_image_is_told(pixels, told):
    with pytest.raises(InvalidValue, match=told):
        payloads.image(pixels)


def test_a_configuration_has_the_numbers_in_arrays():
    given = {"lr": np.float32(0.5), "n": np.int64(3), "flag": np.bool_(True), "shape": np.arange(3), "type": np.float32}
    assert json_value(given) == {"lr": 0.5, "n": 3, "flag": True, "shape": [0, 1, 2], "type": "numpy.float32"}
