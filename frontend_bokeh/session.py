"""One viewer: what the browser asks for and what it is told. Callbacks only hand work on: all share one loop."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from bokeh.document import Document

from frontend_bokeh.assets import version
from frontend_bokeh.blocks import packed
from frontend_bokeh.hub import BUDGETS, Hub, News, Watched
from frontend_bokeh.source import RUNS_SHOWN, Source
from frontend_bokeh.state import UI, send
from prevue_core.errors import ApiError

MAX_RANKS = 64  # whose series a page shows at once
MAX_ASKED = 200  # questions of a page that are not answered yet: ours has one for each zoomed chart, and a few more
MAX_WAITING = 200  # changes and messages that a slow network holds up, some minute of a live run's
FAR_BEHIND = 4408  # with what the connection is closed then; the page opens another, and asks for everything anew

log = logging.getLogger("prevue.dashboard")


class Session:
    """A browser's page on a project."""

    def __init__(self, document: Document, hub: Hub, source: Source, close: Callable[[int], None]) -> None:
        """Begin. `source` asks as the viewer, `close` closes the page's connection with a code."""
        self.watch: set[Watched] = set()
        self.found: set[str] = set()
        self._budgets: dict[int, int] = {}  # by key: with which its blocks were asked for last
        self.is_active = True
        self._is_open = False
        self.source = source
        self.close = close
        self._document = document
        self._hub = hub
        self._ui = UI(name="ui", version=version(), meta={"rev": 0})
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0  # until what was told before has gone out
        document.add_root(self._ui)
        self._ui.on_change("req", lambda attr, old, new: self._take(new))
        self._ui.on_change("active", lambda attr, old, new: self._set_active(new))
        document.on_session_destroyed(lambda context: hub.leave(self))
        hub.join(self)
        self._is_open = True

    def tell_meta(self, meta: dict[str, Any]) -> None:
        """Show what runs and series there are."""
        if not self._is_open:  # it goes out with the session
            self._ui.meta = meta
            return
        self._later(lambda: setattr(self._ui, "meta", meta))

    def tell_tick(self, news: News) -> None:
        """Show how far the live runs are, and bring the watched series up to date."""
        fragments = news.fragments
        buffer = b"".join(part for which in self.watch & fragments.keys() for part in fragments[which])
        message = {"kind": "tick", "live": news.live, "buf": buffer}
        self._later(lambda: send(self._document, message))

    def tell_events(self, events: list[dict[str, Any]]) -> None:
        """Mark further events on the curves."""
        self._later(lambda: send(self._document, {"kind": "events", "events": events}))

    def _later(self, change: Callable[[], Any]) -> None:
        """Do it with the document's lock held: once what was told before has gone out."""
        if self._waiting == MAX_WAITING:
            self.close(FAR_BEHIND)
            return
        self._waiting += 1

        def act() -> None:
            self._waiting -= 1
            change()

        self._document.add_next_tick_callback(act)

    def _set_active(self, is_active: bool) -> None:
        self.is_active = is_active

    def _take(self, req: dict[str, Any]) -> None:
        keys = [int(key) for key in req.get("keys", [])]
        if req.get("kind") == "want":
            self._budgets |= dict.fromkeys(keys, _budget(req))
        watched = {int(key) for key in req.get("watch", [])}
        known = watched & self._budgets.keys()
        self.watch = {(key, self._budgets[key], rank) for key in known for rank in _ranks(req)}
        if len(self._tasks) >= MAX_ASKED:
            self.close(FAR_BEHIND)
        elif keys:
            self._begin(self._answer(req))
        elif req.get("kind") == "events":
            self._begin(self._tell_known_events())
        elif req.get("kind") == "find":
            self._begin(self._find(req))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_known_events(self) -> None:
        self.tell_events(await self._hub.events())

    async def _find(self, req: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"kind": "found", "re": req.get("seq"), "runs": []}
        try:
            chosen = [str(one) for one in req.get("chosen", [])][:RUNS_SHOWN]
            answer["runs"] = await self._hub.find(self, str(req.get("filter", "")), chosen)
        except ApiError as error:
            answer["error"] = getattr(error, "detail", "") or str(error)
        self._later(lambda: send(self._document, answer))

    async def _answer(self, req: dict[str, Any]) -> None:
        began = time.perf_counter()
        budget = _budget(req)
        keys, runs = [int(key) for key in req["keys"]], [int(run) for run in req.get("runs", [])]
        answer: dict[str, Any] = {
            "kind": "blocks",
            "re": req.get("seq"),
            "zoom": req.get("kind") == "zoom",
            "keys": keys,
        }
        buffer = b""
        try:
            low, high = req.get("low"), req.get("high")
            buffer = await self._hub.blocks(self, keys, runs, budget, _ranks(req), low, high)
        except ApiError as error:
            answer["error"] = str(error)
        except Exception:
            reference = uuid.uuid4().hex[:16]
            log.exception("request %s of a page failed", reference)
            answer["error"] = f"the dashboard made a mistake (request {reference})"
        answer["buf"] = await asyncio.to_thread(packed, buffer)
        answer["ms"] = round((time.perf_counter() - began) * 1_000, 1)
        self._later(lambda: send(self._document, answer))


def _ranks(req: dict[str, Any]) -> list[int]:
    """Return the processes of whose series a viewer sees."""
    return sorted({int(rank) for rank in req.get("ranks", [0])})[:MAX_RANKS]


def _budget(req: dict[str, Any]) -> int:
    """Return how many rows a series gets: one a pixel, as a bucket draws two edges of its band."""
    return next((budget for budget in BUDGETS if budget >= int(req.get("px", 500))), BUDGETS[-1])
