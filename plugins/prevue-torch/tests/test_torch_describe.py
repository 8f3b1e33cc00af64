"""Descriptions of modules."""

import json

import pytest
import torch
from torch import nn

from prevue_torch.describe import describe_model, has_all_shapes


def described(model, batch=None):
    """Return a description as it is after its journey, its layers by name."""
    description = json.loads(json.dumps(describe_model(model, batch)))
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


# shapes, of a batch that was given


class Branches(nn.Module):
    """Layers in different shapes, one of them used twice, one never, and one with a state."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
        self.act = nn.ReLU()
        self.memory = nn.LSTM(4 * 36, 5, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(5, 2)
        self.unused = nn.Linear(1, 1)

    def forward(self, images, scale=1.0):
        x = self.act(self.features(images * scale))
        x, _ = self.memory(x[:, None])
        return self.head(self.drop(self.act(x[:, -1])))


def test_a_batch_shows_the_shapes_of_all_layers():
    _, by_name = described(Branches(), torch.zeros(7, 1, 8, 8))
    shapes = {name: layer["output_shape"] for name, layer in by_name.items() if layer["type"] != "select"}
    assert shapes["features/0"] == shapes["features/1"] == [None, 4, 6, 6]
    assert (shapes["features/2"], shapes["memory"], shapes["head"]) == ([None, 144], [None, 1, 5], [None, 2])
    assert shapes["act"] is None  # used in two shapes
    assert shapes["unused"] is None


def test_a_batch_leaves_the_model_as_it_was():
    model = Branches()
    model.drop.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    chance = torch.get_rng_state()
    described(model, {"images": torch.ones(7, 1, 8, 8), "scale": 2.0})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), chance)
    assert (model.training, model.drop.training, model.head.training) == (True, False, True)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_batch_that_does_not_fit_costs_the_shapes_only():
    model = Branches()
    description, by_name = described(model, torch.zeros(7, 3))
    assert "RuntimeError" in description["why_no_shapes"]
    assert by_name["features/0"]["output_shape"] == [None, 4, None, None]
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
