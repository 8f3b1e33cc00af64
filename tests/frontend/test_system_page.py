"""What the page of a run's machine is given, from a real server before a real backend."""

import json

import pytest

import prevue
from frontend.test_pages import ask
from frontend.visiting import given
from serving import finished, served

SAMPLE = {"cpu_percent": 50, "process_cpu_percent": 150, "gpu0_percent": 80, "gpu1_percent": 70, "fan": 3}


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("system")
    with served("backend", "--port", "0", data=folder) as backend, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREVUE_SPOOL_DIR", str(folder / "client"))
        url = backend.address("backend")
        with served("dashboard", "--port", "0", "--url", url, data=tmp_path_factory.mktemp("d")) as dashboard:
            address = dashboard.address("dashboard")

            def visit(run_id, rest="/charts"):
                return ask(address, f"/p/ann/machine/runs/{run_id}/system{rest}")

            yield url, visit


def begin(url, **settings):
    return prevue.init("machine", url=url, uid="ann", system_metrics=False, **settings)


def test_losses_and_samples_share_charts_by_what_they_measure(visit):
    url, ask_for = visit
    run = begin(url)
    for step in (1, 2):
        run.log({"loss": 0.5, "val_loss": 0.25, "accuracy": 1}, step)
        run.log(SAMPLE, step, split="system")
    run_id = finished(run).run_id
    told = json.loads(ask_for(run_id)[2])
    assert not told["is_live"]
    assert [(chart["title"], chart["unit"], [line["name"] for line in chart["lines"]]) for chart in told["charts"]] == [
        ("Losses", "", ["train/loss", "val/loss"]),
        ("CPU", "%", ["cpu", "process"]),
        ("GPU", "%", ["gpu0", "gpu1"]),
        ("fan", "", ["fan"]),
    ]
    line = told["charts"][1]["lines"][0]
    assert line["mean"] == line["low"] == line["high"] == [50, 50]
    assert 0 <= line["x"][0] <= line["x"][1] < 60
    status, _, page = ask_for(run_id, "")
    assert (status, given(page)["rank"]) == (200, 0)


def test_each_process_has_charts_of_its_own(visit):
    url, ask_for = visit
    run_id = "019ab1c2-0000-7000-8000-00000000000a"
    for rank in (0, 3):
        run = begin(url, run_id=run_id, rank=rank, resume="allow")
        run.log({"cpu_percent": rank}, 1, split="system")
        finished(run)
    for query, mean in (("?rank=3", [3]), ("?rank=7", [0]), ("?rank=-", [0])):
        [chart] = json.loads(ask_for(run_id, f"/charts{query}")[2])["charts"]
        assert chart["lines"][0]["mean"] == mean
    assert "rank 3</a>" in ask_for(run_id, "")[2]


def test_a_run_without_samples_says_why_and_has_no_charts(visit):
    url, ask_for = visit
    run = begin(url)
    run.log({"loss": 1})
    run_id = finished(run).run_id
    assert json.loads(ask_for(run_id)[2])["charts"] == []
    assert "Nothing is known of its machine." in ask_for(run_id, "")[2]
    assert ask_for("no-run", "")[0] == 404
