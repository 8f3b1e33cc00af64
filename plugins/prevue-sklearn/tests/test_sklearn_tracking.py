"""What `track` and `log_fit` leave in the database."""

import json

import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from prevue_core.errors import InvalidValue
from prevue_sklearn import log_fit, track
from prevue_sklearn.curves import curves

x, y = load_digits(n_class=3, return_X_y=True)
x, y = x[:200] / 16, y[:200]


def perceptron(**parameters):
    return MLPClassifier((4,), random_state=0, max_iter=10, n_iter_no_change=20, **parameters)


@pytest.fixture
def tracked(backend, request):
    """Track an estimator in a project named after the test, and return the project."""

    def track_and_finish(estimator):
        with track(estimator, project := request.node.name[-60:].replace("/", " ")):
            return project

    return track_and_finish


# track


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fitted_estimator_fills_the_tables(backend):
    model = make_pipeline(StandardScaler(), perceptron(early_stopping=True)).fit(x, y)
    with track(model, "fitted", "mine", uid="grace", config={"data": "digits"}) as run:
        run.log({"test_accuracy": model.score(x, y)})
    name, connector, architecture = backend.model("fitted")
    assert (name, connector) == ("Pipeline", "sklearn")
    assert architecture["parameters"] == 65 * 4 + 5 * 3
    [(run_name, state, config)] = backend.runs("fitted", "run_name, state, config")
    assert (run_name, state) == ("mine", "finished")
    chosen = {"data": "digits", "mlpclassifier__hidden_layer_sizes": [4], "mlpclassifier": "MLPClassifier"}
    assert chosen.items() <= json.loads(config).items()
    rows = backend.metrics("fitted", "split, step, epoch, loss_name, metric_name, metrics.model_id IS NULL")
    assert set(rows) == {
        *[row for n in range(10) for row in [("train", n, n, "loss", None, 0), ("val", n, n, None, "accuracy", 0)]],
        ("train", 9, None, None, "n_iter", 0),
        ("test", 10, None, None, "accuracy", 0),
    }


def test_the_curve_is_the_estimators(backend, tracked):
    model = GradientBoostingClassifier(n_estimators=5, subsample=0.5, max_depth=1, random_state=0).fit(x, y)
    rows = backend.metrics(tracked(model), "loss_name, loss_value, metric_name, metric_value")
    assert [row[1] for row in rows if row[0] == "loss"] == pytest.approx(model.train_score_)
    assert [row[1] for row in rows if row[0] == "oob_loss"] == pytest.approx(model.oob_scores_)
    assert [row[3] for row in rows if row[2] == "oob_improvement"] == pytest.approx(model.oob_improvement_)


def test_an_estimator_without_curves_is_a_run_too(backend, tracked):
    project = tracked(RandomForestClassifier(3).fit(x, y))
    assert backend.runs(project) == [("finished",)]
    assert backend.metrics(project, "*") == []
    assert backend.model(project)[0] == "RandomForestClassifier"


def test_other_settings_are_runs_of_one_model(backend):
    for penalty in (0.1, 10.0):
        track(Ridge(alpha=penalty).fit(x, y), "one model").finish()
    runs = backend.runs("one model", "runs.model_id, config")
    assert (len({model for model, _ in runs}), len({config for _, config in runs})) == (1, 2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_is_fitted_inside_a_run_is_logged_by_log_fit(backend):
    model = perceptron()
    with track(model, "fitted inside") as run:
        assert backend.metrics("fitted inside", "*") == []
        log_fit(run, model.fit(x, y))
    assert backend.metrics("fitted inside", "count(loss_name)") == [(10,)]
    assert backend.model("fitted inside")[2]["parameters"] == 65 * 4 + 5 * 3


def test_a_fit_that_raises_is_a_failed_run(backend):
    model = Ridge()

    def fit():
        with track(model, "failing inside") as run:
            log_fit(run, model.fit(x, y[:3]))

    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fit()
    assert backend.runs("failing inside") == [("failed",)]
    assert backend.model("failing inside")[0] == "Ridge"


def test_rows_of_a_loop_name_the_model(backend):
    model = SGDClassifier()
    with track(model, "loop") as run:
        for epoch in range(3):
            model.partial_fit(x, y, classes=range(3))
            run.log({"accuracy": model.score(x, y)}, epoch=epoch)
    assert backend.metrics("loop", "epoch, metrics.model_id IS NULL") == [(0, 0), (1, 0), (2, 0)]


@pytest.mark.parametrize("what", ["a text", Ridge, None])
def test_what_is_no_estimator_is_refused(what):
    with pytest.raises(InvalidValue, match="is not one of scikit-learn"):
        track(what, mode="disabled")


def test_a_config_that_is_no_dict_is_refused():
    with pytest.raises(InvalidValue, match=r"config \[3\] is not a dict"):
        track(Ridge(), config=[3], mode="disabled")


# log_fit


def test_log_fit_warns_of_an_estimator_that_is_not_fitted(caplog):
    class Unfitted(Ridge):
        pass

    log_fit(track(Unfitted(), mode="disabled"), Unfitted())
    assert "this Unfitted is not fitted" in caplog.text


def test_log_fit_never_raises(caplog):
    class Odd(Ridge):
        @property
        def loss_curve_(self):
            raise RuntimeError("not before lunch")

    log_fit(track(Ridge(), mode="disabled"), Odd().fit(x, y))
    assert "log_remembered failed: RuntimeError: not before lunch" in caplog.text


def test_a_search_is_logged_by_candidate(backend, tracked):
    grid = {"C": [0.01, 1.0], "class_weight": [None, "balanced"]}
    search = GridSearchCV(LogisticRegression(), grid, cv=2, return_train_score=True, scoring=["accuracy"], refit=False)
    project = tracked(search.fit(x, y))
    rows = backend.metrics(project, "step, metric_value, split, metric_name")
    mean = [row[:2] for row in rows if row[2:] == ("val", "search/mean_accuracy")]
    assert mean == list(enumerate(search.cv_results_["mean_test_accuracy"]))
    assert [row[1] for row in rows if row[3] == "search/param_C"] == [0.01, 0.01, 1.0, 1.0]
    names = {row[2:] for row in rows}
    assert {("val", "search/split1_accuracy"), ("train", "search/mean_accuracy")} < names
    assert ("train", "search/mean_fit_time") in names
    assert not any("class_weight" in name for _, name in names)


def test_the_best_candidate_of_a_search_is_told(backend, tracked):
    search = GridSearchCV(LogisticRegression(), {"C": [0.001, 1.0]}, cv=2).fit(x, y)
    rows = backend.metrics(tracked(search), "metric_name, step, metric_value")
    assert ("search/best_score", 1, search.best_score_) in rows
    assert ("n_iter", 0, float(search.best_estimator_.n_iter_[0])) in rows


def test_a_candidate_that_failed_has_nan(backend, tracked):
    search = GridSearchCV(Ridge(), {"alpha": [1.0, -1.0]}, cv=2, refit=False)
    with pytest.warns(Warning, match="fits failed|non-finite"):
        search.fit(x, y)
    rows = backend.metrics(tracked(search), "metric_name, step, metric_value")
    [second] = [value for name, step, value in rows if (name, step) == ("search/mean_score", 1)]
    assert second is None  # SQLite's NaN


# curves


@pytest.mark.parametrize(
    ("scoring", "names"),
    [("loss", ["loss", "val/loss"]), (None, ["accuracy", "val/accuracy"]), ("f1_macro", ["f1_macro", "val/f1_macro"])],
)
def test_histogram_gradient_boosting_keeps_what_it_stops_early_for(scoring, names):
    model = HistGradientBoostingClassifier(max_iter=2, early_stopping=True, scoring=scoring, max_depth=2).fit(x, y)
    found = curves(model)
    assert list(found) == names
    assert found[names[1]] == pytest.approx([abs(score) for score in model.validation_score_])


def test_histogram_gradient_boosting_that_does_not_stop_early_has_no_curve():
    assert curves(HistGradientBoostingClassifier(max_iter=2, max_depth=2).fit(x, y)) == {}


def test_the_score_of_a_regressor_is_r2():
    model = HistGradientBoostingRegressor(max_iter=2, early_stopping=True, scoring=None, max_depth=2).fit(x, y)
    assert list(curves(model)) == ["r2", "val/r2"]
