"""The stream behind a run's page: a word each time the hub has news of the run, so that no page asks in vain."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from frontend_bokeh.auth import Gate
from frontend_bokeh.hub import Hub, News, Watched
from frontend_bokeh.run_page import RunPart
from frontend_bokeh.source import Source
from prevue.api import StoredRun

# Browsers connect again by themselves after so long.
BEGIN = "retry: 500\n\n"
NEWS = "data: news\n\n"


class Hubs(Protocol):
    """Who has the hubs."""

    def hub(self, project_id: int, owner: str, name: str) -> Hub:
        """Return the hub of a project."""


class Follower:
    """A viewer of the hub's who wants to know of one run only, and only that there is news."""

    def __init__(
        self, run_id: str, hub: Hub, source: Source, tell: Callable[[], None], close: Callable[[int], None]
    ) -> None:
        self.watch: set[Watched] = set()
        self.found = {run_id}
        self.is_active = True
        self.source = source
        self.close = close
        self._run_id = run_id
        self._hub = hub
        self._tell = tell

    def tell_meta(self, meta: dict[str, Any]) -> None:
        """Do nothing: a new state comes with a tick, too."""

    def tell_events(self, events: list[dict[str, Any]]) -> None:
        """Tell of an event of the run."""
        if any(event["run"] == self._run_id for event in events):
            self._tell()

    def tell_tick(self, news: News) -> None:
        """Tell that the run has grown, or is in another state."""
        number = self._hub.number_of(self._run_id)
        if any(live[0] == number for live in news.live):
            self._tell()


class RunNews(RunPart):
    """The stream, as server-sent events. It ends when the viewer leaves, or may not see the project any more."""

    def initialize(self, gate: Gate, hubs: Hubs) -> None:  # type: ignore[override] # Tornado gives what a route has
        """Take what the server was started with."""
        super().initialize(gate)
        self._hubs = hubs
        self._ended = asyncio.Event()
        self.reference, self.page_id = "", ""  # of the session; for the gate, which closes connections by them

    async def get(self, owner: str, name: str, run_id: str) -> None:
        """Tell of news until the end."""
        assert self.visitor is not None  # noqa: S101 - `prepare` has seen to it
        run, _ = await self.found(owner, name, run_id, lambda api, run: None)
        self.reference = self.gate.reference(self.visitor.session)
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Content-Encoding", "identity")  # else each stream has a compressor's memory
        self.set_header("X-Accel-Buffering", "no")  # for nginx
        self._send(BEGIN)
        await self._follow(run, self._hubs.hub(run.project_id, owner, name))

    async def _follow(self, run: StoredRun, hub: Hub) -> None:
        source = Source(self.gate.url, run.project_id, self.visitor.session if self.visitor else "")
        follower = Follower(run.run_id, hub, source, lambda: self._send(NEWS), self.close)
        hub.join(follower)
        self.gate.connections.add(self)
        try:
            await self._ended.wait()
        finally:
            self.gate.connections.discard(self)
            hub.leave(follower)

    def close(self, code: int) -> None:
        """End the stream."""
        self._ended.set()

    def on_connection_close(self) -> None:
        """End it: nobody listens."""
        self._ended.set()

    def _send(self, text: str) -> None:
        if not self._ended.is_set():
            self.write(text)
            self.flush()
