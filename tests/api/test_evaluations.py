"""Evaluations over HTTP: what a test's predictions say, and which of two models is better."""

import base64
import gc
import tracemalloc
import uuid

import numpy as np
import pytest

from core.stream import started
from prevue.evaluation import samples_of
from prevue.evaluation_blocks import records_of
from prevue_core.db.queries import evaluations as queries
from prevue_core.evaluation.columns import held
from prevue_core.evaluation.mistakes import ORDERS, ordered
from prevue_core.evaluation.samples import Samples

random = np.random.default_rng(11)
TARGET = random.integers(0, 2, 400)
SCORE = np.clip(TARGET * 0.4 + random.random(400) * 0.6, 0, 1).astype("float32")


def log(stream, *given, name="test", split="test", step=None, **more):
    """Send an evaluation as the client does."""
    told = {"name": name, "split": split, **({} if step is None else {"step": step})}
    assert stream.send(*records_of(samples_of(*given, **more), **told)).rejected == []


def listed(client, stream, **query):
    return client.get(f"/api/v1/runs/{stream.run_id}/evaluations", query_string=query).json["items"]


def asked(client, stream, what="", number=0, **query):
    evaluation = listed(client, stream)[number]["evaluation_id"]
    return client.get(f"/api/v1/runs/{stream.run_id}/evaluations/{evaluation}{what}", query_string=query)


@pytest.fixture
def binary():
    stream = started()
    site = np.where(np.arange(400) % 4 == 0, "a", "b")
    names = [f"s{number}" for number in range(400)]
    log(stream, TARGET, None, SCORE, labels=["well", "ill"], sample_ids=names, slices={"site": site})
    return stream


def test_evaluations_are_listed_with_what_they_are_of_the_last_first(client, binary):
    log(binary, [1.5, 2.5], [1.0, 2.0], name="prices", split="val", step=7, features={"age": [1, 2]})
    rows = listed(client, binary)
    assert [(row["name"], row["task"], row["step"], row["sample_count"]) for row in rows] == [
        ("prices", "regression", 7, 2),
        ("test", "binary", None, 400),
    ]
    assert (rows[1]["labels"], rows[1]["positive"], rows[1]["slices"]) == (["well", "ill"], 1, ["site"])
    assert [row["name"] for row in listed(client, binary, split="val")] == ["prices"]
    assert asked(client, binary, number=1).json == rows[1]


def test_a_report_has_the_scores_the_matrix_and_the_curves(client, binary):
    told = asked(client, binary, "/report").json
    said = SCORE >= 0.5
    assert told["scores"]["accuracy"] == pytest.approx((said == TARGET).mean())
    assert told["matrix"] == [[float(((a == TARGET) & (said == b)).sum()) for b in (0, 1)] for a in (0, 1)]
    assert [label["label"] for label in told["classes"]] == ["well", "ill"]
    assert (told["roc"]["x"][-1], told["roc"]["y"][-1]) == (1, 1)
    assert told["sweep"]["true_positives"][-1] == TARGET.sum()
    assert asked(client, binary, "/report", label=0).json["scores"] == told["scores"]


def test_samples_that_come_later_are_in_the_next_report(client):
    stream = started()
    records = list(records_of(samples_of(np.arange(5_000) % 2, np.zeros(5_000, int)), name="test", split="test"))
    stream.send(*records[:1])
    assert asked(client, stream, "/report").status_code == 404
    stream.send(*records[1:2])
    assert sum(map(sum, asked(client, stream, "/report").json["matrix"])) == 4_096
    stream.send(*records[2:])
    assert sum(map(sum, asked(client, stream, "/report").json["matrix"])) == 5_000


def test_intervals_and_slices_hold_their_scores(client, binary):
    told = asked(client, binary, "/report").json["scores"]
    intervals = asked(client, binary, "/intervals").json["intervals"]
    assert intervals["roc_auc"]["low"] < told["roc_auc"] < intervals["roc_auc"]["high"]
    assert intervals["accuracy"]["repeats"] == 1_000
    slices = asked(client, binary, "/slices").json["slices"]
    assert [(row["slice"], row["value"], row["samples"]) for row in slices] == [("site", "b", 300), ("site", "a", 100)]


def test_samples_are_those_of_a_cell_the_surest_mistakes_first(client, binary):
    told = asked(client, binary, "/samples", target=1, prediction=0, order="surest", limit=5).json
    wrong = np.flatnonzero((TARGET == 1) & (SCORE < 0.5))
    expected = wrong[np.argsort(SCORE[wrong], kind="stable")][:5]
    assert told["total"] == len(wrong)
    assert [row["sample_no"] for row in told["items"]] == expected.tolist()
    assert told["items"][0] == {
        "sample_no": int(expected[0]),
        "sample_id": f"s{expected[0]}",
        "target": "ill",
        "prediction": "well",
        "score": pytest.approx(1 - SCORE[expected[0]]),
        "slices": ["a" if expected[0] % 4 == 0 else "b"],
    }
    rest = asked(client, binary, "/samples", target=1, prediction=0, order="surest", offset=5).json["items"]
    assert len(rest) == len(wrong) - 5


def test_samples_of_a_slice(client, binary):
    told = asked(client, binary, "/samples", slice_name="site", slice_value="a", is_wrong=True).json
    assert told["total"] == ((SCORE >= 0.5) != TARGET)[::4].sum()
    answer = asked(client, binary, "/samples", slice_name="age", slice_value="1")
    assert (answer.status_code, answer.json["detail"]) == (422, "slice 'age' is not known; use site")


def test_one_long_name_of_a_group_makes_no_array_of_long_names(client):
    sites = ["x" * 1_000, *["a", "b"] * 1_000]
    log(stream := started(), [0, *[0, 1] * 1_000], [0, *[0, 1] * 1_000], slices={"site": sites})
    rows = asked(client, stream, "/slices").json["slices"]
    assert [(row["value"], row["samples"]) for row in rows] == [("a", 1_000), ("b", 1_000), (sites[0], 1)]
    assert asked(client, stream, "/samples", slice_name="site", slice_value=sites[0]).json["total"] == 1
    samples = queries.samples(stream.run_id, listed(client, stream)[0]["evaluation_id"])
    assert samples.slices["site"].nbytes < 20_000


def test_answers_are_kept_in_the_room_that_they_are_counted_with(client):
    classes = np.arange(200)
    log(stream := started(), classes, classes[::-1])
    asked(client, stream, "/report")
    tracemalloc.start()
    told = [asked(client, stream, "/report", beta=beta).get_data() for beta in (2, 3, 4)]
    gc.collect()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 3 * sum(map(len, told))


def test_curves_of_all_classes_and_of_some(client):
    stream = started()
    scores = random.random((60, 3))
    log(stream, np.arange(60) % 3, None, scores / scores.sum(axis=1, keepdims=True))
    told = asked(client, stream, "/curves", label=[2, 0]).json["curves"]
    assert [(one["of"], one["label"]) for one in told] == [("micro", None), ("macro", None), ("label", 2), ("label", 0)]
    assert told[2]["roc"] == asked(client, stream, "/report", label=2).json["roc"]
    assert told[1]["roc_auc"] == pytest.approx(
        np.mean([label["roc_auc"] for label in asked(client, stream, "/report").json["classes"]])
    )
    assert asked(client, stream, "/curves", label=3).status_code == 422


def test_a_matrix_may_have_shares(client, binary):
    shares = asked(client, binary, "/report", normalise="true").json["matrix"]
    counts = np.array(asked(client, binary, "/report").json["matrix"])
    assert np.array(shares) == pytest.approx(counts / counts.sum(axis=1, keepdims=True))


def test_a_missed_sample_that_costs_much_lowers_the_threshold(client, binary):
    even = asked(client, binary, "/costs").json["best"]
    dear = asked(client, binary, "/costs", false_negative=20).json["best"]
    assert dear["threshold"] < even["threshold"]
    assert dear["cost"] == pytest.approx((20 * dear["false_negatives"] + dear["false_positives"]) / 400)
    log(binary, TARGET, TARGET)
    answer = asked(client, binary, "/costs")
    assert (answer.status_code, answer.json["detail"][:36]) == (422, "the evaluation has no scores of ever")


def test_groups_of_seeds_are_compared_by_the_spread_of_their_runs(client):
    shares = {"small": (0.30, 0.32, 0.28), "same": (0.31, 0.27, 0.3), "large": (0.1, 0.12, 0.09)}
    for group, wrong in shares.items():
        for share in wrong:
            log(stream := started(group=group), TARGET, TARGET, name="before")
            log(stream, TARGET, TARGET ^ (random.random(400) < share))
    project_id = client.get("/api/v1/projects").json["items"][0]["project_id"]

    def compared(a, b, **query):
        query = {"project_id": project_id, "group_a": a, "group_b": b, **query}
        return client.get("/api/v1/evaluations/compare-groups", query_string=query)

    real = compared("small", "large").json
    row = {row["name"]: row for row in real["scores"]}["accuracy"]
    assert (len(real["runs_a"]), len(real["runs_b"])) == (3, 3)
    assert 0.05 < row["interval"]["low"] < row["difference"] < row["interval"]["high"]
    row = {row["name"]: row for row in compared("small", "same").json["scores"]}["accuracy"]
    assert row["interval"]["low"] < 0 < row["interval"]["high"]
    assert row["spread_a"] > 0
    answer = compared("small", "none")
    assert (answer.status_code, answer.json["detail"][:19]) == (422, "no run of group 'no")
    assert compared("small", "large", project_id=9_999).status_code == 404
    log(started(group="other"), TARGET, TARGET, pos_label=0)
    answer = compared("small", "other")
    assert (answer.status_code, "other tasks, labels or positive classes" in answer.json["detail"]) == (422, True)


def test_groups_that_no_seed_changes_say_nothing_of_chance(client):
    for group, wrong in (("a", TARGET ^ (np.arange(400) % 10 == 0)), ("b", TARGET)):
        for _ in range(3):
            log(started(group=group), TARGET, wrong)
    project_id = client.get("/api/v1/projects").json["items"][0]["project_id"]
    query = {"project_id": project_id, "group_a": "a", "group_b": "b"}
    rows = client.get("/api/v1/evaluations/compare-groups", query_string=query).json["scores"]
    assert {(row["spread_a"], row["spread_b"], row["interval"]) for row in rows} == {(0, 0, None)}


def test_a_group_is_compared_by_its_whole_evaluations_only(client, monkeypatch):
    for group, share in (("a", 0.3), ("b", 0.1)):
        log(stream := started(group=group), TARGET, TARGET ^ (random.random(400) < share))
        broken_off = list(records_of(samples_of(np.zeros(5_000, int), np.ones(5_000, int)), name="test", split="test"))
        stream.send(*broken_off[:-1])
    empty, few = started(group="a"), started(group="b")
    for stream in (empty, few):
        stream.send(*broken_off[: 1 + (stream is few)])
    project_id = client.get("/api/v1/projects").json["items"][0]["project_id"]
    query = {"project_id": project_id, "group_a": "a", "group_b": "b"}
    answer = client.get("/api/v1/evaluations/compare-groups", query_string=query).json
    assert answer["left_out"] == [empty.run_id, few.run_id]
    monkeypatch.setattr(queries, "MAX_GROUP_SAMPLES", 500)
    log(later := started(group="a"), TARGET, TARGET)
    less = client.get("/api/v1/evaluations/compare-groups", query_string=query).json
    assert (less["runs_a"], set(less["left_out"])) == ([later.run_id], {*answer["left_out"], *answer["runs_a"]})
    (row,) = [row for row in answer["scores"] if row["name"] == "accuracy"]
    assert (row["mean_a"], row["interval"], row["spread_a"]) == (pytest.approx(0.7, abs=0.1), None, None)


def compare(client, a, b, **query):
    keys = [(stream.run_id, listed(client, stream)[0]["evaluation_id"]) for stream in (a, b)]
    of = {"run_a": keys[0][0], "evaluation_a": keys[0][1], "run_b": keys[1][0], "evaluation_b": keys[1][1]}
    return client.get("/api/v1/evaluations/compare", query_string={**of, **query})


def test_an_advantage_that_is_real_is_told_from_one_that_is_noise(client):
    right = [TARGET ^ (random.random(400) < share) for share in (0.3, 0.29, 0.1)]
    runs = [started() for _ in right]
    for stream, said in zip(runs, right, strict=True):
        log(stream, TARGET, said, sample_ids=range(400))
    noise, real = compare(client, runs[0], runs[1]).json, compare(client, runs[0], runs[2]).json
    of = {row["name"]: row for row in real["scores"]}["accuracy"]
    assert of["difference"] == pytest.approx((right[2] == TARGET).mean() - (right[0] == TARGET).mean())
    assert 0 < of["interval"]["low"] < of["difference"] < of["interval"]["high"]
    assert real["mcnemar"]["p_value"] < 0.001
    of = {row["name"]: row for row in noise["scores"]}["accuracy"]
    assert of["interval"]["low"] < 0 < of["interval"]["high"]
    assert noise["mcnemar"]["p_value"] > 0.05
    assert sum(noise["agreement"].values()) == noise["samples"] == 400


def test_samples_are_matched_by_their_ids_in_any_order(client):
    a, b = started(), started()
    order = random.permutation(400)[:300]
    log(a, TARGET, TARGET, sample_ids=range(400))
    log(b, TARGET[order], 1 - TARGET[order], sample_ids=order)
    told = compare(client, a, b, group="only_a", limit=3).json
    assert {name: told[name] for name in told if name != "items"} == compare(client, a, b).json
    assert (told["samples"], told["agreement"]["only_a"]) == (300, 300)
    first = told["items"][0]
    assert first["sample_id"] == str(min(order))
    assert (first["prediction"], first["prediction_b"]) == (str(TARGET[min(order)]), str(1 - TARGET[min(order)]))


def test_samples_that_come_while_two_are_compared_change_nothing(client, monkeypatch):
    a, b = started(), started()
    target = np.arange(5_000) % 2
    first, *rest = records_of(samples_of(target, target, sample_ids=range(5_000)), name="test", split="test")
    log(a, target, target, sample_ids=range(5_000))
    b.send(first, rest[0])
    read = queries.sample_ids

    def late(*key):
        b.send(*rest[1:])
        return read(*key)

    monkeypatch.setattr(queries, "sample_ids", late)
    answer = compare(client, a, b)
    assert (answer.status_code, answer.json["samples"]) == (200, 4_096)


def test_samples_that_have_a_name_in_common_are_not_comparable(client):
    a, b = started(), started()
    for stream in (a, b):
        log(stream, TARGET, TARGET, sample_ids=["first", "again", "again", *range(397)])
    answer = compare(client, a, b)
    assert (answer.status_code, answer.json["detail"]) == (
        422,
        "sample_id 'again' stands for several samples; give each a name of its own",
    )


@pytest.mark.parametrize(
    ("given", "more", "message"),
    [
        ((TARGET[:300], TARGET[:300]), {}, "400 and 300 samples without sample_ids can't be matched"),
        ((1 - TARGET, TARGET), {}, "the same samples have other targets in the two"),
        ((TARGET * 2, TARGET, None), {}, "are not comparable"),
        ((TARGET, TARGET), {"pos_label": 0}, "the positive class is '1' in A and '0' in B"),
    ],
)
def test_what_is_not_comparable_is_told(client, given, more, message):
    a, b = started(), started()
    log(a, TARGET, TARGET)
    log(b, *given, **more)
    answer = compare(client, a, b)
    assert answer.status_code == 422
    assert message in answer.json["detail"]


def test_what_is_not_there_is_told(client, binary):
    assert client.get(f"/api/v1/runs/{uuid.uuid4()}/evaluations").status_code == 404
    assert client.get(f"/api/v1/runs/{binary.run_id}/evaluations/999999").status_code == 404
    assert client.get(f"/api/v1/runs/{binary.run_id}/evaluations/999999/report").status_code == 404
    answer = asked(client, binary, "/report", label=2)
    assert (answer.status_code, answer.json["detail"]) == (422, "label 2 is no class; use 0 to 1")


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_every_task_has_a_report(client, task):
    stream = started()
    scores = random.random((50, 4))
    given = {
        "multiclass": (np.arange(50) % 4, None, scores / scores.sum(axis=1, keepdims=True)),
        "multilabel": (scores > 0.4, None, scores),
        "regression": (scores[:, 0], scores[:, 1]),
    }[task]
    log(stream, *given, task=task)
    told = asked(client, stream, "/report").json
    assert told["scores"]
    assert set(asked(client, stream, "/intervals").json["intervals"]) <= set(told["scores"])
    assert asked(client, stream, "/samples", order="worst").json["total"] == 50


def test_samples_are_chosen_by_their_score_and_counted_by_slice(client, binary):
    told = asked(client, binary, "/samples", target=-1 - 1, by="score:1", low=0.5, limit=3).json
    chosen = (TARGET != 1) & (SCORE >= 0.5)
    assert told["total"] == chosen.sum() > 0
    assert {row["value"]: row["samples"] for row in told["slices"]} == {
        "a": chosen[::4].sum(),
        "b": chosen.sum() - chosen[::4].sum(),
    }
    for by in ("score:2", "feature:age", "error", "score:x", "score:" + "9" * 5_000):
        assert asked(client, binary, "/samples", by=by).status_code == 422


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_samples_of_a_class_that_there_is_not_are_refused(client, task):
    stream = started()
    true = random.random((50, 4)) > 0.4 if task == "multilabel" else random.random(50)
    log(stream, true, true, task=task)
    for asked_for in ({"target": 4}, {"target": -5}, {"prediction": 10**30}):
        answer = asked(client, stream, "/samples", **asked_for)
        assert answer.status_code == 422
        assert "is no class; use " in answer.json["detail"]


def test_samples_come_as_columns_and_a_project_lists_its_evaluations(client, binary):
    held = asked(client, binary, "/columns").json
    assert (held["total"], held["sample_id"][7], held["target"]) == (400, "s7", TARGET.tolist())
    assert np.frombuffer(base64.b64decode(held["scores"]["1"]), "<f8").tolist() == SCORE.tolist()
    first = asked(client, binary, "/samples", order="worst", limit=1).json["items"][0]
    assert held["order"]["worst"][first["sample_no"]] == 0
    project = client.get(f"/api/v1/runs/{binary.run_id}").json["project_id"]
    rows = client.get(f"/api/v1/projects/{project}/evaluations").json["items"]
    mine = next(row for row in rows if row["run_id"] == binary.run_id)
    assert mine["run_name"] is not None
    assert mine["labels"] == ["well", "ill"]
    one = client.get(f"/api/v1/projects/{project}/evaluations?evaluation_id={mine['evaluation_id']}").json["items"]
    assert one == [mine]
    assert client.get("/api/v1/projects/99999/evaluations").status_code == 404


def test_of_very_many_samples_the_worst_and_a_fair_picture_are_held():
    random = np.random.default_rng(0)
    target, score = random.integers(0, 2, 20_000), random.random(20_000)
    samples = Samples("binary", ["a", "b"], target, (score > 0.5).astype(int), 1, "probability", score)
    places = held(samples)
    assert len(places) == 5_000
    assert (np.diff(places) > 0).all()
    assert set(ordered(samples, np.arange(20_000), "worst")[:1_250]) <= set(places)


@pytest.mark.parametrize("order", ORDERS)
def test_the_first_in_an_order_are_the_same_whether_the_others_are_sorted_or_not(order):
    random = np.random.default_rng(1)
    target, score = random.integers(0, 2, 500), random.random(500).round(1)  # many are equal
    samples = Samples("binary", ["a", "b"], target, (score > 0.5).astype(int), 1, "probability", score)
    places = np.flatnonzero(score > 0.2)
    for most in (0, 1, 7, 100, len(places), 500):
        assert ordered(samples, places, order, most).tolist() == ordered(samples, places, order)[:most].tolist()
