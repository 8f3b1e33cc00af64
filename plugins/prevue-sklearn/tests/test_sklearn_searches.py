"""What `log_search` and `log_cv` leave in the database."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_validate
from sklearn.svm import SVC
from sklearn_results import results, table, values

import prevue
from prevue_core.result_kinds import MAX_CELLS
from prevue_sklearn import log_cv, log_search
from prevue_sklearn.searches import log_fold_matrix

x, y = load_iris(return_X_y=True)


@pytest.fixture
def logged(backend, request):
    """Log with a function into a project named after the test, and return the project."""

    def log(function, *what):
        project = request.node.name[-60:].replace("/", " ")
        with prevue.init(project) as run:
            function(run, *what)
        return project

    return log


def test_a_search_is_a_table_with_the_spread_of_its_folds_the_best_first(backend, logged):
    search = GridSearchCV(SVC(), [{"kernel": ["linear"], "C": [0.01, 1.0]}, {"kernel": ["rbf"]}], cv=3).fit(x, y)
    found = table(backend, logged(log_search, search), "search")
    order = np.argsort(search.cv_results_["rank_test_score"], kind="stable")
    assert found["candidate"] == order.tolist()
    assert found["rank_test_score"] == sorted(search.cv_results_["rank_test_score"])
    for name in ("mean_test_score", "std_test_score", "split0_test_score", "split2_test_score", "mean_fit_time"):
        assert found[name] == pytest.approx(search.cv_results_[name][order])
    assert found["param_kernel"] == [["linear", "linear", "rbf"][index] for index in order]
    assert found["param_C"] == [[0.01, 1.0, None][index] for index in order]


def test_scores_of_candidates_by_folds_are_a_matrix(backend, logged):
    search = GridSearchCV(SVC(), {"C": [0.01, 1.0]}, cv=3).fit(x, y)
    matrix, split = results(backend, logged(log_search, search), "matrix")["search/folds"]
    assert (matrix["rows"], matrix["columns"], split) == (["C=0.01", "C=1.0"], ["fold 0", "fold 1", "fold 2"], "val")
    assert np.array(matrix["values"])[:, 1] == pytest.approx(search.cv_results_["split1_test_score"])


def test_a_search_by_several_scores_is_ranked_by_the_first(backend, logged):
    scoring = ["accuracy", "f1_macro"]
    search = RandomizedSearchCV(SVC(), {"C": [0.01, 0.1, 1.0]}, n_iter=3, cv=2, scoring=scoring, refit="f1_macro")
    project = logged(log_search, search.fit(x, y))
    found = table(backend, project, "search")
    assert found["rank_test_accuracy"] == sorted(found["rank_test_accuracy"])
    assert results(backend, project)["search/folds"][0]["x_name"] == "accuracy"
    assert len(values(backend, project, "search/mean_f1_macro", "val")) == 3


def test_the_time_of_the_refit_is_told(backend, logged):
    search = GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=2).fit(x, y)
    assert values(backend, logged(log_search, search), "refit/fit_time") == [(0, search.refit_time_)]


def test_a_search_that_is_not_fitted_costs_a_warning(caplog):
    log_search(prevue.init(mode="disabled"), GridSearchCV(Ridge(), {}))
    assert "log_search failed: AttributeError" in caplog.text


def test_very_many_candidates_are_a_matrix_of_the_first(backend, logged):
    def log(run):
        names = [str(number) for number in range(4_000)]
        log_fold_matrix(run, names, np.zeros((4_000, 3)), score_name="score", step=0)

    matrix, _ = results(backend, logged(log))["search/folds"]
    assert (len(matrix["values"]), len(matrix["rows"])) == (MAX_CELLS // 3,) * 2


# cross-validation


def test_folds_of_a_cross_validation_are_told_with_their_spread(backend, logged):
    scoring = ["accuracy", "neg_log_loss"]
    estimator = LogisticRegression(max_iter=200)
    found = cross_validate(estimator, x, y, cv=4, scoring=scoring, return_train_score=True, return_estimator=True)
    project = logged(log_cv, found)
    assert values(backend, project, "cv/accuracy", "val") == list(enumerate(found["test_accuracy"]))
    assert values(backend, project, "cv/neg_log_loss") == list(enumerate(found["train_neg_log_loss"]))
    [(_, mean)], [(_, std)] = (values(backend, project, f"cv/{what}_accuracy", "val") for what in ("mean", "std"))
    assert (mean, std) == pytest.approx((found["test_accuracy"].mean(), found["test_accuracy"].std()))
    assert len(values(backend, project, "cv/fit_time")) == 4
    told = table(backend, project, "cv")
    assert told["fold"] == [0, 1, 2, 3]
    assert told["test_accuracy"] == pytest.approx(found["test_accuracy"])
    assert "estimator" not in told


def test_scores_of_a_regressor_are_logged(backend, logged):
    found = cross_validate(Ridge(), *load_diabetes(return_X_y=True), cv=3)
    assert values(backend, logged(log_cv, found), "cv/score", "val") == list(enumerate(found["test_score"]))


def test_what_is_no_result_costs_a_warning(caplog):
    log_cv(prevue.init(mode="disabled"), [1, 2])
    assert "log_cv failed: InvalidValue: result [1, 2] is not what cross_validate returns" in caplog.text
