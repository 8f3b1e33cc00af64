"""What runs of the tests' process log, recorded without a server, for connectors of ours and of others.

In a `conftest.py`: `from prevue.testing_records import recorded`. It needs pytest; `prevue.testing_backend` has a real
backend instead.
"""

from pathlib import Path
from typing import Any

import pytest

import prevue.transport
from prevue.testing import RecordingTransport


class Recorder(RecordingTransport):
    """Takes the place of the connection to a server, and has what came, once a run has finished."""

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        """There is no connection to close."""

    def all(self) -> list[dict[str, Any]]:
        """Return all records, each writer's in the order in which they were made."""
        return [record for records in self.records.values() for record in records]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Return the records of a type: `start`, `model`, `metrics`, `config`, `event`, `result`, `end` ..."""
        return [record for record in self.all() if record["type"] == kind]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recorder:
    """What runs of this process log. No setting of the machine reaches them, and the machine is not sampled."""
    for name in ("URL", "TOKEN", "TOKEN_FILE", "PROJECT", "UID", "RUN_ID", "MODE", "SPOOL_MAX_MB", "KEEP_MB"):
        monkeypatch.delenv(f"PREVUE_{name}", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("PREVUE_SYSTEM_METRICS", "0")
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setattr("prevue.notices.notices._said", {})
    recorder = Recorder()
    monkeypatch.setattr(prevue.transport, "HttpTransport", lambda url, find_token: recorder)
    return recorder
