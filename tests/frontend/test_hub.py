"""The poller, over a source that is made of dicts. Nothing sleeps: a viewer waits for what it is told."""

import asyncio
import copy
import math
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from frontend.series import decoded, series
from frontend_bokeh import events as events_module
from frontend_bokeh import hub as hub_module
from frontend_bokeh.blocks import RANK_BIT
from frontend_bokeh.hub import Hub, News
from frontend_bokeh.main import Dashboard
from prevue.api import StoredRun
from prevue_core.errors import Refused, Unreachable

PATIENCE_S = 10.0
BUDGET = 400
LOSSES = (0, BUDGET, 0)  # the first key, as it is watched
TRAIN_LOSS, VAL_LOSS = ("train", "loss"), ("val", "loss")


class FakeSource:
    """A project of which the test says what it has, by run and by key: split, name and, if it is not 0, rank.

    `failures`: calls, by name, which the backend does not answer; `refusal`: the status with which it refuses all,
    because of who asks.
    """

    def __init__(self) -> None:
        self.stored: dict[str, StoredRun] = {}
        self.values: dict[str, dict[tuple[Any, ...], list[float]]] = {}
        self.marked: list[dict[str, Any]] = []
        self.newest = hub_module.RUNS_SHOWN
        self.written_again: set[tuple[str, str]] = set()
        self.failures: set[str] = set()
        self.refusal: int | None = None
        self.closed = threading.Event()

    def of_another(self) -> "FakeSource":
        """Return the same project as another viewer asks for it."""
        other = copy.copy(self)
        other.closed = threading.Event()
        return other

    def check(self) -> None:
        self._fail("check")

    def close(self) -> None:
        self.closed.set()

    def log(self, run_id: str, key: tuple[Any, ...], *values: float, state: str = "running") -> None:
        """Store values, and hear of the run."""
        self.values.setdefault(run_id, {}).setdefault(key, []).extend(values)
        heard_at = self.stored[run_id].heard_at + 1 if run_id in self.stored else 1.0
        others: dict[str, Any] = {"model_id": None, "config": {}, "environment": {}, "tags": [], "notes": ""}
        others |= {"run_group": None, "finished_at": None, "_api": None, "project_name": "p", "user": "ann"}
        others |= {"project_id": 1, "archived_at": None}
        began = self.stored[run_id].started_at if run_id in self.stored else float(len(self.stored))
        self.stored[run_id] = StoredRun(
            run_id=run_id, run_name=f"run {run_id}", state=state, started_at=began, heard_at=heard_at, **others
        )

    def events(self, run_ids: list[str]) -> list[dict[str, Any]]:
        self._fail("events")
        return [one for one in reversed(self.marked) if one["run_id"] in run_ids]

    def mark(self, run_id: str, text: str) -> None:
        """Store an event, and hear of the run."""
        more = {"event_id": len(self.marked) + 1, "time": 1.0, "step": None, "level": None}
        self.marked.append({"run_id": run_id, "kind": "note", "text": text, **more})
        self.log(run_id, TRAIN_LOSS)

    def runs(self, more=()) -> list[StoredRun]:
        self._fail("runs")
        runs = sorted(self.stored.values(), key=lambda run: -run.started_at)
        return runs[: self.newest] + [run for run in runs[self.newest :] if run.run_id in more]

    def find(self, text: str, chosen: tuple[str, ...] = ()) -> list[str]:
        self._fail("find")
        return [run_id for run_id in self.stored if run_id in text]

    def news(self, cursors, logged, budget):
        self._fail("news")
        sums, parts = {}, []
        for run_id, held in cursors.items():
            stored = self.values[run_id]
            rows = sum(map(len, stored.values()))
            if rows != logged.get(run_id):
                sums[run_id] = rows, {}
                for key, values in stored.items():
                    sums[run_id][1].setdefault(_rank(key), {})[key[:2]] = _sums(values)
            for key, rows in map(str.rsplit, held, ["|"] * len(held), [1] * len(held)):
                split, name, *rank = key.split("/")
                parts += self._new(run_id, (split, name, *map(int, rank)), int(rows))
        return sums, parts

    def _new(self, run_id, key, rows):
        """Return what comes from the last of the rows on that are held; of a series written again, all."""
        values = self.values[run_id][key]
        if len(values) == rows and key not in self.written_again:
            return []
        low = 0 if key in self.written_again else rows - 1
        return [self._part(run_id, key, low, None, from_step=None if key in self.written_again else low)]

    def series(self, run_ids, keys, ranks, *, low_step=None, high_step=None, budget=1_000):
        self._fail("series")
        high = None if high_step is None else high_step + 1
        return [
            self._part(run_id, key, low_step or 0, high)
            for run_id in run_ids
            for key, values in self.values[run_id].items()
            if key[:2] in keys and _rank(key) in ranks and values[low_step or 0 : high]
        ]

    def _part(self, run_id, key, low, high, **more):
        values = self.values[run_id][key]
        if (low, high) == (0, None) or more:
            more |= {"cursor": f"{'/'.join(map(str, key))}|{len(values)}", "count": len(values)}
        named = {"run_id": run_id, "split": key[0], "name": key[1], "rank": _rank(key)}
        return series(values[low:high], first_step=low, **named, **more)

    def _fail(self, call: str) -> None:
        if self.refusal is not None:
            raise Refused("not yours to see", status=self.refusal)
        if call in self.failures:
            raise Unreachable("nobody answers at http://backend")


def _rank(key: tuple[Any, ...]) -> int:
    return key[2] if len(key) > 2 else 0


def _sums(values: list[float]) -> dict[str, Any]:
    return {"count": len(values), "last_step": len(values) - 1, "last": values[-1]}


@dataclass(eq=False)
class Page:
    """A viewer that keeps what it is told, and with which codes it was shown out."""

    source: FakeSource
    watch: set[tuple[int, int, int]] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    is_active: bool = True
    metas: list[dict[str, Any]] = field(default_factory=list)
    ticks: list[News] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    signs_of_life: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell_meta(self, meta: dict[str, Any]) -> None:
        self.metas.append(meta)
        self._changed.set()

    def tell_tick(self, news: News) -> None:
        if news.live or news.fragments:
            self.ticks.append(news)
        else:
            self.signs_of_life += 1
        self._changed.set()

    def tell_events(self, events: list[dict[str, Any]]) -> None:
        self.events += [one["text"] for one in events]
        self._changed.set()

    def close(self, code: int) -> None:
        self.codes.append(code)
        self._changed.set()

    def parts(self) -> list[dict[str, Any]]:
        """All that was appended."""
        return [part for news in self.ticks for parts in news.fragments.values() for part in decoded(b"".join(parts))]

    async def until(self, is_so: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not is_so(self):
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    for name in ("LIVE_POLL_S", "IDLE_POLL_S", "SIGN_S", "WHOLE_S"):
        monkeypatch.setattr(hub_module, name, 0)
    monkeypatch.setattr(events_module, "LOOK_S", 0)


@pytest.fixture
def source() -> FakeSource:
    source = FakeSource()
    source.log("a", TRAIN_LOSS, 0.5, 0.4)
    return source


def looking(source: FakeSource, scene: Any) -> None:
    """Play a scene with a hub and a page that has joined it and has drawn the first run's first key; then all leave."""

    async def play() -> None:
        hub = Hub({"owner": "ann", "name": "p"})
        page = Page(source, watch={LOSSES})
        hub.join(page)
        try:
            await page.until(lambda page: page.metas)
            await hub.blocks(page, [0], [0], BUDGET)
            await scene(hub, page)
        finally:
            for viewer in list(hub._viewers):
                hub.leave(viewer)
            await hub._task
            hub._threads.shutdown()

    asyncio.run(play())


def test_a_new_run_reaches_viewers_with_numbers_that_only_grow(source):
    async def scene(hub, page):
        source.log("b", VAL_LOSS, 0.9)
        await page.until(lambda page: len(page.metas[-1]["runs"]) == 2)
        source.log("a", ("train", "accuracy"), 0.1)
        await page.until(lambda page: len(page.metas[-1]["keys"]) == 3)
        assert [key["split"] + "/" + key["name"] for key in page.metas[-1]["keys"]] == [
            "train/loss",
            "val/loss",
            "train/accuracy",
        ]
        assert {run["id"]: (run["no"], run["series"]) for run in page.metas[-1]["runs"]} == {
            "b": (1, [{"ranks": [0], "keys": [1]}]),
            "a": (0, [{"ranks": [0], "keys": [0, 2]}]),
        }
        revs = [meta["rev"] for meta in page.metas]
        assert revs == sorted(set(revs))

    looking(source, scene)


def test_a_run_that_ends_is_told_of(source):
    async def scene(hub, page):
        source.log("a", TRAIN_LOSS, 0.3, state="finished")
        await page.until(lambda page: page.metas[-1]["runs"][0]["state"] == "finished")

    looking(source, scene)


def test_new_rows_come_with_the_one_that_they_go_on_from(source):
    async def scene(hub, page):
        source.log("a", TRAIN_LOSS, 0.3, 0.2, 0.1)
        await page.until(lambda page: page.parts())
        source.log("a", TRAIN_LOSS, 0.05)
        await page.until(lambda page: page.parts()[-1]["total"] == 6)
        assert all(part["from"] == part["step"][0] and part["total"] == part["step"][-1] + 1 for part in page.parts())
        assert (page.parts()[0]["from"], page.parts()[-1]["step"][-2:]) == (1, [4, 5])
        assert page.ticks[-1].live == [[0, 5, "train", "loss", 0.05]]

    looking(source, scene)


def test_samples_of_the_machine_are_no_steps_of_the_training(source):
    async def scene(hub, page):
        source.log("a", ("system", "cpu_percent"), *range(500))
        source.log("a", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.ticks and page.ticks[-1].live == [[0, 2, "train", "loss", 0.3]])

    looking(source, scene)


def test_the_ranks_of_a_run_are_told_with_what_each_has(source):
    async def scene(hub, page):
        for rank in (1, 2):
            source.log("a", (*TRAIN_LOSS, rank), 0.5)
        source.log("a", (*VAL_LOSS, 2), 0.7)
        groups = [{"ranks": [0, 1], "keys": [0]}, {"ranks": [2], "keys": [0, 1]}]
        await page.until(lambda page: page.metas[-1]["runs"][0]["series"] == groups)

    looking(source, scene)


def test_a_page_gets_the_ranks_that_it_watches(source):
    async def scene(hub, page):
        source.log("a", (*TRAIN_LOSS, 1), 0.1, 0.2)
        await page.until(lambda page: page.metas[-1]["runs"][0]["series"][0]["ranks"] == [0, 1])
        blocks = decoded(await hub.blocks(page, [0], [0], BUDGET, [0, 1]))
        assert [(block["flags"] >> RANK_BIT, block["total"]) for block in blocks] == [(0, 2), (1, 2)]
        page.watch, looks = {(0, BUDGET, 1)}, page.signs_of_life
        await page.until(lambda page: page.signs_of_life > looks + 1)  # the one under way still asked for rank 0
        source.log("a", TRAIN_LOSS, 0.3)
        source.log("a", (*TRAIN_LOSS, 1), 0.4)
        await page.until(lambda page: page.parts())
        assert [(part["flags"] >> RANK_BIT, part["step"]) for part in page.parts()] == [(1, [1, 2])]

    looking(source, scene)


def test_series_that_nobody_watches_are_not_read(source):
    async def scene(hub, page):
        page.watch = {(1, BUDGET, 0)}
        looks = page.signs_of_life
        await page.until(lambda page: page.signs_of_life > looks + 1)  # the one under way still asked for the old key
        source.log("a", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.ticks and page.ticks[-1].live[0][1] == 2)
        assert page.parts() == []
        assert page.metas[-1]["error"] is None

    looking(source, scene)


def test_a_page_in_the_background_is_told_of_runs_but_not_of_points(source):
    async def scene(hub, page):
        behind = Page(source, watch={LOSSES}, is_active=False)
        hub.join(behind)
        source.log("a", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.parts())
        source.log("b", TRAIN_LOSS, 0.9)
        await behind.until(lambda behind: behind.metas and len(behind.metas[-1]["runs"]) == 2)
        assert behind.ticks == []

    looking(source, scene)


@pytest.mark.parametrize("call", ["runs", "news"])
def test_a_failure_is_shown_and_loses_nothing(source, call):
    async def scene(hub, page):
        source.failures.add(call)
        source.log("a", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.metas[-1]["error"])
        assert page.metas[-1]["error"] == "nobody answers at http://backend"
        source.failures.clear()
        await page.until(lambda page: page.metas[-1]["error"] is None)
        await page.until(lambda page: page.parts())
        assert [(part["step"], part["total"]) for part in page.parts()] == [([1, 2], 3)]

    looking(source, scene)


def test_a_run_that_a_page_looks_for_is_told_of_as_none_of_the_newest(source, monkeypatch):
    monkeypatch.setattr(hub_module, "RUNS_SHOWN", 1)
    source.newest = 1
    source.log("b", TRAIN_LOSS, 0.3)

    async def scene(hub, page):
        assert [run["id"] for run in page.metas[-1]["runs"]] == ["b"]
        assert page.metas[-1]["is_all"] is False
        assert await hub.find(page, "a") == ["a"]
        await page.until(lambda page: len(page.metas[-1]["runs"]) == 2)
        assert {run["id"]: run["is_newest"] for run in page.metas[-1]["runs"]} == {"a": False, "b": True}
        source.log("a", TRAIN_LOSS, 0.2)
        await page.until(lambda page: any(live[1] == 2 for news in page.ticks for live in news.live))
        assert (await hub.find(page, ""), page.found) == ([], set())

    looking(source, scene)


def test_a_run_that_is_deleted_is_told_of_no_more_and_its_number_is_never_given_to_another(source):
    source.log("b", TRAIN_LOSS, 0.3)

    async def scene(hub, page):
        assert {run["id"]: run["no"] for run in page.metas[-1]["runs"]} == {"a": 0, "b": 1}
        deleted = source.stored.pop("b")
        await page.until(lambda page: len(page.metas[-1]["runs"]) == 1)
        assert [run["id"] for run in page.metas[-1]["runs"]] == ["a"]
        source.stored["b"] = deleted
        await page.until(lambda page: len(page.metas[-1]["runs"]) == 2)
        assert {run["id"]: run["no"] for run in page.metas[-1]["runs"]} == {"a": 0, "b": 2}

    looking(source, scene)


def test_a_run_that_nobody_looks_for_any_more_is_forgotten(source, monkeypatch):
    monkeypatch.setattr(hub_module, "RUNS_SHOWN", 1)
    source.newest = 1
    source.log("b", TRAIN_LOSS, 0.3)

    async def scene(hub, page):
        await hub.find(page, "a")
        await page.until(lambda page: len(page.metas[-1]["runs"]) == 2)
        await hub.find(page, "")
        await page.until(lambda page: len(page.metas[-1]["runs"]) == 1)
        assert hub.number_of("a") is None

    looking(source, scene)


def test_a_name_and_tags_that_are_changed_after_the_end_are_told(source):
    source.log("a", TRAIN_LOSS, state="finished")

    async def scene(hub, page):
        source.stored["a"] = replace(source.stored["a"], run_name="the good one", tags=["kept"])
        await page.until(lambda page: page.metas[-1]["runs"][0]["name"] == "the good one")
        assert page.metas[-1]["runs"][0]["tags"] == ["kept"]

    looking(source, scene)


def test_each_event_is_told_once_also_after_a_failure_and_kept_for_who_comes_later(source):
    source.mark("a", "first")

    async def scene(hub, page):
        await page.until(lambda page: page.events)
        source.failures = {"events"}
        source.mark("a", "second")
        await page.until(lambda page: page.metas[-1]["error"])
        source.failures = set()
        await page.until(lambda page: len(page.events) == 2)
        source.log("a", TRAIN_LOSS, 0.1)
        await page.until(lambda page: [part["total"] for part in page.parts()][-1:] == [3])
        assert page.events == [event["text"] for event in await hub.events()] == ["first", "second"]

    looking(source, scene)


def test_while_nothing_is_new_a_page_hears_that_the_backend_answers(source):
    async def scene(hub, page):
        heard = page.signs_of_life
        await page.until(lambda page: page.signs_of_life > heard)

    looking(source, scene)


def test_who_looks_before_the_backend_has_answered_is_not_told_that_there_is_nothing():
    async def play() -> None:
        source = FakeSource()
        source.failures.add("runs")
        hub, page = Hub({"owner": "ann", "name": "p"}), Page(source)
        hub.join(page)
        await page.until(lambda page: page.metas)
        assert (page.metas[0]["is_known"], page.metas[0]["runs"]) == (False, [])
        source.failures.clear()
        await page.until(lambda page: page.metas[-1]["is_known"])
        hub.leave(page)
        await hub._task
        hub._threads.shutdown()

    asyncio.run(play())


def test_a_series_that_was_written_again_is_told_whole(source):
    async def scene(hub, page):
        source.written_again.add(TRAIN_LOSS)
        source.values["a"][TRAIN_LOSS][1] = 0.45
        await page.until(lambda page: page.parts())
        (part, *_) = page.parts()
        assert (math.isnan(part["from"]), part["mean"]) == (True, [0.5, pytest.approx(0.45)])

    looking(source, scene)


def test_a_series_that_is_written_again_and_again_is_told_whole_now_and_then_and_in_the_end(source, monkeypatch):
    async def scene(hub, page):
        monkeypatch.setattr(hub_module, "WHOLE_S", 1e9)
        source.written_again.add(TRAIN_LOSS)
        await page.until(lambda page: len(page.parts()) == 2)  # the first time at once
        signs = page.signs_of_life
        await page.until(lambda page: page.signs_of_life > signs + 2)
        assert len(page.parts()) == 2
        source.log("a", TRAIN_LOSS, 0.1, state="finished")
        for held in hub._held.values():
            held.waits_until = 0.0
        await page.until(lambda page: page.parts()[-1]["total"] == 3)

    looking(source, scene)


def test_each_page_is_told_in_as_many_rows_as_it_asked_for(source):
    async def scene(hub, page):
        other = Page(source.of_another(), watch={(0, 800, 0)})
        hub.join(other)
        await hub.blocks(other, [0], [0], 800)
        source.log("a", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.ticks and page.ticks[-1].fragments.keys() == {(0, BUDGET, 0), (0, 800, 0)})

    looking(source, scene)


def test_a_page_that_watches_after_its_chart_is_built_has_missed_nothing(source):
    async def scene(hub, page):
        page.watch = set()
        await hub.blocks(page, [0], [0], 800)
        source.log("a", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.ticks and page.ticks[-1].live[0][1] == 2)
        page.watch = {(0, 800, 0)}
        await page.until(lambda page: page.parts())
        assert page.parts()[0]["step"] == [1, 2]

    looking(source, scene)


def test_what_nobody_watches_any_more_is_forgotten(source, monkeypatch):
    async def scene(hub, page):
        monkeypatch.setattr(hub_module, "HELD_S", 0)
        page.watch = set()
        looks = page.signs_of_life
        await page.until(lambda page: page.signs_of_life > looks + 1)
        assert hub._held == {}

    looking(source, scene)


def test_points_of_a_moment_in_which_the_run_was_heard_of_already_are_told(source):
    async def scene(hub, page):
        source.values["a"][TRAIN_LOSS].append(0.3)  # the backend notes when it hears of a run once a second
        await page.until(lambda page: page.parts())
        assert page.parts()[0]["total"] == 3

    looking(source, scene)


def test_a_run_of_which_only_half_could_be_read_is_told_of_later(source):
    async def scene(hub, page):
        source.failures.add("news")
        source.log("b", VAL_LOSS, 0.9)
        await page.until(lambda page: page.metas[-1]["error"])
        source.failures.clear()
        await page.until(lambda page: len(page.metas[-1]["runs"]) == 2)
        assert page.metas[-1]["runs"][0]["series"] == [{"ranks": [0], "keys": [1]}]

    looking(source, scene)


def test_a_viewer_that_left_is_told_nothing(source):
    async def scene(hub, page):
        gone = Page(source, watch={LOSSES})
        hub.join(gone)
        hub.leave(gone)
        told = len(gone.metas)
        source.log("a", TRAIN_LOSS, 0.3)
        source.log("b", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.parts() and len(page.metas[-1]["runs"]) == 2)
        assert (len(gone.metas), gone.ticks) == (told, [])

    looking(source, scene)


def test_who_joins_later_is_told_at_once(source):
    async def scene(hub, page):
        source.log("a", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.ticks and page.ticks[-1].live and page.ticks[-1].live[0][-1] == 0.3)
        late = Page(source)
        hub.join(late)
        ((run,),) = [meta["runs"] for meta in late.metas]
        assert (run["id"], run["live"][-1]) == ("a", 0.3)

    looking(source, scene)


def test_a_list_of_runs_begins_with_the_number_that_says_most(source):
    async def scene(hub, page):
        source.log("c", ("train", "fit_time"), 0.1)
        source.log("c", ("val", "best_score"), 0.9)
        source.log("c", ("train", "n_iter"), 30)
        says_most = ["val", "best_score", 0.9]
        await page.until(lambda page: any(run["live"][1:] == says_most for run in page.metas[-1]["runs"]))

    looking(source, scene)


def test_a_project_at_which_nobody_looks_any_more_is_forgotten(source, monkeypatch):
    async def play() -> None:
        dashboard, page = Dashboard(gate=None), Page(source)
        hub = dashboard.hub(1, "ann", "p")
        hub.join(page)
        await page.until(lambda page: page.metas)
        monkeypatch.setattr(hub_module, "KEPT_S", -1)
        dashboard.hub(2, "ann", "other")
        assert dashboard.hub(1, "ann", "p") is hub  # somebody looks
        hub.leave(page)
        await hub._task
        assert dashboard.hub(1, "ann", "p") is hub  # somebody comes back
        dashboard.hub(3, "ann", "third").close()
        assert dashboard.hub(1, "ann", "p") is not hub
        with pytest.raises(RuntimeError):
            await hub.events()

    asyncio.run(play())


def test_blocks_of_one_page_leave_no_gap_for_another(source):
    async def scene(hub, page):
        page.watch = {LOSSES, (0, 600, 0)}
        other = Page(source.of_another(), watch={LOSSES})
        hub.join(other)
        source.values["a"][TRAIN_LOSS].append(0.3)  # stored since the last look
        (block,) = decoded(await hub.blocks(other, [0], [0], BUDGET))
        assert (block["total"], block["step"]) == (3, [0, 1, 2])
        await page.until(lambda page: page.parts())
        assert (page.parts()[0]["from"], page.parts()[0]["step"]) == (1, [1, 2])  # the first page had two rows

    looking(source, scene)


def test_blocks_of_a_range_have_the_range_only(source):
    async def scene(hub, page):
        (block,) = decoded(await hub.blocks(page, [0], [0], BUDGET, [0], 1, 1))
        assert block["step"] == [1]

    looking(source, scene)


@pytest.mark.parametrize(("keys", "runs"), [([7], [0]), ([0], [9]), ([-1], [0]), ([], [])])
def test_blocks_of_what_is_not_there_are_empty(source, keys, runs):
    async def scene(hub, page):
        assert await hub.blocks(page, keys, runs, BUDGET) == b""

    looking(source, scene)


def test_who_may_not_see_the_project_any_more_is_shown_out_and_the_others_go_on(source):
    async def scene(hub, page):
        other = Page(source.of_another(), watch={LOSSES})
        hub.join(other)
        page.source.refusal = 404
        await page.until(lambda page: page.codes)
        source.log("a", TRAIN_LOSS, 0.3)
        await other.until(lambda other: other.parts())
        assert (page.codes, other.codes) == ([4404], [])
        assert page.source.closed.wait(PATIENCE_S)
        assert [meta["error"] for meta in other.metas] == [None]

    looking(source, scene)


def test_each_ones_right_is_asked_for_again_not_only_that_of_who_asks_for_all(source, monkeypatch):
    monkeypatch.setattr(hub_module, "CHECK_S", 0)

    async def scene(hub, page):
        other = Page(source.of_another(), watch={LOSSES})
        hub.join(other)
        other.source.refusal = 401
        await other.until(lambda other: other.codes)
        source.log("a", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.parts())
        assert (page.codes, other.codes, other.parts()) == ([], [4401], [])

    looking(source, scene)


def test_a_backend_that_is_away_shows_nobody_out(source, monkeypatch):
    monkeypatch.setattr(hub_module, "CHECK_S", 0)

    async def scene(hub, page):
        source.failures |= {"check", "runs"}
        await page.until(lambda page: page.metas[-1]["error"])
        source.failures.clear()
        await page.until(lambda page: page.metas[-1]["error"] is None)
        assert page.codes == []

    looking(source, scene)


def test_blocks_are_read_as_who_asks_for_them(source):
    async def scene(hub, page):
        other = Page(source.of_another())
        hub.join(other)
        other.source.refusal = 404
        assert await hub.blocks(page, [0], [0], BUDGET)
        with pytest.raises(Refused):
            await hub.blocks(other, [0], [0], BUDGET)

    looking(source, scene)
