"""`prevue.show`: what a notebook is given, from a real backend that knows its dashboard."""

import re
from xml.etree import ElementTree

import pytest

import prevue
from frontend.visiting import Visitor
from prevue_core.errors import InvalidValue, NotFound
from serving import finished, free_port, served

EVIL = "<img src=x>\"'</iframe>"


@pytest.fixture(scope="module")
def prevue_up(tmp_path_factory):
    """A backend that knows its dashboard, and the dashboard."""
    folder = tmp_path_factory.mktemp("shown")
    ports = free_port(), free_port()
    dashboard = f"http://localhost:{ports[1]}"
    backend = ("backend", "--port", str(ports[0]), "--dashboard-url", dashboard)
    with served(*backend, data=folder) as one, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREVUE_SPOOL_DIR", str(folder / "client"))
        url = one.address("backend")
        with served("dashboard", "--port", str(ports[1]), "--url", url, data=tmp_path_factory.mktemp("d")) as other:
            other.address("dashboard")
            yield url, dashboard


@pytest.fixture(scope="module")
def run(prevue_up):
    run = prevue.init("shown", EVIL, url=prevue_up[0], uid="ann/lee", system_metrics=False)
    for step in range(600):
        run.log({"loss": 1 / (step + 1), "val_loss": float("nan") if step == 3 else 0.5, EVIL: step}, step)
    return finished(run)


def test_a_notebook_gets_a_frame_that_this_machine_may_show(prevue_up, run):
    view = prevue.show(run)
    assert view.url == f"{prevue_up[1]}/p/ann%2Flee/shown/runs/{run.run_id}"
    assert repr(view) == f"ann/lee/shown: {EVIL} (finished)  {view.url}"
    html = view._repr_html_()
    [address] = re.findall(r'<iframe src="([^"]+)" width="100%" height="560"', html)
    assert f'<a href="{view.url}"' in html
    assert len(html) < 1_000  # of a live view nothing is kept in the notebook's file
    answer = Visitor(prevue_up[1]).ask(address.removeprefix(prevue_up[1]))
    assert answer.status == 200
    allowed = "frame-ancestors http://localhost:* http://127.0.0.1:*"
    assert answer.headers["Content-Security-Policy"].endswith(allowed)
    assert 'class="embedded"' in answer.text


def test_no_other_page_is_ever_shown_in_a_frame(prevue_up, run):
    for path in ("/", "/p/ann%2Flee/shown", f"/p/ann%2Flee/shown/runs/{run.run_id}", "/embed/p/no/body", "/login"):
        policy = Visitor(prevue_up[1]).ask(path).headers["Content-Security-Policy"]
        assert policy.endswith("frame-ancestors 'none'")


def test_a_picture_needs_no_dashboard_and_holds_every_curve(run):
    html = prevue.show(run, live=False)._repr_html_()
    found = [ElementTree.fromstring(one) for one in re.findall(r"<svg.*?</svg>", html)]
    charts = {chart.get("aria-label"): chart for chart in found}
    assert charts.keys() == {EVIL, "loss"}
    lines = [line.get("points").split() for line in charts["loss"].iter("polyline")]
    assert len(lines) == 2
    assert all(100 < len(line) <= 250 for line in lines)
    assert {part for text in charts["loss"].iter("text") for part in text.itertext()} >= {
        "loss",
        "train",
        "val",
        "1",
        "step 599",
    }
    assert EVIL not in html


def test_a_picture_shows_the_names_of_strangers_as_text(prevue_up):
    name = "<script>alert(1)"
    view = prevue.show(finished(prevue.init(name, url=prevue_up[0], uid=name, system_metrics=False)), live=False)
    assert "&lt;script&gt;" in view._repr_html_()
    assert "<script>" not in view._repr_html_()


def test_a_run_is_taken_from_init_from_the_api_or_by_its_id(prevue_up, run, monkeypatch):
    monkeypatch.setattr("prevue.current._latest", run)
    with prevue.Api(prevue_up[0]) as api:
        stored = api.run(run.run_id)
        given = [(None, {}), (stored, {}), (run.run_id, {"url": prevue_up[0]})]
        assert len({prevue.show(one, **more)._repr_html_() for one, more in given}) == 1
        assert api.run(run.run_id) == stored  # the reader's own connection is as it was
    with pytest.raises(NotFound):
        prevue.show("019ab1c2-0000-7000-8000-00000000ffff", url=prevue_up[0])
    monkeypatch.setattr("prevue.current._latest", None)
    with pytest.raises(InvalidValue, match=r"call prevue\.init\(\) first"):
        prevue.show()


def test_a_server_that_does_not_know_its_dashboard_gets_a_picture_unless_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "client"))
    monkeypatch.chdir(tmp_path)  # in no repository, of which a record would tell
    with served("backend", "--port", "0", data=tmp_path) as backend:
        run = prevue.init("alone", url=backend.address("backend"), system_metrics=False)
        view = prevue.show(run)  # before anything is logged
        assert view.url is None
        assert "has logged no metric yet" in view._repr_html_()
        with pytest.raises(InvalidValue, match="give dashboard="):
            prevue.show(run, live=True)
        told = prevue.show(run, dashboard="localhost:5006", height=300)
        assert 'src="http://localhost:5006/embed/p/' in told._repr_html_()
        assert 'height="300"' in told._repr_html_()
        run.log({"loss": 1})
        finished(run)
        with pytest.raises(InvalidValue, match="the run is offline"):
            prevue.show(prevue.init("alone", url=run.url, mode="offline"))


def test_a_setting_says_who_may_frame_curves(prevue_up, run, tmp_path):
    command = ("dashboard", "--port", "0", "--url", prevue_up[0])
    with served(*command, data=tmp_path, PREVUE_FRAME_ANCESTORS="https://hub.example.org, vscode:") as dashboard:
        answer = Visitor(dashboard.address("dashboard")).ask("/embed/p/ann%2Flee/shown")
    assert answer.headers["Content-Security-Policy"].endswith("frame-ancestors https://hub.example.org vscode:")
