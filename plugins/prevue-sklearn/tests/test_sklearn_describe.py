"""Descriptions of estimators."""

import json

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC

from prevue_core.contract import MAX_LAYERS
from prevue_sklearn.describe import describe_estimator
from prevue_sklearn.steps import last_step

x = np.random.default_rng(0).normal(size=(30, 4))
y = np.arange(30) % 3


def described(estimator):
    """Return a description as it is after its journey, its layers by name."""
    description = json.loads(json.dumps(describe_estimator(estimator)))
    return description, {layer["name"]: layer for layer in description["layers"]}


def test_a_pipeline_is_described_by_its_steps():
    description, by_name = described(make_pipeline(StandardScaler(), PCA(2), LogisticRegression()).fit(x, y))
    assert (description["name"], description["framework"]) == ("Pipeline", "sklearn")
    assert [(name, layer["type"], layer["output_shape"]) for name, layer in by_name.items()] == [
        ("standardscaler", "StandardScaler", [None, 4]),
        ("pca", "PCA", [None, 2]),
        ("logisticregression", "LogisticRegression", [None, 3]),
    ]
    assert by_name["logisticregression"]["input_shape"] == [None, 2]
    assert description["parameters"] == description["trainable_parameters"] == 3 * (2 + 1)


def test_what_is_not_fitted_has_steps_but_no_shapes_and_no_parameters():
    description, by_name = described(make_pipeline(StandardScaler(), SGDClassifier()))
    assert list(by_name) == ["standardscaler", "sgdclassifier"]
    assert {layer["output_shape"] for layer in by_name.values()} == {None}
    assert description["parameters"] == 0


def test_settings_do_not_change_the_description():
    first, second = (LogisticRegression(C=c).fit(x, y) for c in (0.1, 10.0))
    assert describe_estimator(first) == describe_estimator(second)


@pytest.mark.parametrize("is_fitted", [False, True])
def test_estimators_inside_are_listed_by_their_steps(is_fitted):
    numbers = Pipeline([("scale", StandardScaler()), ("reduce", PCA(1))])
    columns = ColumnTransformer([("numbers", numbers, [0, 1]), ("others", "drop", [2])], remainder="drop")
    union = FeatureUnion([("columns", columns), ("pca", PCA(1))])
    model = GridSearchCV(Pipeline([("union", union), ("last", LogisticRegression())]), {"last__C": [1]}, cv=2)
    model = model.fit(x, y) if is_fitted else model
    _, by_name = described(model)
    union = "estimator/union/columns"
    steps = [f"{union}/numbers/scale", f"{union}/numbers/reduce", f"{union}/others", "estimator/union/pca"]
    assert [name for name in by_name if "remainder" not in name] == [*steps, "estimator/last"]
    assert by_name[f"{union}/others"]["type"] == "drop"


@pytest.mark.parametrize("kind", [VotingClassifier, StackingClassifier])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_ensembles_of_named_estimators_are_described_by_those(kind):
    model = kind([("a", LogisticRegression()), ("b", RidgeClassifier()), ("c", "drop")]).fit(x, y)
    description, by_name = described(model)
    assert list(by_name)[:2] == ["a", "b"]
    assert by_name["a"]["parameters"] == 15
    assert ("final_estimator" in by_name) == (kind is StackingClassifier)
    assert description["parameters"] == sum(layer["parameters"] for layer in by_name.values())


@pytest.mark.parametrize(
    ("estimator", "parameters"),
    [
        (LinearRegression(), 4 + 1),
        (LogisticRegression(fit_intercept=False), 3 * 4),
        (RidgeClassifier(), 3 * 5),
        (MLPRegressor(hidden_layer_sizes=(2,)), 5 * 2 + 3),
        (SVC(kernel="linear"), 3 * 5),
        (SVC(), 0),
        (RandomForestClassifier(2), 0),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_coefficients_and_learned_intercepts_are_parameters(estimator, parameters):
    assert described(estimator.fit(x, y))[0]["parameters"] == parameters


def test_shapes_that_are_not_certain_are_none():
    assert described(LinearRegression().fit(x, y))[1]["LinearRegression"]["output_shape"] is None
    several = RandomForestClassifier(2).fit(x, np.stack([y, y], axis=1))
    assert described(several)[1]["RandomForestClassifier"]["output_shape"] is None


def test_what_makes_another_model_is_told():
    layers = [MLPClassifier((8, 4)), MLPClassifier((8, 4), activation="tanh"), SVC(kernel="linear"), SVC(C=3)]
    told = [described(layer)[0]["layers"][0] for layer in layers]
    assert [layer.get("activation") for layer in told] == ["relu", "tanh", None, None]
    assert [layer["details"] for layer in told] == [*["hidden_layer_sizes=(8, 4)"] * 2, "kernel=linear", "kernel=rbf"]


def connected(estimator):
    """Return the edges of an estimator, by the names of steps."""
    description, _ = described(estimator)
    names = [layer["name"] for layer in description["layers"]]
    return {(names[before], names[after]) for before, after in description["edges"]}


def test_steps_of_a_pipeline_are_a_chain():
    pipeline = make_pipeline(StandardScaler(), "passthrough", LogisticRegression())
    assert connected(GridSearchCV(pipeline, {})) == {
        ("estimator/standardscaler", "estimator/passthrough"),
        ("estimator/passthrough", "estimator/logisticregression"),
    }
    assert connected(LogisticRegression()) == set()


@pytest.mark.parametrize("is_fitted", [False, True])
def test_transformers_beside_each_other_are_branches(is_fitted):
    columns = ColumnTransformer([("scale", StandardScaler(), [0, 1]), ("out", "drop", [2, 3])])
    union = FeatureUnion([("columns", columns), ("pca", make_pipeline(PCA(2), StandardScaler()))])
    model = Pipeline([("first", StandardScaler()), ("union", union), ("last", LogisticRegression())])
    model = model.fit(x, y) if is_fitted else model
    found = {edge for edge in connected(model) if "remainder" not in "".join(edge)}
    assert found == {
        *(("first", "union/columns/scale"), ("first", "union/columns/out"), ("union/columns/scale", "last")),
        *(("first", "union/pca/pca"), ("union/pca/pca", "union/pca/standardscaler")),
        ("union/pca/standardscaler", "last"),
    }


@pytest.mark.parametrize("is_given_all", [False, True])
def test_a_stack_ends_in_its_final_estimator(is_given_all):
    estimators = [("a", LogisticRegression()), ("b", make_pipeline(StandardScaler(), RidgeClassifier()))]
    stack = StackingClassifier(estimators, LogisticRegression(), passthrough=is_given_all)
    found = connected(Pipeline([("first", PCA(2)), ("stack", stack)]))
    inner = ("stack/b/standardscaler", "stack/b/ridgeclassifier")
    branches = {("first", "stack/a"), ("first", inner[0]), inner}
    ends = {(name, "stack/final_estimator") for name in ("stack/a", inner[1])}
    assert found == branches | ends | ({("first", "stack/final_estimator")} if is_given_all else set())


def test_votes_are_counted_beside_each_other():
    vote = VotingClassifier([("a", LogisticRegression()), ("b", RidgeClassifier())])
    assert connected(Pipeline([("first", PCA(2)), ("vote", vote)])) == {("first", "vote/a"), ("first", "vote/b")}


def test_of_an_estimator_with_very_many_steps_the_first_are_described():
    description, _ = described(FeatureUnion([(str(number), "passthrough") for number in range(MAX_LAYERS + 3)]))
    assert (len(description["layers"]), description["layers_left_out"]) == (MAX_LAYERS, 3)
    assert "edges" not in description


def test_the_last_step_is_what_predicts():
    search = GridSearchCV(make_pipeline(PCA(2), LogisticRegression()), {"pca__n_components": [1]}, cv=2).fit(x, y)
    assert last_step(search) is search.best_estimator_.steps[-1][1]


@pytest.mark.parametrize(
    ("model", "copies"),
    [
        (OneVsRestClassifier(LogisticRegression()), 3),
        (OneVsOneClassifier(LogisticRegression()), 3),
        (BaggingClassifier(LogisticRegression(), n_estimators=4), 4),
        (AdaBoostClassifier(LogisticRegression(), n_estimators=2), None),
        (CalibratedClassifierCV(LogisticRegression(), cv=2), 2),
        (SelectFromModel(LogisticRegression()), 1),
        (RFE(LogisticRegression(), n_features_to_select=4), 1),
        (MultiOutputClassifier(LogisticRegression()), 2),
        (SelfTrainingClassifier(LogisticRegression()), 1),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:y contains no unlabeled samples")
def test_what_is_made_around_another_stands_behind_it(model, copies):
    targets = np.stack([y, y], axis=1) if isinstance(model, MultiOutputClassifier) else y
    before, _ = described(model)
    fitted, by_name = described(model.fit(x, targets))
    kind = type(model).__name__
    [(inner, outer)] = connected(model)
    assert (inner.removeprefix("base_"), outer) == ("estimator", kind)  # SelfTrainingClassifier has renamed its own
    assert [layer["type"] for layer in fitted["layers"]] == ["LogisticRegression", kind]
    assert [layer["type"] for layer in before["layers"]] == ["LogisticRegression", kind]
    copies = len(model.estimators_) if copies is None else copies
    one = describe_estimator(_one_of(model))["parameters"]
    assert by_name[inner]["parameters"] == one * copies > 0
    assert ("details" in by_name[inner]) == (copies > 1)


def _one_of(model):
    if hasattr(model, "calibrated_classifiers_"):
        return model.calibrated_classifiers_[0].estimator
    if hasattr(model, "estimators_"):
        return model.estimators_[0]
    return getattr(model, "estimator_", None) or model.base_estimator_


def test_pipelines_inside_others_are_followed():
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    model = Pipeline([("first", PCA(2)), ("vote", OneVsRestClassifier(inner))]).fit(x, y)
    assert connected(model) == {
        ("first", "vote/estimator/standardscaler"),
        ("vote/estimator/standardscaler", "vote/estimator/logisticregression"),
        ("vote/estimator/logisticregression", "vote"),
    }
    description, by_name = described(model)
    assert by_name["vote"]["output_shape"] == [None, 3]
    assert description["parameters"] == 3 * 3


def test_a_transformed_target_is_described():
    model = TransformedTargetRegressor(LinearRegression(), func=np.log1p, inverse_func=np.expm1).fit(x, y)
    assert connected(model) == {("regressor", "TransformedTargetRegressor")}
    assert described(model)[0]["parameters"] == 5


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_is_made_of_trees_is_one_step():
    assert [layer["type"] for layer in described(AdaBoostClassifier(n_estimators=2).fit(x, y))[0]["layers"]] == [
        "AdaBoostClassifier"
    ]
