"""A page goes on by itself when backend, network or dashboard come back: same view, every point, none twice."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import prevue
from e2e.relay import Relay
from serving import Served, finished, free_port, served, stored

VIEW = "?smooth=0.5&x=epoch&sort=name&cols=2&metrics=loss"
PAUSE_S = 0.02
PROJECTS = itertools.count()


class Training:
    """Runs that log on and on beside a test."""

    def __init__(self, url: str, project: str) -> None:
        self.runs = [prevue.init(project, name, url=url, uid="tester") for name in ("one", "two")]
        self.steps = 1
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._log, daemon=True)
        for run in self.runs:
            run.log({"val_loss": 0.0}, 0, epoch=0)
            stored(run, records=2)

    def begin(self) -> None:
        """Log more names. The dashboard numbers them behind the first; one that starts later will do otherwise."""
        for run in self.runs:
            run.log({"loss": 0.0, "accuracy": 0.0}, 0, epoch=0)
        self._thread.start()

    def _log(self) -> None:
        while not self._is_over.wait(PAUSE_S):
            value = float(self.steps)
            for run in self.runs:
                run.log({"loss": value, "accuracy": value, "val_loss": value}, self.steps, epoch=self.steps // 10)
            self.steps += 1

    def end(self) -> int:
        """Finish the runs, and return how many values each of their series has."""
        if not self._is_over.is_set():
            self._is_over.set()
            self._thread.join()
            for run in self.runs:
                finished(run)
        return self.steps


class World:
    """A backend, a dashboard on an address of its own, and a relay before it."""

    def __init__(self, stack: ExitStack, folder: Any) -> None:
        self._stack = stack
        self._folder = folder
        self._ports = {"backend": str(free_port()), "dashboard": str(free_port())}
        self.backend_url = f"http://127.0.0.1:{self._ports['backend']}"
        self.url = f"http://127.0.0.1:{self._ports['dashboard']}"
        self.start_backend()
        self.start_dashboard()
        self.relay = Relay(int(self._ports["dashboard"]), "127.0.0.2")
        stack.callback(self.relay.close)

    def start_backend(self) -> None:
        self.backend = self._start("backend", "--port", self._ports["backend"])

    def start_dashboard(self) -> None:
        here = ("--host", "127.0.0.2", "--port", self._ports["dashboard"])
        self.dashboard = self._start("dashboard", *here, "--url", self.backend_url)

    def _start(self, *command: str) -> Served:
        process = self._stack.enter_context(served(*command, data=self._folder))
        process.address(command[0])
        return process

    def mend(self) -> None:
        """Start what a test has left stopped."""
        self.relay.speak()
        if self.backend.process.poll() is not None:
            self.start_backend()
        if self.dashboard.process.poll() is not None:
            self.start_dashboard()


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack, tmp_path_factory.mktemp("world"))


@pytest.fixture
def watched(world, page, open_project, expected_errors) -> Iterator[Any]:
    """An open page of a training that goes on, with a view of its own: one run hidden, one chart zoomed."""
    expected_errors.append("WebSocket|ERR_|Bokeh server|repull session|status of 50")
    project = f"outage-{next(PROJECTS)}"
    runs = Training(world.backend_url, project)
    shown = open_project(project, charts=1, url=world.url, query=VIEW)
    runs.begin()
    shown.ready(2)
    shown.training = runs
    shown.page.evaluate("window.sameDocument = true")
    shown.page.get_by_label("show two").first.click()
    shown.wait("() => prevue.view.hidden.size === 1")
    shown.zoom("val/loss", 0.2, 1.0)
    yield shown
    world.mend()
    runs.end()
    shown.page.goto("about:blank")  # rather than lose its dashboard


def state(shown):
    """What the user has chosen, as the page has it."""
    return shown.page.evaluate(
        """() => {
            const {smoothing, axis, sort, columns, metrics, hidden, zoom} = window.prevue.view;
            const colors = [...document.querySelectorAll(".swatch")].map((one) => one.style.cssText);
            const cards = [...document.querySelectorAll(".card")].map((card) => card.dataset.key);
            const page = [location.search, window.sameDocument];
            return [smoothing, axis, sort, columns, metrics, [...hidden], [...zoom], colors, cards, page];
        }"""
    )


def assert_whole(shown):
    """The open chart has every value that was logged, each once; so has the hidden run when it is shown."""
    steps = shown.training.end()
    for name in ("one", "two"):
        shown.wait(
            """([name, steps]) => {
                const {project} = window.prevue;
                const run = [...project.runs.values()].find((run) => run.name === name);
                const block = project.blocksOf("train/loss").get(`${run.id}@0 train/loss`);
                return block && block.total === steps && block.columns.count.reduce((a, b) => a + b) === steps;
            }""",
            [name, steps],
        )
        drawn = shown.page.evaluate(
            """(name) => {
                const run = [...prevue.project.runs.values()].find((run) => run.name === name);
                return [...prevue.project.blocksOf("train/loss").get(`${run.id}@0 train/loss`).columns.step];
            }""",
            name,
        )
        assert len(drawn) == len(set(drawn))
        assert sorted(drawn) == drawn
        if name == "one":
            shown.page.get_by_label("show two").click()


def wait_pill(shown, text):
    shown.wait("(text) => document.querySelector('#pill-text').textContent === text", text)


def grows(shown):
    """Wait until the page has points that were logged after this call."""
    shown.wait("(steps) => prevue.project.runs.values().next().value.live[0] > steps", shown.training.steps + 5)


def test_a_backend_that_is_restarted(world, watched):
    before = state(watched)
    assert world.backend.stop() == 0
    wait_pill(watched, "reconnecting")
    assert watched.page.locator("#banner").text_content().startswith("The backend does not answer")
    assert watched.lines("train/loss")[0][0] == 0.0  # what was there stays
    world.start_backend()
    wait_pill(watched, "live")
    assert watched.page.locator("#banner").is_hidden()
    grows(watched)
    assert state(watched) == before
    assert_whole(watched)


def test_a_chart_whose_numbers_do_not_come_says_so_until_they_do(world, watched):
    assert world.backend.stop() == 0
    wait_pill(watched, "reconnecting")
    watched.page.get_by_label("show two").click()
    notice = watched.page.get_by_role("article", name="train/loss").locator(".notice")
    notice.get_by_text(f"Not loaded: cannot reach {world.backend_url}").wait_for()
    assert watched.lines("train/loss")[0][0] == 0.0
    notice.get_by_role("button", name="Retry").click()
    world.start_backend()
    watched.wait("() => ![...document.querySelectorAll('.notice')].some((one) => one.textContent)")
    watched.wait_chart("train/loss", "chart.curves.length === 2")


def test_a_network_that_is_cut(world, watched):
    before = state(watched)
    assert world.relay.cut() >= 1
    grows(watched)
    wait_pill(watched, "live")
    assert state(watched) == before
    assert_whole(watched)


def test_a_dashboard_that_is_restarted(world, watched):
    before = state(watched)
    assert world.dashboard.stop() == 0
    wait_pill(watched, "reconnecting")
    assert watched.page.locator("#banner").text_content().startswith("Connection lost")
    assert watched.lines("train/loss")[0][0] == 0.0
    world.start_dashboard()
    wait_pill(watched, "live")
    grows(watched)
    assert state(watched) == before
    assert_whole(watched)


def test_a_connection_that_is_dead_without_a_word_while_the_training_ends(world, watched):
    before = state(watched)
    world.relay.hush()
    wait_pill(watched, "stale")
    watched.wait("() => /^[0-9]+ s$/.test(document.querySelector('#pill-age').textContent)")
    wait_pill(watched, "reconnecting")
    watched.training.end()
    world.relay.speak()
    world.relay.cut()
    wait_pill(watched, "up to date")
    assert state(watched) == before
    assert_whole(watched)
