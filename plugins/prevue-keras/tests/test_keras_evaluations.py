"""What tests leave in the database, sample by sample, with TensorFlow and PyTorch."""

import keras
import numpy as np
import pytest
from keras_digits import STEPS, y_val

import prevue
from prevue import PrevueKerasCallback
from prevue.evaluation import samples_of
from prevue_core.errors import InvalidValue
from prevue_keras import log_test


def evaluations(backend, project):
    """Return the evaluations of a project's only run by name and step, with what the backend says of them."""
    [(run_id,)] = backend.runs(project, "run_id")
    api = prevue.Api(backend.url)
    rows = api.evaluations(run_id)
    return {
        (row["name"], row["step"]): {**row, **api.report(run_id, row["evaluation_id"])}
        for row in sorted(rows, key=lambda row: row["evaluation_id"])
    }


def test_a_training_is_tested_each_so_many_epochs_and_at_its_end(trained):
    found = evaluations(trained, "evaluated")
    assert list(found) == [("test", STEPS * epochs) for epochs in (2, 4, 5)]
    accuracy = trained.series("evaluated", "metric_value")["val", "accuracy"]
    scores = [one["scores"]["accuracy"] for one in found.values()]
    assert scores == pytest.approx([accuracy[1], accuracy[3], accuracy[4]], abs=1e-6)
    [one, *_] = found.values()
    assert (one["task"], one["score_type"], one["labels"][3]) == ("multiclass", "logit", "digit 3")


def test_a_training_that_is_tested_goes_on_as_without(trained):
    columns = "round(loss_value, 5)"
    assert trained.series("evaluated", columns)["train", "loss"] == trained.series("alike", columns)["train", "loss"]


def test_loss_and_last_activation_tell_the_task_and_what_the_scores_are(trained):
    found = evaluations(trained, "kinds")
    assert {name: (one["task"], one["score_type"]) for (name, _), one in found.items()} == {
        "softmax": ("multiclass", "probability"),
        "one-hot": ("multiclass", "logit"),
        "sigmoid": ("binary", "probability"),
        "logit": ("binary", "logit"),
        "two": ("binary", "probability"),
        "labels": ("multilabel", "probability"),
        "value": ("regression", None),
    }
    assert found["value", None]["sample_count"] == len(y_val)


def test_names_and_groups_of_samples_may_be_tensors():
    numbers = keras.ops.convert_to_tensor([7, 8])
    samples = samples_of([0, 1], [0, 1], sample_ids=numbers, slices={"site": numbers})
    assert (samples.sample_ids, samples.slices) == (["7", "8"], {"site": ["7", "8"]})


def test_each_output_is_tested_by_itself(trained):
    found = evaluations(trained, "outputs")
    assert {name: one["task"] for (name, _), one in found.items()} == {"test/z": "multiclass", "test/a": "regression"}
    assert found["test/z", STEPS]["labels"] == list("0123456789")


def test_samples_of_a_data_set_that_is_shuffled_keep_their_targets(trained):
    [accuracy] = trained.series("data sets", "metric_value")["train", "accuracy"]
    found = evaluations(trained, "data sets")
    assert found.keys() >= {("shuffled", None), ("py", None)}
    assert ("endless", None) not in found
    assert accuracy > 0.25
    for name, one in found.items():
        if name != ("shuffled", None):  # which is weighted
            assert one["scores"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert found["shuffled", None]["sample_count"] == len(y_val)


def test_evaluate_tests_weights_that_were_not_tested(trained):
    assert list(evaluations(trained, "evaluate")) == [("test", 0), ("test", STEPS)]


def test_a_test_that_fails_costs_the_test_only(trained):
    assert evaluations(trained, "not evaluated") == {}
    assert trained.states("not evaluated") == ["finished"]
    assert len(trained.series("not evaluated")["train", "loss"]) == 3


@pytest.mark.parametrize("given", [7, (np.zeros(3),), (batch for batch in [])])
def test_data_to_test_with_that_cannot_be_used_is_refused(given):
    with pytest.raises(InvalidValue, match="evaluation_data"):
        PrevueKerasCallback(evaluation_data=given)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras
def test_pictures_are_refused_before_they_are_all_kept(caplog):
    batches = [(np.zeros((5, 4)), np.zeros(5))] * 2
    asked = []

    def predict_on_batch(x):
        asked.append(len(x))
        return keras.Model.predict_on_batch(model, x)

    model = keras.Sequential([keras.Input((4,)), keras.layers.Reshape((2, 2))])
    model.predict_on_batch = predict_on_batch
    log_test(prevue.init("pictures", mode="disabled"), model, batches)
    assert "the model gives an array of shape (5, 2, 2); give one with a row a sample" in caplog.text
    assert asked == [5]
