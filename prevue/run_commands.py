"""Commands for what is kept: `prevue runs` and `prevue projects`. All of them ask the server over HTTP."""

import datetime
import json
from collections.abc import Iterator
from typing import Any

import click

from prevue.account_commands import json_option, url_option
from prevue.config import client_settings
from prevue.transport import HttpTransport
from prevue_core.contract import ACTIVE, SHELVES
from prevue_core.errors import InvalidValue
from prevue_core.examples import examples

_runs_argument = click.argument("run_ids", metavar="RUN...", nargs=-1, required=True, type=click.UUID)
_projects_argument = click.argument("names", metavar="PROJECT...", nargs=-1, required=True)
_yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
_shelf_option = click.option(
    "--shelf", type=click.Choice(SHELVES), default=ACTIVE, show_default=True, help="Which ones: archive, trash ..."
)


# runs


@click.group()
def runs() -> None:
    """List, archive, delete and restore runs. RUN is a run's id."""


@runs.command("list", epilog=examples("prevue runs list --project digits", "prevue runs list --shelf trash --json"))
@click.option("--project", help="Only of this project: its name, or another's as alice/test.")
@_shelf_option
@url_option
@json_option
def list_runs(project: str | None, shelf: str, url: str | None, as_json: bool) -> None:
    """List runs; those that started last come first."""
    with asking(url) as transport:
        project_id = None if project is None else find_project(transport, project)
        found = list(_items(transport, "/api/v1/runs", {"project_id": project_id, "shelf": shelf}))
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found:
        began = f"{datetime.datetime.fromtimestamp(one['started_at']):%Y-%m-%d %H:%M}"
        click.echo(f"{one['run_id']}  {began}  {one['state']:8}  {one['project_name']}  {one['run_name']}")


@runs.command("archive", epilog=examples("prevue runs archive 019ab1c2-..."))
@_runs_argument
@url_option
def archive_runs(run_ids: tuple[Any, ...], url: str | None) -> None:
    """Take runs out of the lists. They stay readable, and a training that goes on is stored."""
    with asking(url) as transport:
        for run_id in run_ids:
            transport.post(f"/api/v1/runs/{run_id}/archive")
            click.echo(f"Archived run {run_id}.")


@runs.command("delete", epilog=examples("prevue runs delete 019ab1c2-...", "prevue runs delete --yes 019ab1c2-..."))
@_runs_argument
@_yes_option
@url_option
def delete_runs(run_ids: tuple[Any, ...], yes: bool, url: str | None) -> None:
    """Delete runs: they are hidden at once, and what their trainings still send is refused.

    Until the day that is printed `prevue runs restore` brings them back; then they are removed for good.
    """
    with asking(url) as transport:
        named = [(one, transport.get(f"/api/v1/runs/{one}")["run_name"]) for one in run_ids]
        if not yes:
            click.confirm(f"Delete {_listed([name for _, name in named])}?", abort=True)
        for run_id, name in named:
            until = transport.delete(f"/api/v1/runs/{run_id}")["restorable_until"]
            click.echo(f"Deleted run {name}; until {_day(until)}: prevue runs restore {run_id}")


@runs.command("restore", epilog=examples("prevue runs restore 019ab1c2-..."))
@_runs_argument
@url_option
def restore_runs(run_ids: tuple[Any, ...], url: str | None) -> None:
    """Bring runs back from the archive or the trash."""
    with asking(url) as transport:
        for run_id in run_ids:
            click.echo(f"Restored run {transport.post(f'/api/v1/runs/{run_id}/restore')['run_name']}.")


# projects


@click.group()
def projects() -> None:
    """List, archive, delete and restore projects. PROJECT is a name, or another user's as alice/test."""


@projects.command("list", epilog=examples("prevue projects list", "prevue projects list --shelf trash"))
@_shelf_option
@url_option
@json_option
def list_projects(shelf: str, url: str | None, as_json: bool) -> None:
    """List projects; the newest come first."""
    with asking(url) as transport:
        found = list(_items(transport, "/api/v1/projects", {"shelf": shelf}))
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found:
        click.echo(f"{one['user']}/{one['project_name']}")


@projects.command("archive", epilog=examples("prevue projects archive digits"))
@_projects_argument
@url_option
def archive_projects(names: tuple[str, ...], url: str | None) -> None:
    """Take projects out of the list. They and their runs stay readable."""
    with asking(url) as transport:
        for name in names:
            transport.post(f"/api/v1/projects/{find_project(transport, name)}/archive")
            click.echo(f"Archived project {name}.")


@projects.command("delete", epilog=examples("prevue projects delete digits"))
@_projects_argument
@_yes_option
@url_option
def delete_projects(names: tuple[str, ...], yes: bool, url: str | None) -> None:
    """Delete projects with all their runs, as `prevue runs delete` does."""
    with asking(url) as transport:
        found = [(name, find_project(transport, name)) for name in names]
        if not yes:
            click.confirm(f"Delete {_listed(list(names))} with all runs?", abort=True)
        for name, project_id in found:
            until = transport.delete(f"/api/v1/projects/{project_id}")["restorable_until"]
            click.echo(f"Deleted project {name}; until {_day(until)}: prevue projects restore {name}")


@projects.command("restore", epilog=examples("prevue projects restore digits"))
@_projects_argument
@url_option
def restore_projects(names: tuple[str, ...], url: str | None) -> None:
    """Bring projects back from the archive, or from the trash with the runs that were deleted with them."""
    with asking(url) as transport:
        for name in names:
            project_id = find_project(transport, name, SHELVES[::-1])
            transport.post(f"/api/v1/projects/{project_id}/restore")
            click.echo(f"Restored project {name}.")


def find_project(transport: HttpTransport, project: str, shelves: tuple[str, ...] = SHELVES[:2]) -> int:
    """Return a project's id. Raises InvalidValue where there is none of that name on these shelves."""
    owner, _, name = project.rpartition("/")
    owner = owner or str(transport.get("/api/v1/identity")["user"] or client_settings().uid)
    for shelf in shelves:
        if found := transport.get("/api/v1/projects", {"user": owner, "name": name, "shelf": shelf})["items"]:
            return int(found[0]["project_id"])
    raise InvalidValue(f"project {owner}/{name} does not exist; `prevue projects list` has those that do")


def _items(transport: HttpTransport, path: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        page = transport.get(path, {**params, "limit": 1_000, "cursor": cursor})
        yield from page["items"]
        if (cursor := page["next"]) is None:
            return


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def asking(url: str | None) -> HttpTransport:
    settings = client_settings(url=url)
    return HttpTransport(settings.url, settings.bearer)


def _day(seconds: float) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"
