"""Which histograms are of which layer, by the names that the connectors give them."""

import pytest

from frontend_bokeh.weights import by_layer, spread


def names(*found, kind="histogram"):
    return [{"kind": kind, "split": "train", "name": name, "rank": 0, "count": 3} for name in found]


def labels(layers, *found):
    return [[(one["label"], one["name"]) for one in own] for own in by_layer(layers, names(*found))]


def test_the_names_of_each_connector_lead_to_the_layer():
    torch, keras = "gradients/features/0/weight", "weights/dense/kernel"
    assert labels(["features/0"], torch, "parameters/features/0/weight") == [
        [("weight", "parameters/features/0/weight"), ("weight gradients", torch)]
    ]
    assert labels(["dense"], keras) == [[("kernel", keras)]]
    assert labels(["conv1", "conv2"], "conv2.bias", "grads/conv1/bias", "train/weights/conv1/bias") == [
        [("bias", "train/weights/conv1/bias"), ("bias gradients", "grads/conv1/bias")],
        [("bias", "conv2.bias")],
    ]


def test_a_name_is_of_the_longest_layer_and_never_of_one_that_only_begins_so():
    assert labels(["a", "a/b", "ab"], "a/b/kernel", "a/kernel", "abc/kernel") == [
        [("kernel", "a/kernel")],
        [("kernel", "a/b/kernel")],
        [],
    ]


def test_a_layer_is_its_own_histogram_and_other_kinds_are_none():
    assert labels(["dense"], "dense") == [[("values", "dense")]]
    assert by_layer(["dense"], names("dense", kind="table")) == [[]]
    assert by_layer([], names("dense")) == []


def test_the_spread_of_several_histograms_is_that_of_all_their_values():
    one, two = {"counts": [1, 1], "edges": [0, 1, 2]}, {"counts": [0, 2], "edges": [-1, 2, 4]}
    assert spread([one]) == pytest.approx((1, 3**-0.5))  # even from 0 to 2
    assert spread([one, two]) == pytest.approx((2, (1 + (1 + 1) / 6) ** 0.5))
    assert spread([]) is None
    assert spread([{"counts": [0], "edges": [0, 1]}]) is None
