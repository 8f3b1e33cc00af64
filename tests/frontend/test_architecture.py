"""Descriptions as they come from whoever wrote them."""

import pytest

from frontend_bokeh.architecture import NOT_TOLD, read

LAYERS = [
    {
        "name": "conv",
        "type": "Conv2D",
        "output_shape": [None, 28, None, 8],
        "parameters": 80,
        "trainable_parameters": 8,
    },
    {"name": "relu", "type": "ReLU", "activation": "relu", "details": "max_value=6"},
]


def test_a_description_is_read():
    told = {"framework": "keras", "layers": LAYERS, "edges": [[0, 1]], "parameters": 80, "layers_left_out": 3}
    found = read(told)
    assert (found.framework, found.parameters, found.trainable_parameters, found.left_out) == ("keras", 80, None, 3)
    assert [layer.shape for layer in found.layers] == ["28 × · × 8", ""]
    assert (found.layers[0].parameters, found.layers[0].trainable_parameters) == (80, 8)
    assert (found.layers[1].activation, found.layers[1].details, found.layers[1].parameters) == (
        "relu",
        "max_value=6",
        0,
    )
    assert found.edges == ((0, 1),)


@pytest.mark.parametrize(
    "edges", [None, "0-1", [[0]], [[0, 2]], [[-1, 0]], [["conv", "relu"]], [[0, 1], 7], [[0, True, 1]]]
)
def test_edges_that_are_none_are_not_told(edges):
    found = read({"layers": LAYERS, "edges": edges})
    assert (found.edges, found.why_no_edges, len(found.layers)) == (None, NOT_TOLD, 2)


def test_why_there_are_no_edges_is_said():
    assert read({"layers": LAYERS, "why_no_edges": "it is secret"}).why_no_edges == "it is secret"


@pytest.mark.parametrize("told", [None, [], "a model", {}, {"layers": "many"}, {"layers": [], "parameters": "1000"}])
def test_what_is_no_description_has_no_layers(told):
    found = read(told)
    assert (found.layers, found.parameters, found.left_out) == ((), None, 0)


@pytest.mark.parametrize(
    "layer",
    [
        {"name": 7, "type": None, "output_shape": "big", "parameters": "80", "activation": ["relu"]},
        {"output_shape": [None, "x"], "parameters": -1},
        {"output_shape": [[1, 2], [3, 4]], "details": {"units": 3}},
    ],
)
def test_what_a_layer_says_in_another_way_is_left_out(layer):
    [found] = read({"layers": [layer]}).layers
    assert (found.name, found.type, found.shape, found.parameters, found.activation, found.details) == (
        *("–", "", "", 0, "", ""),
    )


def test_edges_of_layers_that_are_none_are_not_drawn():
    assert read({"layers": [*LAYERS, "third"], "edges": [[0, 1]]}).edges is None
