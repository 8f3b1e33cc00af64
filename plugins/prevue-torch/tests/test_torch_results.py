"""Results of tensors: the client takes them from where they are, without knowing PyTorch."""

import torch

import prevue
from prevue import payloads


def test_a_histogram_of_weights_counts_each():
    for weights in (torch.nn.Linear(10, 5).weight, torch.randn(50).bfloat16(), torch.arange(50).reshape(5, 10)):
        assert sum(payloads.histogram(weights)["counts"]) == 50


def test_buckets_that_were_counted_on_a_device_stay_what_they_are():
    counts, edges = torch.histogram(torch.tensor([0.1, 0.2, 0.9]), bins=2, range=(0.0, 1.0))
    assert payloads.histogram(counts=counts, edges=edges) == {"counts": [2, 1], "edges": [0.0, 0.5, 1.0]}


def test_results_of_tensors_are_stored(backend):
    with prevue.init("results") as run:
        run.log_histogram("weights", torch.ones(3, requires_grad=True))
        run.log_image("input", torch.rand(4, 5))
        run.log_table("worst", {"loss": torch.tensor([0.5, 0.25]), "sample": torch.arange(2)})
        run.config.update({"dtype": torch.float32, "device": torch.device("cpu"), "scale": torch.tensor(2.0)})
    kinds = backend.rows("SELECT kind FROM results JOIN runs USING (run_id) JOIN projects USING (project_id) "
                         "WHERE project_name = 'results' ORDER BY result_id")  # fmt: skip
    assert kinds == [("histogram",), ("image",), ("table",)]
    [(config,)] = backend.runs("results", "config")
    assert config == '{"device":"cpu","dtype":"torch.float32","scale":2.0}'
