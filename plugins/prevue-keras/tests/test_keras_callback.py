"""What trainings leave in the database, with TensorFlow and PyTorch, and what the constructor refuses."""

import importlib
import json
import pickle
import sys
from pathlib import Path

import keras
import pytest
from keras_backends import BACKENDS
from keras_digits import STEPS, classifier, since_later_keras, x_train, y_train

import prevue
from prevue import PrevueKerasCallback
from prevue_core.errors import InvalidValue
from prevue_keras.values import outputs_of

LOSS, RATE = ("train", "loss"), ("train", "learning_rate")
MEANS = {("train", "running_mean/loss"), ("train", "running_mean/accuracy")}

FAILS_IN_EPOCH_3 = """\
import keras
from keras_trainings import classifier, fit
from prevue import PrevueKerasCallback

class Failing(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise MemoryError("no memory in epoch 3")

fit(classifier(), None, epochs=5, callbacks=[PrevueKerasCallback(project_name="failing"), Failing()])
"""

OUT_OF_ORDER = """\
import random
from concurrent.futures import ThreadPoolExecutor
from keras_trainings import classifier
from prevue import PrevueKerasCallback

class NoSync(PrevueKerasCallback):
    is_in_batch = False

    @property
    def model(self):
        assert not self.is_in_batch
        return super().model

callback = NoSync(project_name="out of order", update_freq="batch")
callback.set_model(classifier())
callback.set_params({"epochs": 1, "steps": None})
callback.on_train_begin()
callback.on_epoch_begin(0)
callback.is_in_batch = True
batches = random.sample(range(400), 400)
with ThreadPoolExecutor(8) as threads:
    list(threads.map(lambda batch: callback.on_train_batch_end(batch, {"loss": batch}), batches))
callback.is_in_batch = False
callback.on_epoch_end(0, {"loss": 1.0})
callback.on_train_end()
"""

WITHOUT_SERVER = """\
import logging
from keras_trainings import classifier, fit
from prevue import PrevueKerasCallback

logging.basicConfig(format="%(name)s|%(levelname)s|%(message)s")
fit(classifier(), PrevueKerasCallback(project_name="alone"), epochs=3)
"""


# trainings


def test_the_snippet_of_the_design_fills_the_four_tables(trained):
    assert trained.rows("SELECT username FROM users WHERE username = 'test'") == [("test",)]
    name, connector, architecture = trained.model("test")
    assert (name, connector) == ("sequential", "keras")
    assert [layer["name"] for layer in architecture["layers"]] == ["dense", "dense_1"]
    columns = "epoch, step, split, loss_name, loss_value > 0, metric_name, metric_value BETWEEN 0 AND 1"
    epochs = [(n, STEPS * (n + 1), "train", "loss", 1, "accuracy", 1) for n in range(5)]
    rates = [(n, STEPS * (n + 1), "train", None, None, "learning_rate", 1) for n in range(5)]
    assert sorted(trained.metrics("test", columns), key=str) == sorted([*epochs, *rates], key=str)
    assert trained.states("test") == ["finished"]


def test_the_run_ends_with_the_training_not_with_the_program(trained):
    ends = "SELECT finished_at FROM runs JOIN projects USING (project_id) WHERE project_name = 'test'"
    begins = "SELECT started_at FROM runs JOIN projects USING (project_id) WHERE project_name = 'validation'"
    assert trained.rows(f"SELECT ({ends}) < ({begins})") == [(1,)]


def test_every_row_names_the_model(trained):
    described = "SELECT run_id FROM runs WHERE model_id IS NOT NULL"
    sql = f"SELECT count(*) FROM metrics WHERE model_id IS NULL AND run_id IN ({described})"
    assert trained.rows(sql) == [(0,)]


def test_validation_goes_to_the_split_val(trained):
    found = trained.series("validation", "epoch, step")
    assert found.keys() == {*[(split, name) for split in ("train", "val") for name in ("loss", "accuracy")], RATE}
    assert all(rows == [(0, STEPS), (1, 2 * STEPS)] for rows in found.values())


def test_one_code_trained_again_is_one_model(trained):
    [(count,)] = trained.rows(
        "SELECT count(*) FROM models WHERE model_name = 'sequential' AND connector_name = 'keras'"
    )
    projects = ["test", "validation", "further fits", "run of before", "copies"]
    assert len({str(trained.model(project)) for project in projects}) == 1
    assert count == 2  # and that of "built by fit"


def test_further_fits_of_a_callback_go_on_with_its_run(trained):
    assert trained.states("further fits") == ["finished"]
    # Two fits of two epochs, and one of a single epoch with smaller batches and an optimizer that was a new one.
    steps = [STEPS * n for n in (1, 2, 3, 4, 6)]
    assert trained.series("further fits", "epoch, step")[LOSS] == list(zip([0, 1, 0, 1, 0], steps, strict=True))


def test_where_further_fits_begin_is_marked_with_what_is_different(trained):
    events = trained.of_runs("further fits", "events", "kind, text, step")
    assert events == [("fit", "fit 2 begins", 2 * STEPS), ("fit", "fit 3 begins", 4 * STEPS)]
    config = trained.config("further fits")
    assert (config["batch_size"], config["epochs"]) == (32, 2)
    assert config["fit 3"] == {"batch_size": 16, "epochs": 1, "steps": 2 * STEPS}
    assert "fit 2" not in config


def test_a_run_of_before_goes_on_with_rising_steps(trained):
    assert trained.states("run of before") == ["finished"]
    assert trained.series("run of before")[LOSS] == [STEPS * (n + 1) for n in range(4)]


def test_a_given_run_stays_open(trained):
    assert {name: len(rows) for (_, name), rows in trained.series("given run").items()}["loss"] == 2
    assert trained.metrics("given run", "metric_name")[-1] == ("after",)
    assert trained.model("given run")[0] == "sequential"


def test_a_copy_begins_a_run_of_its_own(trained):
    assert trained.states("copies") == ["finished", "finished"]
    assert trained.series("copies")[LOSS] == [10, 20, 10, 20]
    assert trained.rows("SELECT count(*) FROM runs WHERE run_name = 'the same name'") == [(2,)]


def test_a_model_with_branches_is_described(trained):
    name, _, architecture = trained.model("branches")
    assert name == "functional"
    assert {layer["name"]: layer["output_shape"] for layer in architecture["layers"]} == {
        "input_layer": [None, 64],
        "left": [None, 8],
        "right": [None, 8],
        "concatenate": [None, 16],
        "dense": [None, 10],
    }
    assert architecture["parameters"] == 2 * (64 + 1) * 8 + (16 + 1) * 10


@pytest.mark.parametrize("project", [pytest.param("subclassed", marks=since_later_keras), "built by fit"])
def test_a_model_that_fit_builds_is_described_once_it_is(trained, project):
    architecture = trained.model(project)[2]
    assert architecture["layers"][-1]["output_shape"] == [None, 10]
    assert architecture["parameters"] == sum(layer["parameters"] for layer in architecture["layers"]) > 0


@pytest.mark.parametrize("trained", [name for name in BACKENDS if name != "jax"], indirect=True)
def test_steps_rise_where_the_optimizer_is_not_used(trained):
    assert trained.model("without optimizer")[2]["parameters"] == trained.model("subclassed")[2]["parameters"]
    assert trained.series("without optimizer")[LOSS] == [0, 1]


def test_batches_are_logged_as_the_running_means_that_keras_reports(trained):
    found = trained.series("batches", "epoch, batch, step")
    batches = [(epoch, batch, STEPS * epoch + batch + 1) for epoch in range(2) for batch in range(STEPS)]
    assert all(sorted(found[name]) == batches for name in MEANS)
    values = trained.series("batches", "round(coalesce(loss_value, metric_value), 4)")
    assert values["train", "running_mean/loss"][-1] == values[LOSS][-1]  # the last mean of an epoch is the epoch's


@pytest.mark.parametrize(("project", "each"), [("each fourth batch", 4), ("batches, built by fit", 5)])
def test_of_so_many_batches_one_is_logged(trained, project, each):
    found = trained.series(project)
    assert sorted(found["train", "running_mean/loss"]) == list(range(each, 2 * STEPS + 1, each))
    assert trained.rows("SELECT count(*) FROM metrics WHERE model_id IS NULL AND metric_name LIKE 'running%'") == [(0,)]


def test_without_an_update_freq_no_batch_is_logged(trained):
    assert not MEANS & trained.series("validation").keys()


@pytest.mark.parametrize("trained", [name for name in BACKENDS if name != "torch"], indirect=True)  # refuses it
def test_batches_that_are_made_together_are_logged_where_they_end(trained):
    found = trained.series("seven steps", "epoch, step")
    assert sorted(found["train", "running_mean/loss"]) == [(0, 7), (0, 10), (1, 17), (1, 20)]
    assert found[LOSS] == [(0, 10), (1, 20)]


def test_epochs_have_the_numbers_of_keras(trained):
    assert trained.series("later epoch", "epoch, step")[LOSS] == [(3, STEPS), (4, 2 * STEPS)]


def test_evaluate_is_a_test_and_validation_is_not(trained):
    found = trained.series("tested", "epoch, step")
    assert {name for split, name in found if split == "test"} == {"loss", "accuracy"}
    assert found["test", "loss"] == [(None, 2 * STEPS)]
    assert len(found["val", "loss"]) == 2
    assert trained.states("tested") == ["finished"]


def test_evaluate_alone_is_a_run_with_its_model(trained):
    assert trained.series("tested only").keys() == {("test", "loss"), ("test", "accuracy")}
    assert trained.series("tested only")["test", "loss"] == [2 * STEPS]  # of the optimizer
    assert trained.model("tested only") == trained.model("tested")


def test_a_step_of_the_learning_rate_is_marked(trained):
    told = ("lr_change", "learning_rate: 0.25 to 0.125", 3 * STEPS)
    assert trained.of_runs("lower rate", "events", "kind, text, step") == [told]


def test_a_training_that_stops_early_is_finished(trained):
    assert trained.states("stopped early") == ["finished"]
    assert trained.series("stopped early", "epoch")[LOSS] == [0, 1]
    told = ("stopped", "after epoch 1, before 9 epochs were trained", 2 * STEPS)
    assert trained.of_runs("stopped early", "events", "kind, text, step") == [told]
    assert trained.of_runs("validation", "events", "kind") == []


@since_later_keras
def test_values_of_several_outputs_stand_under_each(trained):
    found = trained.series("two outputs").keys()
    names = {"loss", "digit/loss", "digit/accuracy", "test_a/loss", "test_a/mae"}
    assert {name for split, name in found if split == "val"} == names
    assert {name for split, name in found if split == "test"} == names
    running = {f"running_mean/{name}" for name in names}
    assert {name for split, name in found if split == "train"} == {*names, *running, "learning_rate"}
    rows = trained.metrics("two outputs", "split, loss_name, metric_name")
    for split in ("train", "val", "test"):  # loss and metric of an output stand in one row
        assert {(split, "digit/loss", "digit/accuracy"), (split, "test_a/loss", "test_a/mae")} <= set(rows)


def test_outputs_are_called_by_the_keys_of_their_dict_or_as_the_layers_of_the_model():
    inputs = keras.Input((4,))
    heads = keras.layers.Dense(1)(inputs), keras.layers.Dense(2)(inputs)
    first, second = (tensor._keras_history.operation.name for tensor in heads)  # numbered through the process
    assert outputs_of(keras.Model(inputs, heads)) == {first: "dense", second: "dense_1"}
    assert {"one", "two"} <= outputs_of(keras.Model(inputs, {"one": heads[0], "two": heads[1]})).keys()
    assert outputs_of(keras.Model(inputs, heads[1])) == {}


def test_the_rate_of_a_schedule_is_logged(trained):
    assert trained.series("schedule", "metric_value")[RATE] == pytest.approx([0.25, 0.125])
    assert trained.series("test", "metric_value")[RATE] == pytest.approx([0.001] * 5)


def test_gradients_that_are_accumulated_count_as_batches(trained):
    found = trained.series("accumulated")
    assert sorted(found["train", "running_mean/loss"]) == list(range(1, 2 * STEPS + 1))
    assert found[LOSS] == [STEPS, 2 * STEPS]


def test_weights_are_kept_as_histograms_every_so_many_epochs(trained):
    found = trained.of_runs("histograms", "results", "name, kind, step, payload")
    names = [f"weights/{layer}/{weight}" for layer in ("dense", "dense_1") for weight in ("kernel", "bias")]
    assert sorted(row[:3] for row in found) == sorted((name, "histogram", step) for name in names for step in (10, 30))
    counts = {name: sum(json.loads(payload)["counts"]) for name, _, _, payload in found}
    assert [counts[name] for name in names] == [64 * 16, 16, 16 * 10, 10]
    assert trained.of_runs("validation", "results", "name") == []


def test_a_given_run_keeps_its_configuration_and_gets_the_rest(trained):
    config = trained.config("given configuration")
    assert (config["epochs"], config["batch_size"]) == ("mine", 32)


def test_neither_model_nor_rate_is_logged_where_it_is_not_asked_for(trained):
    assert trained.runs("given configuration", "runs.model_id") == [(None,)]
    assert RATE not in trained.series("given configuration")


def test_the_configuration_has_what_keras_knows(trained):
    config = trained.config("validation")
    assert {"name": "Adam", "learning_rate": 0.001, "beta_1": 0.9}.items() <= config["optimizer"].items()
    told = {"batch_size": 32, "epochs": 2, "steps": STEPS, "loss": "sparse_categorical_crossentropy"}
    assert told.items() <= config.items()
    assert trained.config("batches of 64")["batch_size"] == 64


def test_what_the_user_gives_counts_before_what_keras_knows(trained):
    config = trained.config("schedule")
    assert (config["batch_size"], config["seed"], config["epochs"]) == ("mine", 3, 2)
    rate = {"name": "ExponentialDecay", "initial_learning_rate": 0.5, "decay_steps": 10, "decay_rate": 0.5}
    assert rate.items() <= config["optimizer"]["learning_rate"].items()


def test_a_training_that_raises_is_a_failed_run(backend):
    with backend.listening():
        ended = backend.train(FAILS_IN_EPOCH_3)
    assert "no memory in epoch 3" in ended.stderr
    assert backend.states("failing") == ["failed"]
    assert backend.series("failing", "epoch")[LOSS] == [0, 1]
    assert backend.rows("SELECT text FROM events") == [("MemoryError: no memory in epoch 3",)]


def test_without_a_server_that_is_said_and_the_points_come_later_once(backend):
    with backend.listening():
        pass  # it has a port now, where nobody listens
    ended = backend.train(WITHOUT_SERVER)
    assert ended.returncode == 0, ended.stderr
    said = [line for line in ended.stderr.splitlines() if line.startswith("prevue|")]
    assert len(said) in (1, 2)  # at the first try, where that is before the end, and at the end
    assert all(line.startswith("prevue|WARNING|cannot reach") for line in said)
    with backend.listening():
        assert " records sent." in backend.sync()  # with what git says of this repository
        assert "0 records sent." in backend.sync()
    assert backend.series("alone", "epoch")[LOSS] == [0, 1, 2]
    assert backend.states("alone") == ["finished"]


# hooks


def test_a_hook_that_fails_costs_a_warning(caplog):
    config = {"depth": 2}
    callback = PrevueKerasCallback(mode="disabled", config=config)
    config["depth"] = object()  # the constructor has seen another
    history = classifier().fit(x_train, y_train, epochs=1, verbose=0, callbacks=[callback])
    assert len(history.epoch) == 1
    [record] = [record for record in caplog.records if record.name == "prevue"]
    assert "on_train_begin failed: InvalidValue" in record.getMessage()


@since_later_keras
@pytest.mark.parametrize("update_freq", ["epoch", "batch"])
def test_batch_hooks_of_others_stay_asynchronous(update_freq):
    callback = PrevueKerasCallback(mode="disabled", update_freq=update_freq)
    assert keras.callbacks.CallbackList([callback], model=classifier())._async_train


def test_without_an_update_freq_keras_finds_no_hook_of_batches():
    batches = [name for name in dir(keras.callbacks.Callback) if "batch" in name]
    callback = PrevueKerasCallback(mode="disabled")
    assert not set(batches) & {*vars(PrevueKerasCallback), *vars(callback)}


def test_hooks_of_batches_may_come_out_of_order_and_at_once(backend):
    with backend.listening():
        assert backend.train(OUT_OF_ORDER).returncode == 0
    found = backend.series("out of order", "epoch, batch, step, loss_value")["train", "running_mean/loss"]
    assert sorted(found) == [(0, batch, batch + 1, batch) for batch in range(400)]
    assert backend.series("out of order")[LOSS] == [400]


# arguments


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        ({"connector_name": ""}, "''"),
        ({"project_name": "a/b/c"}, "'a/b/c'"),
        ({"uid": 7}, "7"),
        ({"url": "ftp://there"}, "'ftp://there'"),
        ({"run_id": "seven"}, "'seven'"),
        ({"run_name": "a\nb"}, "'a\\nb'"),
        ({"mode": "on"}, "'on'"),
        ({"tags": "fast"}, "'fast'"),
        ({"tags": [3]}, "3"),
        ({"config": [3]}, "[3]"),
        ({"config": {"f": object()}}, "<object object"),
        ({"run": "mine"}, "'mine'"),
        ({"resume": "perhaps"}, "'perhaps'"),
        ({"update_freq": 0}, "0"),
        ({"log_freq": "step"}, "'step'"),
        ({"histogram_freq": -1}, "-1"),
    ],
)
def test_a_bad_argument_is_refused_with_its_value(arguments, quoted):
    with pytest.raises(InvalidValue) as refused:
        PrevueKerasCallback(**arguments)
    assert quoted in str(refused.value)


def test_a_given_run_and_what_would_open_another_are_refused():
    run = prevue.init(mode="disabled")
    with pytest.raises(InvalidValue, match=r"^token, tags cannot be given with run"):
        PrevueKerasCallback(run=run, tags=["fast"], token="very-secret")


def test_a_copy_has_the_configuration_without_the_token():
    callback = PrevueKerasCallback(project_name="alice/digits", token="very-secret", tags=["fast"], mode="offline")
    copied = pickle.dumps(callback)
    assert b"very-secret" not in copied
    assert pickle.loads(copied).__getstate__() == callback.__getstate__()


def test_without_keras_the_pip_command_is_told(monkeypatch):
    for name in ("keras", "tf_keras"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("callback", "packages"):
        monkeypatch.delitem(sys.modules, f"prevue_keras.{name}")
    with pytest.raises(ImportError, match=r"pip install 'prevue-keras\[keras\]'"):
        importlib.import_module("prevue_keras.callback")


def test_the_readme_shows_the_snippet_of_the_design():
    from keras_trainings import SNIPPET

    assert f"```python\n{SNIPPET}```" in (Path(__file__).parents[1] / "README.md").read_text()
