"""What Lightning and Fabric leave in the database, with their own trainer and a tiny module."""

import pickle

import lightning
import pytest
import pytorch_lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch_series import assert_equal, in_backend, in_files

import prevue
from prevue import PrevueLightningLogger
from prevue_core.errors import InvalidValue
from prevue_torch.lightning import PrevueLogger

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # Lightning has many, of itself and of this machine

BATCHES, EPOCHS = 4, 2


def module_of(package):
    """Return a module of `lightning.pytorch` or `pytorch_lightning`, which share no class."""

    class Tiny(package.LightningModule):
        def __init__(self, rate=0.1):
            super().__init__()
            self.save_hyperparameters()
            self.layer = nn.Linear(3, 2)
            self.example_input_array = torch.zeros(4, 3)

        def forward(self, x):
            return self.layer(x)

        def _loss(self, name, batch, **how):
            x, y = batch
            loss = nn.functional.cross_entropy(self(x), y)
            self.log(name, loss, **how)
            return loss

        def training_step(self, batch, number):
            return self._loss("train_loss", batch, on_step=True, on_epoch=True)

        def validation_step(self, batch, number):
            self._loss("val_loss", batch)

        def test_step(self, batch, number):
            self._loss("test_loss", batch)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), self.hparams.rate)

    return Tiny()


def data():
    torch.manual_seed(1)
    return DataLoader(TensorDataset(torch.randn(4 * BATCHES, 3), torch.arange(4 * BATCHES) % 2), batch_size=4)


def train(logger, folder, package=lightning.pytorch, module=None, is_tested=True, callbacks=None):
    """Fit and test, the same with every logger."""
    package.seed_everything(0, verbose=False)
    module = module or module_of(package)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    where = {"accelerator": "cpu", "default_root_dir": folder, "num_sanity_val_steps": 0, "callbacks": callbacks}
    trainer = package.Trainer(logger=logger, max_epochs=EPOCHS, log_every_n_steps=1, **quiet, **where)
    trainer.fit(module, data(), data())
    if is_tested:
        trainer.test(module, data(), verbose=False)
    return trainer


@pytest.mark.parametrize("package", [lightning.pytorch, pytorch_lightning], ids=lambda package: package.__name__)
def test_series_equal_those_of_the_tensorboard_logger(backend, tmp_path, package):
    project = f"equal {package.__name__}"
    train(package.loggers.TensorBoardLogger(tmp_path, name="", version="one"), tmp_path, package)
    train(PrevueLightningLogger(project), tmp_path, package)
    expected = in_files(tmp_path / "one")
    expected.pop(("train", "epoch"))  # a column here
    expected.pop(("train", "hp_metric"), None)  # a placeholder of TensorBoard's
    assert len(expected) == 4
    assert_equal(in_backend(backend, project), expected)
    assert backend.runs(project) == [("finished",)]


def test_epochs_are_a_column_and_the_module_is_described(backend, tmp_path):
    train(PrevueLightningLogger("columns", "first", tags=["tiny"]), tmp_path)
    rows = backend.metrics("columns", "step, epoch, metrics.split, loss_name, metrics.model_id IS NULL")
    assert [row[:2] for row in rows if row[3] == "loss_step"] == [(n, n // BATCHES) for n in range(BATCHES * EPOCHS)]
    assert [row[:3] for row in rows if row[2] == "test"] == [(BATCHES * EPOCHS, EPOCHS, "test")]
    assert {row[4] for row in rows} == {0}
    assert backend.runs("columns", "run_name, tags") == [("first", '["tiny"]')]
    assert backend.model("columns")[:2] == ("Tiny", "torch")


def test_checkpoints_go_to_a_folder_of_project_and_run(backend, tmp_path):
    logger = PrevueLogger("kept", save_dir=str(tmp_path))
    trainer = lightning.pytorch.Trainer(
        logger=logger, max_epochs=1, accelerator="cpu", enable_progress_bar=False, enable_model_summary=False
    )
    trainer.fit(module_of(lightning.pytorch), data())
    [path] = tmp_path.rglob("*.ckpt")
    assert path.parts[-4:-1] == ("kept", str(logger.version), "checkpoints")
    assert backend.rows("SELECT text FROM events WHERE run_id = ?", logger.version) == [(path.name,)]


def test_a_step_of_a_monitored_learning_rate_is_marked(backend, tmp_path):
    logger = PrevueLogger("rates")
    for step, rate in enumerate([0.5, 0.5, 0.25]):
        logger.log_metrics({"lr-SGD": rate, "epoch": step}, step)
    logger.finalize("success")
    told = backend.rows("SELECT kind, text, step FROM events WHERE run_id = ?", logger.version)
    assert told == [("lr_change", "lr-SGD: 0.5 to 0.25", 2)]


def test_an_exception_fails_the_run_and_is_not_swallowed(backend, tmp_path):
    module = module_of(lightning.pytorch)
    module.on_train_epoch_end = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        train(PrevueLightningLogger("lightning fails"), tmp_path, module=module)
    assert backend.runs("lightning fails") == [("failed",)]
    assert ("ZeroDivisionError: division by zero",) in backend.rows("SELECT text FROM events")


def test_without_a_server_training_goes_on(nowhere, tmp_path, caplog):
    trainer = train(PrevueLightningLogger("alone"), tmp_path)
    assert trainer.state.finished
    assert f"cannot reach {nowhere}" in caplog.text


def test_only_rank_0_logs(backend, monkeypatch):
    logger = PrevueLightningLogger("ranks")
    monkeypatch.setattr("lightning_utilities.core.rank_zero.rank_zero_only.rank", 1)
    logger.log_metrics({"loss": 1.0}, 0)
    logger.experiment.log({"loss": 2.0})  # Lightning's stand-in
    logger.finalize("success")
    assert backend.runs("ranks") == []


def test_fabric_logs_with_the_prefix_asked_for(backend):
    fabric = lightning.Fabric(accelerator="cpu", loggers=PrevueLightningLogger("fabric", prefix="val"))
    for step in range(3):
        fabric.log_dict({"loss": torch.tensor(float(step)), "epoch": 1.0}, step)
    fabric.logger.finalize("success")
    assert in_backend(backend, "fabric") == {("val", "loss"): [(0, 0.0), (1, 1.0), (2, 2.0)]}
    assert backend.metrics("fabric", "epoch") == [(1,)] * 3


def test_a_given_run_stays_open(backend, tmp_path):
    with prevue.init("given to lightning") as run:
        train(PrevueLightningLogger(experiment=run), tmp_path)
        run.log({"after": 1.0})
    assert ("train", "after") in in_backend(backend, "given to lightning")


def test_copies_log_into_one_run_and_have_no_token():
    logger = PrevueLightningLogger("spawned", token="very-secret", offline=True)
    copied = pickle.dumps(logger)
    assert b"very-secret" not in copied
    assert pickle.loads(copied).version == logger.version is not None


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [({"version": "seven"}, "'seven'"), ({"projct": "a"}, "'projct'"), ({"tags": "fast"}, "'fast'")],
)
def test_a_bad_argument_is_refused_with_its_value(arguments, quoted):
    with pytest.raises(InvalidValue) as refused:
        PrevueLightningLogger(**arguments)
    assert quoted in str(refused.value)
