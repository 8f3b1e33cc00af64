"""What a Trainer leaves in the database: a tiny model of two layers, made here."""

import pytest
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter
from torch_series import assert_equal, in_backend, in_files
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments
from transformers.integrations import TensorBoardCallback
from transformers.modeling_outputs import SequenceClassifierOutput

import prevue
from prevue import PrevueTrainerCallback
from prevue_core.errors import InvalidValue
from prevue_torch.huggingface import TOTALS

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # transformers has many, of itself and of this machine

STEPS, EPOCHS = 4, 2


class Tiny(PreTrainedModel):
    """Two layers."""

    config_class = PretrainedConfig

    def __init__(self, config):
        super().__init__(config)
        self.body = nn.Linear(3, 4)
        self.head = nn.Linear(4, 2)
        self.post_init()

    def forward(self, x, labels=None):
        logits = self.head(torch.tanh(self.body(x)))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def trainer_of(callback, folder, **arguments):
    """Return a trainer, the same with every callback."""
    torch.manual_seed(0)
    rows = [{"x": torch.randn(3), "labels": n % 2} for n in range(4 * STEPS)]
    given = {"report_to": [], "disable_tqdm": True, "use_cpu": True, "logging_steps": 2, "eval_strategy": "epoch"}
    given |= {"num_train_epochs": EPOCHS, "per_device_train_batch_size": 4, "save_strategy": "no", "seed": 0}
    settings = TrainingArguments(output_dir=str(folder), **{**given, **arguments})
    return Trainer(
        Tiny(PretrainedConfig(num_labels=2)), settings, train_dataset=rows, eval_dataset=rows, callbacks=[callback]
    )


def test_series_equal_those_of_the_tensorboard_callback(backend, tmp_path):
    trainer_of(TensorBoardCallback(SummaryWriter(tmp_path / "files")), tmp_path).train()
    trainer_of(PrevueTrainerCallback(project_name="equal trainer"), tmp_path).train()
    expected, found = in_files(tmp_path / "files"), in_backend(backend, "equal trainer")
    assert expected.pop(("train", "epoch"))  # a column here
    for total in TOTALS:
        expected.pop(("train", total.removeprefix("train/")))
    timings = [place for place in expected if place[0] == "val" and place[1] != "loss"]
    assert {name for _, name in timings} == {"runtime", "samples_per_second", "steps_per_second"}
    for place in timings:  # they differ from one training to the next
        assert len(expected.pop(place)) == len(found.pop(place)) == EPOCHS
    assert set(expected) == {("train", "loss"), ("train", "grad_norm"), ("train", "learning_rate"), ("val", "loss")}
    assert_equal(found, expected)


def test_a_training_fills_the_four_tables(backend, tmp_path):
    callback = PrevueTrainerCallback(project_name="trained", uid="ada", run_name="first", config={"mine": 1})
    trainer_of(callback, tmp_path, learning_rate=0.25, save_strategy="epoch").train()
    [(state, name, config)] = backend.runs("trained", "state, run_name, config")
    assert (state, name) == ("finished", "first")
    assert '"mine":1' in config
    assert '"learning_rate":0.25' in config
    assert '"train_runtime"' in config
    rows = backend.metrics("trained", "step, epoch, metrics.split, metrics.model_id IS NULL")
    train, val = ([row[:2] for row in rows if row[2] == split] for split in ("train", "val"))
    assert sorted(set(train)) == [(2, 0), (4, 0), (6, 1), (8, 1)]
    assert sorted(set(val)) == [(4, 0), (8, 1)]
    assert {row[3] for row in rows} == {0}
    marked = backend.rows("SELECT text, step FROM events WHERE kind = 'checkpoint'")
    assert marked == [("checkpoint-4", 4), ("checkpoint-8", 8)]
    model, connector, architecture = backend.model("trained")
    assert (model, connector, architecture["parameters"]) == ("Tiny", "torch", 16 + 10)


def test_what_comes_after_the_training_goes_on_with_the_run(backend, tmp_path):
    trainer = trainer_of(PrevueTrainerCallback(project_name="after"), tmp_path)
    trainer.train()
    trainer.evaluate(metric_key_prefix="test")
    trainer.predict(trainer.eval_dataset, metric_key_prefix="test_predicted")
    assert backend.runs("after") == [("finished",)]
    tested = {place for place in in_backend(backend, "after") if place[0] == "test"}
    assert {("test", "loss"), ("test", "predicted_loss")} <= tested


def test_each_trial_of_a_search_is_a_run(backend, tmp_path):
    callback = PrevueTrainerCallback(project_name="search")
    trainer = trainer_of(callback, tmp_path, num_train_epochs=1)
    for name in ("a", "b"):
        trainer.state.is_hyper_param_search, trainer.state.trial_name = True, name
        callback.on_train_begin(trainer.args, trainer.state, trainer.control, model=trainer.model)
        callback.on_train_end(trainer.args, trainer.state, trainer.control)
    assert backend.runs("search", "run_name, state") == [("a", "finished"), ("b", "finished")]


def test_a_step_of_the_learning_rate_is_marked(backend, tmp_path):
    callback = PrevueTrainerCallback(project_name="stepped")
    trainer = trainer_of(callback, tmp_path)
    callback.on_train_begin(trainer.args, trainer.state, trainer.control, model=trainer.model)
    for trainer.state.global_step, rate in enumerate([0.5, 0.5, 0.25]):
        callback.on_log(trainer.args, trainer.state, trainer.control, logs={"learning_rate": rate})
    callback.on_train_end(trainer.args, trainer.state, trainer.control)
    [(run_id,)] = backend.runs("stepped", "run_id")
    told = backend.rows("SELECT kind, text, step FROM events WHERE run_id = ?", run_id)
    assert told == [("lr_change", "learning_rate: 0.5 to 0.25", 2)]


def test_other_processes_log_nothing(backend, tmp_path):
    trainer = trainer_of(PrevueTrainerCallback(project_name="others"), tmp_path)
    callback = trainer.callback_handler.callbacks[-1]
    trainer.state.is_world_process_zero = False
    callback.on_train_begin(trainer.args, trainer.state, trainer.control, model=trainer.model)
    callback.on_log(trainer.args, trainer.state, trainer.control, logs={"loss": 1.0})
    callback.on_train_end(trainer.args, trainer.state, trainer.control)
    assert backend.runs("others") == []


def test_a_given_run_stays_open_and_without_a_server_training_goes_on(nowhere, tmp_path, caplog):
    with prevue.init("given to the trainer") as run:
        trainer_of(PrevueTrainerCallback(run=run), tmp_path).train()
        before = run.logged
        run.log({"after": 1.0})
        assert run.logged == before + 1 > EPOCHS
    assert f"cannot reach {nowhere}" in caplog.text


def test_a_bad_argument_is_refused_with_its_value():
    with pytest.raises(InvalidValue, match="'a/b/c'"):
        PrevueTrainerCallback(project_name="a/b/c")
