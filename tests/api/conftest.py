import http
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from core.stream import Stream, started


@pytest.fixture
def problem_of() -> Callable[[TestResponse, int], dict[str, Any]]:
    """Check the shape that every error has, and return it."""

    def problem_of(answer: TestResponse, status: int) -> dict[str, Any]:
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
        problem = answer.json
        assert {"type", "title", "status", "detail", "request_id"} <= set(problem)
        assert (problem["status"], problem["title"]) == (status, http.HTTPStatus(status).phrase)
        assert problem["request_id"] == answer.headers["X-Request-ID"]
        for inside in ("Traceback", "SELECT", "INSERT", ".py", "/tmp"):
            assert inside not in answer.text
        return problem

    return problem_of


@pytest.fixture
def stream(client: Any) -> Stream:
    """A writer whose start record is stored."""
    return started()


@pytest.fixture
def backend_process(database_url: str, database: Any) -> Iterator[subprocess.Popen[str]]:
    """The command `prevue backend` over `database`, on a free port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "prevue", "backend", "--port", "0"],
        env={**os.environ, "PREVUE_DATABASE_URL": database_url, "PREVUE_PLUGINS": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.terminate()
        process.communicate()


@pytest.fixture
def backend(backend_process: subprocess.Popen[str]) -> str:
    """The URL of a real server over `database`."""
    told = backend_process.stdout.readline()
    return re.search(r"http://\S+", told).group()
