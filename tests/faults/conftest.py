"""Suites that hurt on purpose. Each tells a line of figures, and shows with a seeded bug that it would notice one."""

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from serving import Served, free_port

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
    return lambda text: figures.append(f"{suite:14} {text}")


class Backend:
    """A backend with an SQLite file, on a port of its own, which may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kills = 0
        self.start()

    def start(self) -> None:
        """Begin; it answers a second later."""
        self.served = Served("backend", "--port", str(self.port), data=self.folder)

    def wait(self) -> None:
        """Wait until it answers."""
        self.served.address("backend")

    def kill(self) -> None:
        """End it as an empty battery does, and begin anew."""
        self.served.process.kill()
        self.served.stop()
        self.kills += 1
        self.start()

    def stored(self) -> list[tuple[int, float]]:
        """Return step and loss of every row."""
        with closing(sqlite3.connect(self.folder / "prevue.sqlite")) as connection:
            return connection.execute("SELECT step, loss_value FROM metrics").fetchall()


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
    program: str, *arguments: str, url: str, spool: Path, pipes: dict[str, int] | None = None, **settings: str
) -> subprocess.Popen:
    """Start a program that logs, with `settings` in its environment."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PREVUE_")}
    environ |= {"PREVUE_URL": url, "PREVUE_SPOOL_DIR": str(spool), **settings}
    return subprocess.Popen([sys.executable, "-c", program, *arguments], env=environ, **pipes or {})
