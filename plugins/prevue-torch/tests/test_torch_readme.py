"""What the README shows works: each of its blocks is run, with the names that a reader would have."""

import re
import warnings
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState, PartialState
from test_torch_huggingface import Tiny
from test_torch_lightning import data, module_of
from test_torch_testing import evaluations, telling
from torch import nn
from torch_series import in_backend
from transformers import PretrainedConfig, TrainingArguments

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # each library has some

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = dict(re.findall(r"\n##+ ([^\n]+)\n\n```python\n(.*?)```", README, re.DOTALL))
LOSS = ("train", "loss")
# By heading: the project, and series that the block leaves.
LEAVES = {
    "A loop of your own": ("test", {LOSS, ("val", "loss"), ("test", "loss")}),
    "Test the model": ("tested", set()),
    "Gradients and parameters": ("watched", {LOSS}),
    "Lightning and Fabric": ("lightning", {("train", "loss_epoch"), ("val", "loss"), ("test", "loss")}),
    "What Lightning's test predicts": ("evaluated", {("test", "loss")}),
    "The Trainer": ("trainer", {LOSS, ("train", "grad_norm"), ("val", "loss")}),
    "Accelerate": ("accelerated", {LOSS, ("val", "loss")}),
    "Ignite": ("ignite", {LOSS, ("train", "lr/group_0")}),
}


def names_of(heading, folder):
    batch = (torch.randn(4, 3), torch.tensor([0, 1, 0, 1]))
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    names = {"loader": [batch] * 3, "criterion": nn.CrossEntropyLoss(), "model": model, "optimizer": optimizer}
    names |= {"x_val": batch[0], "y_val": batch[1], "x_test": batch[0], "y_test": batch[1]}
    if "Lightning" in heading:
        import lightning.pytorch

        package = lightning.pytorch
        names |= {"module": module_of(package), "telling": telling(package), "loader": data()}
    elif heading == "The Trainer":
        names["model"] = Tiny(PretrainedConfig(num_labels=2))
        names["rows"] = [{"x": torch.randn(3), "labels": n % 2} for n in range(16)]
        quiet = {"use_cpu": True, "report_to": [], "disable_tqdm": True, "save_strategy": "no"}
        names["arguments"] = TrainingArguments(str(folder), logging_steps=1, eval_strategy="epoch", **quiet)
    elif heading == "Ignite":
        from ignite.engine import create_supervised_trainer

        names["engine"] = create_supervised_trainer(model, optimizer, names["criterion"])
    return names


def test_each_block_is_known():
    assert set(BLOCKS) == set(LEAVES)
    assert README.count("```python") == len(BLOCKS)


@pytest.mark.parametrize("heading", LEAVES)
def test_what_the_readme_shows_works(backend, heading, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    project, series = LEAVES[heading]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = names_of(heading, tmp_path)
        exec(BLOCKS[heading].replace("http://localhost:8080", backend.url), names)
    assert series <= set(in_backend(backend, project))
    assert backend.runs(project) == [("finished",)]
    is_tested = "Test the model" in heading or "predicts" in heading
    assert [one["labels"] for one in evaluations(backend, project).values()] == [["no", "yes"]] * is_tested
    for state in (AcceleratorState, GradientState, PartialState):  # Accelerate keeps it in classes
        state._reset_state()
