"""What takes long is done by one thread for all that ask for it at the same time, and kept as long as there is room."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Generic, TypeVar

_Work = TypeVar("_Work")


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


class Kept(Generic[_Work]):
    """What was asked for last, up to so many bytes, but the very last always. Safe for several threads."""

    def __init__(self, most_bytes: int, size_of: Callable[[_Work], int]) -> None:
        self._most_bytes, self._size_of = most_bytes, size_of
        self._kept: OrderedDict[Hashable, tuple[_Work, int]] = OrderedDict()
        self._bytes = 0
        self._lock, self._working = Lock(), OneAtATime()

    def get(self, key: Hashable, work: Callable[[], _Work]) -> _Work:
        """Return what is kept under `key`, or does `work`; those that ask at once wait for one of them."""
        with self._working.of(key):
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key][0]
            found = work()
            self._keep(key, found, self._size_of(found))
        return found

    def _keep(self, key: Hashable, found: _Work, size: int) -> None:
        with self._lock:
            self._kept[key] = found, size
            self._bytes += size
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                _, (_, freed) = self._kept.popitem(last=False)
                self._bytes -= freed
