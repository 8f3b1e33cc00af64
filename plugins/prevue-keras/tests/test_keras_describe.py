"""Descriptions of models."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from prevue_core.contract import MAX_LAYERS
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
        "details": "units=4",
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


# as Keras tells it


def test_a_model_is_made_again_from_its_own_json():
    inputs = keras.Input((6,))
    inner = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(4)])
    model = keras.Model(inputs, [layers.Dense(2)(inner(inputs)), layers.Dense(3)(inputs)])
    again = keras.models.model_from_json(described(model)[0]["to_json"])
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in model.weights]
    assert described(again)[0] == described(model)[0]


def test_neither_compiling_nor_the_size_of_a_batch_makes_another_model():
    model, compiled = (keras.Sequential([layers.Dense(4), layers.Dropout(0.5)]) for _ in range(2))
    model(np.zeros((5, 6)))
    compiled.compile("adam", "mse")
    compiled.fit(np.zeros((8, 6)), np.zeros((8, 4)), batch_size=4, verbose=0)
    assert described(compiled)[0] == described(model)[0]
    assert "adam" not in described(compiled)[0]["to_json"].lower()


def test_settings_that_the_table_has_no_room_for_make_another_model():
    told = [described(dense(kernel_initializer=name))[0] for name in ("zeros", "ones", "zeros")]
    assert told[0] == told[2] != told[1]


def test_a_model_that_keras_cannot_tell_has_its_layers_only():
    class Secretive(layers.Dense):
        def get_config(self):
            raise RuntimeError("not before lunch")

    description, by_name = described(keras.Sequential([keras.Input((3,)), Secretive(4)]))
    assert "to_json" not in description
    assert by_name["secretive"]["parameters"] == 16


def test_tensorflow_is_not_imported_to_describe_a_model_of_another_backend():
    code = """import sys, keras
from prevue_keras.describe import describe_model
assert "to_json" in describe_model(keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)]))
assert "tensorflow" not in sys.modules
from keras.src.utils.module_utils import tensorflow
assert tensorflow._available is None  # it is looked for where it is needed"""
    environ = {**os.environ, "KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_what_keras_tells_is_left_out_where_there_is_no_room_for_it():
    weighty = layers.Normalization(mean=[0.5] * 300_000, variance=[2.0] * 300_000)
    description, by_name = described(keras.Sequential([keras.Input((300_000,)), weighty]))
    assert "to_json" not in description
    assert list(by_name) == ["normalization"]


# settings


def dense(**settings):
    return keras.Sequential([keras.Input((6,)), layers.Dense(4, **settings)])


def test_models_of_one_shape_that_compute_differently_are_described_differently():
    settings = [{}, {"activation": "relu"}, {"activation": "tanh"}, {"kernel_constraint": None, "activation": "linear"}]
    told = [described(dense(**setting))[1]["dense"].get("activation") for setting in settings]
    assert told == [None, "relu", "tanh", None]


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (layers.Dense(4, activation="relu"), "units=4"),
        (layers.Dense(4, use_bias=False), "units=4, use_bias=False"),
        (layers.Conv2D(3, 5, padding="same"), "filters=3, kernel_size=(5, 5), padding=same"),
        (layers.Dropout(0.25, seed=3), "rate=0.25"),
        (layers.Activation("gelu"), ""),
        (layers.TimeDistributed(layers.Dense(2, activation="relu")), "layer=Dense(relu, units=2)"),
        (layers.Lambda(lambda x: x), ""),
        (layers.Discretization([0.5] * 90), ""),
    ],
)
def test_settings_are_told_where_they_are_not_the_default(layer, told):
    assert described(keras.Sequential([layer]))[0]["layers"][0].get("details", "") == told


def test_a_layer_that_cannot_tell_its_settings_has_none():
    class Shy(layers.Layer):
        def __init__(self, size):
            super().__init__()

        @property
        def size(self):
            raise RuntimeError("not before lunch")

        activation = size

    assert "details" not in described(keras.Sequential([Shy(3)]))[1]["shy"]


# connections


def connected(model):
    """Return the edges of a model, by the names of layers."""
    description, _ = described(model)
    names = [layer["name"] for layer in description["layers"]]
    return {(names[before], names[after]) for before, after in description["edges"]}


def test_layers_of_a_sequential_model_are_a_chain():
    inner = keras.Sequential([layers.Dense(4, name="b"), layers.Dense(4, name="c")], name="inner")
    model = keras.Sequential([layers.Dense(4, name="a"), inner, layers.Dense(4, name="d")])
    assert connected(model) == {("a", "inner/b"), ("inner/b", "inner/c"), ("inner/c", "d")}


def test_branches_and_shared_layers_are_connected_as_they_were_called():
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    shared = layers.Dense(4, name="shared")
    joined = layers.Concatenate(name="join")([shared(left), shared(right) + left])
    layers.Dense(1, name="elsewhere")(shared(left))  # of another model
    assert connected(keras.Model([left, right], layers.Dense(1, name="out")(joined))) == {
        *(("left", "shared"), ("right", "shared"), ("shared", "join"), ("shared", "add"), ("left", "add")),
        *(("add", "join"), ("join", "out")),
    }


def test_inputs_and_outputs_of_a_model_inside_are_connected_one_by_one():
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    outputs = [layers.Dense(1, name="of_a")(a), layers.Dense(1, name="of_b")(b)]
    inner = keras.Model([a, b], outputs, name="inner")
    x, y = keras.Input((2,), name="x"), keras.Input((3,), name="y")
    first, second = inner([x, y])
    model = keras.Model([x, y], [layers.Dense(1, name="one")(first), layers.Dense(1, name="two")(second)])
    assert connected(model) == {
        *(("x", "inner/a"), ("inner/a", "inner/of_a"), ("inner/of_a", "one")),
        *(("y", "inner/b"), ("inner/b", "inner/of_b"), ("inner/of_b", "two")),
    }


def test_connections_in_a_models_own_code_are_not_claimed():
    inputs = keras.Input((6,))
    for model in (Network(), keras.Model(inputs, Network()(inputs))):
        description, _ = described(model)
        assert "edges" not in description
        assert description["why_no_edges"] == "the code of Network calls the layers, and it is not run to find out how"


def test_of_a_model_with_very_many_layers_the_first_are_described():
    model = keras.Sequential([layers.Flatten() for _ in range(MAX_LAYERS + 3)])
    description, _ = described(model)
    assert (len(description["layers"]), description["layers_left_out"]) == (MAX_LAYERS, 3)
    assert "edges" not in description
