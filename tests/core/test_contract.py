import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prevue_core import contract
from prevue_core.contract import Place, check_int64, check_label, check_name, check_project, check_split, place_of
from prevue_core.errors import InvalidValue


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("loss", Place("train", "loss", True)),
        ("accuracy", Place("train", "accuracy", False)),
        ("val_loss", Place("val", "loss", True)),
        ("train_loss", Place("train", "loss", True)),
        ("valid_loss", Place("val", "loss", True)),
        ("validation/acc", Place("val", "acc", False)),
        ("eval_x", Place("val", "x", False)),
        ("test/accuracy", Place("test", "accuracy", False)),
        ("test_val_loss", Place("test", "val_loss", True)),
        ("val_", Place("train", "val_", False)),
        ("value", Place("train", "value", False)),
        ("Val_loss", Place("train", "Val_loss", True)),
        ("loss_scale", Place("train", "loss_scale", True)),
        ("my.loss", Place("train", "my.loss", True)),
        ("gan/LOSS/g", Place("train", "gan/LOSS/g", True)),
        ("losses", Place("train", "losses", False)),
        ("lossless", Place("train", "lossless", False)),
        ("val_a\nb", Place("val", "a\nb", False)),
    ],
)
def test_a_names_prefix_tells_its_split(name, place):
    assert place_of(name) == place


@pytest.mark.parametrize("name", ["val_loss", "loss", "test/accuracy"])
def test_an_explicit_split_keeps_the_name(name):
    assert place_of(name, "system")[:2] == ("system", name)


def test_where_a_name_went_it_is_found_again():
    placed = place_of("val_my/loss")
    assert place_of(placed.name, placed.split) == placed


@pytest.mark.parametrize("name", ["x" * 512, "é" * 256, "train accuracy", "损失"])
def test_a_name_of_any_script_is_taken_up_to_512_bytes(name):
    assert check_name(name) == name


def test_names_that_look_the_same_are_the_same():
    assert check_name("e\N{COMBINING ACUTE ACCENT}") == "\N{LATIN SMALL LETTER E WITH ACUTE}"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (7, "metric name 7 is of type int"),
        (None, "metric name None is of type NoneType"),
        ("", "metric name '' has 0 bytes"),
        ("x" * 513, f"metric name '{'x' * 40}' has 513 bytes; use 1 to 512"),
        ("é" * 257, "has 514 bytes"),
        ("a\nb", r"metric name 'a\nb' has a control character"),
        ("a\0", r"metric name 'a\x00' has a control character"),
        ("\ud800", r"metric name '\ud800' has a control character"),
    ],
)
def test_a_refused_name_is_quoted(name, told):
    with pytest.raises(InvalidValue) as refusal:
        check_name(name)
    assert told in str(refusal.value)


@pytest.mark.parametrize("split", ["train", "val", "system", "a.b-c_1", "x" * 64])
def test_a_split_is_a_lower_case_name(split):
    assert check_split(split) == split


@pytest.mark.parametrize("split", ["", "Val", "1st", "a b", "x" * 65, "val\n", None, 3])
def test_a_refused_split_is_quoted(split):
    with pytest.raises(InvalidValue) as refusal:
        check_split(split)
    quoted = f"split {split!r} is" if split != "x" * 65 else "split 'xxxxx"  # not all of a long one
    assert quoted in str(refusal.value)
    assert "is not a lower-case name" in str(refusal.value)


def test_a_label_is_trimmed_and_in_one_unicode_form():
    assert check_label("uid", "  Zoe\N{COMBINING DIAERESIS} ") == "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, "uid 3 is of type int; use text"),
        ("  ", "uid '' has 0 characters; use 1 to 255"),
        ("x" * 256, f"uid '{'x' * 40}' has 256 characters"),
        ("a\tb", r"uid 'a\tb' has a control character"),
    ],
)
def test_a_refused_label_is_quoted(value, told):
    with pytest.raises(InvalidValue) as refusal:
        check_label("uid", value)
    assert told in str(refusal.value)


@pytest.mark.parametrize("project", ["test", "alice/test", "my project"])
def test_a_project_is_a_name_or_an_owner_and_a_name(project):
    assert check_project(project) == project


@pytest.mark.parametrize("project", ["a/b/c", "/test", "alice/", "alice/ ", "/"])
def test_a_refused_project_is_quoted(project):
    with pytest.raises(InvalidValue) as refusal:
        check_project(project)
    assert repr(project.strip()) in str(refusal.value)


@pytest.mark.parametrize("value", [0, -(2**63), 2**63 - 1])
def test_whole_numbers_of_64_bits_are_taken(value):
    assert check_int64("step", value) == value


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 1.0, True, "1", None])
def test_a_refused_whole_number_is_quoted(value):
    with pytest.raises(InvalidValue) as refusal:
        check_int64("step", value)
    assert f"step {value!r} is not a whole number of 64 bits" in str(refusal.value)


@given(st.floats())
def test_every_float_survives_the_wire(value):
    decoded = contract.decode_number(contract.encode_number(value))
    assert decoded == value or (math.isnan(decoded) and math.isnan(value))


@pytest.mark.parametrize(
    ("value", "encoded"),
    [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (-0.0, -0.0), (1e308, 1e308)],
)
def test_non_finite_numbers_travel_as_text(value, encoded):
    assert contract.encode_number(value) == encoded


@pytest.mark.parametrize("value", [3, 2**53, 2**64])
def test_a_whole_number_becomes_a_float(value):
    decoded = contract.decode_number(value)
    assert decoded == value
    assert type(decoded) is float


@pytest.mark.parametrize("value", ["nan", "inf", "1", True, None, [1], {}])
def test_what_is_no_number_is_quoted(value):
    with pytest.raises(InvalidValue) as refusal:
        contract.decode_number(value)
    assert f"value {value!r} is not a number" in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "depth"),
    [(1, 0), ("[[", 0), ([], 1), ({"a": 1}, 1), ({"a": [{}], "b": 1}, 3), ([1, [2, [3]], {"a": {}}], 3)],
)
def test_depth_counts_lists_and_objects_inside_each_other(value, depth):
    assert contract.depth_of(value) == depth


def test_depth_of_a_deep_value_needs_no_deep_stack():
    nested = []
    for _ in range(10 * sys.getrecursionlimit()):
        nested = [nested]
    assert contract.depth_of(nested) == 10 * sys.getrecursionlimit() + 1
