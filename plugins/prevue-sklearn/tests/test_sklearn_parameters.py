"""Parameters of estimators as JSON."""

import json

import numpy as np
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from prevue_core.contract import MAX_CONFIG_BYTES
from prevue_sklearn.parameters import parameters, plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (np.bool_(True), True),
        (np.int64(3), 3),
        (2**70, str(2**70)),
        (np.float32(0.5), 0.5),
        (float("nan"), "nan"),
        ((1, "two"), [1, "two"]),
        ({1: {"deep": [np.inf]}}, {"1": {"deep": ["inf"]}}),
        (np.arange(3), [0, 1, 2]),
        (np.log, "numpy.log"),
        (LogisticRegression, "sklearn.linear_model._logistic.LogisticRegression"),
        (LogisticRegression(C=3), "LogisticRegression"),
        (RBF(2.0), "RBF(length_scale=2)"),
        (object(), "<object object>"),
    ],
)
def test_a_value_becomes_json(value, expected):
    assert plain(value) == expected
    json.dumps(plain(value), allow_nan=False)


def test_what_is_long_or_deep_is_named_not_copied():
    endless = []
    endless.append(endless)
    wide = [["x" * 100] * 50] * 50
    for value in (np.zeros(10_000), list(range(10_000)), "x" * 10_000, endless, wide, {"a": wide}):
        assert len(json.dumps(plain(value))) < 1_000


def test_parameters_of_estimators_inside_have_their_path():
    model = VotingClassifier([("a", LogisticRegression(C=2)), ("b", FunctionTransformer(np.log1p))])
    found = parameters(model)
    assert (found["a"], found["a__C"], found["b__func"]) == ("LogisticRegression", 2, "numpy.log1p")
    assert found["estimators"] == [["a", "LogisticRegression"], ["b", "FunctionTransformer"]]


def test_of_very_many_parameters_the_first_are_kept():
    model = Pipeline([(f"step {number} " + "x" * 100, StandardScaler()) for number in range(1_000)])
    found = parameters(model)
    assert len(json.dumps(found)) < MAX_CONFIG_BYTES
    assert len(found) - 1 + found["parameters_left_out"] == len(model.get_params())
    assert found["parameters_left_out"] > 1_000
