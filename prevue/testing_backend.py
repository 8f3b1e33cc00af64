"""A real backend for trainings in the tests' process, for connectors of ours and of others.

In a `conftest.py`: `from prevue.testing_backend import backend, listening, nothing_said, nowhere`. It needs pytest,
and `prevue[server]` beside it.
"""

import contextlib
import json
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# The sender's thread imports it otherwise, and raises what it warns of where this thread leaves a `catch_warnings`.
import prevue.transport  # noqa: F401


class StoredBackend:
    """What is in the database of a running `prevue backend`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows that a query finds."""
        with contextlib.closing(sqlite3.connect(self.folder / "prevue.sqlite")) as connection:
            return connection.execute(sql, values).fetchall()

    def runs(self, project: str, columns: str = "state") -> list[tuple[Any, ...]]:
        """Return columns of a project's runs, in the order in which they began."""
        sql = "FROM runs JOIN projects USING (project_id) WHERE project_name = ? ORDER BY started_at"
        return self.rows(f"SELECT {columns} {sql}", project)

    def metrics(self, project: str, columns: str) -> list[tuple[Any, ...]]:
        """Return columns of the metric rows of a project's runs, in the order stored."""
        sql = "FROM metrics JOIN runs USING (run_id) JOIN projects USING (project_id) WHERE project_name = ?"
        return self.rows(f"SELECT {columns} {sql} ORDER BY metric_id", project)

    def model(self, project: str) -> tuple[str, str, dict[str, Any]]:
        """Return the name, the connector and the architecture of a project's model."""
        sql = "FROM models JOIN projects USING (model_id) WHERE project_name = ?"
        [(name, connector, architecture)] = self.rows(f"SELECT model_name, connector_name, architecture {sql}", project)
        return name, connector, json.loads(architecture)


@pytest.fixture(scope="session")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoredBackend]:
    """A backend for all tests; each logs to projects of its own."""
    folder = tmp_path_factory.mktemp("backend")
    command = [sys.executable, "-m", "prevue", "backend", "--port", "0", "--data", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            told = next(iter(process.stdout or ()), "")
            if (address := re.search(r"http://\S+", told)) is None:
                raise RuntimeError(f"`prevue backend` said {told!r}; it needs pip install 'prevue[server]'")
            yield StoredBackend(folder, address[0])
        finally:
            process.terminate()


@pytest.fixture
def backend(listening: StoredBackend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StoredBackend:
    """The backend that this process and those that it starts log to. Their machine is not sampled: tests count rows."""
    for name in ("TOKEN", "PROJECT", "UID", "RUN_ID", "MODE"):
        monkeypatch.delenv(f"PREVUE_{name}", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("PREVUE_SYSTEM_METRICS", "0")
    monkeypatch.setenv("PREVUE_URL", listening.url)
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "spool"))
    return listening


@pytest.fixture
def nowhere(backend: StoredBackend, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address where nothing answers, for this process to log to.

    It is this test's own: a sender goes on behind the end of its test, and warns of the address that it tries.
    """
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and never listens
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("PREVUE_URL", url)
        yield url


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test hear its warnings: of a kind, a process says one in ten minutes."""
    monkeypatch.setattr("prevue.notices.notices._said", {})
