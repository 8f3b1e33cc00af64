"""Where a run stands that goes on: the highest step that the server knows, or that waits in the spool."""

from pathlib import Path

import orjson

from prevue.config import ClientSettings
from prevue.folder import writer_folders
from prevue.transport import HttpTransport
from prevue_core.errors import ApiError


def last_step(settings: ClientSettings, run_id: str, timeout_s: float) -> int:
    """Return the highest step known of the run, or -1."""
    on_server = _on_server(settings, run_id, timeout_s) if settings.mode == "online" else -1
    return max([on_server, *(_in_spool(folder, run_id) for folder in writer_folders(settings.server_folder))])


def _on_server(settings: ClientSettings, run_id: str, timeout_s: float) -> int:
    try:
        with HttpTransport(settings.url, settings.bearer) as transport:
            step = transport.get(f"/api/v1/runs/{run_id}", timeout_s=timeout_s).get("last_step")
    except ApiError:  # a new run, or a server that is away
        return -1
    return step if isinstance(step, int) else -1


def _in_spool(folder: Path, run_id: str) -> int:
    """Return the highest step in a writer's folder, whose process may still write to it."""
    try:
        if orjson.loads((folder / "start").read_bytes())["run_id"] != run_id:
            return -1
        lines = [line for path in folder.glob("*.ndjson") for line in path.read_bytes().splitlines()]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):  # delivered and removed meanwhile, or damaged
        return -1
    return max(map(_step_of, lines), default=-1)


def _step_of(line: bytes) -> int:
    try:
        step = orjson.loads(line)["step"]
    except (orjson.JSONDecodeError, KeyError, TypeError):  # damaged, or of another type
        return -1
    return step if isinstance(step, int) else -1
