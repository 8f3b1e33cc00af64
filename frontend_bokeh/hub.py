"""One poller for each project, shared by all its viewers: it asks the backend once and tells everybody.

It polls while somebody looks: often while a run is live, seldom otherwise. It asks as its viewers in turn, and as
another where one is refused. What a viewer wants is asked as that viewer. Whether each may still see the project is
asked again and again: who may not is shown out.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from frontend_bokeh.auth import CLOSE_CODES
from frontend_bokeh.blocks import APPEND, fragment
from frontend_bokeh.source import RunState, Source
from prevue_core.errors import ApiError

LIVE_POLL_S = 0.3
IDLE_POLL_S = 1.0  # a training that begins is seen after so long at the latest
SIGN_S = 2.0  # between signs of life while there is nothing to tell
CHECK_S = 30.0  # between two looks at whether a viewer may still see the project
MAX_BUDGET = 2_000

log = logging.getLogger("prevue.dashboard")


@dataclass
class News:
    """What a look at the backend brought."""

    is_structural: bool = False  # runs, series or states are others than before
    live: list[list[Any]] = field(default_factory=list)  # run number, then what `_live` says
    fragments: dict[int, list[bytes]] = field(default_factory=dict)  # by key: what is to be appended
    stale: set[tuple[int, int]] = field(default_factory=set)  # run and key of series that have to be read anew


class Viewer(Protocol):
    """What the hub needs of a session."""

    watch: set[int]
    is_active: bool
    source: Source  # asks as this viewer; for the hub's thread only
    close: Callable[[int], None]  # the page's connection, with a code

    def tell_meta(self, meta: dict[str, Any]) -> None:
        """Show what runs and series there are."""

    def tell_tick(self, news: News) -> None:
        """Show how far the live runs are, and append to the watched series. No news: a sign of life."""


class Hub:
    """The runs and series of a project, and who looks at them. Lives on the event loop; `Source` runs in a thread."""

    def __init__(self, title: dict[str, str]) -> None:
        self._title = title
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="prevue-hub")
        self._viewers: dict[Viewer, float] = {}  # with the loop's time at which their right was asked for
        self._task: asyncio.Task[None] | None = None
        self._runs: dict[str, RunState] = {}
        self._keys: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._error: str | None = None
        self._is_known = False  # what there is: the backend has answered once
        self._rev = 0
        self._told_at = 0.0
        self._news = News()  # of a look that broke off, until one has come to its end

    @property
    def meta(self) -> dict[str, Any]:
        """What every viewer is told: keys and run numbers only ever grow. Not to be read during a look."""
        return {
            "rev": self._rev,
            "is_known": self._is_known,
            "project": self._title,
            "error": self._error,
            "keys": [{"split": split, "name": name} for split, name in self._keys],
            "runs": [
                {**_shown(state), "keys": sorted(self._numbers[key] for key in state.series), "live": _live(state)}
                for state in sorted(self._runs.values(), key=lambda state: -state.run.started_at)
            ],
        }

    def join(self, viewer: Viewer) -> None:
        """Begin to tell a viewer, who was found to have the right a moment ago."""
        self._viewers[viewer] = asyncio.get_running_loop().time()
        if self._rev:
            asyncio.ensure_future(self._in_thread(lambda: self.meta)).add_done_callback(partial(self._welcome, viewer))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._poll())

    def leave(self, viewer: Viewer) -> None:
        """Stop telling a viewer."""
        if self._viewers.pop(viewer, None) is not None:
            self._threads.submit(viewer.source.close)

    def _welcome(self, viewer: Viewer, found: asyncio.Future[dict[str, Any]]) -> None:
        meta = found.result()
        if viewer in self._viewers and meta["rev"] == self._rev:  # else it was told more already
            viewer.tell_meta(meta)

    async def blocks(
        self,
        viewer: Viewer,
        keys: list[int],
        run_numbers: list[int],
        budget: int,
        low: int | None = None,
        high: int | None = None,
    ) -> bytes:
        """Return the fragments of series that a viewer asks for, of a range of steps or of all. Raises ApiError."""
        return await self._in_thread(lambda: self._read(viewer.source, keys, run_numbers, budget, low, high))

    async def _poll(self) -> None:
        while self._viewers:
            try:
                await self._check_rights()
                await self._look_as_one_of_them()
            except Exception:
                log.exception("looking for news of project %s failed", self._title)
            is_live = any(state.is_live for state in self._runs.values())
            looked_at = any(viewer.is_active for viewer in self._viewers)
            await asyncio.sleep(LIVE_POLL_S if is_live and looked_at else IDLE_POLL_S)

    async def _look_as_one_of_them(self) -> None:
        watched = set().union(*(viewer.watch for viewer in self._viewers if viewer.is_active))
        for viewer in list(self._viewers):
            try:
                await self._in_thread(partial(self._look, viewer.source, watched))
            except ApiError as error:
                if error.status in CLOSE_CODES and not await self._check(viewer):
                    continue
                self._tell_error(str(error))
                return
            if viewer in self._viewers:  # the next look is another's turn, so that a session's end is soon noticed
                self._viewers[viewer] = self._viewers.pop(viewer)
            news, self._news = self._news, News()
            self._tell(news)
            return

    async def _check_rights(self) -> None:
        now = asyncio.get_running_loop().time()
        for viewer in [viewer for viewer, asked_at in self._viewers.items() if now - asked_at >= CHECK_S]:
            self._viewers[viewer] = now
            await self._check(viewer)

    async def _check(self, viewer: Viewer) -> bool:
        """Return whether a viewer may still see the project, as far as is known; who may not is shown out."""
        try:
            await self._in_thread(viewer.source.check)
        except ApiError as error:
            if error.status in CLOSE_CODES:
                self.leave(viewer)
                viewer.close(CLOSE_CODES[error.status])
                return False
        return True

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    # in the hub's thread

    def _look(self, source: Source, watched: set[int]) -> None:
        """Ask for what is new. A run counts as seen when all about it was read, so that a failure loses nothing."""
        news = self._news
        for run in reversed(source.runs()):
            state = self._runs.get(run.run_id)
            if state is not None and not state.changed(run):
                continue
            series = source.sums(run)
            for key in sorted(series.keys() - self._numbers.keys()):
                self._numbers[key] = len(self._keys)
                self._keys.append(key)
            if state is None:
                state = self._runs[run.run_id] = RunState(len(self._runs), run, series)
                news.is_structural = True
            else:
                appended = self._appended(source, state, series, watched)
                news.is_structural |= state.run.state != run.state or state.series.keys() != series.keys()
                state.run, state.series = run, series
                for number, part in appended:
                    news.fragments.setdefault(number, []).append(part)
            news.live.append([state.number, *_live(state)])

    def _appended(
        self, source: Source, state: RunState, series: dict[tuple[str, str], dict[str, Any]], watched: set[int]
    ) -> list[tuple[int, bytes]]:
        """Return the watched series' new rows, with their key's number. They may go further than `series` tells.

        Of a series that had a step twice nobody knows what else was written again: it is stale instead.
        """
        grown: dict[int, set[tuple[str, str]]] = {}  # by the last step known: series that go on from there
        for key, sums in series.items():
            known = state.series.get(key)
            if known is None or self._numbers[key] not in watched:
                continue
            if sums["rewritten"]:
                self._news.stale.add((state.number, self._numbers[key]))
            elif sums["count"] > known["count"]:
                grown.setdefault(known["last_step"], set()).add(key)
        found = []
        for last_step, keys in grown.items():
            for part in source.series([state.run.run_id], keys, low_step=last_step + 1, budget=MAX_BUDGET):
                key = (part.split, part.name)
                total = state.series[key]["count"] + part.count
                number = self._numbers[key]
                found.append((number, fragment(state.number, number, part, total=total, flags=APPEND)))
        return found

    def _read(
        self, source: Source, keys: list[int], run_numbers: list[int], budget: int, low: int | None, high: int | None
    ) -> bytes:
        by_number = {state.number: state for state in self._runs.values()}
        states = {by_number[number].run.run_id: by_number[number] for number in run_numbers if number in by_number}
        wanted = {self._keys[number] for number in keys if 0 <= number < len(self._keys)}
        if not states or not wanted:
            return b""
        parts = source.series(list(states), wanted, low_step=low, high_step=high, budget=min(budget, MAX_BUDGET))
        found = []
        for series in parts:
            # It may go further than the last look: of the next append the browser then takes what it hasn't.
            number = self._numbers[series.split, series.name]
            found.append(fragment(states[series.run_id].number, number, series, total=series.count))
        return b"".join(found)

    # on the loop

    def _tell(self, news: News) -> None:
        if news.is_structural or not self._is_known or self._error is not None:
            self._is_known, self._error = True, None
            self._tell_meta()
        now = asyncio.get_running_loop().time()
        if news.live or now - self._told_at >= SIGN_S:
            self._told_at = now
            for viewer in list(self._viewers):
                if viewer.is_active:
                    viewer.tell_tick(news)

    def _tell_error(self, error: str) -> None:
        if error != self._error:
            self._error = error
            self._tell_meta()

    def _tell_meta(self) -> None:
        self._rev += 1
        meta = self.meta
        for viewer in list(self._viewers):
            viewer.tell_meta(meta)


def _shown(state: RunState) -> dict[str, Any]:
    run = state.run
    return {
        "no": state.number,
        "id": run.run_id,
        "name": run.run_name,
        "state": run.state,
        "user": run.user,
        "model_id": run.model_id,
        "started_at": run.started_at,
        "heard_at": run.heard_at,
        "finished_at": run.finished_at,
        "tags": run.tags,
    }


# What a list of runs shows of a run, the first that it has.
_HEADLINES = (("val", "accuracy"), ("train", "accuracy"), ("val", "loss"), ("train", "loss"))


def _live(state: RunState) -> list[Any]:
    """Return how far a run is: its highest step, and split, name and last value of its headline metric."""
    step = max((sums["last_step"] for sums in state.series.values()), default=None)
    key = next((key for key in (*_HEADLINES, *state.series) if key in state.series), None)
    return [step, *(key or (None, None)), None if key is None else state.series[key]["last"]]
