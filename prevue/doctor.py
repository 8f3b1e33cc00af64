"""The command `prevue doctor`: what keeps points from arriving."""

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from prevue.account_commands import json_option, url_option
from prevue.config import ClientSettings, client_settings
from prevue.leftovers import Leftover
from prevue.room import check_free
from prevue.sync_commands import Waiting, waiting_writers
from prevue.transport import HttpTransport
from prevue_core import __version__
from prevue_core.errors import ApiError, InvalidValue, NotFound
from prevue_core.examples import examples

TIMEOUT_S = 5.0
SKEW_S = 5.0  # between two clocks that is worth a word: a server tells its time in whole seconds
PAGE = 1_000
_TOLD = ("rank", "world_size", "host", "pid", "stored", "missing", "rejected")  # of a writer, by the server

MODES = {"offline": "records are kept here, and `prevue sync` sends them", "disabled": "nothing is logged at all"}


@dataclass
class WriterCount:
    """How many records of a writer of the run there are. None: not known."""

    writer_id: str
    rank: int | None = None
    world_size: int | None = None
    host: str | None = None
    pid: int | None = None
    spooled: int | None = None  # on this machine; None: they are not here, or not any more
    stored: int | None = None  # on the server
    missing: int | None = None  # that it will never have: they were dropped, or damaged
    rejected: int | None = None  # that it could not accept


@dataclass
class Findings:
    """What the doctor found. None: not known."""

    url: str
    mode: str
    project: str
    version: str = __version__
    python: str = field(default_factory=platform.python_version)
    problem: str | None = None  # why the server does not answer
    latency_ms: float | None = None
    server_version: str | None = None
    clock_ahead_s: float | None = None  # of this machine
    auth: str | None = None  # open or auth
    user: str | None = None  # whose token is sent
    scopes: list[str] = field(default_factory=list)
    may_log: bool | None = None  # into the project
    spool: str = ""
    is_writable: bool = True
    spool_bytes: int = 0
    free_bytes: int = 0
    writers: list[Waiting] = field(default_factory=list)
    run: list[WriterCount] | None = None  # of the run that was asked for
    problems: list[str] = field(default_factory=list)


@click.command(epilog=examples("prevue doctor", "prevue doctor --json", "prevue doctor 019ab1c2-..."))
@click.argument("run", required=False)
@url_option
@json_option
def doctor(run: str | None, url: str | None, as_json: bool) -> None:
    """Say what keeps points from arriving: server, token, project, disk, and what waits on this machine.

    With RUN (its id) also how many records of it there are, here and on the server. Where all is well, `problems` of
    --json is empty.
    """
    settings = client_settings(url=url)
    found = Findings(settings.url, settings.mode, settings.project)
    if settings.mode in MODES:
        found.problems.append(f"PREVUE_MODE is {settings.mode!r}: {MODES[settings.mode]}")
    _look_at_spool(found, settings)
    found.writers = [one for one in waiting_writers(url, all_servers=True) if run in (None, one.run_id)]
    with HttpTransport(settings.url, settings.bearer) as transport:
        _look_at_server(found, settings, transport)
        if run is not None:
            found.run = _counts(found, run, transport)
    if as_json:
        rows = [{**asdict(writer), "folder": str(writer.folder)} for writer in found.writers]
        click.echo(json.dumps({**asdict(found), "writers": rows}))
    else:
        for line in _lines(found, run):
            click.echo(line)


def _look_at_spool(found: Findings, settings: ClientSettings) -> None:
    root = settings.spool_root
    found.spool = str(root)
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    found.is_writable = _is_writable(there)
    if not found.is_writable:
        found.problems.append(f"{there} cannot be written: records would be kept in memory; set PREVUE_SPOOL_DIR")
    found.free_bytes = shutil.disk_usage(there).free
    found.spool_bytes = sum(_size_of(path) for path in root.rglob("*.ndjson"))
    try:
        check_free(there)
    except OSError as error:
        found.problems.append(f"no more records are kept: {error.strerror}")


def _is_writable(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _size_of(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:  # delivered meanwhile
        return 0


def _look_at_server(found: Findings, settings: ClientSettings, transport: HttpTransport) -> None:
    try:
        knock = transport.knock("/readyz", TIMEOUT_S)
        who = transport.get("/api/v1/identity", {"project": settings.project}, TIMEOUT_S)
    except ApiError as error:
        found.problem = str(error)
        found.problems.append(f"the server does not answer as it should: {error}")
        return
    found.latency_ms, found.clock_ahead_s = round(knock.latency_s * 1e3, 1), knock.clock_ahead_s
    if knock.clock_ahead_s is not None and abs(knock.clock_ahead_s) > SKEW_S:
        found.problems.append(
            f"this machine's clock is {_ahead(knock.clock_ahead_s)} the server's: points arrive, at wrong times"
        )
    found.server_version, found.auth, found.user = who.get("version"), who.get("mode"), who.get("user")
    found.scopes, found.may_log = who.get("scopes") or [], who.get("may_log")
    if found.auth == "auth":
        _look_at_token(found, settings)


def _look_at_token(found: Findings, settings: ClientSettings) -> None:
    if found.user is None:
        what = "is not known to the server, or over" if settings.bearer() else "is missing"
        found.problems.append(f"the token {what}; `prevue login {settings.url}` gets one")
    elif "ingest" not in found.scopes:
        found.problems.append("the token may not log; make one with the scope 'ingest'")
    elif found.may_log is False:
        found.problems.append(f"project {found.project!r} is not one that {found.user}'s token may log to")


def _counts(found: Findings, run: str, transport: HttpTransport) -> list[WriterCount]:
    """Return the counts of the run's writers, on this machine and on the server."""
    counts: dict[str, WriterCount] = {}
    try:
        for item in _stored(run, transport) if found.problem is None else ():
            known = {name: item.get(name) for name in _TOLD}
            counts[item["writer_id"]] = WriterCount(item["writer_id"], **known)
    except NotFound:
        if not found.writers:
            found.problems.append(f"run {run} is known neither to {found.url} nor on this machine")
    except ApiError as error:
        found.problems.append(f"what the server has of run {run} is not known: {error}")
    for writer in found.writers:
        count = counts.setdefault(writer.folder.name, WriterCount(writer.folder.name))
        try:
            count.spooled = Leftover(writer.folder).next_seq
        except (InvalidValue, OSError):  # damaged, which is told; or delivered meanwhile
            continue
    return list(counts.values())


def _stored(run: str, transport: HttpTransport) -> Iterator[dict[str, Any]]:
    cursor: dict[str, Any] = {}
    while True:
        page = transport.get(f"/api/v1/runs/{run}/writers", {"limit": PAGE, **cursor}, TIMEOUT_S)
        yield from page["items"]
        if page["next"] is None:
            return
        cursor = {"cursor": page["next"]}


def _lines(found: Findings, run: str | None) -> Iterator[str]:
    """Yield what people read."""
    yield f"client  prevue {found.version}, Python {found.python}"
    yield f"server  {found.url}: {found.problem or f'prevue {found.server_version}, answers in {found.latency_ms} ms'}"
    if found.clock_ahead_s is not None:
        yield f"clock   {_ahead(found.clock_ahead_s)} the server's"
    if found.auth is not None:
        who = "is not needed: the server is open" if found.auth == "open" else f"of {found.user}"
        yield f"token   {who}; may {', '.join(found.scopes) or 'do nothing'}"
        yield f"project {found.project}: {'may be logged to' if found.may_log else 'may not be logged to'}"
    records = sum(writer.records for writer in found.writers)
    size = f"{found.spool_bytes / 1e6:.1f} MB, {found.free_bytes / 1e9:.1f} GB free"
    yield f"spool   {found.spool}: {records} records wait, {size}"
    for writer in found.writers:
        what = writer.problem or ("its training runs" if writer.is_in_use else _how_to_send(writer.url, found.url))
        yield f"run     {writer.run_id}: {writer.records} records for {writer.url}; {what}"
    for count in found.run or []:
        rank = f"rank {count.rank}{f' of {count.world_size}' if count.world_size else ''}"
        whose = f"{rank} on {count.host}, pid {count.pid}" if count.stored is not None else "not begun there"
        spooled = "not here" if count.spooled is None else f"{count.spooled} spooled"
        lost = [
            f", {number} {what}"
            for number, what in ((count.missing, "missing"), (count.rejected, "rejected"))
            if number
        ]
        yield f"writer  {count.writer_id} ({whose}): {spooled}, {count.stored or 0} stored{''.join(lost)}"
    yield from (f"problem {problem}" for problem in found.problems)


def _how_to_send(address: str, url: str) -> str:
    if address == url:
        return "`prevue sync` sends them"
    return f"`prevue sync --all` sends them there, `prevue sync --from {address}` to {url}"


def _ahead(seconds: float) -> str:
    if abs(seconds) < 2:
        return "right with"
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"
