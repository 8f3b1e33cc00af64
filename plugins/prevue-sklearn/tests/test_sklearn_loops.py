"""Boosting live and by stages, and loops of `partial_fit`."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.metrics import accuracy_score, f1_score, log_loss, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn_results import values

import prevue
from prevue_core.errors import InvalidValue
from prevue_sklearn import log_fit, monitor, partial_fit, staged, track

x, y = load_digits(n_class=3, return_X_y=True)
x, y = x / 16, y
known, held = slice(200), slice(200, 400)
inputs, targets = load_diabetes(return_X_y=True)


@pytest.fixture
def project(request):
    return request.node.name[-60:].replace("/", " ")


# gradient boosting, live


def test_gradient_boosting_is_live_and_told_once(backend, project):
    model = GradientBoostingClassifier(n_estimators=5, max_depth=1, subsample=0.5, random_state=0)
    seen = []

    with track(model, project) as run:
        log = monitor(run)

        def watch(iteration, estimator, variables):
            log(iteration, estimator, variables)
            seen.append(run.logged)

        log_fit(run, model.fit(x[known], y[known], monitor=watch))
    assert seen == [1, 2, 3, 4, 5]  # each iteration when it was done
    assert values(backend, project, "loss") == list(enumerate(model.train_score_))
    assert values(backend, project, "oob_loss") == list(enumerate(model.oob_scores_))
    assert values(backend, project, "oob_improvement") == list(enumerate(model.oob_improvement_))


def test_a_monitor_that_fails_stops_no_fit(caplog):
    run = prevue.init(mode="disabled")
    run.log = None
    model = GradientBoostingRegressor(n_estimators=3).fit(inputs, targets, monitor=monitor(run))
    assert len(model.train_score_) == 3
    assert "_log_boosted failed: TypeError" in caplog.text


# stages


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingClassifier(n_estimators=4, max_depth=1),
        HistGradientBoostingClassifier(max_iter=4, max_depth=2),
        AdaBoostClassifier(n_estimators=4),
    ],
)
@pytest.mark.filterwarnings("ignore:The SAMME.R algorithm:FutureWarning")
def test_stages_of_a_classifier_are_judged_one_by_one(backend, project, model):
    model.fit(x[known], y[known])
    with prevue.init(project) as run:
        curves = staged(run, model, x[held], y[held])
    oracle = list(model.staged_predict_proba(x[held]))
    assert curves["loss"] == pytest.approx([log_loss(y[held], scores) for scores in oracle])
    assert curves["accuracy"] == [accuracy_score(y[held], scores.argmax(axis=1)) for scores in oracle]
    first = 1 if hasattr(model, "validation_score_") else 0
    assert values(backend, project, "loss", "test") == list(enumerate(curves["loss"], first))


@pytest.mark.parametrize(
    "model", [GradientBoostingRegressor(n_estimators=4), HistGradientBoostingRegressor(max_iter=4)]
)
def test_stages_of_a_regressor_are_judged_by_r2(model):
    model.fit(inputs, targets)
    curves = staged(prevue.init(mode="disabled"), model, inputs, targets)
    assert curves == {"r2": [r2_score(targets, guess) for guess in model.staged_predict(inputs)]}


def test_stages_behind_other_steps_are_judged_by_what_is_asked_for(backend, project):
    pipeline = make_pipeline(PCA(8, random_state=0), GradientBoostingClassifier(max_depth=1, random_state=0))
    search = GridSearchCV(pipeline, {"gradientboostingclassifier__n_estimators": [3, 4]}, cv=2)
    search.fit(x[known], y[known])
    with prevue.init(project) as run:
        curves = staged(run, search, x[held], y[held], ["f1_macro", "roc_auc_ovr"], split="held")
    best = search.best_estimator_
    oracle = best[-1].staged_predict(best[0].transform(x[held]))
    assert curves["f1_macro"] == [f1_score(y[held], guess, average="macro") for guess in oracle]
    assert values(backend, project, "roc_auc_ovr", "held") == list(enumerate(curves["roc_auc_ovr"]))


def test_stages_leave_the_estimator_as_it_is():
    model = GradientBoostingClassifier(n_estimators=2).fit(x[known], y[known])
    before = model.predict(x)
    staged(prevue.init(mode="disabled"), model, x[held], y[held])
    assert (model.predict(x) == before).all()


def test_an_estimator_without_stages_is_refused():
    with pytest.raises(InvalidValue, match="LogisticRegression has no stages"):
        staged(prevue.init(mode="disabled"), LogisticRegression().fit(x, y), x, y)


# partial_fit


def batches(size=50):
    return [(x[at : at + size], y[at : at + size]) for at in range(0, 200, size)]


def test_batches_are_logged_with_what_is_held_out(backend, project):
    model = SGDClassifier(loss="log_loss", random_state=0)
    with track(model, project) as run:
        same = partial_fit(run, model, batches(), classes=range(3), eval_set=(x[held], y[held]))
    assert same is model
    rows = backend.metrics(project, "step, batch, split, metrics.model_id IS NULL")
    assert {row[:2] for row in rows} == {(batch, batch) for batch in range(4)}
    assert {row[2:] for row in rows} == {("train", 0), ("val", 0)}
    assert values(backend, project, "accuracy", "val")[-1] == (3, model.score(x[held], y[held]))
    assert [step for step, _ in values(backend, project, "accuracy")] == [1, 2, 3]  # each before it is learned
    assert len(values(backend, project, "fit_time")) == 4
    assert backend.model(project)[2]["parameters"] == 65 * 3


def test_a_batch_is_judged_before_it_is_learned(backend, project):
    first, second = batches(100)
    expected = SGDClassifier(random_state=0).partial_fit(*first, classes=range(3)).score(*second)
    with prevue.init(project) as run:
        partial_fit(run, SGDClassifier(random_state=0), [first, second], classes=range(3))
    assert values(backend, project, "accuracy") == [(1, expected)]


def test_the_loss_is_told_of_those_that_have_one(backend, project):
    model = MLPClassifier((4,), random_state=0)
    with prevue.init(project) as run:
        partial_fit(run, model, batches(), classes=range(3))
    losses = [value for _, value in values(backend, project, "loss")]
    assert losses[-1] == model.loss_


@pytest.mark.parametrize(
    ("model", "arguments", "data"),
    [(GaussianNB(), {"classes": range(3)}, (x, y)), (SGDRegressor(), {}, (inputs, targets))],
)
def test_others_can_be_fitted_in_batches(backend, project, model, arguments, data):
    with prevue.init(project) as run:
        partial_fit(run, model, [data, data], **arguments)
    assert len(values(backend, project, "fit_time")) == 2


def test_what_the_estimator_raises_is_raised():
    run = prevue.init(mode="disabled")
    with pytest.raises(ValueError, match="classes must be passed"):
        partial_fit(run, SGDClassifier(), batches())
    with pytest.raises(InvalidValue, match="eval_set 3 is not a pair"):
        partial_fit(run, SGDClassifier(), batches(), eval_set=3)


def test_a_batch_that_cannot_be_judged_stops_nothing(caplog):
    model = SGDClassifier(random_state=0)
    partial_fit(prevue.init(mode="disabled"), model, batches(), classes=range(3), eval_set=(x[held, :3], y[held]))
    assert "_log_batch failed: ValueError" in caplog.text
    assert np.isfinite(model.coef_).all()
