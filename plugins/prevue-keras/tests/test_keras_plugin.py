"""The hooks of the plugin, and its demo."""

import os
import subprocess
import sys

import keras
import pytest

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


def test_the_demo_trains_runs_of_several_settings(backend):
    code = """from importlib.metadata import entry_points
[demo] = entry_points(group="prevue.demos", name="keras")
demo.load()(__import__("os").environ["PREVUE_URL"], uid="guide", once=True)"""
    with backend.listening():
        ended = backend.train(code)
    assert ended.returncode == 0, ended.stderr
    runs = backend.runs("demo", "run_id, state, runs.model_id")
    assert len(runs) == len(ended.stdout.splitlines()) >= 3
    assert {state for _, state, _ in runs} == {"finished"}
    sql = "SELECT split, name FROM series WHERE run_id = ?"
    shown = {(split, name) for split in ("train", "val") for name in ("loss", "accuracy")} | {
        ("train", "learning_rate")
    }
    assert all(set(backend.rows(sql, run_id)) == shown for run_id, _, _ in runs)
    assert len({model for _, _, model in runs}) == 3  # a dense one with relu, one with tanh, a residual one
    assert len(backend.model("demo")[2]["edges"]) == 6


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("sklearn", "the demo needs sklearn: pip install 'prevue-keras[demo]'"),
        (
            "torch",
            "the demo needs torch: pip install torch, or say in KERAS_BACKEND what else Keras shall compute with",
        ),
    ],
)
def test_the_demo_names_what_to_install(missing, told):
    code = f"import sys; sys.modules['{missing}'] = None; import prevue_keras.demo"
    environ = {**os.environ, "KERAS_BACKEND": "torch"}
    ended = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert f"ImportError: {told}" in ended.stderr
