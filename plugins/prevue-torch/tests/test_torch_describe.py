"""Descriptions of modules."""

import json

import pytest
import torch
from torch import nn

from prevue_torch.describe import describe_model, has_all_shapes


def described(model):
    """Return a description as it is after its journey, its layers by name."""
    description = json.loads(json.dumps(describe_model(model)))
    return description, {layer["name"]: layer for layer in description["layers"]}


class Tied(nn.Module):
    """A module with one weight in two layers, and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(3))
        self.embed = nn.Embedding(10, 4)
        self.body = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.embed.weight


def test_leaf_modules_are_listed_under_their_path():
    description, by_name = described(Tied())
    assert (description["name"], description["framework"]) == ("Tied", "torch")
    assert list(by_name) == ["Tied", "embed", "body/0", "body/1", "head"]
    assert by_name["body/0"] == {
        "name": "body/0",
        "type": "Linear",
        "details": "in_features=4, out_features=4, bias=True",
        "output_shape": None,
        "parameters": 20,
        "trainable_parameters": 20,
    }


def test_shared_parameters_count_once():
    model = Tied()
    description, by_name = described(model)
    assert by_name["embed"]["parameters"] == by_name["head"]["parameters"] == 40
    assert description["parameters"] == sum(parameter.numel() for parameter in model.parameters()) == 3 + 40 + 20


def test_a_layer_in_two_places_is_listed_twice():
    shared = nn.Linear(4, 4)
    description, by_name = described(nn.Sequential(shared, nn.ReLU(), shared))
    assert list(by_name) == ["0", "1", "2"]
    assert description["parameters"] == 20


def test_frozen_parameters_are_not_trainable():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    model[0].requires_grad_(False)
    description, by_name = described(model)
    assert [layer["trainable_parameters"] for layer in by_name.values()] == [0, 8]
    assert (description["parameters"], description["trainable_parameters"]) == (28, 8)


def test_a_module_alone_is_its_own_layer():
    assert list(described(nn.Linear(4, 2))[1]) == ["Linear"]


def test_only_convolutions_have_shapes_and_those_in_part():
    class Odd(nn.Conv2d):
        def forward(self, x):
            return super().forward(x).flatten()

    model = nn.Sequential(nn.Conv1d(1, 5, 3), nn.Conv2d(1, 6, 3), nn.ConvTranspose3d(1, 7, 3), Odd(1, 8, 3), nn.ReLU())
    shapes = [layer["output_shape"] for layer in described(model)[0]["layers"]]
    assert shapes == [[None, 5, None], [None, 6, None, None], [None, 7, None, None, None], None, None]


def test_parameters_without_a_shape_are_not_counted():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.Linear(2, 2))
    assert not has_all_shapes(model)
    assert described(model)[0]["parameters"] == 6
    model[0](torch.zeros(1, 3, 5, 5))
    assert has_all_shapes(model)
    assert described(model)[0]["parameters"] == 6 + 4 * 27 + 4


def compiled(model):
    return torch.compile(model, backend="eager")


@pytest.mark.parametrize("wrap", [compiled, nn.DataParallel, lambda model: nn.DataParallel(compiled(model))])
def test_what_is_wrapped_around_a_model_is_left_out(wrap):
    assert describe_model(wrap(Tied())) == describe_model(Tied())


def test_parametrized_layers_add_up():
    description, by_name = described(nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))))
    assert sum(layer["parameters"] for layer in by_name.values()) == description["parameters"] == 2 + 2 + 8


def test_a_module_that_cannot_tell_of_itself_has_no_details():
    class Shy(nn.Module):
        def extra_repr(self):
            raise RuntimeError("not before lunch")

    assert described(nn.Sequential(Shy()))[1]["0"]["details"] == ""
