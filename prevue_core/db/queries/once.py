"""What takes long is done by one thread for all that ask for it at the same time."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from threading import Lock


class OneAtATime:
    """A lock for each key, kept only while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._held: dict[Hashable, tuple[Lock, int]] = {}
        self._lock = Lock()

    @contextmanager
    def of(self, key: Hashable) -> Iterator[None]:
        """Wait until nobody else is at work for `key`."""
        with self._lock:
            lock, askers = self._held.get(key, (Lock(), 0))
            self._held[key] = lock, askers + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, askers = self._held.pop(key)
                if askers > 1:
                    self._held[key] = lock, askers - 1
