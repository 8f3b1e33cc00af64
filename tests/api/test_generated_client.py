"""A client made from the OpenAPI document by a generator works with a real server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.stream import metrics, started

PROGRAM = Path(__file__).with_name("use_generated_client.py")


def run(*command: str, **options) -> str:
    done = subprocess.run(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def generated(client, tmp_path):
    """A folder with the package `prevue_generated`, made from the live document."""
    (tmp_path / "openapi.json").write_bytes(client.get("/api/openapi.json").data)
    (tmp_path / "config.json").write_text(json.dumps({"post_hooks": []}))  # they would format it with ruff
    told = run(
        *("-c", "from openapi_python_client.cli import app; app()", "generate", "--meta", "none"),
        *("--path", "openapi.json", "--config", "config.json", "--output-path", "prevue_generated"),
        cwd=tmp_path,
    )
    # What the generator leaves out: lines are there for our own client.
    assert told.count("WARNING") == told.count("Unsupported content type application/x-ndjson") == 1
    return tmp_path


def test_a_generated_client_lists_reads_and_logs(generated, backend):
    started(run_name="given").send(metrics(0, {"accuracy": 0.5}), metrics(1, {"accuracy": "NaN"}))
    run(str(PROGRAM), backend, env={**os.environ, "PYTHONPATH": str(generated)})
