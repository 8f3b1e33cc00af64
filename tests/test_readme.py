"""What the README shows works as it stands there: its blocks are run in the order of the page.

Only the port is another where 8080 could be taken: it is replaced in the blocks.
"""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCKS if found == language]


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
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def demo(checkout: Path, environ: dict[str, str]) -> None:
    """The README's first command, until its last training has begun."""
    with running(blocks("sh")[0].strip(), checkout, environ, until="watched"):
        pass


@pytest.fixture(scope="module")
def backend(demo: None, checkout: Path, environ: dict[str, str]) -> Iterator[str]:
    """The address of the backend that the README's next commands start."""
    install, start = blocks("sh")[1].strip().splitlines()
    subprocess.run(install, shell=True, cwd=checkout, check=True)
    with running(f"exec {start}", checkout, environ, until="dashboard"):
        yield f"http://localhost:{environ['PREVUE_PORT']}"


def run_blocks(texts: list[str], backend: str, environ: dict[str, str]) -> str:
    port = backend.rpartition(":")[2]
    script = "\n".join(texts).replace("localhost:8080", f"localhost:{port}")
    environ = {**environ, "PREVUE_URL": backend}
    return subprocess.run(
        [sys.executable, "-c", script], env=environ, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


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
    assert snippet in blocks("python")


def test_the_demo_logs_several_runs(backend: str, environ: dict[str, str]) -> None:
    with sqlite3.connect(f"{environ['PREVUE_DATA_DIR']}/prevue.sqlite") as database:
        rows = database.execute("SELECT DISTINCT run_name FROM runs JOIN metrics USING (run_id)").fetchall()
    assert len(rows) >= 4


def test_the_keras_blocks_train_and_show_the_run(backend: str, environ: dict[str, str]) -> None:
    printed = run_blocks(blocks("python")[:3], backend, environ)
    assert "finished" in printed
    assert "'type': 'Dense'" in printed


def test_the_sql_shows_five_epochs(backend: str, environ: dict[str, str]) -> None:
    with sqlite3.connect(f"{environ['PREVUE_DATA_DIR']}/prevue.sqlite") as database:
        rows = database.execute(blocks("sql")[0]).fetchall()
    assert [row[:4] for row in rows] == [("test", "test", "keras", epoch) for epoch in range(5)]


def test_the_other_loop_logs_five_epochs(backend: str, environ: dict[str, str]) -> None:
    run_blocks(blocks("python")[3:], backend, environ)
    with sqlite3.connect(f"{environ['PREVUE_DATA_DIR']}/prevue.sqlite") as database:
        count = database.execute(
            "SELECT COUNT(*) FROM metrics JOIN runs USING (run_id) JOIN projects USING (project_id)"
            " WHERE project_name = 'digits' AND split = 'val' AND loss_name = 'loss'"
        ).fetchone()
    assert count == (5,)


def test_sync_sends_what_waits(backend: str, checkout: Path, environ: dict[str, str]) -> None:
    offline = {**environ, "PREVUE_MODE": "offline"}
    run_blocks(["import prevue", "prevue.init('late').log({'loss': 1.0})"], backend, offline)
    command = blocks("sh")[2]
    environ = {**environ, "PREVUE_URL": backend}
    printed = subprocess.run(
        command, shell=True, cwd=checkout, env=environ, check=True, stdout=subprocess.PIPE, text=True
    )
    assert "3 records sent" in printed.stdout
