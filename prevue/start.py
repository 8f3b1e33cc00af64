"""The start record: what a run is called, where it belongs, with what it was begun."""

import os
import time
import uuid
from collections.abc import Mapping
from typing import Any

from prevue.config import ClientSettings
from prevue.environment import environment_at_start
from prevue.run_config import checked_config
from prevue.spool import encode
from prevue_core.contract import FORMAT, check_label
from prevue_core.errors import InvalidValue, shown


def start_record(
    settings: ClientSettings,
    connector_name: str,
    name: str | None,
    config: Mapping[str, Any] | None,
    tags: list[str] | None,
    notes: str | None,
    group: str | None,
) -> dict[str, Any]:
    """Return the record that opens a run's writers. Raises InvalidValue for what cannot be stored."""
    import platform  # takes a while to import, and only runs need it

    if isinstance(tags, str):
        raise InvalidValue(f"tags {tags!r} is one text; use a list of text")
    if notes is not None and not isinstance(notes, str):
        raise InvalidValue(f"notes {shown(notes)} is of type {type(notes).__name__}; use text")
    start: dict[str, Any] = {
        "type": "start",
        "format": FORMAT,
        "run_id": settings.run_id or _uuid7(),
        "url": settings.url,
        "project": settings.project,
        "uid": settings.uid,
        "connector_name": check_label("connector_name", connector_name),
        "rank": settings.rank,
        "host": platform.node() or "unknown",
        "environment": environment_at_start(),
        "config": checked_config(config),
        "tags": [check_label("tag", tag) for tag in tags or []],
    }
    if settings.world_size is not None:
        start["world_size"] = settings.world_size
    if name is not None:
        start["run_name"] = check_label("name", name)
    if group is not None:
        start["group"] = check_label("group", group)
    if notes is not None:
        start["notes"] = notes
    encode(start)  # raises now, to the caller, what could not be written
    return start


def _uuid7() -> str:
    """Return a UUID that begins with the time (RFC 9562, 5.7). Python has its own from 3.14 on."""
    value = (
        (time.time_ns() // 1_000_000) << 80
        | 7 << 76
        | int.from_bytes(os.urandom(10)) & ~(0xF << 76 | 3 << 62)
        | 2 << 62
    )
    return str(uuid.UUID(int=value))
