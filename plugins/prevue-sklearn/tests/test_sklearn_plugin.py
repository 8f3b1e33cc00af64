"""The hooks of the plugin, its names and its demo."""

import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import sklearn
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import prevue
import prevue_sklearn
from prevue_core.manager import plugins, refuse
from prevue_sklearn import plugin, tracking

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
README = (Path(__file__).parents[1] / "README.md").read_text()


def test_prevue_describe_model_answers_for_an_estimator():
    described = plugins(refuse).hook.prevue_describe_model(model=LogisticRegression())
    assert (described["framework"], described["name"]) == ("sklearn", "LogisticRegression")


def test_prevue_describe_model_leaves_other_models_to_others():
    assert plugin.prevue_describe_model({"name": "a dict"}) is None
    assert plugin.prevue_describe_model(LogisticRegression) is None


def test_the_plugin_never_imports_scikit_learn():
    code = """import sys; from prevue_sklearn import plugin
assert plugin.prevue_describe_model(object()) is None and "sklearn" not in sys.modules"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_names_are_found_where_they_are_looked_for():
    assert prevue_sklearn.track is tracking.track
    others = set(prevue_sklearn.__all__) - {"PrevueSklearnCallback"}
    assert all(callable(getattr(prevue_sklearn, name)) for name in others)
    if VERSION < (1, 9):
        with pytest.raises(ImportError, match=rf"needs scikit-learn 1\.9 or newer, this is {sklearn.__version__}"):
            prevue.PrevueSklearnCallback  # noqa: B018
    else:
        assert prevue.PrevueSklearnCallback is prevue_sklearn.PrevueSklearnCallback
    with pytest.raises(AttributeError, match="log_all"):
        prevue_sklearn.log_all  # noqa: B018


def test_the_demo_trains_runs_of_several_settings(backend, capsys):
    [demo] = entry_points(group="prevue.demos", name="sklearn")
    demo.load()(backend.url, uid="guide", once=True)
    runs = backend.rows("SELECT run_id, state FROM runs JOIN users USING (user_id) WHERE username = 'guide'")
    assert len(runs) == len(capsys.readouterr().out.splitlines()) >= 3
    assert {state for _, state in runs} == {"finished"}
    sql = "SELECT split, name FROM series WHERE run_id = ?"
    shown = {(split, name) for split in ("train", "val") for name in ("loss", "accuracy")}
    assert all(set(backend.rows(sql, run_id)) == shown for run_id, _ in runs)
    described = "SELECT architecture FROM models JOIN runs USING (model_id) WHERE run_id = ?"
    assert all(json.loads(text)["parameters"] > 0 for run_id, _ in runs for (text,) in backend.rows(described, run_id))


BLOCKS = [
    text
    for text in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    if "Callback" not in text or VERSION >= (1, 9)
]


@pytest.mark.parametrize("text", BLOCKS)
def test_what_the_readme_shows_works(backend, text):
    before = len(backend.runs("test"))
    x, y = load_digits(n_class=3, return_X_y=True)
    names = {"model": LogisticRegression(), "prevue_sklearn": prevue_sklearn}
    names |= {"x_train": x[:200], "y_train": y[:200], "x_test": x[200:], "y_test": y[200:]}
    try:
        exec(text.replace("http://localhost:8080", backend.url), names)
    finally:
        prevue_sklearn.autolog(disable=True)
    assert backend.runs("test")[before:] == [("finished",)]
    assert backend.rows("SELECT count(*) FROM metrics WHERE run_id = (SELECT max(run_id) FROM runs)")[0][0] > 0
