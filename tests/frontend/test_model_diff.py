"""Two models beside each other."""

from frontend_bokeh.architecture import read
from frontend_bokeh.model_diff import pairs


def model(*layers):
    """Return a model of layers such as `dense 64`, named by their places."""
    told = [{"name": f"{kind}_{at}", "type": kind, "output_shape": [None, int(size)]} for at, (kind, size) in layers]
    return read({"layers": told})


def compared(left, right):
    sides = [model(*enumerate(one.split() for one in side)) for side in (left, right)]
    return [(pair.kind, *((one.name if one else None) for one in (pair.left, pair.right))) for pair in pairs(*sides)]


def test_layers_are_the_same_whatever_they_are_called():
    assert compared(["conv 8", "dense 2"], ["drop 8", "conv 8", "dense 2"]) == [
        ("added", None, "drop_0"), ("same", "conv_0", "conv_1"), ("same", "dense_1", "dense_2"),
    ]  # fmt: skip


def test_a_layer_of_another_size_is_a_changed_one_and_one_of_another_type_takes_its_place():
    assert compared(["conv 8", "dense 64", "relu 64", "dense 2"], ["conv 8", "dense 32", "tanh 32", "dense 2"]) == [
        ("same", "conv_0", "conv_0"), ("changed", "dense_1", "dense_1"), ("removed", "relu_2", None),
        ("added", None, "tanh_2"), ("same", "dense_3", "dense_3"),
    ]  # fmt: skip


def test_what_differs_in_a_changed_layer_is_told():
    [pair] = pairs(model((0, ("dense", 64))), model((0, ("dense", 32))))
    assert (pair.differs("shape"), pair.differs("activation")) == (True, False)


def test_many_equal_layers_stand_beside_each_other():
    block = ["conv 8", "norm 8", "relu 8"] * 100
    found = compared([*block, "dense 2"], [*block, "conv 8", "dense 2"])
    assert [kind for kind, *_ in found if kind != "same"] == ["added"]


def test_a_model_without_layers_has_lost_them():
    assert compared(["dense 2"], []) == [("removed", "dense_0", None)]
