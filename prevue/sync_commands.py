"""The command `prevue sync`: send the records that wait on this machine, and again what a server has lost."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click

from prevue import refill
from prevue.account_commands import json_option, url_option
from prevue.config import ClientSettings, client_settings
from prevue.delivery import Delivery
from prevue.folder import claim, release, writer_folders
from prevue.kept import server_url
from prevue.leftovers import Leftover
from prevue.refill import Check
from prevue.room import prune
from prevue.sender import deliver_leftover
from prevue.transport import HttpTransport
from prevue_core.errors import InvalidValue, Unreachable
from prevue_core.examples import examples

GIVE_UP_AFTER = 3  # failures in a row of one writer
LONGEST_WAIT_S = 5.0  # for a server that asks for it; a longer one is left to the user


@dataclass
class Waiting:
    """The records of a writer that the server does not have yet."""

    run_id: str
    url: str
    folder: Path
    records: int
    is_in_use: bool
    problem: str | None = None


@click.command(
    epilog=examples(
        "prevue sync",
        "prevue sync --all",
        "prevue sync --from http://localhost:8008",
        "prevue sync 019ab1c2-... --verify",
    )
)
@click.argument("run", required=False)
@click.option("--all", "all_servers", is_flag=True, help="For every server, not only --url.")
@click.option("--from", "meant_for", metavar="URL", help="Send to --url what waits for this address.")
@click.option("--verify", is_flag=True, help="Ask for what was sent in the last day, and send again what is missing.")
@url_option
@json_option
def sync(
    run: str | None, all_servers: bool, meant_for: str | None, verify: bool, url: str | None, as_json: bool
) -> None:
    """Send the records that wait on this machine, of all runs or of RUN (its id).

    Records wait where a training had no server, was killed, or ran offline. What the server has already is not stored
    again. Exit code 1: some could not be sent; they stay and wait. What a training logged to a mistyped address, or to
    one that is no more, waits for that: --from sends it to --url.

    With --verify the server is also asked for runs that it has, as far as they are kept here (PREVUE_KEEP_MB), and what
    it lacks is sent again: it was restored from a backup that is older than they are.
    """
    if meant_for is not None and (all_servers or verify):
        raise click.UsageError("--from goes with neither --all nor --verify")
    verified = _verify(url, all_servers, run, show=not as_json) if verify else None
    waiting = waiting_writers(meant_for or url, all_servers=all_servers)
    waiting = [writer for writer in waiting if run in (None, writer.run_id)]
    settings = client_settings(url=url)
    target = settings if meant_for is not None else None
    sendable = [writer for writer in waiting if not writer.is_in_use and not writer.problem]
    sent = sum(_send(writer, target, show=not as_json) for writer in sendable)
    prune(settings.spool_root, kept_bytes=settings.bounds.kept_bytes)
    problems = [(writer.run_id, writer.problem) for writer in waiting if writer.problem and not writer.is_in_use]
    problems += [(check.run_id, check.problem) for check in verified or [] if check.problem]
    in_use = sum(writer.is_in_use for writer in waiting)
    if as_json:
        listed = [{"run_id": run_id, "problem": problem} for run_id, problem in problems]
        document = {"sent": sent, "failed": len(problems), "in_use": in_use, "problems": listed}
        click.echo(json.dumps(document if verified is None else {**document, "verified": _by_run(verified)}))
    else:
        for run_id, problem in problems:
            click.echo(f"run {run_id}: {problem}", err=True)
        for counts in _by_run(verified or []):
            click.echo(_told(counts))
        click.echo(f"{sent} records sent." + (f" {in_use} trainings are running and send their own." if in_use else ""))
        if not waiting and (run or meant_for):
            click.echo(f"Nothing{f' of run {run}' if run else ''} waits here for {meant_for or settings.url}.")
        elif others := _waiting_elsewhere(settings.url, waiting):
            click.echo(f"{others} records wait for other addresses; `prevue doctor` lists them.")
    if problems:
        raise SystemExit(1)


def waiting_writers(url: str | None, *, all_servers: bool) -> list[Waiting]:
    """Return the writers on this machine whose records the server does not have yet, the oldest first."""
    folders = [path for server in _servers(url, all_servers) for path in writer_folders(server)]
    return [writer for path in folders if (writer := _look(path)) is not None]


def _waiting_elsewhere(url: str, seen: list[Waiting]) -> int:
    """Return how many records wait on this machine for others than `url`, those of the writers seen not counted."""
    folders = {writer.folder for writer in seen}
    rest = (one for one in waiting_writers(url, all_servers=True) if one.folder not in folders)
    return sum(one.records for one in rest if one.url != url and not one.is_in_use)


def _servers(url: str | None, all_servers: bool) -> list[Path]:
    settings = client_settings(url=url)
    if not all_servers:
        return [settings.server_folder]
    return sorted(settings.spool_root.iterdir()) if settings.spool_root.is_dir() else []


def _verify(url: str | None, all_servers: bool, run: str | None, *, show: bool) -> list[Check]:
    """Ask for everything that is kept; what is missing waits then."""
    checks: list[Check] = []
    for server in _servers(url, all_servers):
        writers = refill.writers(server, run)
        settings = _settings_of(server) if writers else None
        if settings is None:
            continue
        with (
            HttpTransport(settings.url, settings.bearer) as transport,
            click.progressbar(writers, label=f"asking {settings.url}", show_pos=True, hidden=not show) as bar,
        ):
            for pieces in bar:
                try:
                    checks.append(refill.check(server, pieces, transport))
                except Unreachable as error:
                    rest = f"what {settings.url} has is not known: {error}"
                    checks.append(Check(pieces[-1].run_id, pieces[-1].writer_id, pieces[-1].next_seq, problem=rest))
                    break
    return checks


def _settings_of(server: Path) -> ClientSettings | None:
    url = server_url(server)
    return None if url is None else client_settings(url=url)


def _by_run(checks: list[Check]) -> list[dict[str, int | str]]:
    """Return what is told of each run; one that could not be asked for is among the problems."""
    asked = [check for check in checks if check.problem is None]
    rows = []
    for run_id in dict.fromkeys(check.run_id for check in asked):
        own = [check for check in asked if check.run_id == run_id]
        counts = {name: sum(getattr(check, name) for check in own) for name in ("records", "missing", "lost")}
        rows.append({"run_id": run_id, "writers": len(own), **counts})
    return rows


def _told(counts: dict[str, int | str]) -> str:
    told = f"run {counts['run_id']}: {counts['records']} records, "
    if not counts["missing"] and not counts["lost"]:
        return told + "the server has all"
    lost = f"; {counts['lost']} more are not kept here any more" if counts["lost"] else ""
    return told + f"the server lacked {counts['missing']}{lost}"


def _look(folder: Path) -> Waiting | None:
    lock = claim(folder)  # None also where it is no more, which Leftover finds
    try:
        leftover = Leftover(folder)
        records = leftover.next_seq - leftover.acknowledged
        # A folder without records may be one that was killed between the server's answer and its removal.
        return Waiting(leftover.run_id, str(leftover.start_record.get("url")), folder, records, lock is None)
    except InvalidValue as error:
        return Waiting("unknown", "unknown", folder, 0, lock is None, str(error))
    except FileNotFoundError:  # nothing in it, or delivered and removed meanwhile
        return None
    finally:
        if lock is not None:
            release(folder, lock)


def _send(writer: Waiting, target: ClientSettings | None, *, show: bool) -> int:
    """Send what a writer left and return how many records that were; `writer.problem` says why some are left.

    `target`: a server other than the one that the records were for. What it has is not kept: nobody would look there.
    """
    before = writer.records
    settings = client_settings(url=writer.url)
    if target is not None:
        settings = replace(target, bounds=replace(target.bounds, kept_bytes=0))
    with HttpTransport(settings.url, settings.bearer) as transport:
        steps = deliver_leftover(writer.folder, transport, settings.bounds)
        if show:
            with click.progressbar(length=before, label=f"run {writer.run_id}", show_pos=True) as bar:
                left = _drain(writer, steps, bar.update)
        else:
            left = _drain(writer, steps, lambda _: None)
    return before - left


def _drain(writer: Waiting, steps: Iterator[Delivery], tell: Callable[[int], None]) -> int:
    left, failures = writer.records, 0
    try:
        for delivery in steps:
            now_left = max(0, delivery.waiting)
            tell(left - now_left)
            left = now_left
            failures = failures + 1 if delivery.is_failing else 0
            wait_s = delivery.state.next_try_s if failures else 0.0
            if failures >= GIVE_UP_AFTER or delivery.needs_help or wait_s > LONGEST_WAIT_S:
                again = "" if delivery.needs_help or wait_s <= LONGEST_WAIT_S else f"; try again in {wait_s:.0f} s"
                writer.problem = f"{left} records still wait: {delivery.state.last_error}{again}"
                break
            time.sleep(wait_s)
    except (InvalidValue, OSError) as error:
        writer.problem = f"{left} records still wait: {error}"
    return left
