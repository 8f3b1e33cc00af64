"""What the user is told: warnings of the logger `prevue`, one of a kind in ten minutes, with a count."""

import logging
import threading
import time
from collections.abc import Callable, Hashable

log = logging.getLogger("prevue")

QUIET_S = 600


class Notices:
    """Counts what would be said too often."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._said: dict[Hashable, tuple[float, int]] = {}  # kind: when it was said, how often it was not since

    def warn(self, kind: Hashable, text: str) -> None:
        """Log `text` as a warning, unless one of this kind was logged in the last ten minutes."""
        with self._lock:
            said_at, kept_back = self._said.get(kind, (-QUIET_S, 0))
            now = self._now()
            if now - said_at < QUIET_S:
                self._said[kind] = (said_at, kept_back + 1)
                return
            self._said[kind] = (now, 0)
        log.warning("%s%s", text, f" (and {kept_back} times more since the last word on it)" if kept_back else "")


def after_fork() -> None:
    """Give a forked child a lock of its own: its parent's may be held by a thread that the child does not have."""
    notices._lock = threading.Lock()


notices = Notices()
