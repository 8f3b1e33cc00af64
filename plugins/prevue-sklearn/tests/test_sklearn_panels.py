"""What the dashboard draws of scikit-learn's results, from payloads as a search and an estimator really log them."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import prevue
from frontend_bokeh.drawing import registered
from frontend_bokeh.panel import Text
from prevue_core.manager import plugins, refuse
from prevue_sklearn import log_search, track
from prevue_sklearn.panels import folds, importances

x, y = load_iris(return_X_y=True)


def payload_of(backend, run, name):
    with prevue.Api(backend.url) as api:
        [result] = api.results(run.run_id, name=name)
        return api.result(run.run_id, result["result_id"])["payload"]


def columns(drawing):
    return [renderer.data_source.data for renderer in drawing.renderers]


def test_the_dashboard_draws_them_with_these_panels():
    found = registered(plugins(refuse))
    assert found.of("matrix", "search/folds").owner == "prevue-sklearn"
    assert found.of("table", "coefficients").owner == "prevue-sklearn"
    assert found.of("table", "search").owner == "prevue"


def test_folds_are_dots_beside_their_mean_the_best_candidate_first(backend):
    search = GridSearchCV(LogisticRegression(max_iter=500), {"C": [1e-4, 1.0]}, cv=3).fit(x, y)
    run = prevue.init("panel folds", url=backend.url)
    log_search(run, search)
    run.finish()
    [drawing] = folds(payload_of(backend, run, "search/folds"))
    means, dots = columns(drawing)
    assert means["candidate"] == ["C=1.0", "C=0.0001"]
    assert means["mean"] == pytest.approx(sorted(search.cv_results_["mean_test_score"], reverse=True))
    assert len(dots["score"]) == 6
    assert set(dots["fold"]) == {"fold 0", "fold 1", "fold 2"}


def test_candidates_without_a_score_and_beyond_the_best_are_left_out():
    rows = [[number / 40, "NaN"] for number in range(40)]
    payload = {"values": [*rows, ["NaN", "NaN"]], "columns": ["a", "b"], "rows": [f"C={n}" for n in range(41)]}
    drawing, note = folds(payload)
    assert columns(drawing)[0]["candidate"][:2] == ["C=39", "C=38"]
    assert note == Text("the best 30 of 40 candidates")
    assert folds({**payload, "values": [["NaN", "NaN"]] * 41}) == [Text("no fold is over yet")]


def test_coefficients_are_bars_of_each_class_beside_the_feature(backend):
    model = LogisticRegression(max_iter=500).fit(x, y)
    run = track(model, "panel coefficients", url=backend.url)
    run.finish()
    drawing = importances(payload_of(backend, run, "coefficients"))
    data = columns(drawing)[0]
    assert len(data["feature"]) == 4
    assert np.array([data[f"class {n}"] for n in range(3)]).shape == (3, 4)
    assert len(drawing.renderers) == 3


def test_somebody_elses_table_of_that_name_stays_a_table():
    payload = {"columns": [{"name": "word", "values": ["a"]}], "row_count": 1}
    assert importances(payload).columns == {"word": ["a"]}


def test_trainings_never_load_bokeh_for_them():
    code = "import sys, prevue_sklearn.plugin, prevue_sklearn; assert 'bokeh' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
