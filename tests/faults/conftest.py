"""Suites that hurt on purpose. Each tells a line of figures, and shows with a seeded bug that it would notice one."""

import mmap
import os
import random
import sqlite3
import struct
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from serving import PATIENCE_S, Served, free_port

_FIGURES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="at full length, which takes long; else in a short form")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if figures := config.stash.get(_FIGURES, []):
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.line(line)


@pytest.fixture
def whole(request) -> bool:
    """Whether to run at full length."""
    return request.config.getoption("--whole")


@pytest.fixture
def tell(request) -> Callable[[str], None]:
    """Say a line at the end of all tests, under the name of this suite."""
    suite = request.module.__name__.rpartition("test_")[2]
    figures = request.config.stash.setdefault(_FIGURES, [])
    return lambda text: figures.append(f"{suite:17} {text}")


class Backend:
    """A backend with an SQLite file, on a port of its own, which may be killed and started again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self._settings = folder, settings
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kills = 0
        self.start()

    def start(self) -> None:
        """Begin; it answers a second later."""
        self.served = Served("backend", "--port", str(self.port), data=self.folder, **self._settings)

    def wait(self) -> None:
        """Wait until it answers."""
        self.served.address("backend")

    def kill(self) -> None:
        """End it as an empty battery does, and begin anew."""
        self.served.process.kill()
        self.served.stop()
        self.kills += 1
        self.start()

    def rows(self, sql: str) -> list[tuple]:
        """Return what a query of its file finds."""
        with closing(sqlite3.connect(self.folder / "prevue.sqlite")) as connection:
            return connection.execute(sql).fetchall()

    def stored(self) -> list[tuple[int, float]]:
        """Return step and loss of every row."""
        return self.rows("SELECT step, loss_value FROM metrics")


@pytest.fixture
def backend(tmp_path):
    """A backend that answers."""
    backend = Backend(tmp_path / "server")
    backend.wait()
    yield backend
    backend.served.stop()


@dataclass(frozen=True)
class Fate:
    """What became of logged points."""

    lost: int
    duplicated: int
    wrong: int  # stored with a value that was not logged, or although nobody logged them


def fate_of(rows: list[tuple[int, float]], logged: set[int], on_their_way: set[int] = frozenset()) -> Fate:
    """Compare what is stored with the steps that were `logged`, whose value is half of the step.

    `on_their_way` are those of calls that had not returned when their process was killed: they may be there or not.
    """
    times = Counter(step for step, _ in rows)
    return Fate(
        lost=len(logged - times.keys()),
        duplicated=sum(times.values()) - len(times),
        wrong=sum(value != step / 2 for step, value in rows) + len(times.keys() - logged - on_their_way),
    )


def client(
    program: str | Path, *arguments: str, url: str, spool: Path, pipes: dict[str, int] | None = None, **settings: str
) -> subprocess.Popen:
    """Start a program that logs, given as text or as a file, with `settings` in its environment."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PREVUE_")}
    environ |= {"PREVUE_URL": url, "PREVUE_SPOOL_DIR": str(spool), "PREVUE_SYSTEM_METRICS": "0", **settings}
    return subprocess.Popen(
        [sys.executable, *(["-c"] if isinstance(program, str) else []), program, *arguments], env=environ, **pipes or {}
    )


LIFE = 1_000_000  # steps that one life of a client may use
# How many calls have returned stands in a file that outlives the process. PAUSE: seconds from call to call.
LOGGING = f"""
import mmap, os, struct, sys, time
import prevue
pause = float(os.environ.get("PAUSE", 0))
first = int(sys.argv[1]) * {LIFE}
with open(sys.argv[2], "r+b") as file:
    returned = mmap.mmap(file.fileno(), 8)
run = prevue.init("lives")
for step in range(first, first + {LIFE}):
    run.log({{"loss": step / 2}}, step)
    returned[:] = struct.pack("q", step + 1 - first)
    if pause:
        time.sleep(pause)
"""
SYNC = "from prevue.cli import cli; cli(['sync'])"


class Life:
    """A client that logs flat out until it is killed. `number`: its steps begin at so many times `LIFE`."""

    def __init__(self, number: int, folder: Path, url: str, bug: str = "", **settings: str) -> None:
        progress = folder / f"life-{number}"
        progress.write_bytes(bytes(8))
        with progress.open("r+b") as file:
            self._returned = mmap.mmap(file.fileno(), 8)
        self.first = number * LIFE
        self._process = client(bug + LOGGING, str(number), str(progress), url=url, spool=folder / "spool", **settings)

    @property
    def returned(self) -> int:
        """How many calls have returned."""
        return struct.unpack("q", self._returned)[0]

    def log_until(self, count: int) -> None:
        """Wait until so many calls have returned."""
        deadline = time.monotonic() + PATIENCE_S
        while self.returned < count:
            assert self._process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.0005)

    def kill(self) -> None:
        """End it with SIGKILL."""
        with self._process:
            self._process.kill()


class Story:
    """The lives of the clients that log into one run, and what is known of their points."""

    def __init__(self, folder: Path, url: str, seed: int) -> None:
        self.logged: set[int] = set()
        self.on_their_way: set[int] = set()
        self.draw = random.Random(seed)
        self.lives = 0
        self._folder, self._url, self._run_id = folder, url, str(uuid.uuid4())

    def begin(self, bug: str = "", **settings: str) -> Life:
        """Start a client."""
        self.lives += 1
        return Life(self.lives - 1, self._folder, self._url, bug, PREVUE_RUN_ID=self._run_id, **settings)

    def end(self, life: Life) -> None:
        """Kill a client and note what it had logged."""
        life.kill()
        self.logged.update(range(life.first, life.first + life.returned))
        self.on_their_way.add(life.first + life.returned)

    def live(self, points: int, bug: str = "") -> None:
        """Start a client and kill it when it has logged about so many points."""
        life = self.begin(bug)
        life.log_until(self.draw.randint(1, 2 * points))
        self.end(life)

    def deliver(self, meanwhile: Callable[[], bool] = lambda: False, spool: str = "spool") -> None:
        """Send what is left. `meanwhile` is called while that goes on, again as long as it returns True."""
        goes_on = True
        while True:
            with client(SYNC, url=self._url, spool=self._folder / spool) as sync:
                goes_on = goes_on and meanwhile()
            if sync.returncode == 0 and not goes_on:
                return

    def fate(self, rows: list[tuple[int, float]]) -> Fate:
        """Return what became of the points."""
        return fate_of(rows, self.logged, self.on_their_way)
