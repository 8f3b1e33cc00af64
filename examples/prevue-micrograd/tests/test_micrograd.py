"""The plugin, installed: its class, its hooks, its command and its demo."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from micrograd.nn import MLP

from prevue import PrevueMicrogradCallback
from prevue_micrograd.demo import moons, train


def prevue_command(*arguments: str) -> str:
    command = [sys.executable, "-m", "prevue", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_a_training_is_logged(backend):
    model, points = MLP(2, [4, 1]), moons(20)
    with PrevueMicrogradCallback("moons", model=model) as callback:
        for epoch in range(3):
            callback.on_epoch_end(epoch, train(model, points))
    assert backend.runs("moons") == [("finished",)]
    rows = backend.metrics("moons", "epoch, split, loss_name, metric_name")
    assert rows == [(epoch, "train", "loss", "accuracy") for epoch in range(3)]
    assert all(0 < loss < 10 for (loss,) in backend.metrics("moons", "loss_value"))


def test_the_model_is_described(backend):
    with PrevueMicrogradCallback("described", model=MLP(2, [4, 1])):
        pass
    name, connector, architecture = backend.model("described")
    assert (name, connector, architecture["parameters"]) == ("MLP", "micrograd", 17)
    shown = [(layer["type"], layer["output_shape"], layer["parameters"]) for layer in architecture["layers"]]
    assert shown == [("ReLU", [4], 12), ("Linear", [1], 5)]
    assert architecture["edges"] == [[0, 1]]


def test_an_exception_makes_the_run_a_failed_one(backend):
    with pytest.raises(KeyError), PrevueMicrogradCallback("broken", model=MLP(2, [4, 1])):
        raise KeyError
    assert backend.runs("broken") == [("failed",)]


def test_a_wrong_argument_is_told_where_it_is_given():
    with pytest.raises(ValueError, match="no address"):
        PrevueMicrogradCallback(url="ftp://no address")


def test_the_plugin_never_imports_micrograd():
    code = """import sys; from prevue_micrograd import plugin
assert plugin.prevue_describe_model(object()) is None and "micrograd" not in sys.modules"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_demo_trains_and_the_command_prints_its_best_run_first(backend):
    [demo] = entry_points(group="prevue.demos", name="micrograd")
    demo.load()(backend.url, once=True)
    lines = prevue_command("best", "demo").splitlines()
    assert len(lines) == 3
    values = [float(line.split()[0]) for line in lines]
    assert values == sorted(values)
    assert "best " in prevue_command("--help")
