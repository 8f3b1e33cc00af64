"""What `autolog` makes of ordinary programs."""

import inspect
import json
import pickle

import joblib
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_results import results, values

from prevue_core.errors import InvalidValue
from prevue_sklearn import autolog

x, y = load_iris(return_X_y=True)


@pytest.fixture
def project(backend, request):
    """Log by itself into a project named after the test."""
    project = request.node.name[-60:].replace("/", " ")
    autolog(project=project)
    yield project
    autolog(disable=True)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_is_a_run_with_all_that_is_remembered(backend, project):
    model = make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=5)).fit(x, y)
    [(state, config)] = backend.runs(project, "state, config")
    assert (state, json.loads(config)["mlpclassifier__max_iter"]) == ("finished", 5)
    assert values(backend, project, "loss") == list(enumerate(model[-1].loss_curve_))
    assert values(backend, project, "n_iter") == [(4, 5.0)]
    [(_, took)] = values(backend, project, "fit_time")
    assert 0 < took < 60
    name, connector, described = backend.model(project)
    assert (name, connector, described["parameters"]) == ("Pipeline", "sklearn", 5 * 4 + 5 * 3)


def test_what_an_estimator_fits_inside_is_part_of_its_run(backend, project):
    VotingClassifier([("forest", RandomForestClassifier(3)), ("line", make_pipeline(LogisticRegression(C=0.01)))]).fit(
        x, y
    )
    assert backend.runs(project) == [("finished",)]


def test_so_it_is_in_threads(backend, project):
    with joblib.parallel_config("threading", n_jobs=2):
        VotingClassifier([("a", Constant()), ("b", Constant())]).fit(x, y)
    assert backend.runs(project) == [("finished",)]


class Constant(ClassifierMixin, BaseEstimator):
    """An estimator of somebody else's, defined while nothing is logged by itself."""

    def fit(self, x, y):
        self.classes_ = sorted(set(y))
        self.is_fitted_ = True
        return self

    def predict(self, x):
        return [self.classes_[0]] * len(x)


def test_estimators_that_are_defined_later_are_logged(backend, project):
    class Later(Constant):
        def fit(self, x, y):
            self.classes_, self.is_fitted_ = sorted(set(y)), True
            return self

    Later().fit(x, y)
    assert backend.model(project)[0] == "Later"
    assert len(backend.runs(project)) == 1


def test_what_only_transforms_is_no_run(backend, project):
    PCA(2).fit(x)
    StandardScaler().fit_transform(x)
    assert backend.runs(project) == []


def test_other_ways_to_fit_are_logged(backend, project):
    KMeans(2, n_init=1).fit_predict(x)
    make_pipeline(StandardScaler(), KMeans(2, n_init=1)).fit_transform(x)
    assert backend.runs(project) == [("finished",)] * 2


def test_gradient_boosting_is_live_and_a_monitor_of_the_users_counts(backend, project):
    model = GradientBoostingClassifier(n_estimators=3, max_depth=1)
    model.fit(x, y)
    assert values(backend, project, "loss") == list(enumerate(model.train_score_))
    assert len(clone(model).fit(x, y, monitor=lambda iteration, *_: iteration == 0).estimators_) == 1
    assert len(clone(model).fit(x, y, None, lambda iteration, *_: iteration == 1).estimators_) == 2
    assert backend.runs(project) == [("finished",)] * 3


def test_a_fit_that_raises_is_a_failed_run_and_raises(backend, project):
    with pytest.raises(ValueError, match="inconsistent numbers"):
        Ridge().fit(x, y[:3])
    assert backend.runs(project) == [("failed",)]
    Ridge().fit(x, y)
    assert backend.runs(project) == [("failed",), ("finished",)]


def test_a_search_is_a_run(backend, project):
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2).fit(x, y)
    assert backend.runs(project) == [("finished",)]
    assert values(backend, project, "search/mean_score", "val") == list(
        enumerate(search.cv_results_["mean_test_score"])
    )
    assert {"search", "search/folds", "coefficients"} == set(results(backend, project))


def test_the_best_candidates_of_a_search_are_runs_on_wish(backend, project):
    autolog(project=project, max_tuning_runs=2, config={"data": "iris"})
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1e5, 1.0]}, cv=2).fit(x, y)
    whole, *best = backend.runs(project, "run_name, config, run_group")
    assert [name for name, _, _ in best] == ["alpha=0.1", "alpha=1.0"] or search.best_index_ == 2
    assert {json.loads(config)["alpha"] for _, config, _ in best} == {0.1, 1.0}
    assert {json.loads(config)["data"] for _, config, _ in [whole, *best]} == {"iris"}
    assert len({group for _, _, group in best} - {None}) == 1
    means = [value for _, value in values(backend, project, "search/mean_score", "val")]
    assert len(means) == 3 + 2


def test_folds_that_are_logged_by_themselves_are_a_group(backend, project):
    cross_val_score(Ridge(), x, y, cv=3)
    assert backend.runs(project, "run_group, state") == [("cross-validation", "finished")] * 3


def test_it_ends_where_it_is_disabled(backend, project):
    before = inspect.getattr_static(Ridge, "fit")
    autolog(disable=True)
    Ridge().fit(x, y)
    assert backend.runs(project) == []
    assert inspect.getattr_static(Ridge, "fit") is not before
    assert "__init_subclass__" not in vars(BaseEstimator)


def test_estimators_look_as_before(backend, project):
    assert "sample_weight" in inspect.signature(Ridge().fit).parameters
    assert "sample_weight" in inspect.signature(Ridge.fit).parameters
    assert Ridge().fit.__doc__ == Ridge.fit.__doc__
    assert not hasattr(make_pipeline(Ridge()), "fit_predict")  # of a descriptor that is there for some only
    assert pickle.loads(pickle.dumps(Ridge().fit(x, y))).coef_.shape == (4,)


def test_without_a_server_programs_go_on(backend, project, nowhere, caplog):
    assert Ridge().fit(x, y).coef_.shape == (4,)
    assert f"cannot reach {nowhere}" in caplog.text


def test_what_fails_in_prevue_costs_a_warning(backend, project, monkeypatch, caplog):
    def fail(*_, **__):
        raise RuntimeError("not before lunch")

    monkeypatch.setattr("prevue_sklearn.autologging.opened", fail)
    assert Ridge().fit(x, y).coef_.shape == (4,)
    assert "open_run failed: RuntimeError: not before lunch" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        ({"max_tuning_runs": -1}, "-1"),
        ({"project": "a/b/c"}, "'a/b/c'"),
        ({"tags": "fast"}, "'fast'"),
        ({"name": 3}, "3"),
    ],
)
def test_a_bad_argument_is_refused_at_once(arguments, quoted):
    with pytest.raises(InvalidValue) as refused:
        autolog(**arguments)
    assert quoted in str(refused.value)
    assert inspect.isfunction(inspect.getattr_static(Ridge, "fit"))
