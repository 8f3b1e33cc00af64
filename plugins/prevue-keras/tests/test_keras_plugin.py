"""The hooks of the plugin."""

import subprocess
import sys

import keras

from prevue_core.manager import plugins, refuse
from prevue_keras import plugin


def test_prevue_describe_model_answers_for_a_keras_model():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="small")
    described = plugins(refuse).hook.prevue_describe_model(model=model)
    assert (described["framework"], described["name"], described["parameters"]) == ("keras", "small", 10)


def test_prevue_describe_model_leaves_other_models_to_others():
    assert plugin.prevue_describe_model({"name": "a dict"}) is None
    assert plugin.prevue_describe_model(keras.layers.Dense(2)) is None


def test_the_plugin_never_imports_keras():
    code = """import sys; from prevue_keras import plugin
assert plugin.prevue_describe_model(object()) is None and "keras" not in sys.modules"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
