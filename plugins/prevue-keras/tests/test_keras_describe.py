"""Descriptions of models."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from prevue_keras.describe import describe_model


def described(model):
    """Return a description as it is after its journey, its layers by name."""
    description = json.loads(json.dumps(describe_model(model)))
    return description, {layer["name"]: layer for layer in description["layers"]}


class Block(layers.Layer):
    """A layer with layers in it."""

    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(4)

    def call(self, inputs):
        return self.hidden(inputs)


class Network(keras.Model):
    """A subclassed model with a layer, a composed layer and a model in it."""

    def __init__(self):
        super().__init__()
        self.block = Block()
        self.head = keras.Sequential([layers.Dense(3), layers.BatchNormalization()])

    def call(self, inputs):
        return self.head(self.block(inputs))


def nested():
    inputs = keras.Input((8, 6))
    inner = keras.Sequential([layers.Dense(4), layers.Dense(4, name="mine")])
    outputs = layers.Dense(2)(Block()(inner(inputs)))
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("make", [nested, Network])
def test_the_same_code_gives_the_same_description(make):
    first, _ = described(make())
    layers.Dense(1)  # uses up a name
    assert described(make())[0] == first


def test_a_model_inside_is_listed_by_its_layers():
    _, by_name = described(nested())
    assert list(by_name) == ["input_layer", "sequential/dense", "sequential/mine", "block", "dense_1"]
    assert by_name["sequential/mine"] == {
        "name": "sequential/mine",
        "type": "Dense",
        "output_shape": [None, 8, 4],
        "parameters": 20,
        "trainable_parameters": 20,
    }


def test_names_that_were_given_stay():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(2, name="dense1"), layers.Dense(2, name="head_7")], name="net"
    )
    description, by_name = described(model)
    assert (description["name"], list(by_name)) == ("net", ["dense1", "head_7"])


@pytest.mark.parametrize("name", ["p_re_lu", "conv2d_transpose", "block"])
def test_names_are_made_as_keras_makes_them(name):
    kinds = {"p_re_lu": layers.PReLU, "conv2d_transpose": lambda: layers.Conv2DTranspose(1, 1), "block": Block}
    for _ in range(2):
        assert list(described(keras.Sequential([kinds[name](), kinds[name]()]))[1]) == [name, f"{name}_1"]


def test_shared_weights_count_once():
    shared, inputs = layers.Dense(6), keras.Input((6,))
    model = keras.Model(inputs, keras.Sequential([shared, layers.Dense(1)])(shared(inputs)))
    description, _ = described(model)
    assert sum(layer["parameters"] for layer in description["layers"]) == 2 * 42 + 7
    assert description["parameters"] == model.count_params() == 42 + 7


def test_frozen_layers_are_not_trainable():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])
    model.layers[0].trainable = False
    description, by_name = described(model)
    assert [layer["trainable_parameters"] for layer in by_name.values()] == [0, 8, 10]
    assert (description["parameters"], description["trainable_parameters"]) == (28 + 16 + 10, 18)


def test_a_model_that_is_not_built_has_no_shapes_yet():
    description, by_name = described(Network())
    assert list(by_name) == ["block", "sequential/dense_1", "sequential/batch_normalization"]
    assert {layer["output_shape"] for layer in by_name.values()} == {None}
    assert description["parameters"] == 0


def test_the_size_of_a_batch_does_not_matter():
    descriptions = []
    for batch in (5, 7):
        model = Network()
        model(np.zeros((batch, 6)))
        descriptions.append(described(model)[0])
    assert descriptions[0] == descriptions[1]
    assert descriptions[0]["layers"][1]["output_shape"] == [None, 3]
    assert descriptions[0]["parameters"] == model.count_params()


def test_a_layer_that_cannot_tell_its_shape_has_none():
    class Shy(Block):
        def build(self, input_shape):
            self.hidden.build(input_shape)

        def compute_output_shape(self, input_shape):
            raise RuntimeError("not before lunch")

    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.shy = Shy()

        def call(self, inputs):
            return self.shy(inputs)

    model = Network()
    model(np.zeros((5, 6)))
    assert described(model)[1]["shy"] == {
        "name": "shy",
        "type": "Shy",
        "output_shape": None,
        "parameters": 28,
        "trainable_parameters": 28,
    }


def test_of_several_outputs_the_first_counts():
    inputs = keras.Input((5, 3))
    sequence, *_ = layers.LSTM(4, return_sequences=True, return_state=True)(inputs)
    assert described(keras.Model(inputs, sequence))[1]["lstm"]["output_shape"] == [None, 5, 4]
