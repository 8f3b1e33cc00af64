"""A real backend, and real trainings in processes of their own: Keras takes its backend once, when it is imported."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from keras_backends import BACKENDS

from prevue.testing_backend import StoredBackend

HERE = Path(__file__).parent


class Backend(StoredBackend):
    """`prevue backend` with an SQLite database in `folder`, which may stop and start."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, url="")
        self.port = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator["Backend"]:
        """Run it; a second time on the same port."""
        command = _prevue("backend", "--port", str(self.port), "--data", str(self.folder))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                self.port = int(re.search(r":(\d+) ", process.stdout.readline())[1])
                self.url = f"http://127.0.0.1:{self.port}"
                yield self
            finally:
                process.terminate()

    def states(self, project):
        """Return the states of a project's runs."""
        return [state for (state,) in self.runs(project)]

    def series(self, project, columns="step"):
        """Return columns of the rows of each split and name of a project, in the order stored."""
        found = {}
        for loss, metric, split, *row in self.metrics(project, f"loss_name, metric_name, split, {columns}"):
            for name in filter(None, (loss, metric)):
                found.setdefault((split, name), []).append(row[0] if len(row) == 1 else tuple(row))
        return found

    def of_runs(self, project, table, columns):
        """Return columns of another table's rows, such as `events`, of a project's runs."""
        sql = f"SELECT {columns} FROM {table} JOIN runs USING (run_id) JOIN projects USING (project_id)"
        return self.rows(f"{sql} WHERE project_name = ? ORDER BY step", project)

    def config(self, project):
        """Return the configuration of a project's only run."""
        [(config,)] = self.runs(project, "config")
        return json.loads(config)

    def environment(self, keras_backend=None, **variables):
        """Return the environment of a training whose records wait in this folder."""
        mine = {
            "PREVUE_SPOOL_DIR": str(self.folder / "spool"),
            "PREVUE_URL": self.url,
            "PREVUE_SYSTEM_METRICS": "0",  # tests count rows
            "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
        }
        outer = {name: value for name, value in os.environ.items() if not name.startswith("PREVUE_")}
        computes = {"KERAS_BACKEND": keras_backend or os.environ["KERAS_BACKEND"]}
        return {**outer, **mine, **computes, "TF_CPP_MIN_LOG_LEVEL": "2", **variables}

    def train(self, code, **environment):
        """Run Python code in a process of its own and return what became of it."""
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=self.environment(**environment), capture_output=True, text=True)

    def sync(self):
        """Run `prevue sync` and return what it prints."""
        return subprocess.check_output(_prevue("sync"), env=self.environment(), text=True)


def _prevue(*arguments):
    return [sys.executable, "-c", "from prevue.cli import main; main()", *arguments]


@pytest.fixture
def backend(tmp_path):
    """A backend of the test's own, which does not listen yet."""
    return Backend(tmp_path)


@pytest.fixture(scope="session", params=BACKENDS)
def trained(request, tmp_path_factory):
    """A backend after the trainings of `keras_trainings` and `keras_evaluations`, with each of Keras's backends."""
    with Backend(tmp_path_factory.mktemp(request.param)).listening() as backend:
        # The snippet's url stays as it is: what the training asks of port 8080 goes through this proxy.
        through = {"http_proxy": backend.url, "no_proxy": "", "PREVUE_URL": "http://localhost:8080"}
        code = "import keras_trainings, keras_evaluations; keras_trainings.main(); keras_evaluations.main()"
        ended = backend.train(code, keras_backend=request.param, **through)
        assert ended.returncode == 0, ended.stderr
        yield backend
