"""How estimators are judged: scikit-learn's own functions are the oracle."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, log_loss, make_scorer, r2_score
from sklearn.preprocessing import StandardScaler

from prevue_core.errors import InvalidValue
from prevue_sklearn import judging
from prevue_sklearn.judging import Budget, check_eval_set, judge_for

x, numbers = load_iris(return_X_y=True)
weights = np.linspace(0.1, 2.0, len(x))


def within(fitted, x, y):
    return {"right": fitted.score(x, y), "wrong": 1 - fitted.score(x, y)}


@pytest.mark.parametrize("y", [numbers, np.array(["b", "c", "a"])[numbers], numbers[:, None]])
@pytest.mark.parametrize("weights", [None, weights])
def test_classifiers_are_judged_by_loss_and_accuracy(y, weights):
    model = LogisticRegression(C=0.05, max_iter=200).fit(x, y.ravel())
    told = judge_for(None)(model, x, y, weights)
    assert told["loss"] == pytest.approx(log_loss(y, model.predict_proba(x), sample_weight=weights))
    assert told["accuracy"] == pytest.approx(accuracy_score(y.ravel(), model.predict(x), sample_weight=weights))


def test_a_class_that_was_not_learned_is_wrong():
    model = LogisticRegression().fit(x[50:], numbers[50:])
    told = judge_for(None)(model, x[:50], numbers[:50])
    assert told["accuracy"] == 0.0
    assert told["loss"] == pytest.approx(-np.log(np.finfo(float).eps))


def test_others_are_judged_by_their_own_score():
    inputs, targets = load_diabetes(return_X_y=True)
    model = Ridge().fit(inputs, targets)
    assert judge_for(None)(model, inputs, targets) == {"r2": r2_score(targets, model.predict(inputs))}
    assert judge_for(None)(StandardScaler().fit(inputs), inputs, targets) == {}


@pytest.mark.parametrize(
    ("scoring", "names"),
    [
        ("accuracy", ["accuracy"]),
        (["accuracy", "f1_macro"], ["accuracy", "f1_macro"]),
        ({"f1": make_scorer(f1_score, average="macro"), "loss": "neg_log_loss"}, ["f1", "loss"]),
        (lambda fitted, x, y: 0.5, ["score"]),
        (within, ["right", "wrong"]),
        (make_scorer(accuracy_score), ["score"]),
    ],
)
def test_scoring_is_taken_as_scikit_learn_takes_it(scoring, names):
    model = LogisticRegression(max_iter=200).fit(x, numbers)
    told = judge_for(scoring)(model, x, numbers, weights)
    assert list(told) == names
    assert all(isinstance(value, float) for value in told.values())


def test_a_scorer_is_given_the_weights():
    model = LogisticRegression(C=0.01).fit(x, numbers)
    expected = accuracy_score(numbers, model.predict(x), sample_weight=weights)
    assert judge_for("accuracy")(model, x, numbers, weights) == {"accuracy": pytest.approx(expected)}


@pytest.mark.parametrize("scoring", ["acuracy", ["accuracy", "f2"], 3, {"a": "b"}])
def test_a_scoring_that_is_not_known_is_refused(scoring):
    with pytest.raises(InvalidValue, match=r"^scoring .* is not known; use a name of sklearn.metrics"):
        judge_for(scoring)


@pytest.mark.parametrize("given", [(x,), 3, x])
def test_an_eval_set_that_is_no_pair_is_refused(given):
    with pytest.raises(InvalidValue, match="is not a pair"):
        check_eval_set(given)


def test_a_budget_ends_where_its_share_is_spent(monkeypatch):
    monkeypatch.setattr(judging, "FREE_S", 0.0)
    now = iter([0.0, 0.0, 0.0, 1.0, 400.0, 600.0])  # made, looked, began, ended, looked, looked
    monkeypatch.setattr(judging.time, "monotonic", lambda: next(now))
    budget = Budget(is_limited=True)
    assert budget.is_left
    with budget.spent():
        pass
    assert [budget.is_left, budget.is_left] == [False, True]  # two seconds are a share of 600, and not of 400
