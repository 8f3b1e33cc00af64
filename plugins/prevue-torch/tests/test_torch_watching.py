"""Histograms of gradients and parameters, from trainings with PyTorch's optimizers."""

import gc
import json

import pytest
import torch
from torch import nn

import prevue
from prevue_core.errors import InvalidValue
from prevue_torch import unwatch, watch
from prevue_torch.watching import histograms

SQL = (
    "SELECT results.name, results.step, payload FROM results JOIN runs USING (run_id) JOIN projects USING (project_id)"
)


def stored(backend, project):
    """Return payloads of histograms by name and step."""
    rows = backend.rows(f"{SQL} WHERE project_name = ? AND kind = 'histogram'", project)
    return {(name, step): json.loads(payload) for name, step, payload in rows}


def train(run, model, steps=4, *, accumulate=1, scaler=None):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        run.log({"loss": 0.0}, step)
        for _ in range(accumulate):
            loss = model(torch.ones(2, 3)).square().mean() / accumulate
            (scaler.scale(loss) if scaler else loss).backward()
        scaler.step(optimizer) if scaler else optimizer.step()
        if scaler:
            scaler.update()
        optimizer.zero_grad()


def model_of():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))


@pytest.mark.parametrize(("log", "kinds"), [("gradients", 1), ("parameters", 1), ("all", 2)])
def test_what_is_asked_for_is_logged_each_so_many_steps(backend, log, kinds):
    model = model_of()
    with prevue.init(f"watch {log}") as run:
        watch(run, model, log=log, log_freq=2)
        train(run, model)
        unwatch(model)
        train(run, model, 20)
    found = stored(backend, f"watch {log}")
    assert {step for _, step in found} == {1, 3}
    assert len(found) == 2 * kinds * len(list(model.parameters()))
    name = ("gradients" if log == "all" else log) + "/0/weight"
    assert sum(found[name, 1]["counts"]) == model[0].weight.numel()


def test_gradients_are_those_of_the_step(backend):
    """They are accumulated, and have no factor of a GradScaler."""
    with prevue.init("of the step") as run:
        for scaler, accumulate in ((None, 1), (torch.amp.GradScaler("cpu", init_scale=1024.0), 4)):
            model = model_of()
            watch(run, model, log_freq=1)
            train(run, model, 1, scaler=scaler, accumulate=accumulate)
            unwatch(model)
    rows = backend.rows(f"{SQL} WHERE project_name = 'of the step' AND results.name = 'gradients/2/weight'")
    plain, scaled = (json.loads(payload)["edges"] for _, _, payload in rows)
    assert scaled == pytest.approx(plain, rel=1e-4)


def test_another_model_and_a_model_that_is_gone_are_left_alone(backend):
    watched, other = model_of(), model_of()
    with prevue.init("others") as run:
        watch(run, watched, log_freq=1)
        train(run, other)
        del watched
        gc.collect()
        train(run, other)
    assert stored(backend, "others") == {}


def test_histograms_equal_those_of_torch():
    values = torch.randn(1000)
    found = histograms({"all": values})["all"]
    counts, edges = torch.histogram(values, 64)
    assert found["edges"] == pytest.approx(edges.tolist(), abs=1e-6)
    assert found["counts"] == counts.tolist()


def test_what_is_not_finite_is_counted_beside():
    odd = torch.tensor([1.0, 2.0, torch.nan, torch.inf, -torch.inf, -torch.inf])
    found = histograms(
        {"odd": odd, "same": torch.full((5,), 3.0), "none": torch.tensor([torch.nan]), "int": odd.long()}
    )
    assert (found["odd"]["nan_count"], found["odd"]["inf_count"], found["odd"]["ninf_count"]) == (1, 1, 2)
    assert found["odd"]["counts"] == [1.0, *[0.0] * 62, 1.0]
    assert found["same"] == {"counts": [5.0], "edges": [2.5, 3.5]}
    assert set(found) == {"odd", "same"}


@pytest.mark.parametrize(
    ("arguments", "quoted"), [({"log": "weights"}, "'weights'"), ({"log_freq": 0}, "0"), ({"model": "mine"}, "'mine'")]
)
def test_a_bad_argument_is_refused_with_its_value(arguments, quoted):
    with pytest.raises(InvalidValue) as refused:
        watch(prevue.init(mode="disabled"), **{"model": model_of(), **arguments})
    assert quoted in str(refused.value)
