"""SQLite's one writer: a thread that stores what others hand it, and commits at once what waits together.

SQLite syncs the disk at each commit, which takes longer than to store a small batch. Work that came while the thread
was busy shares the next transaction, each in a savepoint of its own: what is refused changes nothing of the others.
Whoever handed it in goes on after the commit, so an answer is a promise.

The queue has no bound of its own, for it needs none: who hands in work waits for it, so there is never more of it than
requests with a place (`api.limits`: 64 with records), and no other way leads here.

PostgreSQL has many writers; there, and where no thread was started, work runs in a transaction of its own thread.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

import peewee

from prevue_core.db.connection import db, is_sqlite, is_worth_again, writing

RETRIES = 3  # of a transaction that PostgreSQL gives up for another's sake
STOP_S = 5.0  # that the work which still waits may take when the process ends

T = TypeVar("T")


class _Work(Generic[T]):
    """Work for the thread, and what comes of it. The outcome is told when it is committed."""

    def __init__(self, function: Callable[[], T]) -> None:
        self.function = function
        self.told: Future[T] = Future()
        self.tell: Callable[[], None] = lambda: None

    def run(self) -> None:
        """Run in the open transaction. Raises what the database refuses; other errors are the outcome."""
        try:
            with db.atomic():
                answer = self.function()
        except peewee.PeeweeException:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the thread that handed the work in
            self.tell = lambda refused=error: self.told.set_exception(refused)  # type: ignore[misc]
        else:
            self.tell = lambda: self.told.set_result(answer)


_waiting: SimpleQueue[_Work[Any] | None] | None = None


def in_transaction(function: Callable[[], T]) -> T:
    """Return what `function` returns, once all that it wrote is committed. What it raises undoes it."""
    if _waiting is None:
        return _in_own_transaction(function)
    work = _Work(function)
    _waiting.put(work)
    return work.told.result()


def _in_own_transaction(function: Callable[[], T]) -> T:
    for _ in range(RETRIES):
        try:
            with writing():
                return function()
        except peewee.OperationalError as error:
            if not is_worth_again(error):
                raise
    with writing():
        return function()


@contextmanager
def one_writer() -> Iterator[None]:
    """Open with the thread running, where the database is SQLite; at the end what waits is stored."""
    global _waiting
    if not is_sqlite():
        yield
        return
    waiting = _waiting = SimpleQueue()
    thread = threading.Thread(target=_write, args=(waiting,), name="prevue-writer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        _waiting = None
        waiting.put(None)
        thread.join(STOP_S)


def _write(waiting: "SimpleQueue[_Work[Any] | None]") -> None:
    while together := _next(waiting):
        _commit(together)
    db.close()


def _next(waiting: "SimpleQueue[_Work[Any] | None]") -> list[_Work[Any]]:
    """Return all that waits, once there is some; nothing at the end."""
    together = []
    work = waiting.get()
    while work is not None:
        together.append(work)
        try:
            work = waiting.get_nowait()
        except Empty:
            return together
    waiting.put(None)  # for the next time
    return together


def _commit(together: list[_Work[Any]]) -> None:
    """Do work in one transaction; where it fails, each alone, so that the trouble of one is not that of others."""
    has_begun = False
    try:
        with writing():
            has_begun = True
            for work in together:
                work.run()
    except Exception as error:  # noqa: BLE001 - it belongs to the threads that wait
        if has_begun and len(together) > 1:
            for work in together:
                _commit([work])
        else:
            for work in together:
                work.told.set_exception(error)
    else:
        for work in together:
            work.tell()
