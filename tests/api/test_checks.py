"""Method checks: each speaks about a real training made to show it, and is quiet about a healthy one."""

import warnings
from contextlib import contextmanager
from threading import Thread

import numpy as np
import pytest
import threadpoolctl
from click.testing import CliRunner
from sklearn import calibration, datasets, dummy, linear_model, metrics, model_selection, naive_bayes, neural_network
from werkzeug.serving import make_server

from core.stream import metrics as values_at
from core.stream import started
from prevue.check_commands import checks
from prevue.evaluation import samples_of
from prevue.evaluation_blocks import records_of
from prevue_core.api import checking
from prevue_core.checks import EVALUATION, Check
from prevue_core.evaluation.probabilities import log_loss


@pytest.fixture(scope="module")
def digits():
    x, y = datasets.load_digits(return_X_y=True)
    return model_selection.train_test_split(x / 16, y, random_state=0)


@pytest.fixture(scope="module")
def cancer():
    x, y = datasets.load_breast_cancer(return_X_y=True)
    return model_selection.train_test_split(x / x.max(axis=0), y, random_state=0)


def train(
    data, epochs, *, rate=1e-3, few=None, noise=0.0, held="val", each=None, config=None, hidden=64, grows=1.0, **options
):
    """Train a network, log its losses at each epoch, and return the stream of its run."""
    x, x_held, y, y_held = data
    random = np.random.default_rng(3)
    x, y = x[:few], np.where(random.random(len(y)) < noise, random.integers(0, 10, len(y)), y)[:few]
    model = neural_network.MLPClassifier((hidden,), learning_rate_init=rate, random_state=0, **options)
    stream, records = started(**({} if config is None else {"config": config})), []
    for epoch in range(epochs):
        with threadpoolctl.threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.partial_fit(x, y, classes=np.unique(data[2]))
        model._optimizer.learning_rate = model._optimizer.learning_rate_init = rate * grows**epoch
        loss, held_loss = (
            log_loss(*pair) for pair in ((y, model.predict_proba(x)), (y_held, model.predict_proba(x_held)))
        )
        values = {"loss": loss, "lr": model._optimizer.learning_rate} | ({f"{held}_loss": held_loss} if held else {})
        records.append(values_at(epoch, values if each is None else {**values, **each(epoch)}))
    stream.send(*records, {"type": "end", "state": "finished"})
    return stream


def said(client, stream, of=""):
    """Return what the checks say that speak, by code."""
    answer = client.get(f"/api/v1/runs/{stream.run_id}{of}/checks")
    assert answer.status_code == 200
    return {line["code"]: line["why"] for line in answer.json["items"] if line["state"] == "found"}


def test_no_check_speaks_about_a_healthy_training(client, digits):
    stream = train(digits, 60)
    assert said(client, stream) == {}
    assert {line["state"] for line in client.get(f"/api/v1/runs/{stream.run_id}/checks").json["items"]} == {"quiet"}


def test_learning_by_heart_is_told_with_the_epoch_of_the_best_weights(client, digits):
    stream = train(digits, 100, few=150, noise=0.4, rate=5e-3)
    found = said(client, stream)
    assert set(found) == {"overfit"}
    best = int(found["overfit"].split("near step ")[1].split()[0])
    assert 2 < best < 60
    assert "while the training loss fell on" in found["overfit"]


def test_a_training_that_ended_too_early_is_told(client, digits):
    found = said(client, train(digits, 15, rate=2e-4))
    assert set(found) == {"underfit"}
    assert "in the last fifth of the 15 steps, and the validation loss fell with it" in found["underfit"]


@pytest.mark.filterwarnings("ignore")
def test_a_training_that_exploded_is_told(client, digits):
    found = said(client, train(digits, 20, solver="sgd", rate=0.1, grows=1.6, momentum=0.9))["diverged"]
    assert found.endswith("above where it began.")
    stream = train(digits, 12, each=lambda epoch: {"loss": float("nan")} if epoch > 7 else {})
    assert "is not finite from step 8 on, 4 times" in said(client, stream)["diverged"]


def test_a_training_that_learns_nothing_is_told(client, digits):
    found = said(client, train(digits, 20, rate=1e-8))
    assert set(found) == {"stalled"}
    assert "the model has not learned" in found["stalled"]
    stream = started()
    losses = [2.4, 2.42, 2.399, *(2.41 + step % 3 / 1_000 for step in range(17))]
    stream.send(*(values_at(step, {"loss": loss, "lr": 1e-9}) for step, loss in enumerate(losses)))
    found = said(client, stream)
    assert set(found) == {"stalled"}
    assert "began at 2.4 and was never below 2.4 in 20 points" in found["stalled"]


def test_a_rate_that_never_moves_is_told_where_the_loss_keeps_jumping(client, digits):
    options = {"rate": 0.05, "noise": 0.3, "hidden": 32, "batch_size": 8}
    found = said(client, train(digits, 40, **options))["constant_rate"]
    assert "The learning rate lr stayed at 0.05 for all 40 points" in found
    assert "constant_rate" not in said(client, train(digits, 40, grows=0.9, **options))


def test_an_epoch_that_is_picked_by_the_test_set_is_told(client, digits):
    assert "loss of the test set was logged at 12 steps" in said(client, train(digits, 12, held="test"))["test_picks"]
    stream = train(digits, 12, config={"callbacks": {"early_stopping": {"monitor": "test_loss"}}})
    assert "names 'test_loss' as what to watch" in said(client, stream)["test_picks"]


def test_one(client, *given, **more):
    stream = started()
    stream.send(*records_of(samples_of(*given, **more), name="test", split="test"))
    (row,) = client.get(f"/api/v1/runs/{stream.run_id}/evaluations").json["items"]
    return said(client, stream, f"/evaluations/{row['evaluation_id']}")


test_one.__test__ = False


def test_no_check_speaks_about_a_healthy_test(client, cancer, digits):
    x, x_test, y, y_test = cancer
    model = calibration.CalibratedClassifierCV(linear_model.LogisticRegression(max_iter=500)).fit(x, y)
    ids = [f"patient {number}" for number in range(len(y_test))]
    given = {"sample_ids": ids, "features": {"size": x_test[:, 0], "texture": x_test[:, 1]}}
    assert test_one(client, y_test, None, model.predict_proba(x_test), **given) == {}
    x, y = datasets.load_diabetes(return_X_y=True)
    assert test_one(client, y[::2], linear_model.LinearRegression().fit(x[1::2], y[1::2]).predict(x[::2])) == {}


def test_a_model_that_beats_no_dummy_is_told(client, cancer):
    x, x_test, y, y_test = cancer
    guess = dummy.DummyClassifier(strategy="stratified", random_state=0).fit(x, y)
    share = max(np.mean(y_test), 1 - np.mean(y_test))
    assert f"always to say '1' has {share:.1%}" in test_one(client, y_test, guess.predict(x_test))["dummy"]
    x, y = datasets.load_diabetes(return_X_y=True)
    mean = dummy.DummyRegressor().fit(x[1::2], y[1::2]).predict(x[::2])
    assert "always to predict the mean" in test_one(client, y[::2], mean, task="regression")["dummy"]


def test_a_class_that_accuracy_hides_is_told(client):
    x, y = datasets.make_classification(4_000, weights=[0.95], class_sep=0.5, random_state=0)
    model = linear_model.LogisticRegression().fit(x[::2], y[::2])
    found = test_one(client, y[1::2], model.predict(x[1::2]))
    recall = metrics.recall_score(y[1::2], model.predict(x[1::2]))
    assert set(found) == {"imbalance"}
    assert f"Of '1', {y[1::2].sum()} samples, only {recall:.1%} are found" in found["imbalance"]


def test_probabilities_that_are_not_what_they_say_are_told(client, digits):
    x, x_test, y, y_test = digits
    sure = naive_bayes.GaussianNB(var_smoothing=1e-4).fit(x, y).predict_proba(x_test)
    assert "Spiegelhalter's z" in test_one(client, y_test, None, sure)["miscalibrated"]


def test_samples_that_are_there_twice_are_told(client, cancer):
    x, x_test, y, y_test = cancer
    said_ = naive_bayes.GaussianNB().fit(x, y).predict(x_test)
    names = [f"patient {number // 2}" for number in range(len(y_test))]
    found = test_one(client, y_test, said_, sample_ids=names)["duplicates"]
    assert found.startswith(f"{len(names) - len(set(names))} of {len(names)} samples have a name that another one has")
    again = np.r_[np.arange(len(y_test)), :20]
    columns = {name: x_test[again, place] for place, name in enumerate(("radius", "texture", "area"))}
    found = test_one(client, y_test[again], said_[again], features=columns)["duplicates"]
    assert found.startswith(f"20 of {len(again)} samples")
    few = {name: values.round() for name, values in columns.items()}
    assert "duplicates" not in test_one(client, y_test[again], said_[again], features=few)


def test_a_check_is_silenced_in_a_run_or_a_project_and_heard_again(client, digits):
    stream = train(digits, 20, rate=1e-8)
    project = client.get(f"/api/v1/runs/{stream.run_id}").json["project_id"]
    for place, path in (("run", f"/api/v1/runs/{stream.run_id}"), ("project", f"/api/v1/projects/{project}")):
        assert client.patch(f"{path}/checks", json={"silence": ["stalled"]}).json == {"silenced": ["stalled"]}
        lines = client.get(f"/api/v1/runs/{stream.run_id}/checks").json["items"]
        (line,) = [line for line in lines if line["code"] == "stalled"]
        assert (line["state"], line["silenced_in"], line["why"]) == ("silenced", [place], None)
        assert client.patch(f"{path}/checks", json={"hear": ["stalled"]}).json == {"silenced": []}
    assert "stalled" in said(client, stream)
    assert client.patch("/api/v1/projects/99999/checks", json={"silence": ["stalled"]}).status_code == 404
    for code in ("No!", "stalld", "alert.stalld"):
        answer = client.patch(f"{path}/checks", json={"silence": [code]})
        assert (answer.status_code, f"'{code}' is the code of no check; use " in answer.text) == (422, True)


def test_alerts_that_are_silenced_are_told(client):
    stream = started()
    path = f"/api/v1/runs/{stream.run_id}/checks"
    before = client.get(path).json["items"]
    client.patch(path, json={"silence": ["alert.stalled"]})
    (line,) = [line for line in client.get(path).json["items"] if line not in before]
    assert (line["code"], line["state"], line["silenced_in"]) == ("alert.stalled", "silenced", ["run"])
    assert "id=alert.stalled" in client.get(line["page"]).text


@contextmanager
def served(client):
    """Serve the client's application over HTTP, and yield the URL."""
    server = make_server("127.0.0.1", 0, client.application)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def test_a_broken_check_costs_its_own_line(client, digits, monkeypatch):
    def look(facts):
        return facts.nothing

    broken = Check("my_plugin.broken", "Broken", "It is.", look)
    share = Check("my_plugin.share", "Share", "It is.", lambda facts: np.float64(0.5), EVALUATION)
    known = checking.known()
    monkeypatch.setattr(checking, "known", lambda: [broken, share, *known])
    stream = train(digits, 20, rate=1e-8)
    lines = {line["code"]: line for line in client.get(f"/api/v1/runs/{stream.run_id}/checks").json["items"]}
    assert lines["my_plugin.broken"]["state"] == "failed"
    assert lines["my_plugin.broken"]["why"].startswith("the check failed: AttributeError")
    assert lines["stalled"]["state"] == "found"
    assert test_one(client, [0, 1], [0, 1])["my_plugin.share"] == "0.5"
    with served(client) as url:
        asked = [stream.run_id, "--url", url]
        assert CliRunner().invoke(checks, asked).exit_code == 3
        assert CliRunner().invoke(checks, [*asked, "--silence", "stalled"]).exit_code == 1  # one is broken


def test_a_test_is_checked_once_until_further_samples_come(client, monkeypatch):
    looked = []
    check = Check("my_plugin.counts", "Counts", "It does.", lambda facts: looked.append(len(facts.samples)), EVALUATION)
    monkeypatch.setattr(checking, "known", lambda: [check])
    stream, samples = started(), samples_of(np.arange(5_000) % 2, np.zeros(5_000, int))
    first, *rest = records_of(samples, name="test", split="test")
    for records in ([first, rest[0]], rest[1:]):
        stream.send(*records)
        (row,) = client.get(f"/api/v1/runs/{stream.run_id}/evaluations").json["items"]
        for _ in range(3):
            assert said(client, stream, f"/evaluations/{row['evaluation_id']}") == {}
    assert looked == [4_096, 5_000]


def test_every_check_is_told_of_on_a_page_that_needs_no_internet(client):
    known = client.get("/api/v1/checks").json["items"]
    page = client.get(known[0]["page"])
    assert page.mimetype == "text/html"
    assert {check["code"] for check in known} >= {"overfit", "underfit", "dummy", "imbalance", "miscalibrated"}
    for check in known:
        assert f"id={check['page'].partition('#')[2]}" in page.text
    assert "src=" not in page.text
