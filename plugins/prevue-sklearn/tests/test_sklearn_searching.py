"""Searches while they go on, in this process and in workers, watched by scikit-learn's own callbacks."""

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn_results import results, values

import prevue
from prevue import PrevueSklearnCallback
from prevue_sklearn import fold_matrix, workers

x, y = load_iris(return_X_y=True)
GRID = {"logisticregression__C": [0.01, 1.0, 10.0]}


def search(**arguments):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    return GridSearchCV(pipeline, GRID, **{"cv": 2, **arguments})


def wait_until(is_true, timeout_s=60):
    """Wait for what other processes do: nobody here knows when they have."""
    ends = time.monotonic() + timeout_s
    while not is_true() and time.monotonic() < ends:
        time.sleep(0.05)
    assert is_true()


@pytest.fixture
def project(backend, request):
    return request.node.name[-60:].replace("/", " ")


def watched(estimator, project, **arguments):
    return estimator.set_callbacks(PrevueSklearnCallback(project_name=project, **arguments)).fit(x, y)


# what folds tell


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scores_of_folds_are_those_of_the_results_from_whatever_process(backend, project, n_jobs):
    fitted = watched(search(n_jobs=n_jobs, return_train_score=True), project)
    wait_until(lambda: len(values(backend, project, "fold/fit_time")) == 6)
    for fold in range(2):
        for split, data in (("val", "test"), ("train", "train")):
            expected = list(enumerate(fitted.cv_results_[f"split{fold}_{data}_score"]))
            assert values(backend, project, f"search/split{fold}_score", split) == expected
    tried = list(enumerate(GRID["logisticregression__C"]))
    assert values(backend, project, "search/param_logisticregression__C") == tried
    assert len(values(backend, project, "fold/standardscaler/fit_time")) == 6


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_matrix_of_candidates_by_folds_grows_fold_by_fold(backend, project, n_jobs):
    fitted = watched(search(n_jobs=n_jobs), project)
    sql = "SELECT step, payload FROM results JOIN runs USING (run_id) JOIN projects USING (project_id)"
    rows = backend.rows(f"{sql} WHERE project_name = ? AND kind = 'matrix' ORDER BY result_id", project)
    assert [step for step, _ in rows] == [1, 2, 3, 4, 5, 6, 6]  # the last when the search was over
    matrix, split = results(backend, project)["search/folds"]
    expected = np.stack([fitted.cv_results_[f"split{fold}_test_score"] for fold in range(2)], axis=1)
    assert np.array(matrix["values"]) == pytest.approx(expected)
    assert np.array(json.loads(rows[5][1])["values"]) == pytest.approx(expected)
    assert (matrix["rows"][0], split) == ("logisticregression__C=0.01", "val")


def test_the_matrix_of_a_long_search_is_logged_less_often(backend, project):
    grid = {"C": np.linspace(0.1, 10, 60).tolist()}
    with pytest.warns(UserWarning, match="does not support callbacks"):
        watched(GridSearchCV(SVC(), grid, cv=2), project)
    [(count,)] = backend.rows(
        "SELECT count(*) FROM results JOIN runs USING (run_id) JOIN projects USING (project_id) "
        "WHERE project_name = ? AND kind = 'matrix'",
        project,
    )
    assert 20 < count < 70


def test_what_is_live_is_not_told_again_at_the_end(backend, project):
    watched(search(), project)
    rows = backend.metrics(project, "metric_name, step")
    assert len(rows) == len(set(rows))


def test_times_of_a_pipelines_steps_are_told(backend, project):
    watched(search(), project)
    for name in ("search", "refit", "refit/standardscaler", "refit/final_estimator"):
        [(step, took)] = values(backend, project, f"{name}/fit_time")
        assert (step, took < 60) == (0, True)
    parts = [values(backend, project, f"{name}/fit_time")[0][1] for name in ("search", "refit")]
    assert sum(parts) < values(backend, project, "fit_time")[0][1]


def test_a_fold_that_fails_has_the_score_that_failures_have(backend, project):
    class Failing(LogisticRegression):
        def fit(self, x, y):
            if self.C == 1.0:
                raise RuntimeError("not before lunch")
            return super().fit(x, y)

    with pytest.warns(FitFailedWarning):
        watched(GridSearchCV(Failing(max_iter=300), {"C": [0.1, 1.0]}, cv=2, error_score=-1.0), project)
    assert values(backend, project, "search/split1_score", "val")[1] == (1, -1.0)
    assert len(values(backend, project, "fold/fit_time")) == 4


def test_a_search_that_ends_by_an_exception_is_a_failed_run_and_is_left_alone(backend, project):
    estimator = search(error_score="raise", scoring="no such")
    callback = PrevueSklearnCallback(project_name=project)
    estimator.set_callbacks(callback)
    estimator.set_params(scoring=lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        estimator.fit(x, y)
    assert backend.runs(project) == [("failed",)]
    assert (estimator._skl_callbacks, callback.fits) == ([callback], {})


def test_several_scores_are_all_told_and_the_deciding_one_is_the_matrix(backend, project):
    fitted = watched(search(scoring=["accuracy", "f1_macro"], refit="f1_macro"), project)
    expected = list(enumerate(fitted.cv_results_["split0_test_accuracy"]))
    assert values(backend, project, "search/split0_accuracy", "val") == expected
    assert results(backend, project)["search/folds"][0]["x_name"] in ("accuracy", "f1_macro")


def test_a_search_inside_a_pipeline_is_watched(backend, project):
    pipeline = make_pipeline(StandardScaler(), GridSearchCV(LogisticRegression(max_iter=200), {"C": [0.1, 1.0]}, cv=2))
    callback = PrevueSklearnCallback(project_name=project)
    pipeline.set_callbacks(callback).fit(x, y)
    assert len(values(backend, project, "search/split0_score", "val")) == 2
    assert len(values(backend, project, "search/mean_score", "val")) == 2
    assert not getattr(pipeline[-1], "_skl_callbacks", [])


def test_without_its_private_parts_scikit_learn_tells_less_and_nothing_fails(backend, project, monkeypatch):
    monkeypatch.setattr(fold_matrix, "open_listener", None)
    monkeypatch.setattr("prevue_sklearn.tasks.calling", lambda function: {})
    fitted = watched(search(), project)
    assert len(values(backend, project, "fold/fit_time")) == 6
    matrix, _ = results(backend, project)["search/folds"]
    assert matrix["values"][0][0] == fitted.cv_results_["split0_test_score"][0]


@pytest.mark.parametrize(("depth", "iterations"), [(0, 0), (1, 0), (2, 1)])
def test_depth_bounds_what_is_followed(backend, project, depth, iterations):
    watched(search(), project, max_propagation_depth=depth)
    assert len(values(backend, project, "search/split0_score", "val")) == 3
    assert min(len(values(backend, project, "loss")), 1) == iterations
    assert len(values(backend, project, "fold/standardscaler/fit_time")) == (6 if depth else 0)


def test_threads_are_watched(backend, project):
    with joblib.parallel_config("threading", n_jobs=2):
        watched(search(), project)
    assert len(values(backend, project, "search/split1_score", "val")) == 3


# workers


def test_workers_end_their_writers_soon_after(backend, project, monkeypatch):
    watched(search(n_jobs=2), project)
    spool = Path(os.environ["PREVUE_SPOOL_DIR"])
    wait_until(lambda: {path.parent.name for path in spool.rglob("*.ndjson")} == {"delivered"})
    writers = backend.rows(
        "SELECT pid FROM writers JOIN runs USING (run_id) JOIN projects USING (project_id) WHERE project_name = ?",
        project,
    )
    assert len(list(spool.rglob("*.ndjson"))) == len(writers) > 1


def test_a_fold_that_comes_after_a_writer_ended_opens_another(backend, project, monkeypatch):
    monkeypatch.setattr(workers, "IDLE_S", 0.0)
    ended = threading.Event()
    monkeypatch.setattr(workers, "_end", lambda visit, end=workers._end: (end(visit), ended.set()))
    with prevue.init(project) as run:
        for step in range(2):
            copy = pickle.loads(pickle.dumps(run))
            workers.begin_fold(copy)
            workers.run_here(copy).log({"here": 1.0}, step=step)
            workers.end_fold(copy)
            assert ended.wait(20)
            ended.clear()
    assert values(backend, project, "here") == [(0, 1.0), (1, 1.0)]
    assert workers._visits == {}


def test_a_program_that_ends_with_its_search_loses_nothing_even_where_warnings_raise(backend, project):
    code = f"""
import warnings
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
import prevue.transport
warnings.simplefilter("error")  # which workers are given, too
search = GridSearchCV(LogisticRegression(max_iter=300), {{"C": [0.1, 1.0]}}, cv=2, n_jobs=2)
search.set_callbacks(prevue.PrevueSklearnCallback(project_name={project!r})).fit(*load_iris(return_X_y=True))
"""
    done = subprocess.run([sys.executable, "-c", code], timeout=120, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: len(values(backend, project, "fold/fit_time")) == 4)
    assert backend.runs(project) == [("finished",)]


# several fits


def test_folds_of_a_cross_validation_are_a_group(backend, project):
    model = LogisticRegression(max_iter=200).set_callbacks(PrevueSklearnCallback(project_name=project))
    cross_val_score(model, x, y, cv=2)
    cross_val_score(model, x, y, cv=2, n_jobs=2)
    model.fit(x, y)
    wait_until(lambda: [state for (state,) in backend.runs(project)] == ["finished"] * 5)
    groups = [group for (group,) in backend.runs(project, "run_group")]
    assert groups[0].startswith("cross-validation ")
    assert groups == [groups[0]] * 4 + [None]


# copies


def test_a_search_that_is_saved_has_no_token_and_no_data(backend, project):
    held = (np.full((3, 4), 0.123456789), np.arange(3))
    fitted = watched(search(), project, token="very-secret", mode="offline", eval_set=held)
    saved = pickle.dumps(fitted)
    assert b"very-secret" not in saved
    assert held[0].tobytes()[:16] not in saved
    [callback] = pickle.loads(saved)._skl_callbacks
    assert callback._eval_set is None
