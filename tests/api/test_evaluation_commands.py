"""`prevue evaluate` against a real server, over evaluations that real models logged."""

import json
import uuid

import pytest
from sklearn import datasets, dummy, ensemble, linear_model, model_selection, naive_bayes, pipeline, preprocessing, tree

import prevue
from api.test_run_commands import call  # noqa: F401 - a fixture
from prevue.api import Api


@pytest.fixture(scope="module")
def cancer():
    return model_selection.train_test_split(*datasets.load_breast_cancer(return_X_y=True), random_state=0)


@pytest.fixture
def tested(backend, cancer, tmp_path, monkeypatch):
    """Train a model, log its test, and return the run's id."""
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "spool"))
    x_train, x_test, y_train, y_test = cancer

    def tested(model, group=None, **options):
        model.fit(x_train, y_train)
        run = prevue.init(project="cancer", uid="alice", url=backend, system_metrics=False, group=group)
        with run:
            score = model.predict_proba(x_test)
            run.log_evaluation(y_test, None, score, labels=["ill", "well"], sample_ids=range(len(y_test)), **options)
        return run.run_id

    return tested


def test_what_a_training_logs_is_compared_in_numbers_and_in_words(tested, call, backend):  # noqa: F811
    chance = tested(dummy.DummyClassifier(strategy="stratified", random_state=0))
    good = tested(pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()))
    exit_code, out, _ = call("evaluate", "compare", chance, good)
    assert exit_code == 0
    assert "143 samples" in out
    (line,) = [line for line in out.splitlines() if line.startswith("accuracy")]
    assert line.endswith("more than chance")
    assert "Were both equally good, so uneven a split would be rare" in out

    with Api(backend) as api:
        (row,) = api.evaluations(good)
        report = api.report(good, row["evaluation_id"])
        assert report["scores"]["accuracy"] > 0.9
        assert api.samples(good, row["evaluation_id"], order="surest", limit=3)["items"][0]["sample_id"] is not None
    told = json.loads(call("evaluate", "compare", chance, good, "--json")[1])
    assert told["scores"][0]["b"] == report["scores"]["accuracy"]


def test_an_advantage_that_is_chance_is_told_to_be(tested, call, backend):  # noqa: F811
    runs = [tested(ensemble.RandomForestClassifier(8, random_state=seed)) for seed in range(4)]
    with Api(backend) as api:
        found = {run: api.report(run, api.evaluations(run)[0]["evaluation_id"])["scores"]["accuracy"] for run in runs}
    worst, best = min(found, key=found.get), max(found, key=found.get)
    _, out, _ = call("evaluate", "compare", worst, best)
    (line,) = [line for line in out.splitlines() if line.startswith("accuracy")]
    assert found[best] > found[worst]
    assert f"{found[best] - found[worst]:+.4f}" in line
    assert line.endswith("may be chance")
    assert "such a split would be nothing special" in out
    assert out.splitlines()[-2].endswith(", exact).")
    told = json.loads(call("evaluate", "compare", worst, best, "--json")[1])
    assert told["mcnemar"]["p_value"] > 0.05
    assert all(row["interval"] is not None for row in told["scores"])


def test_recipes_are_compared_over_their_seeds(tested, call, backend):  # noqa: F811
    for seed in range(3):
        tested(dummy.DummyClassifier(strategy="stratified", random_state=seed), group="chance")
        tested(tree.DecisionTreeClassifier(random_state=seed), group="trees")
    exit_code, out, _ = call("evaluate", "compare-groups", "alice/cancer", "chance", "trees")
    (line,) = [line for line in out.splitlines() if line.startswith("accuracy")]
    assert (exit_code, line.endswith("more than chance")) == (0, True)
    told = json.loads(call("evaluate", "compare-groups", "alice/cancer", "chance", "trees", "--json")[1])
    for model, group in ((dummy.DummyClassifier(), "most"), (naive_bayes.GaussianNB(), "bayes")) * 2:
        tested(model, group=group, split="val")
    error = call("evaluate", "compare-groups", "alice/cancer", "most", "bayes")[2]
    assert "no run of group 'most' has an evaluation 'test' of the split 'test'" in error
    _, out, _ = call("evaluate", "compare-groups", "alice/cancer", "most", "bayes", "--split", "val")
    (line,) = [line for line in out.splitlines() if line.startswith("accuracy")]
    assert line.endswith("no seed changed it, so nothing is known of chance")
    with Api(backend) as api:
        assert api.compare_groups(api.projects(name="cancer")[0].project_id, "chance", "trees") == told
        run_id = told["runs_b"][0]
        evaluation = api.evaluations(run_id)[0]["evaluation_id"]
        assert api.curves(run_id, evaluation, [1])[0]["roc_auc"] > 0.8
        assert api.costs(run_id, evaluation, false_negative=9)["best"]["cost"] < 1
        shares = api.report(run_id, evaluation, normalise="all")["matrix"]
        assert sum(map(sum, shares)) == pytest.approx(1)


def test_what_looks_wrong_is_told_until_it_is_silenced(tested, call, backend):  # noqa: F811
    run_id = tested(dummy.DummyClassifier(strategy="stratified", random_state=0))
    exit_code, out, _ = call("checks", run_id)
    assert call("checks", str(uuid.uuid4()))[0] == 1
    assert (exit_code, out.splitlines()[0]) == (3, "No better than a dummy in test (dummy)")
    assert out.splitlines()[1].startswith("  Accuracy is ")
    assert f"  {backend}/api/checks#dummy\n" in out
    exit_code, out, _ = call("checks", run_id, "--silence", "dummy", "--in-project", "--json")
    lines = {line["code"]: line for line in json.loads(out)}
    assert (lines["dummy"]["state"], lines["dummy"]["evaluation"]) == ("silenced", "test")
    assert lines["miscalibrated"]["state"] == "found"  # each probability is 0 or 1
    exit_code, out, _ = call("checks", run_id, "--silence", "miscalibrated")
    assert (exit_code, out[:9]) == (0, "0 found, ")
    out = call("checks", run_id, "--silence", "alert.stalled")[1]
    silenced = "Silenced: alert.stalled in the run, dummy in the project, miscalibrated in the run"
    assert out.splitlines()[-1] == silenced
    assert "--in-project says where to --silence" in call("checks", run_id, "--in-project")[2]
    with Api(backend) as api:
        assert api.silence_checks(hear=["miscalibrated", "alert.stalled"], run_id=run_id) == []
        assert {"overfit", "dummy"} <= {check["code"] for check in api.known_checks()}


def test_a_run_without_an_evaluation_says_what_to_do(tested, call):  # noqa: F811
    run_id = tested(naive_bayes.GaussianNB(), name="holdout")
    exit_code, _, error = call("evaluate", "compare", run_id, run_id, "--name", "test")
    assert exit_code == 1
    assert f"Error: run {run_id} has no evaluation 'test'; log one with run.log_evaluation" in error
    assert call("evaluate", "compare", run_id, run_id, "--name", "holdout")[0] == 0
