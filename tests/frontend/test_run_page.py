"""The page of a run, from a real server before a real backend: what it tells of runs in every state."""

import html
import re
import subprocess
import sys
import uuid

import pytest
import requests

import prevue
from frontend.test_pages import ask
from frontend.visiting import Visitor
from frontend_bokeh.run_page import training_findings
from serving import finished, free_port, served

PROJECT = "/p/ann/runs"
FAILING = """
import prevue, sys
with prevue.init("runs", "failed", url=sys.argv[1], uid="ann"):
    raise MemoryError("out of <memory>")
"""


class Backend:
    """A backend and the dashboard before it."""

    def __init__(self, url: str, dashboard: str) -> None:
        self.url, self.dashboard = url, dashboard

    def page(self, run_id, query="", project=PROJECT):
        """Return the status of a run's page and its text, without markup and with single spaces."""
        status, _, page = ask(self.dashboard, f"{project}/runs/{run_id}{query}")
        text = re.sub(r"<(script|svg).*?</\1>", "", page, flags=re.DOTALL)
        return status, " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())

    def log(self, name, **settings):
        """Return a finished run."""
        run = prevue.init("runs", name, url=self.url, uid="ann", **settings)
        run.log({"loss": 0.5, "val_accuracy": 0.25}, 3)
        run.log({"loss": float("nan")}, 1200)
        return finished(run).run_id

    def send(self, *records):
        """Send records of a new run as they are, and return its id."""
        run_id = str(uuid.uuid4())
        start = {"type": "start", "project": "runs", "uid": "ann", "host": "gpu-3", "pid": 77, "world_size": 4}
        path = f"{self.url}/api/v1/runs/{run_id}/writers/{uuid.uuid4()}/records"
        body = {"records": [start, *records]}
        assert requests.post(path, params={"first_seq": 0}, json=body, timeout=30).ok
        return run_id

    def find(self, name):
        with prevue.Api(self.url) as api:
            return next(run for run in api.runs("runs") if run.run_name == name)


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    with served("backend", "--port", "0", data=folder) as backend, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREVUE_SPOOL_DIR", str(folder / "client"))
        url = backend.address("backend")
        with served("dashboard", "--port", "0", "--url", url, data=tmp_path_factory.mktemp("d")) as dashboard:
            yield Backend(url, dashboard.address("dashboard"))


def test_a_finished_run_tells_what_it_is_and_what_it_came_to(backend):
    run_id = backend.log("one", tags=["base"], notes="the first", config={"lr": 0.1, "net": {"depth": 18}})
    status, text = backend.page(run_id)
    assert status == 200
    for told in ("one finished", "base", "the first", "lr 0.1 net.depth 18", "User ann", f"Run id {run_id}"):
        assert told in text
    assert "val/ accuracy 0.25 0.25 at 3 0.25 at 3 3 1" in text
    assert "train/ loss 1 NaN NaN 0.5 at 3 0.5 at 3 1,200 2" in text
    assert "Model not described" in text


def test_what_looks_wrong_with_a_training_is_told_until_it_is_silenced(backend):
    run = prevue.init("runs", "stalled", url=backend.url, uid="ann")
    for step in range(20):
        run.log({"loss": 2.5}, step)
    _, live = backend.page(run.run_id)
    run_id = finished(run).run_id
    _, text = backend.page(run_id)
    told = "The training loss began at 2.5 and was never below 2.5 in 20 points up to step 19"
    assert (told in text, "Training stalled" in live) == (True, False)  # as long as it runs, it may still learn
    assert "Speaks where the training loss, at least 10 points of it, never fell" in text
    with prevue.Api(f"http://127.0.0.1:{free_port()}") as away, prevue.Api(backend.url) as api:
        assert training_findings(away, api.run(run_id)) is None  # the rest of the page can still be told
    here, form = f"{PROJECT}/runs/{run_id}", {"form_key": "", "run": run_id, "code": "stalled"}
    visitor = Visitor(backend.dashboard)
    for action in ("silence", "silence in project"):
        answer = visitor.send("/changes", {**form, "action": action, "then": here})
        assert (answer.status, answer.headers["Location"]) == (303, here)
    assert told not in backend.page(run_id)[1]
    with prevue.Api(backend.url) as api:
        (line,) = [line for line in api.checks(run_id) if line["code"] == "stalled"]
        assert line["silenced_in"] == ["run", "project"]
        api.silence_checks(hear=["stalled"], project_id=api.run(run_id).project_id)


def test_what_is_stored_is_counted_for_each_process(backend):
    _, text = backend.page(backend.log("counted"))
    assert re.search(r"[4-6] records stored, none is known to be missing", text)  # with what git says, or not
    gaps = [{"type": "gap", "seq": 1, "until": 1, "count": 2500, "reason": "dropped"}, {"type": "gift", "seq": 2}]
    _, text = backend.page(backend.send(*gaps))
    assert "1 record stored 2,500 missing: dropped for want of room, damaged, or refused 1 rejected" in text
    assert re.search(r"0 of 4 gpu-3 77 – 1 2,500 1 3 ", text)
    assert "– gap 2500 records are missing: dropped" in text


def test_events_are_told_the_latest_first(backend):
    notes = [{"type": "event", "kind": "note", "text": text, "step": step} for text, step in (("warm", 7), ("cold", 9))]
    assert "9 note cold" in (text := backend.page(backend.send(*notes))[1])
    assert text.index("cold") < text.index("7 note warm")
    assert "None: gaps, alerts, notes" in backend.page(backend.send())[1]


def test_a_run_without_metrics_or_configuration_says_so(backend):
    status, text = backend.page(backend.send())
    assert (status, "No metric was logged yet." in text, "None was given:" in text) == (200, True, True)
    assert "Nothing was told of it." in text
    assert "Ended not yet" in text


def test_a_failed_run_tells_why(backend, tmp_path):
    (tmp_path / "train.py").write_text(FAILING)
    command = [sys.executable, str(tmp_path / "train.py"), backend.url, "--token", "hunter2"]
    subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
    _, text = backend.page(backend.find("failed").run_id)
    assert "failed failed" in text
    assert f"MemoryError out of <memory> {tmp_path}/train.py:4" in text
    assert "--token ***" in text
    assert "hunter2" not in text
    run = prevue.init("runs", "told", url=backend.url, uid="ann")
    assert run.finish("failed", message="out of room", timeout=None)
    assert "Failed out of room" in backend.page(run.run_id)[1]


def test_the_ranks_of_a_run_are_told_apart(backend):
    run_id = str(uuid.uuid4())
    for rank in (0, 1, 12):
        run = prevue.init("runs", "ranks", url=backend.url, uid="ann", run_id=run_id, rank=rank, resume="allow")
        run.log({"loss": 0.5 + rank}, rank)
        finished(run)
    assert "rank 0 rank 1 rank 12 Metric" in backend.page(run_id)[1]
    assert "loss 12.5 12.5 at 12" in backend.page(run_id, "?rank=12")[1]
    assert "loss 0.5 0.5 at 0" in backend.page(run_id, "?rank=99")[1]


def test_the_page_links_to_the_runs_curves_and_its_model(backend):
    run = prevue.init("runs", "a.b (1)", url=backend.url, uid="ann", connector_name="own")
    run.describe({"name": "net", "framework": "none", "layers": [{"name": "a", "type": "A"}]})
    run_id = finished(run).run_id
    page = ask(backend.dashboard, f"{PROJECT}/runs/{run_id}")[2]
    assert f'href="{PROJECT}?only={run.run_id[-12:]}"' in page  # of several runs of a name this one
    assert f'<a href="{PROJECT}/model?run={run_id}">net</a>' in page
    assert "net ·" in html.unescape(ask(backend.dashboard, f"{PROJECT}/model?run={run_id}")[2])


def test_an_archived_run_is_shown_as_that(backend):
    run_id = backend.log("old")
    with prevue.Api(backend.url) as api:
        api.archive_run(run_id)
    assert "old finished archived" in backend.page(run_id)[1]


@pytest.mark.parametrize("run_id", ["019ab1c2-0000-7000-8000-00000000dead", "x", "%00", "..%2f.."])
def test_an_unknown_run_is_a_page_that_says_so(backend, run_id):
    backend.log("there")
    status, text = backend.page(run_id)
    assert (status, "there is no run" in text) == (404, True)


def test_a_run_is_no_page_of_another_project(backend):
    other = prevue.init("others", "one", url=backend.url, uid="ann")
    other.log({"loss": 1.0})
    assert backend.page(finished(other).run_id)[0] == 404
    assert backend.page(other.run_id, project="/p/ann/others")[0] == 200


def test_a_deleted_run_has_no_page(backend):
    run_id = backend.log("deleted")
    with prevue.Api(backend.url) as api:
        api.delete_run(run_id)
    assert backend.page(run_id)[0] == 404
