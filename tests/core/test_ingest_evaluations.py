"""Evaluations on their way into the tables: from arrays over the client's records to rows."""

import numpy as np
import orjson
import pytest

from core.stream import started
from prevue import evaluation, evaluation_blocks
from prevue.evaluation import samples_of
from prevue.evaluation_blocks import records_of
from prevue_core.db.models import Evaluation, Prediction
from prevue_core.db.queries.evaluations import samples
from prevue_core.errors import SequenceGap

random = np.random.default_rng(7)


def sent(*given, name="test", split="test", step=None, **more):
    """Send an evaluation as the client would, over JSON; return its row and the rows of its samples."""
    told = {"name": name, "split": split, **({} if step is None else {"step": step})}
    records = [orjson.loads(orjson.dumps(record)) for record in records_of(samples_of(*given, **more), **told)]
    stream = started()
    assert stream.send(*records).rejected == []
    row = Evaluation.get(Evaluation.run_id == stream.run_id)
    return row, list(Prediction.select().where(Prediction.run_id == stream.run_id).order_by(Prediction.sample_no))


def floats(blobs, kind="<f4"):
    return np.array([np.frombuffer(bytes(blob), kind) for blob in blobs])


@pytest.mark.usefixtures("database")
def test_two_classes_are_stored_sample_by_sample():
    score = random.random(10_000).astype("float32")
    row, stored = sent(random.random(10_000) < score, None, score, name="holdout", split="val", step=3)

    assert (row.name, row.split, row.task, row.step, row.positive) == ("holdout", "val", "binary", 3, 1)
    assert (row.sample_count, row.stored_count, row.received_count) == (10_000,) * 3
    assert (orjson.loads(row.labels), row.score_type) == (["0", "1"], "probability")
    assert [sample.sample_no for sample in stored] == list(range(10_000))
    assert [sample.score for sample in stored] == score.tolist()
    assert [sample.prediction for sample in stored] == (score >= 0.5).astype(float).tolist()
    assert {(sample.weight, sample.scores, sample.sample_id) for sample in stored} == {(1.0, None, None)}


@pytest.mark.parametrize("kind", ["<f4", "<f8"])
@pytest.mark.usefixtures("database")
def test_scores_of_many_classes_come_back_as_they_were(kind):
    scores = random.normal(size=(300, 7)).astype(kind)
    row, stored = sent(np.arange(300) % 7, None, scores)

    assert (row.task, row.score_count, row.score_type) == ("multiclass", 7, "logit")
    assert (floats((sample.scores for sample in stored), kind) == scores).all()
    assert (samples(row.run_id, row.evaluation_id).scores == scores).all()
    assert [sample.score for sample in stored] == scores.max(axis=1).tolist()


@pytest.mark.usefixtures("database")
def test_scores_of_very_many_samples_are_stored_as_float32_and_blocks_of_both_are_refused(monkeypatch):
    given = samples_of(np.arange(60) % 3, None, random.normal(size=(60, 3)))
    monkeypatch.setattr(evaluation_blocks, "BLOCK_SAMPLES", 30)
    monkeypatch.setattr(evaluation, "MAX_EXACT_SCORES", 179)
    many = samples_of(np.arange(60) % 3, None, given.scores)
    exact, short = (list(records_of(told, name="test", split="test")) for told in (given, many))
    assert [len(records[1]["scores"]) for records in (exact, short)] == [960, 480]  # base64 of 30 x 3 numbers
    (refused,) = started().send(*exact[:2], short[2] | {"key": exact[0]["key"]}).rejected
    assert refused["reason"] == "scores of a sample have 12 bytes, those before 24; send all as float32 or float64"


@pytest.mark.usefixtures("database")
def test_several_labels_at_once_are_bits():
    target = random.random((50, 11)) < 0.3
    _, stored = sent(target, target, task="multilabel", labels=[f"l{number}" for number in range(11)])

    bits = np.unpackbits(floats((sample.target_set for sample in stored), "B"), axis=1, count=11, bitorder="little")
    assert (bits == target).all()
    assert [(sample.target, sample.prediction) for sample in stored] == [(None, None)] * 50


@pytest.mark.usefixtures("database")
def test_ids_weights_slices_and_features_are_stored_with_their_samples():
    row, stored = sent(
        [0.5, 1.5, 2.5], [1.0, 1.0, 1.0],
        sample_ids=["a\tb", "c\\d", "ä\n"], sample_weight=[1, 2, 0.25],
        slices={"site": ["x", "y", "x"], "sex": ["f", "f", "m"]}, features={"age": [1.0, np.nan, 3.0]},
    )  # fmt: skip
    assert (row.task, orjson.loads(row.slice_names), orjson.loads(row.feature_names)) == (
        "regression",
        ["site", "sex"],
        ["age"],
    )
    assert [(sample.sample_id, sample.target, sample.weight) for sample in stored] == [
        ("a\tb", 0.5, 1.0),
        ("c\\d", 1.5, 2.0),
        ("ä\n", 2.5, 0.25),
    ]
    assert [orjson.loads(sample.slices) for sample in stored] == [["x", "f"], ["y", "f"], ["x", "m"]]
    assert floats((sample.features for sample in stored), "<f8").ravel() == pytest.approx([1, np.nan, 3], nan_ok=True)


@pytest.mark.usefixtures("database")
def test_of_too_many_scores_the_highest_and_the_true_ones_are_kept(monkeypatch):
    monkeypatch.setattr(evaluation_blocks, "MAX_SCORES", 1_000)
    scores = random.normal(size=(60, 20)).astype("float32")
    target = random.integers(0, 20, 60)
    row, stored = sent(target, None, scores)

    assert row.score_count == 6
    classes, kept = (
        floats((getattr(sample, name) for sample in stored), kind)
        for name, kind in (("score_classes", "<i4"), ("scores", "<f4"))
    )
    assert (np.take_along_axis(scores, classes, axis=1) == kept).all()
    assert (classes[:, :5] == np.argsort(-scores, axis=1)[:, :5]).all()
    assert (classes == target[:, None]).any(axis=1).all()


@pytest.mark.usefixtures("database")
def test_of_too_many_samples_as_many_of_each_class_are_kept_as_its_share(monkeypatch):
    monkeypatch.setattr(evaluation_blocks, "MAX_SAMPLES", 1_000)
    target = np.concatenate([random.random(4_940) < 0.1, np.arange(2, 62)]).astype(int)  # sixty of one sample each
    row, stored = sent(target, target)

    assert (row.sample_count, row.received_count) == (5_000, len(stored))
    assert 990 <= len(stored) <= 1_000
    for number in range(62):
        weight = sum(sample.weight for sample in stored if sample.target == number)
        assert weight == pytest.approx((target == number).sum())


@pytest.mark.usefixtures("database")
def test_a_batch_that_comes_twice_is_stored_once_and_samples_out_of_order_are_refused():
    stream = started()
    records = list(records_of(samples_of(np.arange(9_000) % 2, np.zeros(9_000, int)), name="test", split="test"))
    assert len(records) == 4
    stream.send(*records[:3])
    stream.send_from(1, *records[:3])
    assert Prediction.select().where(Prediction.run_id == stream.run_id).count() == 8_192

    again = stream.send(records[1], records[0])
    assert [refused["reason"][:60] for refused in again.rejected] == [
        "sample 0 stands where 8192 should; send samples in order",
        f"evaluation {records[0]['key']} was logged before"[:60],
    ]
    assert stream.send(records[3]).rejected == []
    assert Prediction.select().where(Prediction.run_id == stream.run_id).count() == 9_000
    with pytest.raises(SequenceGap):
        stream.send_from(99, records[3])


@pytest.mark.parametrize(
    ("place", "change", "reason"),
    [
        (0, {"task": "ranking"}, "task 'ranking' is not known"),
        (0, {"labels": ["a"]}, "a binary evaluation has 1 labels; give 2"),
        (0, {"labels": ["a", "a"]}, "name a class twice"),
        (0, {"score_count": 3}, "score_count 3 does not fit"),
        (0, {"stored": 1_000_001}, "stored 1000001 is not within 0 to 1000000"),
        (0, {"key": "x"}, "key 'x' is not a UUID"),
        (0, {"split": "Test set"}, "split 'Test set' is not a lower-case name"),
        (1, {"count": 3}, "samples 0 to 2 are no block of 2 samples"),
        (1, {"target": "AAAA"}, "target 'AAAA' is not the base64 of numbers"),
        (1, {"target": "AAAAAA=="}, "target has 1 numbers; 2 are expected"),
        (1, {"target": "AAAAAAIAAAA="}, "class numbers 0 to 2 are not within 0 to 1"),
        (1, {"scores": "AADAfwAAgD8="}, "scores has NaN or an infinity"),
        (1, {"sample_ids": ["a"]}, "sample_ids ['a'] is not a list of 2 texts"),
        (1, {"slices": [["a", "b"]]}, "1 slices are given, but the evaluation has 0"),
    ],
)
@pytest.mark.usefixtures("database")
def test_what_is_wrong_in_a_record_is_told(place, change, reason):
    records = list(records_of(samples_of([0, 1], None, [0.2, 0.7]), name="test", split="test"))
    records[place] = records[place] | change
    stream = started()
    rejected = stream.send(*records).rejected
    assert rejected[0]["seq"] == place + 1
    assert reason in rejected[0]["reason"]
    assert Prediction.select().where(Prediction.run_id == stream.run_id).count() == 0
