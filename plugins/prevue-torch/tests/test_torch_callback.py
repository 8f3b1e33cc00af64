"""What trainings leave in the database, and what the constructor refuses."""

import importlib
import pickle
import sys
import uuid

import pytest
import torch
from torch import nn

import prevue
from prevue import PrevueTorchCallback
from prevue_core.errors import InvalidValue

BATCHES = 4  # of an epoch


def classifier():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))


def train(callback, model, epochs=2):
    """Train with the hooks of a loop's body."""
    torch.manual_seed(1)
    x, y = torch.randn(4 * BATCHES, 5), torch.arange(4 * BATCHES) % 2
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        for batch, chosen in enumerate(torch.randperm(len(x)).split(4)):
            loss = nn.functional.cross_entropy(model(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            callback.on_batch_end(batch, {"loss": loss}, epoch=epoch)
        callback.on_epoch_end(epoch, {"loss": loss, "val_loss": loss.detach() + 1, "val_accuracy": 0.5})


# trainings


def test_a_loop_fills_the_four_tables(backend):
    model = classifier()
    with PrevueTorchCallback(
        project_name="loop", uid="ada", model=model, config={"lr": 0.1}, tags=["tiny"]
    ) as callback:
        train(callback, model)
    assert backend.runs("loop", "state, config, tags") == [("finished", '{"lr":0.1}', '["tiny"]')]
    name, connector, architecture = backend.model("loop")
    assert (name, connector) == ("Sequential", "torch")
    assert [layer["name"] for layer in architecture["layers"]] == ["0", "1", "2"]
    columns = "epoch, step, split, loss_name, loss_value > 0, metric_name, metric_value, metrics.model_id IS NULL"
    assert sorted(backend.metrics("loop", columns)) == [
        row
        for n in range(2)
        for row in [
            (n, BATCHES * (n + 1), "train", "loss", 1, None, None, 0),
            (n, BATCHES * (n + 1), "val", "loss", 1, "accuracy", 0.5, 0),
        ]
    ]
    assert backend.rows("SELECT username FROM users WHERE username = 'ada'") == [("ada",)]


def test_begin_and_end_do_what_with_does(backend):
    callback = PrevueTorchCallback(project_name="begin and end")
    callback.on_train_begin()
    train(callback, classifier())
    assert backend.runs("begin and end") in ([], [("running",)])
    callback.on_train_end()
    assert backend.runs("begin and end") == [("finished",)]


@pytest.mark.parametrize(("update_freq", "steps"), [("epoch", []), ("batch", [1, 2, 3, 4, 5, 6, 7, 8]), (3, [3, 6])])
def test_batches_are_logged_as_often_as_wished(backend, update_freq, steps):
    with PrevueTorchCallback(project_name=f"each {update_freq}", update_freq=update_freq) as callback:
        train(callback, classifier())
    rows = backend.metrics(f"each {update_freq}", "step, batch, epoch, split, loss_name")
    expected = [(step, (step - 1) % BATCHES, (step - 1) // BATCHES, "train", "batch/loss") for step in steps]
    assert [row for row in rows if row[-1] == "batch/loss"] == expected


def test_epochs_are_counted_where_nobody_tells_of_batches(backend):
    with PrevueTorchCallback(project_name="without batches") as callback:
        for epoch in (1, 2, 3):
            callback.on_epoch_end(epoch, {"loss": torch.tensor([0.5])})
    assert backend.metrics("without batches", "epoch, step") == [(1, 0), (2, 1), (3, 2)]


def test_what_is_tested_goes_to_the_split_test(backend):
    with PrevueTorchCallback(project_name="tests") as callback:
        train(callback, classifier(), epochs=1)
        callback.on_test_end({"loss": torch.tensor(0.5), "test_accuracy": 0.25})
    rows = backend.metrics("tests", "step, loss_name, loss_value, metric_name, metric_value, split")
    assert [row for row in rows if row[-1] == "test"] == [(BATCHES, "loss", 0.5, "accuracy", 0.25, "test")]


def test_a_test_after_the_training_goes_on_with_the_run(backend):
    with PrevueTorchCallback(project_name="tested after") as callback:
        train(callback, classifier(), epochs=1)
    callback.on_test_end({"loss": 0.5})
    assert backend.runs("tested after") == [("finished",)]
    assert backend.metrics("tested after", "step, split")[-1] == (BATCHES, "test")


def test_a_second_training_goes_on_with_the_run(backend):
    callback = PrevueTorchCallback(project_name="trained twice")
    for _ in range(2):
        with callback:
            train(callback, classifier())
    assert backend.runs("trained twice") == [("finished",)]
    rows = backend.metrics("trained twice", "epoch, step, split")
    assert [row[:2] for row in rows if row[2] == "train"] == [(n % 2, BATCHES * (n + 1)) for n in range(4)]


def test_a_run_of_before_goes_on_with_rising_steps(backend):
    run_id = str(uuid.uuid4())
    for _ in range(2):
        with PrevueTorchCallback(project_name="run of before", run_id=run_id) as callback:
            train(callback, classifier(), epochs=1)
    rows = backend.metrics("run of before", "step, split")
    assert [step for step, split in rows if split == "train"] == [BATCHES, 2 * BATCHES]


def test_an_exception_fails_the_run_and_is_not_swallowed(backend):
    def fail(callback):
        with callback:
            callback.on_epoch_end(0, {"loss": 1.0})
            raise MemoryError("no memory in epoch 1")

    with pytest.raises(MemoryError, match="no memory"):
        fail(PrevueTorchCallback(project_name="failing"))
    assert backend.runs("failing") == [("failed",)]
    assert ("MemoryError: no memory in epoch 1",) in backend.rows("SELECT text FROM events")


def test_a_given_run_stays_open(backend):
    with prevue.init("given run", connector_name="torch") as run:
        with PrevueTorchCallback(run=run, model=classifier()) as callback:
            callback.on_epoch_end(0, {"loss": 1.0})
        run.log({"after": torch.tensor(2.0, requires_grad=True)})
    assert backend.metrics("given run", "coalesce(loss_name, metric_name)") == [("loss",), ("after",)]
    assert backend.model("given run")[:2] == ("Sequential", "torch")


def test_an_open_run_asks_the_environment_nothing_more(backend, monkeypatch, caplog):
    with PrevueTorchCallback(project_name="settled") as callback:
        monkeypatch.setenv("PREVUE_MODE", "nonsense")  # a later prevue.init() would raise
        train(callback, classifier())
    assert "failed" not in caplog.text
    assert backend.metrics("settled", "MAX(step)") == [(2 * BATCHES,)]


def test_a_lazy_model_is_described_once_it_has_its_shapes(backend):
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2))
    with PrevueTorchCallback(project_name="lazy", model=model) as callback:
        train(callback, model)
    assert backend.model("lazy")[2]["parameters"] == 8 * 6 + 2 * 9
    assert backend.metrics("lazy", "count(*)") == backend.metrics("lazy", "count(metrics.model_id)")


def test_the_model_is_never_run(backend):
    model = classifier()
    model.register_forward_hook(lambda *_: pytest.fail("the model was run"))
    with PrevueTorchCallback(project_name="not run", model=model) as callback:
        callback.on_epoch_end(0, {"loss": 1.0})
    assert backend.model("not run")[2]["parameters"] == 6 * 8 + 9 * 2


# processes


@pytest.mark.parametrize(("run_id", "ranks"), [(None, [(0,)]), (str(uuid.uuid4()), [(0,), (1,)])])
def test_rank_1_logs_only_where_it_is_asked_to(backend, monkeypatch, run_id, ranks):
    for rank in (0, 1):
        callback = PrevueTorchCallback(project_name=f"ranks {ranks}", run_id=run_id)
        monkeypatch.setenv("RANK", str(rank))  # as a launcher's function does in a process of its own
        callback.on_epoch_end(0, {"loss": float(rank)})
        callback.on_train_end()
    assert sorted(backend.metrics(f"ranks {ranks}", "metrics.rank")) == ranks


def test_a_copy_has_the_configuration_without_model_and_token():
    callback = PrevueTorchCallback(
        project_name="alice/digits", token="very-secret", update_freq=7, model=classifier(), mode="offline"
    )
    copied = pickle.dumps(callback)
    assert b"very-secret" not in copied
    assert b"Linear" not in copied
    assert pickle.loads(copied).__getstate__() == callback.__getstate__()


def test_a_copy_begins_a_run_of_its_own(backend):
    with PrevueTorchCallback(project_name="copies") as callback:
        callback.on_epoch_end(0, {"loss": 1.0})
        with pickle.loads(pickle.dumps(callback)) as copy:
            copy.on_epoch_end(0, {"loss": 2.0})
    assert backend.runs("copies") == [("finished",), ("finished",)]


# hooks


def test_without_a_server_training_goes_on(nowhere, caplog):
    with PrevueTorchCallback(project_name="alone") as callback:
        train(callback, classifier())
    told = [record for record in caplog.records if f"cannot reach {nowhere}" in record.getMessage()]
    assert {record.levelname for record in told} == {"WARNING"}  # at the end and, if that takes 5 s, on the way


def test_a_hook_that_fails_costs_a_warning(caplog):
    callback = PrevueTorchCallback(mode="disabled", config={"depth": 2})
    callback._opening._arguments["config"] = {"depth": object()}  # it may change after the constructor has seen it
    with callback:
        train(callback, classifier(), epochs=1)
    messages = [record.getMessage() for record in caplog.records if record.name == "prevue"]
    assert [message.split(":")[0] for message in messages] == [
        "PrevueTorchCallback.on_train_begin failed",
        "PrevueTorchCallback.on_batch_end failed",
        "PrevueTorchCallback.on_epoch_end failed",
    ]


def test_tensors_of_batches_that_are_not_logged_are_not_read():
    class Unreadable:
        def item(self):
            pytest.fail("it was read")

    with PrevueTorchCallback(mode="disabled") as callback:
        callback.on_batch_end(0, {"loss": Unreadable()})


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
        ({"run": "mine"}, "'mine'"),
        ({"model": "mine"}, "'mine'"),
        ({"update_freq": "step"}, "'step'"),
        ({"update_freq": 0}, "0"),
        ({"update_freq": True}, "True"),
    ],
)
def test_a_bad_argument_is_refused_with_its_value(arguments, quoted):
    with pytest.raises(InvalidValue) as refused:
        PrevueTorchCallback(**arguments)
    assert quoted in str(refused.value)


def test_a_given_run_and_what_would_open_another_are_refused():
    run = prevue.init(mode="disabled")
    with pytest.raises(InvalidValue, match=r"^token, tags cannot be given with run"):
        PrevueTorchCallback(run=run, tags=["fast"], token="very-secret")


def test_without_torch_the_pip_command_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "prevue_torch.callback")
    with pytest.raises(ImportError, match=r"pip install 'prevue-torch\[torch\]'"):
        importlib.import_module("prevue_torch.callback")
