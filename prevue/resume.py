"""Where a run stands that goes on: whether it exists, and the highest step of this process's rank.

The server knows, and the spool of this machine, where records may wait that the server has not seen.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from prevue.config import ALLOW, MUST, NEVER, ClientSettings
from prevue.folder import writer_folders
from prevue.notices import notices
from prevue.transport import HttpTransport
from prevue_core.contract import SYSTEM_SPLIT
from prevue_core.errors import ApiError, InvalidValue, NotFound


@dataclass(frozen=True)
class Known:
    """What is known of a run. `exists` is None where the server could not be asked."""

    exists: bool | None
    last_step: int = -1  # of log() in the rank
    began: float | None = None  # UNIX seconds


def known_and_allowed(settings: ClientSettings, run_id: str, timeout_s: float) -> Known:
    """Return where a run stands that is to go on, or to begin.

    Raises InvalidValue where `settings.resume` does not allow the run to exist, or not to. Where that cannot be known,
    as the server is away or does not answer this token, the run goes on, with a warning: a training is not to fail
    because of the server.
    """
    known = known_of(settings, run_id, timeout_s)
    # Of several ranks that begin together one is first, and the others find its run.
    if settings.resume == NEVER and known.exists and settings.rank == 0:
        raise InvalidValue(f"run_id {run_id!r} exists already, and resume is 'never'; use another run_id, or 'allow'")
    if settings.resume == MUST and known.exists is False:
        raise InvalidValue(f"run_id {run_id!r} is not known to {settings.url}, and resume is 'must'; use 'allow'")
    if known.exists is None and (settings.mode == "online" or settings.resume != ALLOW):
        notices.warn(
            ("resume", run_id),
            f"{settings.url} cannot be asked whether run {run_id} exists; it goes on as if that were right, and steps "
            f"that log() is not given count from {known.last_step + 1}",
        )
    return known


def last_step(settings: ClientSettings, run_id: str, timeout_s: float) -> int:
    """Return the highest step known of the run in this process's rank, or -1."""
    return known_of(settings, run_id, timeout_s).last_step


def known_of(settings: ClientSettings, run_id: str, timeout_s: float) -> Known:
    """Return what server and spool know of a run; the server is asked in `online` mode only."""
    starts = {folder: _start_in(folder, run_id) for folder in writer_folders(settings.server_folder)}
    writers = {folder: start for folder, start in starts.items() if start is not None}
    steps = [_last_step_in(folder) for folder, start in writers.items() if start.rank == settings.rank]
    server = _on_server(settings, run_id, timeout_s) if settings.mode == "online" else Known(None)
    began = [time for time in (server.began, *(start.time for start in writers.values())) if time is not None]
    return Known(True if writers else server.exists, max([server.last_step, *steps]), min(began, default=None))


def _on_server(settings: ClientSettings, run_id: str, timeout_s: float) -> Known:
    path, asked = f"/api/v1/runs/{run_id}/writers", {"rank": settings.rank, "limit": 1}
    try:
        with HttpTransport(settings.url, settings.bearer) as transport:
            items = transport.get(path, asked, timeout_s=timeout_s).get("items")
    except NotFound:
        return Known(False)
    except ApiError:
        return Known(None)
    writer = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    step, began = writer.get("last_step"), writer.get("run_started_at")
    return Known(True, step if isinstance(step, int) else -1, began if isinstance(began, float) else None)


class _Start(NamedTuple):
    """What is known of a writer by its start record."""

    rank: int
    time: float | None


def _start_in(folder: Path, run_id: str) -> _Start | None:
    """Return how a folder's writer began; None: it belongs to another run, is damaged, or was removed meanwhile."""
    try:
        start = orjson.loads((folder / "start").read_bytes())
        time = start.get("time")
        is_mine = start["run_id"] == run_id
        return _Start(int(start.get("rank", 0)), time if isinstance(time, float) else None) if is_mine else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _last_step_in(folder: Path) -> int:
    """Return the highest step of log() in a writer's folder, whose process may still write to it."""
    last = -1
    for path in folder.glob("*.ndjson"):
        with suppress(OSError), path.open("rb") as file:  # delivered and removed meanwhile
            last = max(last, max(map(_step_of, file), default=-1))  # a line at a time: there may be a GiB of them
    return last


def _step_of(line: bytes) -> int:
    try:
        record = orjson.loads(line)
        is_of_log = record["type"] == "metrics" and record.get("split") != SYSTEM_SPLIT
        step = record["step"]
    except (orjson.JSONDecodeError, KeyError, TypeError):  # damaged, or of another type
        return -1
    return step if is_of_log and isinstance(step, int) else -1
