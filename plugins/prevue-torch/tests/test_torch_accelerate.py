"""What Accelerate's trackers leave: the same loop with TensorBoard's and ours."""

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from torch import nn
from torch_series import assert_equal, in_backend, in_files

import prevue_torch.accelerate  # noqa: F401 - makes "prevue" known
from prevue import PrevueTracker
from prevue_core.errors import InvalidValue

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # Accelerate has many, of itself and of this machine


@pytest.fixture(autouse=True)
def fresh():
    """Accelerate keeps its state in classes."""
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


def train(log_with, project, folder=None, **init_kwargs):
    """Train a layer, the same with every tracker."""
    torch.manual_seed(0)
    accelerator = Accelerator(log_with=log_with, project_dir=folder, cpu=True)
    accelerator.init_trackers(project, config={"lr": 0.1, "steps": 5}, init_kwargs={"prevue": init_kwargs})
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer = accelerator.prepare(model, optimizer)
    x, y = torch.randn(8, 3), torch.arange(8) % 2
    for step in range(5):
        loss = nn.functional.cross_entropy(model(x), y)
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        accelerator.log({"train_loss": loss.item(), "val": {"loss": loss.item() + 1}}, step=step)
    return accelerator


def test_series_equal_those_of_the_tensorboard_tracker(backend, tmp_path):
    train("tensorboard", "files", tmp_path).end_training()
    train("prevue", "equal accelerate").end_training()
    expected = in_files(tmp_path / "files")
    [child] = (path for path in (tmp_path / "files").iterdir() if path.name.startswith("val"))  # of add_scalars
    expected[("val", "loss")] = in_files(child).pop(("train", "val"))
    assert_equal(in_backend(backend, "equal accelerate"), expected)


def test_the_configuration_is_kept(backend):
    train("prevue", "configured", name="first").end_training()
    assert backend.runs("configured", "state, run_name, config") == [("finished", "first", '{"lr":0.1,"steps":5}')]


def test_a_run_is_opened_at_the_start_and_not_before(backend):
    tracker = PrevueTracker("started")
    assert backend.runs("started") == []
    accelerator = Accelerator(log_with=tracker, cpu=True)
    accelerator.init_trackers("another name")
    accelerator.get_tracker("prevue", unwrap=True).log({"loss": torch.tensor(1.0)})
    accelerator.end_training()
    assert in_backend(backend, "started") == {("train", "loss"): [(0, 1.0)]}


def test_a_bad_argument_is_refused_with_its_value():
    with pytest.raises(InvalidValue, match="'notess'"):
        PrevueTracker("test", notess="a")
