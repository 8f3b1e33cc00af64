"""What `log_evaluation` accepts, and what it makes of it."""

from decimal import Decimal

import numpy as np
import pandas
import pytest

from prevue.evaluation import samples_of
from prevue.evaluation_blocks import records_of
from prevue_core.errors import InvalidValue

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5], [0.3, 0.4, 0.3]])


def test_two_classes_with_the_score_of_the_positive():
    samples = samples_of([0, 1, 1], y_score=[0.2, 0.9, 0.4])
    assert (samples.task, samples.labels, samples.positive) == ("binary", ["0", "1"], 1)
    assert samples.target.tolist() == [0, 1, 1]
    assert samples.prediction.tolist() == [0, 1, 0]
    assert (samples.score_type, samples.scores.ravel().tolist()) == ("probability", pytest.approx([0.2, 0.9, 0.4]))


def test_the_positive_class_may_be_the_first():
    score = [[0.8, 0.2], [0.1, 0.9]]
    samples = samples_of(["ill", "well"], y_score=score, labels=["ill", "well"], pos_label="ill")
    assert (samples.positive, samples.scores.ravel().tolist()) == (0, pytest.approx([0.8, 0.1]))
    assert samples.prediction.tolist() == [0, 1]


def test_classes_are_text_or_numbers_in_the_order_of_the_columns():
    by_number = samples_of([0, 1, 2, 1], y_score=P)
    by_name = samples_of(["a", "b", "c", "b"], ["a", "b", "c", "b"], P, labels=["a", "b", "c"])
    named = samples_of([0, 1, 2, 1], y_score=P, labels=["a", "b", "c"])
    for samples, labels in ((by_number, ["0", "1", "2"]), (by_name, ["a", "b", "c"]), (named, ["a", "b", "c"])):
        assert (samples.task, samples.labels, samples.score_type) == ("multiclass", labels, "probability")
        assert samples.target.tolist() == samples.prediction.tolist() == [0, 1, 2, 1]


def test_one_hot_targets_are_classes():
    samples = samples_of(np.eye(3)[[0, 1, 2, 1]], y_score=P)
    assert (samples.task, samples.target.tolist()) == ("multiclass", [0, 1, 2, 1])


def test_several_labels_at_once_need_no_row_that_adds_up():
    samples = samples_of([[1, 1, 0], [0, 0, 0]], y_score=[[0.9, 0.2, 0.6], [0.1, 0.2, 0.7]])
    assert (samples.task, samples.labels) == ("multilabel", ["0", "1", "2"])
    assert samples.prediction.astype(int).tolist() == [[1, 0, 1], [0, 0, 1]]


def test_a_single_label_may_be_one_of_several_at_once():
    samples = samples_of([[1], [0]], y_score=[[0.2], [0.7]], task="multilabel", labels=["art"])
    assert (samples.labels, samples.target.tolist(), samples.prediction.tolist()) == (
        ["art"],
        [[True], [False]],
        [[False], [True]],
    )


def test_numbers_with_fractions_are_a_regression():
    samples = samples_of([1, 2, 3], [1.1, 2.5, 2.9])
    assert (samples.task, samples.target.tolist(), samples.labels) == ("regression", [1.0, 2.0, 3.0], [])


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ([-3.0, 2.0], "decision"),
        ([[-3.0, 2.0, 0.1], [0.0, 1.0, 5.0]], "logit"),
        ([[0.5, 0.9, 0.1], [0.2] * 3], "decision"),
    ],
)
def test_scores_that_are_no_probabilities_are_told_apart(score, expected):
    samples = samples_of([0, 1], y_score=score)
    assert samples.score_type == expected
    assert samples_of([0, 1], y_score=score, score_type="logit").score_type == "logit"


def test_frames_weights_ids_slices_and_features_come_along():
    frame = pandas.DataFrame(
        {"true": ["a", "b", "a"], "said": ["a", "a", "a"], "site": [1, 2, 2], "age": [40, None, 60]}
    )
    samples = samples_of(
        frame["true"], frame["said"], sample_ids=frame.index, sample_weight=[1, 2, 0.5],
        slices=frame[["site"]], features=frame[["age"]],
    )  # fmt: skip
    assert (samples.sample_ids, samples.slices) == (["0", "1", "2"], {"site": ["1", "2", "2"]})
    assert (samples.weight.tolist(), samples.features["age"].tolist()) == (
        [1, 2, 0.5],
        pytest.approx([40, np.nan, 60], nan_ok=True),
    )


def test_two_columns_of_logits_are_one_logit_their_difference():
    logits = np.array([[5.0, 3.0], [-4.0, -1.0], [0.5, 2.5]])
    for score_type in ("auto", "logit"):
        samples = samples_of([0, 1, 1], y_score=logits, score_type=score_type)
        assert (samples.task, samples.score_type, samples.prediction.tolist()) == ("binary", "logit", [0, 1, 1])
        assert samples.scores.ravel().tolist() == [-2, 3, 2]
    samples = samples_of([0, 1, 1], y_score=logits, pos_label=0)
    assert (samples.scores.ravel().tolist(), samples.prediction.tolist()) == ([2, -3, -2], [0, 1, 1])


def test_columns_of_any_index_and_type_of_pandas_are_taken_by_their_order():
    index = [5, 9, 2]
    samples = samples_of(
        pandas.Series(["a", "b", "a"], index=index, dtype="category"),
        pandas.Series(["a", "b", "b"], index=[1, 1, 1], dtype="string"),
        sample_weight=pandas.Series([1, 2, 3], index=index, dtype="Int64"),
        features=pandas.DataFrame({"age": pandas.Series([4, None, 6], index=index, dtype=object)}),
    )
    assert (samples.target.tolist(), samples.prediction.tolist(), samples.weight.tolist()) == (
        [0, 1, 0],
        [0, 1, 1],
        [1, 2, 3],
    )
    assert samples.features["age"].tolist() == pytest.approx([4, np.nan, 6], nan_ok=True)


def test_probabilities_of_bfloat16_are_probabilities():
    bits = np.array([[0.711, 0.203, 0.086], [0.1, 0.8, 0.1]], "float32").view("uint32")
    few_bits = (bits & 0xFFFF0000).view("float32")
    assert abs(few_bits.sum(axis=1) - 1).max() > 1e-3
    assert samples_of([0, 1], y_score=few_bits).score_type == "probability"


def test_numbers_and_texts_of_the_same_classes_are_the_same():
    samples = samples_of(["0", "1", "2"], [0.0, 2.0, 1.0])
    assert (samples.labels, samples.target.tolist(), samples.prediction.tolist()) == (
        ["0", "1", "2"],
        [0, 1, 2],
        [0, 2, 1],
    )


@pytest.mark.parametrize(
    ("true", "pred", "labels", "expected"),
    [
        (["1", "2", "3", "1"], [1, 2, 2, 1], None, ["1 2 3 1", "1 2 2 1"]),
        (["1", "10", "2"], [10.0, 1.0, 2.0], None, ["1 10 2", "10 1 2"]),
        ([1, 2, 3], ["1", "3", "3"], list("123"), ["1 2 3", "1 3 3"]),
        ([1, 2, 3, 1], [1, 2, 2, 1], list("123"), ["1 2 3 1", "1 2 2 1"]),
        ([0, 1, 2, 0], [1, 2, 2, 1], list("123"), ["1 2 3 1", "2 3 3 2"]),
        (np.eye(3), [1, 2, 2], list("123"), ["1 2 3", "2 3 3"]),
        ([0, 1], [1, 1], ["1", "0"], ["0 1", "1 1"]),
        (["no", "yes"], [1, 0], ["no", "yes"], ["no yes", "yes no"]),
        ([-1, 1], [1, 0], [-1, 1], ["-1 1", "1 -1"]),
        ([True, False], [1, 1], ["True", "False"], ["True False", "True True"]),
        ([True, False], ["True", "True"], None, ["True False", "True True"]),
    ],
)
def test_texts_and_numbers_are_the_same_classes_by_their_text_or_by_the_labels(true, pred, labels, expected):
    samples = samples_of(true, pred, labels=labels)
    assert [" ".join(np.array(samples.labels)[given]) for given in (samples.target, samples.prediction)] == expected


def test_texts_that_spell_numbers_have_the_order_of_numbers():
    assert samples_of([str(number) for number in range(11)], range(11)).labels == [str(number) for number in range(11)]


@pytest.mark.parametrize(("true", "pred"), [([1, 0], [True, False]), ([True, False], [1.0, 0.0])])
def test_truths_beside_numbers_are_0_and_1(true, pred):
    samples = samples_of(np.array(true), np.array(pred), [0.7, 0.2])
    assert (samples.task, samples.labels, samples.prediction.tolist()) == ("binary", ["0", "1"], [1, 0])


def test_numbers_beyond_what_a_float_tells_apart_are_a_regression():
    assert samples_of(np.arange(6) * 1e20, np.arange(6) * 1e20).task == "regression"


def test_bytes_are_text_and_labels_may_be_given_once_only():
    samples = samples_of(np.array([b"no", b"yes"]), ["no", "yes"], labels=(label for label in ("no", "yes")))
    assert (samples.task, samples.labels, samples.target.tolist()) == ("binary", ["no", "yes"], [0, 1])


def test_what_the_server_would_refuse_is_refused_before_anything_is_sent():
    for given in ({"labels": ["a" * 256, "b"]}, {"labels": [" ", "b"]}, {"slices": {" ": ["x", "y"]}}):
        with pytest.raises(InvalidValue, match="use 1 to 255"):
            next(records_of(samples_of([0, 1], [0, 1], **given), name="test", split="test"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"y_true": [0, 1, 1, 0], "y_score": [0.1, np.nan, 0.3, np.inf]}, "y_score is NaN or infinite in rows 1, 3"),
        ({"y_true": [0, 1] * 9, "y_score": [np.nan] * 18}, "in rows 0, 1, 2, 3, 4 and 13 more"),
        ({"y_true": [1.5, np.nan], "y_pred": [1, 2]}, "y_true is NaN or infinite in row 1"),
        ({"y_true": [0, 1e308], "y_pred": [0.5, -1e308]}, "y_pred is farther from y_true than .* in row 1"),
        ({"y_true": [0, 1]}, "y_pred and y_score are both missing"),
        ({"y_true": [], "y_pred": []}, "y_true is empty"),
        ({"y_true": [0, 1], "y_pred": [0]}, "y_pred has 1 samples, y_true 2"),
        ({"y_true": ["a", "a"], "y_pred": ["a", "a"]}, "there is no class but 'a'; give labels"),
        ({"y_true": ["a", "d"], "y_pred": ["a", "b"], "labels": ["a", "b"]}, r"y_true\[1\] is 'd', which is none of"),
        ({"y_true": ["a", "b"], "y_score": P[:2]}, "y_score has 3 columns, and there are 2 classes; give labels"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "task": "rank"}, "task 'rank' is not known"),
        ({"y_true": [0, 1, 2], "y_pred": [0, 1, 2], "task": "binary"}, "there are 3 classes"),
        ({"y_true": [0, 1], "y_score": [0.5, 7], "score_type": "probability"}, "y_score from 0.5 to 7 is not made of"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "sample_weight": [1, -1]}, "sample_weight is below 0 in row 1"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "features": {"age": ["x", "y"]}}, "feature 'age' has shape"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "slices": {"site": ["x"]}}, "slice 'site' has 1 samples, y_true 2"),
        ({"y_true": [[[0]]], "y_pred": [0]}, "y_true has shape"),
        ({"y_true": ["a", None, "b"], "y_pred": ["a"] * 3}, "y_true is missing in row 1"),
        ({"y_true": ["a", np.nan, "b"], "y_pred": ["a"] * 3}, "y_true is missing in row 1"),
        ({"y_true": np.ma.array([0, 1], mask=[0, 1]), "y_pred": [0, 1]}, "y_true is masked in row 1"),
        ({"y_true": [0, 1], "y_pred": [0.2, 0.7]}, "y_pred of shape .* has fractions, 0.2 .* give scores as y_score"),
        ({"y_true": [0, 1, 2], "y_pred": P[:3]}, "give scores as y_score"),
        ({"y_true": [0, 1], "y_score": [0.1, 1e300]}, "y_score is NaN or infinite in row 1"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "labels": {0: "a", 1: "b"}}, "labels .* is of type dict; use a list"),
        ({"y_true": ["a", "b"], "y_pred": ["a", "b"], "labels": "ab"}, "labels 'ab' is of type str; use a list"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "labels": 2}, "labels 2 is of type int; use a list"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "labels": []}, "labels is empty"),
        ({"y_true": [0, 1], "y_score": [0.1, 0.9], "pos_label": "x"}, r"pos_label 'x' is none of \[0, 1\]; use one"),
        ({"y_true": [0, 1, 2], "y_score": P[:3], "pos_label": 1}, "pos_label 1 is for two classes, not for"),
        ({"y_true": ["a", "b"], "y_pred": [0, 1]}, r"such as 'a', and y_pred\[0\], which is 0, is none of them"),
        ({"y_true": ["1", "2", "3"], "y_pred": [1, 0, 2]}, r"y_pred\[1\], which is 0, is none of them; give labels"),
        ({"y_true": ["1", "2"], "y_pred": np.eye(3)[[1, 2]]}, "is none of them; give labels"),
        ({"y_true": list("123"), "y_pred": [0, 1, 1], "labels": list("123")}, r"y_pred\[0\] is 0, which is none of"),
        ({"y_true": [1, 2, 3], "y_pred": [0, 1, 2], "labels": list("123")}, r"y_pred\[0\] is 0, which is none of"),
        ({"y_true": [0, 1, 2], "y_pred": [1, 2, 3], "labels": list("123")}, r"y_pred\[2\] is 3, .* by their numbers"),
        ({"y_true": [0, 1, 9], "y_pred": [0, 1, 2], "labels": list("abc")}, r"y_true\[2\] is 9, which is none of"),
        ({"y_true": [1, 2], "y_pred": [2, 1], "labels": list("123")}, "numbers such as 1, which may be labels of"),
        ({"y_true": np.eye(3), "y_pred": [0, 1, 2], "labels": list("12")}, "y_true has 3 columns, .* 2 labels"),
        ({"y_true": [1, 2], "y_pred": [1, 2], "pos_label": 0}, r"pos_label 0 is none of \[1, 2\]"),
        ({"y_true": "abc", "y_pred": "abd"}, "y_true 'abc' is one value; use an array, a list"),
        ({"y_true": {0, 1}, "y_pred": [0, 1]}, r"y_true \{0, 1\} is one value"),
        ({"y_true": [object(), 2], "y_pred": [0, 1]}, r"y_true\[0\] is <object .*, neither a text nor a number"),
        ({"y_true": [1, Decimal(2), 3], "y_pred": [1, 2, 3]}, r"y_true\[1\] is Decimal\('2'\), neither"),
        ({"y_true": [0, 2**70], "y_pred": [0, 1]}, r"y_true\[1\] is 1180.*, neither a text nor a number of 64 bits"),
        ({"y_true": P[:, :2] * 3, "y_pred": P[:, :2]}, "has several targets; log an evaluation for each$"),
        ({"y_true": P, "y_score": P}, "several targets; .*, or one of the classes y_true.argmax"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "sample_ids": 5}, "sample_ids 5 is one value; use a list"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "sample_ids": ["a", None]}, "sample_ids is missing in row 1"),
        ({"y_true": [0, 1], "y_pred": [0, 1], "sample_ids": ["x" * 1_001, "y"]}, "in row 0 has 1001 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_accepted_is_told_with_what_is(given, message):
    with pytest.raises(InvalidValue, match=message):
        samples_of(**given)
