"""Groups of layers that are drawn as one box."""

import pytest

from frontend_bokeh.collapse import LIMIT, between, groups


def chain(count):
    return [(number, number + 1) for number in range(count - 1)]


def blocks(count, separator="/"):
    """Return names of a stem, `count` blocks of three layers, and a head."""
    inner = [separator.join(("block", str(block), name)) for block in range(count) for name in ("conv", "norm", "relu")]
    return ["stem", *inner, "head"]


def test_a_model_that_is_not_big_is_drawn_layer_by_layer():
    names = [f"layer_{number}" for number in range(LIMIT)]
    assert groups(names, chain(LIMIT)) == [(name, [number]) for number, name in enumerate(names)]


@pytest.mark.parametrize("separator", ["/", "_", "."])
def test_a_big_model_is_drawn_module_by_module(separator):
    names = blocks(60, separator)
    found = groups(names, chain(len(names)))
    assert [name for name, _ in found] == ["stem", *(f"block{separator}{block}" for block in range(60)), "head"]
    assert found[1] == (f"block{separator}0", [1, 2, 3])
    assert between(found, chain(len(names))) == chain(62)


def test_every_layer_is_in_one_group_and_layers_of_a_group_follow_each_other():
    names = blocks(500)
    found = groups(names, chain(len(names)))
    assert len(found) <= LIMIT
    assert [number for _, members in found for number in members] == list(range(len(names)))


def test_names_that_tell_no_modules_are_drawn_in_rows():
    names = [f"dense_{number}" for number in range(LIMIT * 2)]
    found = groups(names, chain(len(names)))
    assert found[0] == ("dense_0 … dense_1", [0, 1])
    assert len(found) == LIMIT


def test_branches_stay_branches():
    sides = [[f"{side}/{number // 3}/{number % 3}" for number in range(90)] for side in ("left", "right")]
    edges = [(0, 1), (0, 91), (90, 181), (180, 181)]
    edges += [(n, n + 1) for n in range(1, 90)] + [(n, n + 1) for n in range(91, 180)]
    found = groups(["in", *sides[0], *sides[1], "out"], edges)
    expected = ["in", *(f"{side}/{number}" for side in ("left", "right") for number in range(30)), "out"]
    assert [name for name, _ in found] == expected
    assert {(0, 1), (0, 31), (30, 61), (60, 61)} <= set(between(found, edges))


def test_cycles_have_groups_too():
    names = blocks(60)
    found = groups(names, [*chain(len(names)), (30, 5), (3, 3)])
    assert sorted(number for _, members in found for number in members) == list(range(len(names)))
    assert all(a != b for a, b in between(found, [(3, 3), (30, 5)]))
