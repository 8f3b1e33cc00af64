"""What the README shows works as it stands there: its blocks are run in the order of the page.

Only the port is another where 8080 could be taken: it is replaced in the blocks.
"""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pages import ROOT, blocks, run_python

README = ROOT / "README.md"


def only(language: str, heading: str) -> str:
    """Return the block of a language under a heading."""
    [block] = blocks(README, language, heading)
    return block


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("readme")
    return {
        **os.environ,
        "PREVUE_DATA_DIR": f"{folder}/data",
        "PREVUE_SPOOL_DIR": f"{folder}/spool",
        "PREVUE_PORT": free_port(),
        "PREVUE_DASHBOARD_PORT": free_port(),
    }


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git would clone, so that the commands leave nothing in ours."""
    folder = tmp_path_factory.mktemp("clone") / "prevue"
    for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@contextmanager
def running(command: str, folder: Path, environ: dict[str, str], until: str) -> Iterator[None]:
    """Run a command that stays up: from when it prints `until` to the end of the block, where SIGTERM ends it well."""
    process = subprocess.Popen(
        command, shell=True, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert any(until in line for line in process.stdout)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.stdout.read()  # to its end: the shell is gone before what it has started
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def demo(checkout: Path, environ: dict[str, str]) -> None:
    """The README's first command, until its last training has begun."""
    with running(only("sh", "See it").strip(), checkout, environ, until="watched"):
        pass


@pytest.fixture(scope="module")
def backend(demo: None, checkout: Path, environ: dict[str, str]) -> Iterator[str]:
    """The address of the backend that the README's next command starts."""
    with running(f"exec {only('sh', 'Start it')}", checkout, environ, until="dashboard"):
        yield f"http://localhost:{environ['PREVUE_PORT']}"


@pytest.fixture
def run(backend: str, environ: dict[str, str]) -> Callable[..., str]:
    """Run blocks of Python and return what they print; rows of the database come after."""

    def run(*headings: str) -> str:
        texts = [text for heading in headings for text in blocks(README, "python", heading)]
        texts = [text.replace("http://localhost:8080", backend) for text in texts]
        return run_python(texts, {**environ, "PREVUE_URL": backend})

    return run


def rows(environ: dict[str, str], sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"{environ['PREVUE_DATA_DIR']}/prevue.sqlite")) as database:
        return database.execute(sql).fetchall()


def points(environ: dict[str, str], project: str, name: str) -> int:
    """Return how many points of a loss are stored for the runs of a project."""
    sql = "SELECT COUNT(*) FROM metrics JOIN runs USING (run_id) JOIN projects USING (project_id)"
    [(count,)] = rows(environ, f"{sql} WHERE project_name = '{project}' AND split || '/' || loss_name = '{name}'")
    return count


def test_the_snippet_is_the_one_that_users_know() -> None:
    snippet = """\
from prevue import PrevueKerasCallback

callback = PrevueKerasCallback(
    connector_name="keras",
    project_name="test",
    uid="test",
    url="http://localhost:8080"
)

model.fit(x_train, y_train, epochs=5, callbacks=[callback])
"""
    assert snippet in blocks(README, "python", "Log a Keras training")


def test_the_demo_logs_several_runs(backend: str, environ: dict[str, str]) -> None:
    assert len(rows(environ, "SELECT DISTINCT run_name FROM runs JOIN metrics USING (run_id)")) >= 4


def test_the_keras_blocks_train_and_the_next_show_the_run(run: Callable[..., str], environ: dict[str, str]) -> None:
    printed = run("Log a Keras training", "Look at it")
    assert "finished" in printed
    assert "'type': 'Dense'" in printed
    assert [row[:4] for row in rows(environ, only("sql", "Look at it"))] == [
        ("test", "test", "keras", epoch) for epoch in range(5)
    ]


def test_the_pytorch_block_logs_five_epochs(run: Callable[..., str], environ: dict[str, str]) -> None:
    run("Log a PyTorch training")
    assert points(environ, "torch", "train/loss") == 5


def test_the_scikit_learn_block_logs_iterations(run: Callable[..., str], environ: dict[str, str]) -> None:
    run("Log a fit of scikit-learn")
    assert points(environ, "iris", "train/loss") > 5


def test_the_other_loop_logs_five_epochs(run: Callable[..., str], environ: dict[str, str]) -> None:
    run("Log any other loop")
    assert points(environ, "digits", "val/loss") == 5


def test_sync_sends_what_waits(backend: str, checkout: Path, environ: dict[str, str]) -> None:
    environ = {**environ, "PREVUE_URL": backend}
    run_python(["import prevue", "prevue.init('late').log({'loss': 1.0})"], {**environ, "PREVUE_MODE": "offline"})
    command = only("sh", "Log any other loop")
    assert " records sent" in subprocess.check_output(command, shell=True, cwd=checkout, env=environ, text=True)
