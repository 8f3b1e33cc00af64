"""What is marked on the curves of a project: asked for by the hub now and then, and kept for who comes later."""

import time
from collections.abc import Collection
from typing import Any

from frontend_bokeh.source import Source

LOOK_S = 2.0  # between two looks
MAX_KEPT = 5_000  # the latest of a project
MAX_CHARS = 300  # of a text: the page of the run has all of it


class Events:
    """The events of a project. Used in the hub's thread only."""

    def __init__(self) -> None:
        self.known: dict[int, dict[str, Any]] = {}  # by event_id
        self._due: set[str] = set()  # runs that may have new ones
        self._looked_at = -LOOK_S

    def look(self, source: Source, run_ids: Collection[str]) -> list[dict[str, Any]]:
        """Return the new events of runs that may have some, or of those of an earlier call if it was too soon for them.

        Raises ApiError; nothing is lost by that.
        """
        self._due.update(run_ids)
        now = time.monotonic()
        if not self._due or now - self._looked_at < LOOK_S:
            return []
        found = {one["event_id"]: _told(one) for one in source.events(sorted(self._due))}
        oldest = min(self.known) if len(self.known) >= MAX_KEPT else 0
        new = {event_id: found[event_id] for event_id in sorted(found.keys() - self.known.keys()) if event_id > oldest}
        self.known |= new
        for event_id in sorted(self.known)[:-MAX_KEPT]:
            del self.known[event_id]
        self._looked_at = now
        self._due.clear()
        return list(new.values())


def _told(event: dict[str, Any]) -> dict[str, Any]:
    told = {name: event[name] for name in ("step", "time", "kind", "level")}
    return {"id": event["event_id"], "run": event["run_id"], **told, "text": event["text"][:MAX_CHARS]}
