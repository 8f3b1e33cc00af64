"""What trainings leave in the database, with TensorFlow and PyTorch, and what the constructor refuses."""

import importlib
import pickle
import sys
from pathlib import Path

import keras
import pytest
from keras_digits import STEPS, classifier, x_train, y_train

import prevue
from prevue import PrevueKerasCallback
from prevue_core.errors import InvalidValue

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
    assert trained.metrics("test", columns) == epochs
    assert trained.states("test") == ["finished"]


def test_the_run_ends_with_the_training_not_with_the_program(trained):
    ends = "SELECT finished_at FROM runs JOIN projects USING (project_id) WHERE project_name = 'test'"
    begins = "SELECT started_at FROM runs JOIN projects USING (project_id) WHERE project_name = 'validation'"
    assert trained.rows(f"SELECT ({ends}) < ({begins})") == [(1,)]


def test_every_row_names_the_model(trained):
    [(count,)] = trained.rows("SELECT count(*) FROM metrics WHERE model_id IS NULL AND metric_name IS NOT 'after'")
    assert count == 0


def test_validation_goes_to_the_split_val(trained):
    rows = trained.metrics("validation", "split, epoch, step, loss_name, metric_name")
    train = [("train", n, STEPS * (n + 1), "loss", "accuracy") for n in range(2)]
    assert sorted(rows) == [*train, *[("val", *row[1:]) for row in train]]


def test_one_code_trained_again_is_one_model(trained):
    [(count,)] = trained.rows(
        "SELECT count(*) FROM models WHERE model_name = 'sequential' AND connector_name = 'keras'"
    )
    projects = ["test", "validation", "further fits", "run of before", "copies"]
    assert len({str(trained.model(project)) for project in projects}) == 1
    assert count == 2  # and that of "built by fit"


def test_further_fits_of_a_callback_go_on_with_its_run(trained):
    assert trained.states("further fits") == ["finished"]
    rows = trained.metrics("further fits", "epoch, step")
    # Three fits of two epochs; the optimizer of the third was a new one.
    assert rows == [(n % 2, STEPS * (n + 1)) for n in range(6)]


def test_a_run_of_before_goes_on_with_rising_steps(trained):
    assert trained.states("run of before") == ["finished"]
    assert trained.metrics("run of before", "step") == [(STEPS * (n + 1),) for n in range(4)]


def test_a_given_run_stays_open(trained):
    assert trained.metrics("given run", "coalesce(loss_name, metric_name)") == [("loss",), ("loss",), ("after",)]
    assert trained.model("given run")[0] == "sequential"


def test_a_copy_begins_a_run_of_its_own(trained):
    assert trained.states("copies") == ["finished", "finished"]
    assert trained.metrics("copies", "step") == [(10,), (20,), (10,), (20,)]
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


@pytest.mark.parametrize("project", ["subclassed", "built by fit", "without optimizer"])
def test_a_model_that_fit_builds_is_described_once_it_is(trained, project):
    architecture = trained.model(project)[2]
    assert architecture["layers"][-1]["output_shape"] == [None, 10]
    assert architecture["parameters"] == sum(layer["parameters"] for layer in architecture["layers"]) > 0


def test_steps_rise_where_the_optimizer_is_not_used(trained):
    assert trained.metrics("without optimizer", "step") == [(0,), (1,)]


def test_a_training_that_raises_is_a_failed_run(backend):
    with backend.listening():
        ended = backend.train(FAILS_IN_EPOCH_3)
    assert "no memory in epoch 3" in ended.stderr
    assert backend.states("failing") == ["failed"]
    assert backend.metrics("failing", "epoch") == [(0,), (1,)]
    assert backend.rows("SELECT text FROM events") == [("MemoryError: no memory in epoch 3",)]


def test_without_a_server_one_line_is_said_and_the_points_come_later_once(backend):
    with backend.listening():
        pass  # it has a port now, where nobody listens
    ended = backend.train(WITHOUT_SERVER)
    assert ended.returncode == 0, ended.stderr
    [said] = [line for line in ended.stderr.splitlines() if line.startswith("prevue|")]
    assert said.startswith("prevue|WARNING|cannot reach")
    with backend.listening():
        assert " records sent." in backend.sync()  # with what git says of this repository
        assert "0 records sent." in backend.sync()
    assert backend.metrics("alone", "epoch") == [(0,), (1,), (2,)]
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


def test_batch_hooks_of_others_stay_asynchronous():
    assert PrevueKerasCallback.async_safe is True
    batches = [name for name in dir(keras.callbacks.Callback) if "batch" in name]
    assert not set(batches) & set(vars(PrevueKerasCallback))


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
        ({"config": {"f": len}}, "builtin_function_or_method"),
        ({"run": "mine"}, "'mine'"),
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
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.delitem(sys.modules, "prevue_keras.callback")
    with pytest.raises(ImportError, match=r"pip install 'prevue-keras\[keras\]'"):
        importlib.import_module("prevue_keras.callback")


def test_the_readme_shows_the_snippet_of_the_design():
    from keras_trainings import SNIPPET

    assert f"```python\n{SNIPPET}```" in (Path(__file__).parents[1] / "README.md").read_text()
