"""Trainings whose data comes from the worker processes of a DataLoader."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

import prevue
from prevue import PrevueTorchCallback

ROWS = 40

# PyTorch warns of more workers than cores; a fork beside a thread is warned of by Python 3.12 and later.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:.*fork:DeprecationWarning")


class Numbers(Dataset):
    """The numbers themselves; with a `run`, whoever loads one logs it, under its own split."""

    def __init__(self, run=None):
        self.run = run

    def __len__(self):
        return ROWS

    def __getitem__(self, index):
        if self.run is not None:
            self.run.log({"loaded": index}, step=index, split="load" if get_worker_info() else "main")
        return torch.tensor(float(index))


@pytest.mark.parametrize("workers", [0, 4])
def test_workers_that_log_nothing_are_no_writers(backend, workers):
    project = f"loader {workers}"
    with PrevueTorchCallback(project_name=project) as callback:
        for epoch in range(2):
            for batch, values in enumerate(DataLoader(Numbers(), batch_size=10, num_workers=workers)):
                callback.on_batch_end(batch, {"loss": values.mean()}, epoch=epoch)
            callback.on_epoch_end(epoch, {"loss": values.mean()})
    writers = "SELECT count(*) FROM writers JOIN runs USING (run_id) JOIN projects USING (project_id)"
    assert backend.rows(f"{writers} WHERE project_name = ?", project) == [(1,)]
    assert backend.runs(project) == [("finished",)]


@pytest.mark.parametrize("workers", [0, 4])
def test_what_workers_log_arrives_once(backend, workers):
    project = f"loading {workers}"
    with prevue.init(project) as run:
        for values in DataLoader(Numbers(run), batch_size=10, num_workers=workers):
            run.log({"mean": values.mean()})
    found = backend.metrics(project, "step, metric_value, metrics.split")
    split = "load" if workers else "main"
    assert sorted(row for row in found if row[2] == split) == [(index, float(index), split) for index in range(ROWS)]
    assert len([row for row in found if row[2] == "train"]) == ROWS // 10
    assert backend.runs(project) == [("finished",)]
