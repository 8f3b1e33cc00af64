"""The check of searches: it speaks about a real search that ended at the edge of its grid."""

import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

import prevue
from prevue_sklearn import log_search

x, y = load_digits(return_X_y=True)
x, y = x[:600] / 16, y[:600]


@pytest.fixture
def said(backend, request):
    """Log a search, and return what the check says of it."""

    def said(search, number=0):
        with prevue.init(f"checks-{request.node.name[-50:]}-{number}") as run:
            log_search(run, search.fit(x, y))
        with prevue.Api(backend.url) as api:
            (line,) = [line for line in api.checks(run.run_id) if line["code"] == "prevue_sklearn.grid_edge"]
        return line["why"]

    return said


def test_a_best_parameter_at_the_edge_of_its_grid_is_told(said):
    why = said(GridSearchCV(SVC(), {"C": [1e-4, 1e-3, 0.01, 0.1], "gamma": ["scale", "auto"]}, cv=3))
    assert why == (
        "Of the best candidate C = 0.1 is the highest of the 4 values 0.0001, 0.001, 0.01, 0.1. "
        "Better values may lie beyond: search on from there."
    )


def test_a_search_that_ended_inside_its_grid_or_drew_its_values_is_let_be(said):
    assert said(GridSearchCV(SVC(), {"gamma": [1e-4, 1e-2, 0.1, 10.0]}, cv=3)) is None
    drawn = RandomizedSearchCV(SVC(), {"C": loguniform(1e-4, 1e-2)}, n_iter=8, cv=3, random_state=0)
    assert said(drawn, 1) is None
    assert said(GridSearchCV(KNeighborsClassifier(), {"p": [1, 2], "n_neighbors": [5]}, cv=3), 2) is None
