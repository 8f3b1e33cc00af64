"""`prevue report`: the file that it writes, from runs of a real backend."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

import prevue
from frontend_bokeh.report_command import report
from prevue_core.errors import NotFound
from serving import finished, served

EVIL = "</script><img src=x>"


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with served("backend", "--port", "0", data=folder) as backend, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREVUE_SPOOL_DIR", str(folder / "client"))
        patch.setenv("PREVUE_URL", backend.address("backend"))
        yield backend


@pytest.fixture(scope="module")
def runs(backend):
    """Two runs, with curves, results and a test of one."""
    made = []
    for rate in (0.1, 0.01):
        run = prevue.init("reports", f"rate {rate}{EVIL}", config={"rate": rate, "depth": 3, "why": EVIL})
        for step in range(30):
            run.log({"loss": rate / (step + 1)}, step=step)
        run.log_text("said", EVIL)
        made.append(run)
    made[0].log_evaluation([0, 1, 1, 0], [0, 1, 0, 0], labels=["cat", "dog"])
    return [finished(run).run_id for run in made]


def write(*arguments):
    return CliRunner().invoke(report, [str(one) for one in arguments])


def given(path):
    return json.loads(
        re.search(r'<script id="given" type="application/json">(.*?)</script>', path.read_text()).group(1)
    )


def test_the_file_has_all_of_the_runs_and_asks_for_nothing(runs, tmp_path):
    done = write(*runs, "-o", tmp_path / "r.html", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    page = (tmp_path / "r.html").read_text()
    assert told == {
        **{"file": str(tmp_path / "r.html"), "bytes": (tmp_path / "r.html").stat().st_size, "runs": 2},
        **{"charts": told["charts"], "results": 2, "left_out": {"series": 0, "results": 0}},
    }
    assert told["bytes"] < 2_500_000
    assert "default-src &#39;none&#39;" in page
    head = page.partition('<script id="given"')[0]
    assert not re.search(r'(src|href)="(?!data:|#)', re.sub(r"<script>.*?</script>", "", head, flags=re.DOTALL))
    assert "<img src=x>" not in page
    assert "Configuration" in page
    data = given(tmp_path / "r.html")
    assert [run["color"] for run in data["runs"]] == [0, 1]
    assert {key["id"] for key in data["keys"]} >= {"train/loss"}
    assert {one["drawn"]["parts"][0]["text"] for one in data["results"]} == {EVIL}
    assert re.search(r"accuracy</th><td class=\"figure\">0\.75", page)


def test_a_report_says_what_its_author_has_to_say_as_it_is(runs, tmp_path):
    (tmp_path / "said.txt").write_text(f"Half the rate.\n{EVIL}\n", "utf-8")
    done = write(runs[0], "-o", tmp_path / "r.html", "--title", f"Rates {EVIL}", "--text", tmp_path / "said.txt")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "r.html").read_text()
    told = "&lt;/script&gt;&lt;img src=x&gt;"
    assert f'<h1>Rates {told}</h1>\n    <p class="about">Half the rate.\n{told}</p>' in page


def test_what_is_said_for_people_is_the_size(runs, tmp_path):
    done = write(runs[0], runs[0], "-o", tmp_path / "one.html")
    assert re.match(r".*one\.html: 1\.\d MB, 1 runs, \d+ charts, 1 results\n$", done.output)


def test_long_series_are_shown_as_buckets_and_results_beyond_the_room_are_counted(backend, tmp_path, monkeypatch):
    run = prevue.init("reports", "long", system_metrics=False)
    values = np.random.default_rng(0).normal(size=6_000)
    values[4321] = 99
    for step, value in enumerate(values):
        run.log({"noise": float(value)}, step=step)
    for number in range(4):
        run.log_text(f"text/{number}", "word " * 40)
    monkeypatch.setattr("frontend_bokeh.report.RESULTS_BYTES", 700)
    done = write(finished(run).run_id, "-o", tmp_path / "long.html", "--json")
    told = json.loads(done.output)
    assert (told["results"], told["left_out"]["results"]) == (2, 2)
    assert told["bytes"] < 2_000_000
    assert "2 more results had no room in this file." in (tmp_path / "long.html").read_text()


def test_what_cannot_be_done_is_said_and_no_half_file_stays(runs, tmp_path):
    stranger = "019ab1c2-0000-7000-8000-00000000ffff"
    done = write(stranger, "-o", tmp_path / "r.html")
    assert isinstance(done.exception, NotFound)
    assert "too many for one report" in write(*(f"{n:032x}" for n in range(21))).output
    done = write(runs[0], "-o", tmp_path / "no" / "folder.html")
    assert (done.exit_code, "cannot be written: No such file" in done.output) == (1, True)
    assert list(tmp_path.iterdir()) == []
