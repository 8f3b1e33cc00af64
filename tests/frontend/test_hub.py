"""The poller, over a source that is made of dicts. Nothing sleeps: a viewer waits for what it is told."""

import asyncio
import copy
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from frontend.series import decoded, series
from frontend_bokeh import hub as hub_module
from frontend_bokeh.hub import Hub, News
from prevue.api import StoredRun
from prevue_core.errors import Refused, Unreachable

PATIENCE_S = 10.0
TRAIN_LOSS, VAL_LOSS = ("train", "loss"), ("val", "loss")


class FakeSource:
    """A project of which the test says what it has. `failures`: calls, by name, which the backend does not answer;
    `refusal`: the status with which it refuses all, because of who asks."""

    def __init__(self) -> None:
        self.stored: dict[str, StoredRun] = {}
        self.values: dict[str, dict[tuple[str, str], list[float]]] = {}
        self.rewritten: set[tuple[str, str]] = set()
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

    def log(self, run_id: str, key: tuple[str, str], *values: float, state: str = "running") -> None:
        self.values.setdefault(run_id, {}).setdefault(key, []).extend(values)
        heard_at = self.stored[run_id].heard_at + 1 if run_id in self.stored else 1.0
        others: dict[str, Any] = {"model_id": None, "config": {}, "environment": {}, "tags": [], "notes": ""}
        others |= {"run_group": None, "finished_at": None, "_api": None, "project_name": "p", "user": "ann"}
        began = self.stored[run_id].started_at if run_id in self.stored else float(len(self.stored))
        self.stored[run_id] = StoredRun(
            run_id=run_id, run_name=f"run {run_id}", state=state, started_at=began, heard_at=heard_at, **others
        )

    def runs(self) -> list[StoredRun]:
        self._fail("runs")
        return sorted(self.stored.values(), key=lambda run: -run.started_at)

    def sums(self, run: StoredRun) -> dict[tuple[str, str], dict[str, Any]]:
        self._fail("sums")
        return {
            key: {
                "count": len(values),
                "last_step": len(values) - 1,
                "last": values[-1],
                "rewritten": key in self.rewritten,
            }
            for key, values in self.values[run.run_id].items()
        }

    def series(self, run_ids, keys, *, low_step=None, high_step=None, budget=1_000):
        self._fail("series")
        low = low_step or 0
        high = None if high_step is None else high_step + 1
        return [
            series(values[low:high], first_step=low, run_id=run_id, split=key[0], name=key[1])
            for run_id in run_ids
            for key, values in self.values[run_id].items()
            if key in keys and values[low:high]
        ]

    def _fail(self, call: str) -> None:
        if self.refusal is not None:
            raise Refused("not yours to see", status=self.refusal)
        if call in self.failures:
            raise Unreachable("nobody answers at http://backend")


@dataclass(eq=False)
class Page:
    """A viewer that keeps what it is told, and with which codes it was shown out."""

    source: FakeSource
    watch: set[int] = field(default_factory=set)
    is_active: bool = True
    metas: list[dict[str, Any]] = field(default_factory=list)
    ticks: list[News] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    signs_of_life: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell_meta(self, meta: dict[str, Any]) -> None:
        self.metas.append(meta)
        self._changed.set()

    def tell_tick(self, news: News) -> None:
        if news.live:
            self.ticks.append(news)
        else:
            self.signs_of_life += 1
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
    for name in ("LIVE_POLL_S", "IDLE_POLL_S", "SIGN_S"):
        monkeypatch.setattr(hub_module, name, 0)


@pytest.fixture
def source() -> FakeSource:
    source = FakeSource()
    source.log("a", TRAIN_LOSS, 0.5, 0.4)
    return source


def looking(source: FakeSource, scene: Any) -> None:
    """Play a scene with a hub and a page that has joined it and was told of the first run; then all leave."""

    async def play() -> None:
        hub = Hub({"owner": "ann", "name": "p"})
        page = Page(source, watch={0})
        hub.join(page)
        try:
            await page.until(lambda page: page.metas)
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
        assert {run["id"]: (run["no"], run["keys"]) for run in page.metas[-1]["runs"]} == {
            "b": (1, [1]),
            "a": (0, [0, 2]),
        }
        revs = [meta["rev"] for meta in page.metas]
        assert revs == sorted(set(revs))

    looking(source, scene)


def test_a_run_that_ends_is_told_of(source):
    async def scene(hub, page):
        source.log("a", TRAIN_LOSS, 0.3, state="finished")
        await page.until(lambda page: page.metas[-1]["runs"][0]["state"] == "finished")

    looking(source, scene)


def test_appended_rows_come_with_the_count_so_far(source):
    async def scene(hub, page):
        source.log("a", TRAIN_LOSS, 0.3, 0.2, 0.1)
        await page.until(lambda page: page.parts())
        source.log("a", TRAIN_LOSS, 0.05)
        await page.until(lambda page: page.parts()[-1]["total"] == 6)
        assert [step for part in page.parts() for step in part["step"]] == [2, 3, 4, 5]
        assert all(part["flags"] & 1 and part["total"] == part["step"][-1] + 1 for part in page.parts())
        assert page.ticks[-1].live == [[0, 5, "train", "loss", 0.05]]

    looking(source, scene)


def test_series_that_nobody_watches_are_not_read(source):
    async def scene(hub, page):
        page.watch = {1}
        source.failures.add("series")
        source.log("a", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.ticks and page.ticks[-1].live[0][1] == 2)
        assert page.parts() == []
        assert page.metas[-1]["error"] is None

    looking(source, scene)


def test_a_page_in_the_background_is_told_of_runs_but_not_of_points(source):
    async def scene(hub, page):
        behind = Page(source, watch={0}, is_active=False)
        hub.join(behind)
        source.log("a", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.parts())
        source.log("b", TRAIN_LOSS, 0.9)
        await behind.until(lambda behind: behind.metas and len(behind.metas[-1]["runs"]) == 2)
        assert behind.ticks == []

    looking(source, scene)


@pytest.mark.parametrize("call", ["runs", "sums", "series"])
def test_a_failure_is_shown_and_loses_nothing(source, call):
    async def scene(hub, page):
        source.failures.add(call)
        source.log("a", TRAIN_LOSS, 0.3)
        await page.until(lambda page: page.metas[-1]["error"])
        assert page.metas[-1]["error"] == "nobody answers at http://backend"
        source.failures.clear()
        await page.until(lambda page: page.metas[-1]["error"] is None)
        await page.until(lambda page: page.parts())
        assert [(part["step"], part["total"]) for part in page.parts()] == [([2], 3)]

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


def test_a_series_that_was_written_again_is_to_be_read_anew(source):
    async def scene(hub, page):
        source.rewritten.add(TRAIN_LOSS)
        source.values["a"][TRAIN_LOSS][1] = 0.45
        source.log("a", VAL_LOSS, 0.9)
        await page.until(lambda page: page.ticks and page.ticks[-1].stale)
        assert (page.ticks[-1].stale, page.parts()) == ({(0, 0)}, [])

    looking(source, scene)


def test_a_run_of_which_only_half_could_be_read_is_told_of_later(source):
    async def scene(hub, page):
        source.failures.add("sums")
        source.log("b", VAL_LOSS, 0.9)
        await page.until(lambda page: page.metas[-1]["error"])
        source.failures.clear()
        await page.until(lambda page: len(page.metas[-1]["runs"]) == 2)
        assert page.metas[-1]["runs"][0]["keys"] == [1]

    looking(source, scene)


def test_a_viewer_that_left_is_told_nothing(source):
    async def scene(hub, page):
        gone = Page(source, watch={0})
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
        late = Page(source)
        hub.join(late)
        await late.until(lambda late: late.metas)
        assert [run["id"] for run in late.metas[0]["runs"]] == ["a"]

    looking(source, scene)


def test_blocks_of_one_page_leave_no_gap_for_another(source):
    async def scene(hub, page):
        source.values["a"][TRAIN_LOSS].append(0.3)  # stored since the last look
        (block,) = decoded(await hub.blocks(page, [0], [0], 500))
        assert (block["total"], block["step"]) == (3, [0, 1, 2])
        source.log("a", TRAIN_LOSS, 0.2)
        await page.until(lambda page: page.parts())
        assert page.parts()[0]["step"] == [2, 3]
        assert page.parts()[0]["total"] == 4

    looking(source, scene)


def test_blocks_of_a_range_have_the_range_only(source):
    async def scene(hub, page):
        (block,) = decoded(await hub.blocks(page, [0], [0], 500, 1, 1))
        assert block["step"] == [1]

    looking(source, scene)


@pytest.mark.parametrize(("keys", "runs"), [([7], [0]), ([0], [9]), ([-1], [0]), ([], [])])
def test_blocks_of_what_is_not_there_are_empty(source, keys, runs):
    async def scene(hub, page):
        assert await hub.blocks(page, keys, runs, 500) == b""

    looking(source, scene)


def test_who_may_not_see_the_project_any_more_is_shown_out_and_the_others_go_on(source):
    async def scene(hub, page):
        other = Page(source.of_another(), watch={0})
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
        other = Page(source.of_another(), watch={0})
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
        assert await hub.blocks(page, [0], [0], 500)
        with pytest.raises(Refused):
            await hub.blocks(other, [0], [0], 500)

    looking(source, scene)
