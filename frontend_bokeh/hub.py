"""One poller for each project, shared by all its viewers: it asks the backend once and tells everybody.

It polls while somebody looks: often while a run is live, seldom otherwise. It asks as its viewers in turn, and as
another where one is refused. What a viewer wants is asked as that viewer. Whether each may still see the project is
asked again and again: who may not is shown out.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Protocol

from frontend_bokeh import headlines
from frontend_bokeh.auth import CLOSE_CODES
from frontend_bokeh.blocks import fragment
from frontend_bokeh.events import Events
from frontend_bokeh.source import RUNS_SHOWN, Key, RunState, Source, Sums
from prevue.api import StoredRun
from prevue.series import Series
from prevue_core.contract import SYSTEM_SPLIT
from prevue_core.errors import ApiError

LIVE_POLL_S = 0.3
IDLE_POLL_S = 1.0  # a training that begins is seen after so long at the latest
SIGN_S = 2.0  # between signs of life while there is nothing to tell
CHECK_S = 30.0  # between two looks at whether a viewer may still see the project
KEPT_S = 600.0  # that a hub is kept after the last page was closed: the next then shows at once what there is
HELD_S = 60.0  # that a series is kept which nobody watches: a page watches once its chart is built
WHOLE_S = 2.0  # between two times that a series is told whole: while old steps are written again
BUDGETS = range(200, 2_001, 200)  # few, so that viewers with nearly equal charts are told the same

Watched = tuple[int, int, int]  # a key, how many rows of a series are shown at most, and the rank of its process

log = logging.getLogger("prevue.dashboard")


@dataclass
class News:
    """What a look at the backend brought."""

    is_structural: bool = False  # runs, series or states are others than before
    live: list[list[Any]] = field(default_factory=list)  # run number, then what `_live` says
    fragments: dict[Watched, list[bytes]] = field(default_factory=dict)  # what is to take its place in the blocks
    events: list[dict[str, Any]] = field(default_factory=list)  # what is marked on curves, new since the last look


@dataclass
class Held:
    """A series of a run as viewers have it."""

    cursor: str
    watched_at: float
    whole_at: float = -math.inf  # when it was last told whole instead of its end
    waits_until: float = 0.0
    is_behind: bool = False  # it was not asked for though its run has grown


class Viewer(Protocol):
    """What the hub needs of a session."""

    watch: set[Watched]
    found: set[str]  # ids of runs that it looks at though they may not be among the newest
    is_active: bool
    source: Source  # asks as this viewer; for the hub's thread only
    close: Callable[[int], None]  # the page's connection, with a code

    def tell_meta(self, meta: dict[str, Any]) -> None:
        """Show what runs and series there are."""

    def tell_tick(self, news: News) -> None:
        """Show how far the live runs are, and bring the watched series up to date. No news: a sign of life."""

    def tell_events(self, events: list[dict[str, Any]]) -> None:
        """Mark further events on the curves."""


class Hub:
    """The runs and series of a project, and who looks at them. Lives on the event loop; `Source` runs in a thread."""

    def __init__(self, title: dict[str, str]) -> None:
        self._title = title
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="prevue-hub")
        self._viewers: dict[Viewer, float] = {}  # with the loop's time at which their right was asked for
        self._left_at = time.monotonic()  # when the last viewer did
        self._task: asyncio.Task[None] | None = None
        self._runs: dict[str, RunState] = {}  # those that are there: the newest, and what viewers have found
        self._run_numbers = count()
        self._keys: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._error: str | None = None
        self._is_known = False  # what there is: the backend has answered once
        self._rev = 0
        self._told: dict[str, Any] | None = None  # the meta that was told last
        self._told_at = 0.0
        self._held: dict[tuple[int, Watched], Held] = {}  # by run number
        self._events = Events()
        self._newest: set[str] = set()  # ids of the runs that every viewer is shown

    @property
    def meta(self) -> dict[str, Any]:
        """What every viewer is told: no number is ever given to another key or run. Not to be read during a look."""
        return {
            "rev": self._rev,
            "is_known": self._is_known,
            "project": self._title,
            "error": self._error,
            "is_all": len(self._newest) < RUNS_SHOWN,
            "keys": [{"split": split, "name": name} for split, name in self._keys],
            "runs": [
                {
                    **_shown(state),
                    "is_newest": state.run.run_id in self._newest,
                    "series": self._grouped(state),
                    "live": _live(state),
                }
                for state in sorted(self._runs.values(), key=lambda state: -state.run.started_at)
            ],
        }

    def _grouped(self, state: RunState) -> list[dict[str, list[int]]]:
        """Return which keys the ranks of a run have, `ranks` and `keys`: of many ranks nearly all have the same."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for rank in sorted(state.series):
            groups.setdefault(tuple(sorted(self._numbers[key] for key in state.series[rank])), []).append(rank)
        return [{"ranks": ranks, "keys": list(keys)} for keys, ranks in groups.items()]

    def number_of(self, run_id: str) -> int | None:
        """Return the number by which a run is told of, None while it is not known."""
        state = self._runs.get(run_id)
        return None if state is None else state.number

    def join(self, viewer: Viewer) -> None:
        """Begin to tell a viewer, who was found to have the right a moment ago."""
        self._viewers[viewer] = asyncio.get_running_loop().time()
        if self._told:
            viewer.tell_meta(self._told)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._poll())

    def leave(self, viewer: Viewer) -> None:
        """Stop telling a viewer."""
        if self._viewers.pop(viewer, None) is not None:
            self._left_at = time.monotonic()
            self._threads.submit(viewer.source.close)

    @property
    def is_idle(self) -> bool:
        """Whether nobody has looked for long."""
        return not self._viewers and time.monotonic() - self._left_at > KEPT_S

    def close(self) -> None:
        """End the hub, which has no viewers."""
        self._threads.shutdown(wait=False)

    async def events(self) -> list[dict[str, Any]]:
        """Return what is marked on curves, as far as is known; what comes later, viewers are told."""
        return await self._in_thread(lambda: list(self._events.known.values()))

    async def blocks(
        self,
        viewer: Viewer,
        keys: list[int],
        run_numbers: list[int],
        budget: int,
        ranks: Sequence[int] = (0,),
        low: int | None = None,
        high: int | None = None,
    ) -> bytes:
        """Return the fragments of series that a viewer asks for, of a range of steps or of all. Raises ApiError."""
        return await self._in_thread(lambda: self._read(viewer.source, keys, run_numbers, budget, ranks, low, high))

    async def find(self, viewer: Viewer, text: str, chosen: Sequence[str] = ()) -> list[str]:
        """Return the ids of runs that meet a filter or are `chosen`; the viewer is told of them from now on.

        Raises ApiError.
        """
        found = await self._in_thread(lambda: viewer.source.find(text, chosen)) if text or chosen else []
        viewer.found = set(found)
        return found

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
        watched: set[Watched] = set().union(*(viewer.watch for viewer in self._viewers if viewer.is_active))
        found: set[str] = set().union(*(viewer.found for viewer in self._viewers))
        for viewer in list(self._viewers):
            try:
                news = await self._in_thread(partial(self._look, viewer.source, watched, found))
            except ApiError as error:
                if error.status in CLOSE_CODES and not await self._check(viewer):
                    continue
                self._tell_error(str(error))
                return
            if viewer in self._viewers:  # the next look is another's turn, so that a session's end is soon noticed
                self._viewers[viewer] = self._viewers.pop(viewer)
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

    def _look(self, source: Source, watched: set[Watched], found: set[str]) -> News:
        """Ask for what is new: first all of it, then it counts as seen, so that a failure loses nothing."""
        self._note(watched)
        there = source.runs(found)
        runs = {run.run_id: run for run in reversed(there) if self._may_have_news(run)}
        sums, parts = self._ask(source, list(runs), watched) if runs else ({}, [])
        news = News(events=self._events.look(source, runs))
        self._forget(news, there)
        for run_id, run in runs.items():
            self._take_run(news, run, sums.get(run_id))
        for budget, part in parts:
            self._take_part(news, part, budget)
        return news

    def _forget(self, news: News, there: list[StoredRun]) -> None:
        """Forget runs that were deleted or put away, and those that nobody looks for any more."""
        newest = {run.run_id for run in there[:RUNS_SHOWN]}
        gone = self._runs.keys() - {run.run_id for run in there}
        news.is_structural |= bool(gone) or newest != self._newest
        self._newest = newest
        for run_id in gone:
            del self._runs[run_id]

    def _note(self, watched: set[Watched]) -> None:
        """Forget what nobody has watched for long."""
        now = time.monotonic()
        for (_, which), held in self._held.items():
            held.watched_at = now if which in watched else held.watched_at
        self._held = {which: held for which, held in self._held.items() if now - held.watched_at < HELD_S}

    def _may_have_news(self, run: StoredRun) -> bool:
        state = self._runs.get(run.run_id)
        if state is None or run.state == "running" or state.changed(run):
            return True
        return any(held.is_behind for (number, _), held in self._held.items() if number == state.number)

    def _ask(
        self, source: Source, run_ids: list[str], watched: set[Watched]
    ) -> tuple[dict[str, tuple[int, Sums]], list[tuple[int, Series]]]:
        """Return the sums of runs that have grown, and with their budget what is new of the series that are held."""
        now = time.monotonic()
        known = {state.number: run_id for run_id in run_ids if (state := self._runs.get(run_id))}
        logged = {run_id: self._runs[run_id].logged for run_id in known.values()}
        sums: dict[str, tuple[int, Sums]] = {}
        parts: list[tuple[int, Series]] = []
        asked: dict[str, list[str]] = {run_id: [] for run_id in run_ids}
        for budget in sorted({budget for _, budget, _ in watched}) or BUDGETS[:1]:
            for (number, which), held in self._held.items():
                if which in watched and which[1] == budget and number in known:
                    held.is_behind = now < held.waits_until
                    asked.setdefault(known[number], []).extend([] if held.is_behind else [held.cursor])
            if asked:
                found, series = source.news(asked, logged, budget)
                sums |= found
                parts += [(budget, part) for part in series]
            asked = {}  # of further budgets only the runs that have some
        return sums, parts

    def _take_run(self, news: News, run: StoredRun, found: tuple[int, Sums] | None) -> None:
        state = self._runs.get(run.run_id)
        if state is None:
            state = self._runs[run.run_id] = RunState(next(self._run_numbers), run)
            news.is_structural = True
        elif found is None and not state.changed(run):
            return
        logged, series = found or (state.logged, state.series)
        for key in sorted(set().union(*series.values()) - self._numbers.keys()):
            self._numbers[key] = len(self._keys)
            self._keys.append(key)
        news.is_structural |= state.looks_other(run) or _names(state.series) != _names(series)
        state.run, state.logged, state.series = run, logged, series
        news.live.append([state.number, *_live(state)])

    def _take_part(self, news: News, part: Series, budget: int) -> None:
        number, which = self._runs[part.run_id].number, (self._numbers[part.split, part.name], budget, part.rank)
        held, now = self._held[number, which], time.monotonic()
        held.cursor = part.cursor or ""
        if part.from_step is None:
            held.waits_until = now + WHOLE_S if now - held.whole_at < WHOLE_S else now
            held.whole_at = now
        news.fragments.setdefault(which, []).append(fragment(number, which[0], part))

    def _read(
        self,
        source: Source,
        keys: list[int],
        run_numbers: list[int],
        budget: int,
        ranks: Sequence[int],
        low: int | None,
        high: int | None,
    ) -> bytes:
        by_number = {state.number: state for state in self._runs.values()}
        states = {by_number[number].run.run_id: by_number[number] for number in run_numbers if number in by_number}
        wanted = {self._keys[number] for number in keys if 0 <= number < len(self._keys)}
        if not states or not wanted:
            return b""
        found = []
        for part in source.series(list(states), wanted, list(ranks), low_step=low, high_step=high, budget=budget):
            # It may go further than the last look: what that tells next goes on from an earlier row, or from this one.
            number, key = states[part.run_id].number, self._numbers[part.split, part.name]
            if part.cursor is not None:
                self._held.setdefault((number, (key, budget, part.rank)), Held(part.cursor, time.monotonic()))
            found.append(fragment(number, key, part))
        return b"".join(found)

    # on the loop

    def _tell(self, news: News) -> None:
        if news.is_structural or not self._is_known or self._error is not None:
            self._is_known, self._error = True, None
            self._tell_meta()
        elif self._told and news.live:  # for those who join later
            live = {number: now for number, *now in news.live}
            runs = [{**run, "live": live.get(run["no"], run["live"])} for run in self._told["runs"]]
            self._told = {**self._told, "runs": runs}
        now = asyncio.get_running_loop().time()
        if news.live or news.fragments or now - self._told_at >= SIGN_S:
            self._told_at = now
            for viewer in list(self._viewers):
                if viewer.is_active:
                    viewer.tell_tick(news)
        for viewer in list(self._viewers) if news.events else []:
            viewer.tell_events(news.events)

    def _tell_error(self, error: str) -> None:
        if error != self._error:
            self._error = error
            self._tell_meta()

    def _tell_meta(self) -> None:
        self._rev += 1
        self._told = self.meta
        for viewer in list(self._viewers):
            viewer.tell_meta(self._told)


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
        "color": run.color,
    }


def _live(state: RunState) -> list[Any]:
    """Return how far a run is, by its first process: the highest step, and split, name and last value of its headline
    metric."""
    first = state.series[min(state.series)] if state.series else {}
    series = {key: sums for key, sums in first.items() if key[0] != SYSTEM_SPLIT}  # whose steps are seconds
    step = max((sums["last_step"] for sums in series.values()), default=None)
    key = min(series, key=lambda key: headlines.rank(*key), default=None)
    return [step, *(key or (None, None)), None if key is None else series[key]["last"]]


def _names(sums: Sums) -> dict[int, frozenset[Key]]:
    return {rank: frozenset(series) for rank, series in sums.items()}
