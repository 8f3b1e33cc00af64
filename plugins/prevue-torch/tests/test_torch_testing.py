"""Tests of models, sample by sample, in a loop of one's own and in Lightning's."""

import lightning
import pytest
import pytorch_lightning
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from test_torch_lightning import data, module_of, train
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import prevue
from prevue import PrevueLightningEvaluation, PrevueLightningLogger
from prevue_torch import log_test


def evaluations(backend, project):
    """Return the evaluations of a project's only run by name and step, with what the backend says of them."""
    [(run_id,)] = backend.runs(project, "run_id")
    api = prevue.Api(backend.url)
    rows = sorted(api.evaluations(run_id), key=lambda row: row["evaluation_id"])
    return {(row["name"], row["step"]): {**row, **api.report(run_id, row["evaluation_id"])} for row in rows}


def loader_of(load, kind=torch.long, shuffle=True):
    x, y = load(return_X_y=True)
    x = (x - x.mean(0)) / (x.std(0) + 1e-9)
    return DataLoader(TensorDataset(torch.tensor(x).float(), torch.tensor(y).to(kind)), 64, shuffle=shuffle)


def trained(loader, outputs, criterion):
    torch.manual_seed(0)
    x, y = loader.dataset.tensors
    model = nn.Sequential(nn.BatchNorm1d(x.shape[1]), nn.Dropout(0.2), nn.Linear(x.shape[1], outputs))
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(20):
        optimizer.zero_grad()
        criterion(model(x), y if outputs > 1 else y[:, None]).backward()
        optimizer.step()
    return model


def accuracy(model, loader):
    x, y = loader.dataset.tensors
    with torch.no_grad():
        scores = model.eval()(x)
    return ((scores.argmax(1) if scores.shape[1] > 1 else scores[:, 0] > 0) == y).float().mean().item()


def test_models_of_classes_and_values(backend):
    digits, cancer = loader_of(load_digits), loader_of(load_breast_cancer, torch.float32)
    diabetes = loader_of(load_diabetes, torch.float32)
    many, two = trained(digits, 10, nn.CrossEntropyLoss()), trained(cancer, 1, nn.BCEWithLogitsLoss())
    value = trained(diabetes, 1, nn.MSELoss())
    as_columns = nn.Sequential(two, nn.ConstantPad1d((1, 0), 0.0))  # the logits of both classes, of which one is 0
    with prevue.init("torch tests") as run:
        log_test(run, many, digits, step=7)
        log_test(run, two, cancer, name="cancer", labels=["malignant", "benign"])
        log_test(run, as_columns, cancer, name="columns")
        log_test(run, nn.Sequential(two, nn.Sigmoid()), cancer, name="sigmoid")
        log_test(run, value, diabetes, name="value", task="regression")
    found = evaluations(backend, "torch tests")
    assert {name: (one["task"], one["score_type"]) for (name, _), one in found.items()} == {
        "test": ("multiclass", "logit"),
        "cancer": ("binary", "logit"),
        "columns": ("binary", "probability"),
        "sigmoid": ("binary", "probability"),
        "value": ("regression", None),
    }
    assert found["test", 7]["scores"]["accuracy"] == pytest.approx(accuracy(many, digits), abs=1e-6)
    for name in ("cancer", "columns", "sigmoid"):
        scores = found[name, None]["scores"]
        assert scores["accuracy"] == pytest.approx(accuracy(two, cancer), abs=1e-6)
        assert scores["log_loss"] == pytest.approx(found["cancer", None]["scores"]["log_loss"], abs=1e-4)


def test_a_test_changes_nothing(backend):
    loader = loader_of(load_digits)
    model = trained(loader, 10, nn.CrossEntropyLoss()).train()
    model[1].eval()  # a mode of its own
    before = torch.get_rng_state()
    with prevue.init("torch test aside") as run:
        log_test(run, model, loader)
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert len(evaluations(backend, "torch test aside")) == 1


def test_an_output_that_is_no_tensor_costs_a_warning(backend, caplog):
    with prevue.init("torch no test") as run:
        log_test(run, nn.LSTM(64, 2), loader_of(load_digits))
    assert "the model gives a tuple" in caplog.text
    assert evaluations(backend, "torch no test") == {}


def test_pictures_are_refused_before_they_are_all_kept(backend, caplog):
    asked = []
    model = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 3, 1))
    model.register_forward_hook(lambda *_: asked.append(1))
    with prevue.init("torch pictures") as run:
        log_test(run, model, loader_of(load_digits))
    assert "the model gives a Tensor of shape (64, 3, 8, 8)" in caplog.text
    assert len(asked) == 1


# Lightning


def telling(package):
    """Return a module that tells what it predicts."""
    tiny = type(module_of(package))

    class Telling(tiny):
        def validation_step(self, batch, number):
            super().validation_step(batch, number)
            return {"preds": self(batch[0]), "target": batch[1]}

        def test_step(self, batch, number):
            super().test_step(batch, number)
            return {"preds": self(batch[0]), "target": batch[1]}

    return Telling()


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("package", [lightning.pytorch, pytorch_lightning], ids=lambda package: package.__name__)
def test_lightning_tests_and_validations_are_logged(backend, tmp_path, package):
    project = f"tested {package.__name__}"
    callback = PrevueLightningEvaluation(validation=True, labels=["even", "odd"])
    train(PrevueLightningLogger(project), tmp_path, package, telling(package), callbacks=[callback])
    found = evaluations(backend, project)
    assert list(found) == [("val", 4), ("val", 8), ("test", 8)]
    one = found["test", 8]
    assert (one["split"], one["task"], one["labels"], one["sample_count"]) == ("test", "binary", ["even", "odd"], 16)
    [loss] = [row[1] for row in backend.metrics(project, "metrics.split, loss_value") if row[0] == "test"]
    assert one["scores"]["log_loss"] == pytest.approx(loss, abs=1e-4)
    assert found["val", 4]["split"] == "val"


@pytest.mark.filterwarnings("ignore::Warning")
def test_a_module_that_tells_no_predictions_costs_a_warning(backend, tmp_path, caplog):
    train(PrevueLightningLogger("told nothing"), tmp_path, callbacks=[PrevueLightningEvaluation()])
    assert "test_step returns a NoneType; let it return a dict with `preds` and `target`" in caplog.text
    assert evaluations(backend, "told nothing") == {}


@pytest.mark.filterwarnings("ignore::Warning")
def test_a_test_that_was_broken_off_leaves_nothing_in_the_next(backend, tmp_path):
    module, whole = telling(lightning.pytorch), data()

    class Broken:
        def __iter__(self):
            yield from whole
            raise OSError("the disk is away")

    trainer = train(PrevueLightningLogger("tested again"), tmp_path, is_tested=False, module=module)
    trainer.callbacks.append(PrevueLightningEvaluation())
    with pytest.raises(OSError, match="away"):
        trainer.test(module, Broken(), verbose=False)
    trainer.test(module, whole, verbose=False)
    [one] = evaluations(backend, "tested again").values()
    assert one["sample_count"] == 16
