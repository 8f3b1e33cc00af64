"""What fits with scikit-learn's own callbacks leave in the database, and what the constructor refuses."""

import importlib
import inspect
import json
import pickle
import sys
import time

import numpy as np
import pandas
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - HalvingGridSearchCV is found by it
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import prevue
from prevue import PrevueSklearnCallback
from prevue_core.errors import InvalidValue
from prevue_sklearn import callback as callback_module
from prevue_sklearn import judging, tasks, track

x, y = load_digits(n_class=3, return_X_y=True)
x, y = x[:200] / 16, y[:200]


def fit(estimator, project, **arguments):
    return estimator.set_callbacks(PrevueSklearnCallback(project_name=project, **arguments)).fit(x, y)


def values(backend, project, name, columns="step, metric_value"):
    return [row[1:] for row in backend.metrics(project, f"metric_name, {columns}") if row[0] == name]


# fits


def test_iterations_fill_the_four_tables(backend):
    model = fit(LogisticRegression(C=0.5), "iterations", uid="karen", run_name="mine", tags=["tiny"])
    steps = model.n_iter_[0]
    columns = "step, epoch, split, loss_name, metric_name, metrics.model_id IS NULL"
    rows = backend.metrics("iterations", columns)
    assert rows == [
        *[(n, n, "train", "loss", "accuracy", 0) for n in range(steps)],
        (0, None, "train", None, "n_iter", 0),
        (0, None, "train", None, "fit_time", 0),
    ]
    [(name, state, tags, config)] = backend.runs("iterations", "run_name, state, tags, config")
    assert (name, state, tags, json.loads(config)["C"]) == ("mine", "finished", '["tiny"]', 0.5)
    assert backend.rows("SELECT username FROM users WHERE username = 'karen'") == [("karen",)]


def test_the_last_iteration_is_judged_as_the_fitted_estimator(backend):
    model = fit(LogisticRegression(), "judged")
    *_, (loss, accuracy) = backend.metrics("judged", "loss_value, metric_value")[:-2]
    assert loss == pytest.approx(log_loss(y, model.predict_proba(x)))
    assert accuracy == model.score(x, y)


def test_weights_of_samples_count(backend):
    weights = np.where(y == 0, 1.0, 0.0) + 0.01
    model = LogisticRegression().set_callbacks(PrevueSklearnCallback(project_name="weights"))
    model.fit(x, y, sample_weight=weights)
    *_, (loss,) = backend.metrics("weights", "loss_value")[:-2]
    assert loss == pytest.approx(log_loss(y, model.predict_proba(x), sample_weight=weights))


def test_the_model_is_described_as_track_describes_it(backend):
    model = fit(make_pipeline(StandardScaler(), LogisticRegression()), "described")
    track(clone(model).set_callbacks().fit(x, y), "described too").finish()
    assert backend.model("described") == backend.model("described too")
    assert backend.metrics("described", "count(DISTINCT metrics.model_id)") == [(1,)]


def test_names_of_columns_cause_no_warning(backend):
    frame = pandas.DataFrame(x, columns=[f"pixel {n}" for n in range(64)])
    LogisticRegression().set_callbacks(PrevueSklearnCallback(project_name="named")).fit(frame, y)
    assert values(backend, "named", "accuracy") != []


def test_what_scikit_learn_does_not_tell_is_logged_after_the_fit(backend):
    with pytest.warns(UserWarning, match="does not support callbacks|converge"):
        fit(make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=10)), "after the fit")
    assert backend.metrics("after the fit", "count(loss_name)") == [(10,)]


@pytest.mark.filterwarnings("ignore:Callbacks are only supported in LogisticRegression for solver='lbfgs'")
def test_a_solver_that_tells_of_nothing_is_logged_after_the_fit(backend):
    model = LogisticRegression(solver="liblinear").set_callbacks(PrevueSklearnCallback(project_name="untold"))
    model.fit(x, y == 0)
    assert backend.runs("untold") == [("finished",)]
    assert values(backend, "untold", "n_iter") == [(0, float(model.n_iter_[0]))]


def test_each_fit_is_a_run(backend):
    model = LogisticRegression(max_iter=50).set_callbacks(PrevueSklearnCallback(project_name="each fit", group="cv"))
    cross_val_score(model, x, y, cv=3)
    model.fit(x, y)
    assert backend.runs("each fit", "state, run_group") == [("finished", "cv")] * 4


def test_a_fit_that_raises_is_a_failed_run(backend):
    with pytest.raises(ValueError, match="at least 2 classes"):
        LogisticRegression().set_callbacks(PrevueSklearnCallback(project_name="failing")).fit(x, y * 0)
    assert backend.runs("failing") == [("failed",)]
    [text] = [text for (text,) in backend.rows("SELECT text FROM events") if "2 classes" in text]
    assert text.startswith("ValueError: ")


def test_a_fit_while_an_exception_is_handled_is_no_failure(backend):
    try:
        raise KeyError("earlier")
    except KeyError:
        fit(LogisticRegression(), "handled")
    assert backend.runs("handled") == [("finished",)]


def test_a_given_run_stays_open(backend):
    with prevue.init("given run", connector_name="sklearn") as run:
        LogisticRegression().set_callbacks(PrevueSklearnCallback(run=run)).fit(x, y)
        run.log({"after": 1.0})
    assert values(backend, "given run", "after", "metric_value") == [(1.0,)]
    assert backend.model("given run")[0] == "LogisticRegression"


def test_iterations_beyond_what_judging_may_cost_are_left_out(backend, monkeypatch):
    monkeypatch.setattr(judging, "FREE_S", 0.0)
    monkeypatch.setattr(judging, "SHARE", 0.0)
    last = fit(LogisticRegression(), "costly").n_iter_[0] - 1
    assert sorted(step for step, _ in values(backend, "costly", "accuracy")) == [0, last]
    fit(LogisticRegression(), "asked for", scoring="accuracy")
    assert len(values(backend, "asked for", "accuracy")) == last + 1


# searches


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_logs_folds_candidates_and_its_refit(backend, n_jobs):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.01, 1.0]}, cv=2, n_jobs=n_jobs)
    fit(search, f"search {n_jobs}")
    project = f"search {n_jobs}"
    wait_until(lambda: len(values(backend, project, "fold/fit_time")) == 4)
    assert sorted(step for step, _ in values(backend, project, "fold/fit_time")) == [0, 1, 2, 3]
    mean = values(backend, project, "search/mean_score")
    assert mean == list(enumerate(search.cv_results_["mean_test_score"]))
    refit = [step for step, _ in values(backend, project, "accuracy")]
    assert refit == list(range(search.best_estimator_[-1].n_iter_[0]))
    assert backend.runs(project) == [("finished",)]
    layers = backend.model(project)[2]["layers"]
    assert [layer["name"] for layer in layers] == ["estimator/standardscaler", "estimator/logisticregression"]
    [(processes,)] = backend.runs(project, "(SELECT count(DISTINCT pid) FROM writers WHERE run_id = runs.run_id)")
    assert (processes > 1) == (n_jobs > 1)


def wait_until(is_true, timeout_s=10):
    """Wait for what other processes send: nobody here knows when they have."""
    ends = time.monotonic() + timeout_s
    while not is_true() and time.monotonic() < ends:
        time.sleep(0.05)


@pytest.mark.filterwarnings("ignore:The estimator SVC does not support callbacks")
def test_estimators_without_callbacks_can_be_searched(backend):
    fit(GridSearchCV(SVC(), {"C": [1, 2]}, cv=2), "search of others")
    assert [step for step, _ in values(backend, "search of others", "fold/fit_time")] == [0, 1, 2, 3]


def test_a_search_that_scikit_learn_refuses_is_a_failed_run_and_no_failure_of_ours(backend, caplog):
    inside = LogisticRegression().set_callbacks(PrevueSklearnCallback(mode="disabled"))  # belongs to the search
    search = GridSearchCV(inside, {"C": [1.0]}).set_callbacks(PrevueSklearnCallback(project_name="refused search"))
    with pytest.raises(ValueError, match="auto-propagated"):
        search.fit(x, y)
    assert backend.runs("refused search") == [("failed",)]
    assert "on_fit_task" not in caplog.text


def test_folds_of_a_halving_search_are_counted_on(backend):
    search = HalvingGridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=2, min_resources=60, factor=3)
    fit(search, "halving")
    assert [step for step, _ in values(backend, "halving", "fold/fit_time")] == list(range(2 * 3 + 2 * 1))


# copies


def test_a_saved_estimator_has_the_configuration_without_the_token(backend):
    model = fit(LogisticRegression(), "alice/digits", token="very-secret", mode="offline", config={"data": "digits"})
    saved = pickle.dumps(model)
    assert b"very-secret" not in saved
    [loaded], [callback] = pickle.loads(saved)._skl_callbacks, model._skl_callbacks
    assert loaded.__getstate__() == callback.__getstate__()
    assert loaded.fits == {}


class Copier:
    """Copies the estimator whose fit it is told of, as scikit-learn does for workers."""

    def setup(self, estimator, context):
        self.copy = pickle.dumps(estimator)

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context): ...


def test_a_copy_for_a_worker_knows_the_run_but_not_the_token(backend):
    callback, copier = PrevueSklearnCallback(token="very-secret", mode="offline"), Copier()
    LogisticRegression().set_callbacks(callback, copier).fit(x, y)
    assert b"very-secret" not in copier.copy
    [copy, _] = pickle.loads(copier.copy)._skl_callbacks
    [fit] = copy.fits.values()
    assert (fit.estimator, fit.run.logged) == (None, 0)
    # scikit-learn would rebuild it in each iteration, and nothing of a fold's is judged.
    assert "fitted_estimator" in inspect.signature(callback.on_fit_task_end).parameters
    assert "fitted_estimator" not in inspect.signature(copy.on_fit_task_end).parameters


def test_a_copy_begins_runs_of_its_own(backend):
    model = fit(LogisticRegression(), "copies")
    pickle.loads(pickle.dumps(model)).fit(x, y)
    assert backend.runs("copies") == [("finished",), ("finished",)]


# hooks


def test_without_a_server_the_fit_goes_on(nowhere, caplog):
    assert fit(LogisticRegression(), "alone").n_iter_ > 0
    told = [record for record in caplog.records if f"cannot reach {nowhere}" in record.getMessage()]
    assert {record.levelname for record in told} == {"WARNING"}  # at the end and, if that takes 5 s, on the way


@pytest.mark.parametrize("hook", ["setup", "on_fit_task_begin", "on_fit_task_end", "teardown"])
def test_a_hook_that_fails_costs_a_warning(monkeypatch, caplog, hook):
    def fail(*_):
        raise RuntimeError("not before lunch")

    inside = {
        "setup": (callback_module, "parameters"),
        "on_fit_task_begin": (tasks, "place"),
        "on_fit_task_end": (tasks, "path_to_iteration"),
        "teardown": (callback_module, "end_run"),
    }
    monkeypatch.setattr(*inside[hook], fail)
    assert fit(LogisticRegression(), "failing hooks", mode="disabled").n_iter_ > 0
    assert f"{hook} failed: RuntimeError: not before lunch" in caplog.text


# arguments


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        ({"connector_name": ""}, "''"),
        ({"project_name": "a/b/c"}, "'a/b/c'"),
        ({"uid": 7}, "7"),
        ({"url": "ftp://there"}, "'ftp://there'"),
        ({"run_name": "a\nb"}, "'a\\nb'"),
        ({"group": ""}, "''"),
        ({"mode": "on"}, "'on'"),
        ({"tags": "fast"}, "'fast'"),
        ({"tags": [3]}, "3"),
        ({"config": [3]}, "[3]"),
        ({"run": "mine"}, "'mine'"),
        ({"max_propagation_depth": -1}, "-1"),
    ],
)
def test_a_bad_argument_is_refused_with_its_value(arguments, quoted):
    with pytest.raises(InvalidValue) as refused:
        PrevueSklearnCallback(**arguments)
    assert quoted in str(refused.value)


def test_a_given_run_and_what_would_open_another_are_refused():
    run = prevue.init(mode="disabled")
    with pytest.raises(InvalidValue, match=r"^token, tags cannot be given with run"):
        PrevueSklearnCallback(run=run, tags=["fast"], token="very-secret")


def test_a_version_without_callbacks_is_told_what_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    monkeypatch.delattr(sklearn, "callback")
    monkeypatch.delitem(sys.modules, "prevue_sklearn.callback")
    with pytest.raises(ImportError, match=r"needs scikit-learn 1\.9 or newer.* use prevue_sklearn\.track"):
        importlib.import_module("prevue_sklearn.callback")
