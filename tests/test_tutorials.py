"""The tutorials and the how-to pages work as they stand there, before a real backend.

The blocks of a tutorial, one after the other, are a program in `examples`. Its installation is not tried here, as it is
that of this environment.
"""

import csv
import json
import os
from pathlib import Path

import pytest

from pages import ROOT, blocks, run_commands, run_python
from prevue.testing_backend import StoredBackend, listening

__all__ = ["listening"]

DOCS = ROOT / "docs"
OFFLINE, READ = DOCS / "how-to" / "train-without-a-server.md", DOCS / "how-to" / "read-your-points.md"
TENSORBOARD = DOCS / "how-to" / "come-from-tensorboard.md"
FIND = DOCS / "how-to" / "find-runs.md"
TEST = DOCS / "how-to" / "test-a-model.md"
PANEL = DOCS / "how-to" / "write-a-panel.md"
BOTH = {(split, name) for split in ("train", "val") for name in ("loss", "accuracy")}
FIT_TIMES = {("train", f"{step}fit_time") for step in ("", "standardscaler/", "final_estimator/")}
# By tutorial: how many runs its program logs, and the series that its text and its picture speak of.
TUTORIALS = {
    "keras": (3, BOTH | {("train", "learning_rate")}),
    "torch": (3, BOTH | {("train", "batch/loss")}),
    "sklearn": (4, {*BOTH - {("val", "loss")}, ("train", "n_iter"), ("test", "accuracy")} | FIT_TIMES),
}


@pytest.fixture(scope="module")
def environ(listening: StoredBackend, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a reader whose backend is `listening`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREVUE_")}
    ours = {"PREVUE_SPOOL_DIR": str(tmp_path_factory.mktemp("spool")), "PREVUE_SYSTEM_METRICS": "0"}
    return {**kept, "PREVUE_URL": listening.url, **ours}


def command(page: Path, heading: str) -> str:
    [block] = blocks(page, "sh", heading)
    return block


@pytest.mark.parametrize("name", TUTORIALS)
def test_the_blocks_of_a_tutorial_are_its_program(name: str) -> None:
    program = (ROOT / "examples" / f"{name}_digits.py").read_text()
    shown = "\n".join(blocks(DOCS / "tutorials" / f"{name}.md", "python"))
    said, _, code = program.removeprefix('"""').partition('"""\n')
    assert said
    assert [line for line in shown.splitlines() if line] == [line for line in code.splitlines() if line]


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_logs_what_it_shows(name: str, listening: StoredBackend, environ: dict[str, str]) -> None:
    runs, series = TUTORIALS[name]
    run_commands(command(DOCS / "tutorials" / f"{name}.md", "Train"), environ)
    project = f"digits-{name}"
    assert listening.runs(project) == [("finished",)] * runs
    sql = "FROM series JOIN runs USING (run_id) JOIN projects USING (project_id) WHERE project_name = ?"
    assert set(listening.rows(f"SELECT DISTINCT split, name {sql}", project)) == series
    assert listening.model(project)[2]["layers"]


def test_runs_without_a_server_wait_and_are_sent(listening: StoredBackend, environ: dict[str, str]) -> None:
    known = len(listening.runs("digits-sklearn"))
    train, send = blocks(OFFLINE, "sh", "There is no server on purpose")
    run_commands(train, environ)
    assert len(listening.runs("digits-sklearn")) == known
    printed = run_commands(send, environ)
    assert "`prevue sync` sends them" in printed
    assert " records sent." in printed
    assert listening.runs("digits-sklearn")[known:] == [("finished",)] * 4
    assert "0 records sent." in run_commands(command(OFFLINE, "The server is away"), environ)


def test_python_reads_the_points(listening: StoredBackend, environ: dict[str, str]) -> None:
    printed = run_python(blocks(READ, "python"), environ)
    assert printed.startswith("perceptron, rate 0.01 finished 0.01\n")
    assert "'type': 'MLPClassifier'" in printed
    assert printed.count("accuracy") >= 4  # a row of the frame for each run


def test_sql_reads_the_points(listening: StoredBackend) -> None:
    points, best = (listening.rows(sql) for sql in blocks(READ, "sql"))
    assert len(points) == points_of(listening, "digits-sklearn")
    assert [name for name, _ in best][::2] == ["perceptron, rate 0.01", "perceptron, rate 0.001"]


def test_files_hold_the_points(listening: StoredBackend, environ: dict[str, str], tmp_path: Path) -> None:
    block = command(READ, "As a file").replace(" -o ", f" -o {tmp_path}/")
    last = json.loads(run_commands(block, environ))
    assert (last["name"], last["split"]) == ("accuracy", "val")
    with (tmp_path / "points.csv").open(newline="") as points, (tmp_path / "runs.csv").open(newline="") as runs:
        assert len(list(csv.DictReader(points))) == points_of(listening, "digits-sklearn")
        best = {row["run_name"]: row["metrics.val.accuracy.max"] for row in csv.DictReader(runs)}
    assert set(best) == {name for (name,) in listening.runs("digits-sklearn", "run_name")}


def test_a_report_holds_runs(listening: StoredBackend, environ: dict[str, str], tmp_path: Path) -> None:
    (of_a, name), (of_b, _) = listening.runs("digits-sklearn", "run_id, run_name")[:2]
    block = command(READ, "As a report").replace("RUN_A", of_a).replace("RUN_B", of_b)
    assert ".html: 1." in run_commands(block.replace("report.html", f"{tmp_path}/report.html"), environ)
    assert name in (tmp_path / "report.html").read_text()


def test_runs_are_found_grouped_and_completed(environ: dict[str, str]) -> None:
    *found, keys, series = run_python(blocks(FIND, "python"), environ).splitlines()
    # The tutorial's runs are there once or twice: the pages share them.
    runs = [line[: line.index(" {'metrics.")] for line in found if line.startswith("perceptron")]
    assert list(dict.fromkeys(runs)) == ["perceptron, rate 0.01", "perceptron, rate 0.001"]
    groups = [line.split("}")[0] for line in found[len(runs) :]]
    assert groups == [f"{{'config.learning_rate_init': {rate}" for rate in (0.01, 0.001, None)]
    assert "'config.learning_rate_init'" in keys
    assert "'metrics.val.accuracy'" in series


def test_two_models_are_tested_and_compared(listening: StoredBackend, environ: dict[str, str]) -> None:
    recall, *_, mistake, cheapest = run_python(blocks(TEST, "python"), environ).splitlines()
    assert 0.8 < float(recall.split()[0]) <= 1
    assert " taken for " in mistake
    assert 0 < float(cheapest.split()[0]) < 0.5
    (of_a,), (of_b,) = listening.runs("cancer", "run_id")
    compare = command(TEST, "Which model is better").replace("RUN_A", of_a).replace("RUN_B", of_b)
    told = run_commands(compare.replace("prevue", ".venv/bin/prevue", 1), environ)
    assert "143 samples" in told
    assert "McNemar" in told
    checks = command(TEST, "Was it done well?").replace("RUN", of_b)
    assert "0 found" in run_commands(checks.replace("prevue", ".venv/bin/prevue", 1), environ)


def test_a_script_for_tensorboard_moves_over(listening: StoredBackend, environ: dict[str, str], tmp_path: Path) -> None:
    [script] = blocks(TENSORBOARD, "python")
    theirs = script.replace("from prevue_torch import", "from torch.utils.tensorboard import")
    for text in (script, theirs.replace(', project="digits"', "")):
        run_python([f"import os; os.chdir({str(tmp_path)!r})", text], environ)
    [*_, brought_in] = command(TENSORBOARD, "Bring in the runs that are there").splitlines()
    run_commands(f"cd {tmp_path}; " + brought_in.replace("prevue", ".venv/bin/prevue", 1), environ)
    assert listening.runs("digits", "run_name, state") == [("first", "finished")] * 2
    values = listening.metrics("digits", "step, loss_value")
    assert [value for _, value in values[:10]] == pytest.approx([value for _, value in values[10:]])


def test_a_panel_is_registered_and_draws_what_was_logged(
    listening: StoredBackend, environ: dict[str, str], tmp_path: Path
) -> None:
    log, build, steps, slider, hook, check = blocks(PANEL, "python")
    [project] = blocks(PANEL, "toml")
    files = {
        "prevue_timing/__init__.py": "",
        "pyproject.toml": project,
        "prevue_timing/plugin.py": hook,
        "prevue_timing/panels.py": f"{build}\n\n{steps}\n\n{slider}",
    }
    (tmp_path / "source" / "prevue_timing").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / "source" / name).write_text(text)
    site = tmp_path / "site"
    command = f".venv/bin/pip install --quiet --no-deps --target {site} {tmp_path}/source"
    run_commands(command, environ)
    with_plugin = {**environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(site), environ.get("PYTHONPATH")]))}
    assert run_python([check], with_plugin) == "4.5 s together\n"
    run_python([log], environ)
    (run_id,) = listening.runs("timing", "run_id")[0]
    told = run_python([DRAW.format(run_id=run_id)], with_plugin)
    shown = ["prevue-timing ['figure', 'text']", "7.8 s together", "prevue-timing ['figure']", "['framed']"]
    assert told.splitlines() == shown


DRAW = """
import prevue
from frontend_bokeh.drawing import registered
from frontend_bokeh.panel import Step
from prevue_core.manager import plugins, refuse
panels = registered(plugins(refuse))
found = prevue.Api().result_steps("{run_id}", "timing.phases", "train", "epoch", payload=True)
last = panels.draw("timing.phases", "epoch", found[-1]["payload"])
print(last["owner"], [name for part in last["parts"] for name in part])
print(last["parts"][1]["text"])
whole = panels.draw_steps("timing.phases", "epoch", [Step(one["step"], one["payload"]) for one in found])
print(whole["owner"], [name for part in whole["parts"] for name in part])
print([name for part in panels.draw("timing.phases", "forecast", found[-1]["payload"])["parts"] for name in part])
"""


def points_of(listening: StoredBackend, project: str) -> int:
    sql = "FROM series JOIN runs USING (run_id) JOIN projects USING (project_id) WHERE project_name = ?"
    [(count,)] = listening.rows(f"SELECT SUM(count) {sql}", project)
    return int(count)
