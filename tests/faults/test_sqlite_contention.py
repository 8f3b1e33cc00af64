"""Many write into one SQLite file: eight trainings through the backend, and a program beside it. None is locked out."""

import sqlite3
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import prevue
from faults.conftest import fate_of
from faults.test_backpressure import press
from prevue_core.errors import ApiError

WRITERS = 8


class Beside(threading.Thread):
    """Writes into the file as a command does, and reads over HTTP as a dashboard does."""

    def __init__(self, backend):
        super().__init__()
        self.written, self.read, self.failures = 0, 0, []
        self._backend, self._over = backend, threading.Event()

    def run(self):
        with (
            closing(sqlite3.connect(self._backend.folder / "prevue.sqlite", timeout=5, isolation_level=None)) as file,
            prevue.Api(self._backend.url) as api,
        ):
            while not self._over.wait(0.01):
                try:
                    file.execute("BEGIN IMMEDIATE")
                    file.execute("UPDATE users SET email = 'ann@example.org'")
                    file.execute("COMMIT")
                    self.written += 1
                    for run in api.runs(limit=5):
                        api.series([run.run_id], budget=100)
                        self.read += 1
                except (sqlite3.Error, ApiError) as error:
                    self.failures.append(str(error))

    def stop(self):
        self._over.set()
        self.join()


def test_nobody_is_locked_out(backend, whole, tell):
    beside = Beside(backend)
    beside.start()
    writers, _ = press(backend, 60 if whole else 6, WRITERS)
    beside.stop()
    statuses = sum((writer.statuses for writer in writers), Counter())
    fate = fate_of(backend.stored(), {step for writer in writers for step in writer.steps()})
    tell(
        f"{WRITERS} writers, {beside.written} writes and {beside.read} reads beside them: {dict(statuses)}, "
        f"locked out {len(beside.failures)}; lost {fate.lost}, duplicated {fate.duplicated}, wrong {fate.wrong}"
    )
    assert beside.failures == []
    assert "locked" not in backend.served.logged()
    assert set(statuses) == {200}
    assert beside.written > 0
    assert (fate.lost, fate.duplicated, fate.wrong) == (0, 0, 0)


def test_transactions_that_begin_late_are_caught(tmp_path, tell):
    """What begins with a read and writes later meets another who has written meanwhile, however long it waits."""
    path = tmp_path / "late.sqlite"
    with closing(sqlite3.connect(path)) as file:
        file.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (0)")

    def count_up(_):
        locked = 0
        with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as file:
            for _ in range(100):
                try:
                    file.execute("BEGIN")
                    (n,) = file.execute("SELECT n FROM t").fetchone()
                    file.execute("UPDATE t SET n = ?", (n + 1,))
                    file.execute("COMMIT")
                except sqlite3.OperationalError:
                    file.execute("ROLLBACK")
                    locked += 1
        return locked

    with ThreadPoolExecutor(4) as threads:
        locked = sum(threads.map(count_up, range(4)))
    tell(f"control, transactions that begin with a read: {locked} of 400 locked out")
    assert locked > 0
