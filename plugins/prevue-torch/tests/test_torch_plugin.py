"""The hooks of the plugin, its names and its demo."""

import subprocess
import sys
import types
from importlib.metadata import entry_points

from torch import nn

from prevue_core.manager import plugins, refuse
from prevue_torch import plugin


def test_prevue_describe_model_answers_for_a_module():
    described = plugins(refuse).hook.prevue_describe_model(model=nn.Linear(4, 2))
    assert (described["framework"], described["name"], described["parameters"]) == ("torch", "Linear", 10)


def test_prevue_describe_model_leaves_other_models_to_others(monkeypatch):
    assert plugin.prevue_describe_model({"name": "a dict"}) is None
    # Keras's layers are modules where it computes with PyTorch.
    layers = types.SimpleNamespace(Layer=nn.Linear)
    monkeypatch.setitem(sys.modules, "keras", types.SimpleNamespace(layers=layers))
    assert plugin.prevue_describe_model(nn.Linear(4, 2)) is None
    assert plugin.prevue_describe_model(nn.Sequential(nn.Linear(4, 2))) is not None


def test_the_plugin_never_imports_torch():
    code = """import sys; from prevue_torch import plugin
assert plugin.prevue_describe_model(object()) is None and "torch" not in sys.modules"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_demo_trains_runs_of_several_settings(backend, capsys):
    [demo] = entry_points(group="prevue.demos", name="torch")
    demo.load()(backend.url, uid="guide", once=True)
    runs = backend.runs("demo", "run_id, state")
    assert len(runs) == len(capsys.readouterr().out.splitlines()) >= 3
    assert {state for _, state in runs} == {"finished"}
    sql = "SELECT DISTINCT split, name FROM series WHERE run_id = ?"
    shown = {(split, name) for split in ("train", "val") for name in ("loss", "accuracy")}
    assert all(set(backend.rows(sql, run_id)) == {*shown, ("train", "batch/loss")} for run_id, _ in runs)
