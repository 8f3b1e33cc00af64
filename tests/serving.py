"""Prevue's commands as processes, for tests of what they serve."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prevue import Run

PATIENCE_S = 30  # for what happens in another process; it comes far earlier


class Served:
    """A command that serves. `url`: what it told of itself, `code`: its exit code once it was stopped."""

    def __init__(self, *command: str, data: Path, **settings: str) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PREVUE_")}
        environ |= {"PREVUE_DATA_DIR": str(data), "PREVUE_SPOOL_DIR": str(data / "spool"), "PYTHONUNBUFFERED": "1"}
        environ["PREVUE_SYSTEM_METRICS"] = os.environ.get("PREVUE_SYSTEM_METRICS", "1")
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "prevue", *command],
            env=environ | settings,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def address(self, what: str) -> str:
        """Wait until the command tells where its backend or dashboard is."""
        for line in self.process.stdout:
            if what in line and (found := re.search(r"http://\S+:\d+", line)):
                return found.group()
        raise AssertionError(f"no {what} was told of: {self.logged()}")

    def logged(self) -> str:
        """Return what the command wrote to standard error so far."""
        return os.pread(self.log.fileno(), 1 << 20, 0).decode()

    def stop(self) -> int:
        """Send SIGTERM, if it still runs, and return the exit code."""
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE_S)
        self.log.close()
        return self.process.returncode


@contextmanager
def served(*command: str, data: Path, **settings: str) -> Iterator[Served]:
    """Run a command of Prevue's beside the test, with `settings` in its environment."""
    process = Served(*command, data=data, **settings)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.stop()
        else:
            process.process.stdout.close()
            process.log.close()


def free_port() -> int:
    """Return a port where nobody listens at the time."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def stored(run: Run, *, records: int) -> None:
    """Wait until so many records of a run have arrived, the start record included."""
    deadline = time.monotonic() + PATIENCE_S
    while run.status().stored < records:
        assert time.monotonic() < deadline
        time.sleep(0.01)  # they arrive in another process


def finished(run: Run) -> Run:
    """Finish a run and wait until all of it is stored."""
    assert run.finish(timeout=PATIENCE_S)
    return run
