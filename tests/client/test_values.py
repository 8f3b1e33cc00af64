import math

import pytest

from prevue.values import Values, whole
from prevue_core.contract import MAX_NAMES


class Scalar:
    """What NumPy, torch, TensorFlow and jax have in common."""

    def __init__(self, value: object) -> None:
        self.value = value

    def item(self) -> object:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class InGraph(Scalar):
    """A torch tensor that needs a gradient: `item` works on what was detached."""

    def item(self) -> object:
        raise RuntimeError("part of a graph")

    def detach(self) -> Scalar:
        return Scalar(self.value)


class Eager:
    """A TensorFlow tensor, which has no `item`."""

    def numpy(self) -> Scalar:
        return Scalar(0.5)


class Float64(float):
    """As numpy.float64 is: a float, and yet not one for JSON."""


class Int(int):
    pass


class Integer(Scalar):
    """As numpy.int64 is."""

    def __eq__(self, other: object) -> bool:
        return self.value == other

    __hash__ = None


class Name(str):
    """As numpy.str_ is."""

    __slots__ = ()


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


class NoProperty:
    @property
    def item(self) -> object:
        raise RuntimeError("no item")


class Incomparable(Scalar):
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None


class Ambiguous(Scalar):
    """As arrays are: a comparison gives one more array, whose truth is not known."""

    def __eq__(self, other: object) -> object:
        return self

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")

    __hash__ = None


class NoItems(dict):
    def items(self) -> object:
        raise RuntimeError("no items")


class FailsMidway(dict):
    def items(self) -> object:
        yield "loss", 0.5
        raise RuntimeError("no more")


HOSTILE = [
    Unshowable(),
    NoProperty(),
    Scalar(RuntimeError("no item")),
    Scalar(Unshowable()),
    Ambiguous(Unshowable()),
    object,
]


@pytest.fixture
def told() -> list[tuple[object, str]]:
    return []


@pytest.fixture
def values(told) -> Values:
    return Values(lambda kind, text: told.append((kind, text)))


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0.5, 0.5),
        (3, 3.0),
        (True, 1.0),
        (False, 0.0),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (Float64(0.5), 0.5),
        (Float64("nan"), "NaN"),
        (Int(7), 7.0),
        (Scalar(0.5), 0.5),
        (Scalar(7), 7.0),
        (Scalar(True), 1.0),
        (Scalar(Float64(0.5)), 0.5),
        (Scalar(math.inf), "Infinity"),
        (InGraph(0.5), 0.5),
        (Eager(), 0.5),
        (Incomparable(0.5), 0.5),
        (2**53, float(2**53)),
    ],
)
def test_a_number_of_any_kind_is_logged(values, told, value, encoded):
    for _ in range(2):  # the first time a name is checked
        logged = values.encode({"loss": value})["loss"]
        assert (logged, type(logged)) == (encoded, type(encoded))
    assert told == []


@pytest.mark.parametrize(
    "value",
    [None, "0.5", 1 + 2j, [0.5], (0.5,), b"x", Scalar(1 + 2j), Scalar("text"), Scalar(ValueError("size 3")), *HOSTILE],
)
def test_what_is_no_number_is_left_out_and_the_others_are_logged(values, told, value):
    assert values.encode({"loss": 0.25, "odd": value, "accuracy": 0.75}) == {"loss": 0.25, "accuracy": 0.75}
    assert [kind for kind, _ in told] == [("value", "odd")]
    assert values.left_out == 1


def test_the_warning_quotes_the_value_and_says_what_is_accepted(values, told):
    values.encode({"odd": [1, 2, 3]})
    assert told[0][1] == (
        "value of 'odd' is [1, 2, 3] of type list; use a number, or an array with one number. "
        "It is left out; the rest is logged"
    )


def test_a_long_value_is_not_quoted_whole(values, told):
    values.encode({"odd": list(range(10**6))})
    assert len(told[0][1]) < 250


def test_dicts_inside_are_flattened(values):
    assert values.encode({"a": {"b": 1.0, "c": {"d": 2.0}}, "e": 3.0}) == {"a/b": 1.0, "a/c/d": 2.0, "e": 3.0}


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 10**300])
def test_an_int_that_is_no_float64_is_rounded_and_told(values, told, number):
    assert values.encode({"n": number}) == {"n": float(number)}
    assert [kind for kind, _ in told] == [("large", "n")]


def test_an_int_beyond_float64_is_left_out(values, told):
    assert values.encode({"n": 10**400, "loss": 1.0}) == {"loss": 1.0}
    assert "too large for a float64" in told[-1][1]


def test_a_name_is_brought_into_nfc(values):
    for _ in range(2):
        assert values.encode({"cafe\u0301": 1.0}) == {"caf\u00e9": 1.0}


def test_a_name_that_is_a_kind_of_text_is_logged_as_text(values):
    assert [type(name) for name in values.encode({Name("loss"): 1.0})] == [str]


@pytest.mark.parametrize(
    ("name", "told_of"),
    [
        (7, "metric name 7 is of type int; use text"),
        (None, "metric name None is of type NoneType"),
        (("a", "b"), "metric name ('a', 'b') is of type tuple"),
        ("", "metric name '' has 0 bytes; use 1 to 512"),
        ("x" * 513, "has 513 bytes; use 1 to 512"),
        ("\u00e9" * 257, "has 514 bytes; use 1 to 512"),
        ("a\nb", "metric name 'a\\nb' has a control character"),
        ("a\0b", "has a control character"),
        ("\ud800", "metric name '\\ud800' has a control character"),
    ],
)
def test_a_name_that_cannot_be_used_is_left_out_and_told(values, told, name, told_of):
    assert values.encode({name: 1.0, "loss": 0.5}) == {"loss": 0.5}
    assert told_of in told[0][1]


@pytest.mark.parametrize("name", ["x" * 512, "val loss", "\u635f\u5931", "a/b.c-d", "\U0001f600" * 128])
def test_a_name_of_any_text_up_to_512_bytes_is_logged(values, told, name):
    assert values.encode({name: 1.0}) == {name: 1.0}
    assert told == []


def test_names_that_cannot_be_used_are_one_kind_of_warning(values, told):
    for step in range(100):
        values.encode({step: 1.0})
    assert {kind for kind, _ in told} == {"name"}


def test_10_000_names_are_logged_and_no_more(values, told):
    for number in range(MAX_NAMES + 10):
        values.encode({f"name{number}": 1.0})
    assert values.left_out == 10
    assert {kind for kind, _ in told} == {"name"}
    assert "'name10000' is one more than 10000" in told[0][1]


def test_known_names_go_on_beyond_10_000(values):
    for number in range(MAX_NAMES + 1):
        values.encode({f"name{number}": 1.0})
    assert values.encode({"name0": 2.0, "one more": 2.0}) == {"name0": 2.0}


@pytest.mark.parametrize("given", [None, 7, "loss", [("loss", 0.5)], {"loss"}, NoItems(), Unshowable(), object])
def test_what_is_no_dict_is_told_and_nothing_is_raised(values, told, given):
    assert values.encode(given) == {}
    assert "give it a dict of names and numbers" in told[0][1]


def test_a_mapping_that_fails_midway_keeps_its_values_to_that_point_or_none(values):
    values.encode({"loss": 0.25})
    assert values.encode(FailsMidway()) in ({}, {"loss": 0.5})


def test_a_dict_that_holds_itself_raises_nothing(values, told):
    knot = {"loss": 0.5}
    knot["knot"] = knot
    assert values.encode(knot) == {}
    assert len(told) == 1


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        (-3, -3),
        (7.0, 7),
        ("7", 7),
        (True, 1),
        (Int(7), 7),
        (Integer(7), 7),
        (7.5, None),
        (math.nan, None),
        (math.inf, None),
        ("seven", None),
        (None, None),
        ([7], None),
        (2**63, None),
        (-(2**63), -(2**63)),
        (Incomparable(7), None),
        (Ambiguous(7), None),
        (Unshowable(), None),
    ],
)
def test_a_whole_number_is_read_from_what_holds_one(value, number):
    assert whole(value) == number
