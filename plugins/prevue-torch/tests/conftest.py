"""A real backend for trainings in this process, which is set to log there."""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

# The sender's thread imports it otherwise, and raises what it warns of where this thread leaves a `catch_warnings`.
import requests  # noqa: F401


class Backend:
    """What is in the database of a running `prevue backend`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def rows(self, sql, *values):
        """Return the rows that a query finds."""
        with contextlib.closing(sqlite3.connect(self.folder / "prevue.sqlite")) as connection:
            return connection.execute(sql, values).fetchall()

    def runs(self, project, columns="state"):
        """Return columns of a project's runs, in the order in which they began."""
        sql = "FROM runs JOIN projects USING (project_id) WHERE project_name = ? ORDER BY started_at"
        return self.rows(f"SELECT {columns} {sql}", project)

    def metrics(self, project, columns):
        """Return columns of the metric rows of a project's runs, in the order stored."""
        sql = "FROM metrics JOIN runs USING (run_id) JOIN projects USING (project_id) WHERE project_name = ?"
        return self.rows(f"SELECT {columns} {sql} ORDER BY metric_id", project)

    def model(self, project):
        """Return the name, the connector and the architecture of a project's model."""
        sql = "FROM models JOIN projects USING (model_id) WHERE project_name = ?"
        [(name, connector, architecture)] = self.rows(f"SELECT model_name, connector_name, architecture {sql}", project)
        return name, connector, json.loads(architecture)


@pytest.fixture(scope="session")
def listening(tmp_path_factory):
    """A backend for all tests; each logs to projects of its own."""
    folder = tmp_path_factory.mktemp("backend")
    command = [sys.executable, "-m", "prevue", "backend", "--port", "0", "--data", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield Backend(folder, re.search(r"http://\S+", process.stdout.readline())[0])
        finally:
            process.terminate()


@pytest.fixture
def backend(listening, monkeypatch, tmp_path):
    """The backend that this process and those that it starts log to."""
    for name in [name for name in os.environ if name.startswith("PREVUE_") or name == "RANK"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREVUE_URL", listening.url)
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "spool"))
    return listening


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    """Let each test hear its warnings: of a kind, a process says one in ten minutes."""
    monkeypatch.setattr("prevue.notices.notices._said", {})
