"""The command `prevue`: the client's commands. The server's come through the hook `prevue_register_commands`."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from prevue.account_commands import json_option, login, logout, token, url_option, user
from prevue.config import client_settings, spool_root
from prevue.delivery import Delivery
from prevue.export_commands import export
from prevue.folder import claim, release, writer_folders
from prevue.leftovers import Leftover
from prevue.run_commands import projects, runs
from prevue.sender import deliver_leftover
from prevue.transport import HttpTransport
from prevue_core import __version__
from prevue_core.errors import InvalidValue, PrevueError
from prevue_core.manager import plugins, refuse

GIVE_UP_AFTER = 3  # failures in a row of one writer


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="prevue")
def cli() -> None:
    """Prevue shows how machine-learning models train and how well they test."""


for command in (login, logout, user, token, runs, projects, export):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    try:
        plugins(refuse).hook.prevue_register_commands(cli=cli)
        cli()
    except PrevueError as error:
        raise SystemExit(f"Error: {error}") from None


@dataclass
class Waiting:
    """The records of a writer that the server does not have yet."""

    run_id: str
    url: str
    folder: Path
    records: int
    is_in_use: bool
    problem: str | None = None


@cli.command(epilog="Examples: prevue sync      prevue sync --all      prevue sync 019ab1c2-...")
@click.argument("run", required=False)
@click.option("--all", "all_servers", is_flag=True, help="For every server, not only --url.")
@url_option
@json_option
def sync(run: str | None, all_servers: bool, url: str | None, as_json: bool) -> None:
    """Send the records that wait on this machine, of all runs or of RUN (its id).

    Records wait where a training had no server, was killed, or ran offline. What the server has already is not stored
    again. Exit code 1: some could not be sent; they stay and wait.
    """
    waiting = [writer for writer in _waiting(url, all_servers) if run in (None, writer.run_id)]
    sent, failed = 0, 0
    for writer in waiting:
        if writer.is_in_use:
            continue
        if writer.problem is None:
            sent += _send(writer, show=not as_json)
        failed += writer.problem is not None
    in_use = sum(writer.is_in_use for writer in waiting)
    if as_json:
        problems = [{"run_id": writer.run_id, "problem": writer.problem} for writer in waiting if writer.problem]
        click.echo(json.dumps({"sent": sent, "failed": failed, "in_use": in_use, "problems": problems}))
    else:
        for writer in waiting:
            if writer.problem:
                click.echo(f"run {writer.run_id}: {writer.problem}", err=True)
        click.echo(f"{sent} records sent." + (f" {in_use} trainings are running and send their own." if in_use else ""))
    if failed:
        raise SystemExit(1)


@cli.command(epilog="Examples: prevue doctor      prevue doctor --json")
@click.argument("run", required=False)
@url_option
@json_option
def doctor(run: str | None, url: str | None, as_json: bool) -> None:
    """Say whether the server answers, and which records wait on this machine, of all runs or of RUN (its id)."""
    settings = client_settings(url=url)
    problem = None
    try:
        with HttpTransport(settings.url, settings.bearer) as transport:
            transport.get("/readyz", timeout_s=5)
    except PrevueError as error:
        problem = str(error)
    waiting = [writer for writer in _waiting(url, True) if run in (None, writer.run_id)]
    if as_json:
        rows = [{**asdict(writer), "folder": str(writer.folder)} for writer in waiting]
        click.echo(json.dumps({"url": settings.url, "problem": problem, "spool": str(spool_root()), "writers": rows}))
        return
    click.echo(f"server  {settings.url}: {problem or 'answers'}")
    click.echo(f"spool   {spool_root()}: {sum(writer.records for writer in waiting)} records wait")
    for writer in waiting:
        what = writer.problem or ("its training runs" if writer.is_in_use else "`prevue sync` sends them")
        click.echo(f"run     {writer.run_id}: {writer.records} records for {writer.url}; {what}")


def _waiting(url: str | None, all_servers: bool) -> list[Waiting]:
    folder = client_settings(url=url).server_folder
    root = spool_root()
    servers = sorted(root.iterdir()) if all_servers and root.is_dir() else [folder]
    return [writer for server in servers for path in writer_folders(server) if (writer := _look(path)) is not None]


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


def _send(writer: Waiting, *, show: bool) -> int:
    """Send what a writer left and return how many records that were; `writer.problem` says why some are left."""
    before = writer.records
    with HttpTransport(writer.url, client_settings(url=writer.url).bearer) as transport:
        steps = deliver_leftover(writer.folder, transport)
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
            if failures >= GIVE_UP_AFTER or delivery.needs_help:
                writer.problem = f"{left} records still wait: {delivery.state.last_error}"
                break
            if delivery.is_failing:
                time.sleep(min(delivery.state.next_try_s, 5.0))
    except (InvalidValue, OSError) as error:
        writer.problem = f"{left} records still wait: {error}"
    return left
