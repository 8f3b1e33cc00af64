"""The table of a project's runs: the backend filters, sorts and cuts it into pages, so many runs cost as few do."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from tornado.web import HTTPError

from frontend_bokeh import columns, texts
from frontend_bokeh.auth import local_path
from frontend_bokeh.forms import check_form, check_key, field, fields
from frontend_bokeh.pages import Page
from frontend_bokeh.source import find_project
from prevue.api import Api, RunsPage
from prevue_core.contract import ACTIVE, ARCHIVE, SHELVES, TRASH
from prevue_core.errors import ApiError, Refused

PAGE_RUNS = 100
NEWEST = "-started"


@dataclass(frozen=True)
class View:
    """What the address asks for."""

    filter: str = ""
    sort: str = ""  # a field, with `-` in front for the greatest first
    shelf: str = ACTIVE
    cols: tuple[str, ...] = ()  # none: those that suit the project
    pins: tuple[str, ...] = ()  # fields whose columns stand first, and stay in view
    cursor: str = ""

    def query(self, **changes: Any) -> str:
        """Return the address of this view with changes; another order or filter begins at its first page."""
        new = replace(self, **({"cursor": ""} | changes))
        pairs = [("filter", new.filter), ("sort", new.sort), ("shelf", "" if new.shelf == ACTIVE else new.shelf)]
        pairs += [("col", one) for one in new.cols] + [("pin", one) for one in new.pins] + [("cursor", new.cursor)]
        return "?" + urlencode([(name, value) for name, value in pairs if value])

    def sorted_by(self, name: str, greatest_first: bool) -> str:
        """Return the address of this view in the order of a field; in the other direction if that is its order."""
        down = f"-{name}"
        return self.query(sort={down: name, name: down}.get(self.sort, down if greatest_first else name))

    def pinned(self, name: str) -> str:
        """Return the address of this view with the column of a field pinned, or not any more."""
        others = tuple(one for one in self.pins if one != name)
        return self.query(pins=others if name in self.pins else (*others, name), cursor=self.cursor)

    def order(self, name: str) -> str | None:
        """Return how a column is sorted, as `aria-sort` says it; None: not by it."""
        return {f"-{name}": "descending", name: "ascending"}.get(self.sort or NEWEST)


class TablePage(Page):
    """All runs of a project as a table."""

    async def get(self, owner: str, name: str) -> None:
        """Show a page of it."""
        project_id = await self.ask(lambda api: find_project(api, owner, name))
        if project_id is None:
            raise HTTPError(404, "there is no project %s/%s; a training's first log makes it", owner, name)
        view = View(
            filter=self.get_query_argument("filter", ""),
            sort=self.get_query_argument("sort", ""),
            shelf=next((one for one in SHELVES if one == self.get_query_argument("shelf", None)), ACTIVE),
            cols=tuple(self.get_query_arguments("col")),
            pins=tuple(self.get_query_arguments("pin")),
            cursor=self.get_query_argument("cursor", ""),
        )
        shown = await self.ask(lambda api: _shown(api, project_id, view))
        title = f"Table of {owner}/{name}"
        self.show("table.html", title=title, owner=owner, project=name, tab="table", view=view, texts=texts, **shown)


class ChangesPage(Page):
    """Where forms go that change runs. Who may do so the backend decides."""

    async def post(self) -> None:
        """Do it, and go back to the page that the form is on. One that edits is answered with JSON."""
        check_form(self)
        check_key(self, self.visitor.session if self.visitor else "")
        action, run_ids = field(self, "action"), fields(self, "run")
        if action == "edit" and len(run_ids) == 1:
            await self._edit(run_ids[0])
            return
        if action not in _ACTIONS:
            raise HTTPError(400, "the action %r is none; use one of %s", action, ", ".join(_ACTIONS))
        about = {"code": field(self, "code")} if action in _SILENCES else {}
        await self.ask(lambda api: [_ACTIONS[action](api, run_id, **about) for run_id in run_ids])
        self.redirect(local_path(field(self, "then")), status=303)

    async def _edit(self, run_id: str) -> None:
        what, value = field(self, "field"), field(self, "value").replace("\r\n", "\n")
        if what not in _EDITS:
            raise HTTPError(400, "%r cannot be edited; use one of %s", what, ", ".join(_EDITS))
        try:
            await self.gate.ask(
                self.visitor.session if self.visitor else "", lambda api: api.edit_run(run_id, **_EDITS[what](value))
            )
        except ApiError as error:
            self.set_status(error.status or 503)
            self.write({"error": error.detail or str(error)})
        else:
            self.write({})


def _silence(api: Api, run_id: str, code: str) -> None:
    api.silence_checks([code], run_id=run_id)


def _silence_in_project(api: Api, run_id: str, code: str) -> None:
    api.silence_checks([code], project_id=api.run(run_id).project_id)


_SILENCES = {"silence": _silence, "silence in project": _silence_in_project}
_ACTIONS: dict[str, Callable[..., None]] = {
    "archive": Api.archive_run,
    "delete": Api.delete_run,
    "restore": Api.restore_run,
    **_SILENCES,
}
_EDITS: dict[str, Any] = {
    "name": lambda text: {"name": text},
    "tags": lambda text: {"tags": [tag.strip() for tag in text.split(",") if tag.strip()]},
    "notes": lambda text: {"notes": text},
}


def _shown(api: Api, project_id: int, view: View) -> dict[str, Any]:
    """Return what the page shows. What is wrong with a filter or an order is told beside the fields of both."""
    known = api.run_fields(project_id)
    chosen = columns.columns_of(view.cols or columns.default_fields(known), known)
    chosen.sort(key=lambda column: column.field not in view.pins)
    page, refusal = RunsPage([], None), ""
    try:
        page = api.page_of_runs(
            view.cursor or None,
            limit=PAGE_RUNS,
            project_id=project_id,
            shelf=view.shelf,
            filter=view.filter.strip() or None,
            sort=view.sort or NEWEST,
            summaries=[column.field for column in chosen if column.sum_of],
        )
    except Refused as error:
        refusal = error.detail or str(error)
    rows = [{"run": run, "cells": _cells(run, chosen)} for run in page.runs]
    return {
        "columns": chosen,
        "rows": rows,
        "next": page.cursor,
        "refusal": refusal,
        "offered": _offered(known, chosen),
        "shelves": {ACTIVE: "Runs", ARCHIVE: "Archive", TRASH: "Trash"},
        "data": texts.in_script(known),
    }


def _cells(run: Any, chosen: list[columns.Column]) -> list[columns.Cell]:
    flat = columns.flat_of(run)
    return [column.cell(run, flat) for column in chosen]


def _offered(known: dict[str, Any], chosen: list[columns.Column]) -> dict[str, Any]:
    """Return which columns can be chosen: `single`, `config` and `env` fields, and `series` with their sums."""
    names = [one["field"] for one in known["fields"]]
    offered = {kind: [name for name in names if name.startswith(f"{kind}.")] for kind in ("config", "env")}
    sums = [one for one in ("best", "last", "min", "max") if one in known["sums"]]
    return {
        "single": list(columns.SINGLE),
        **offered,
        "series": [one["field"] for one in known["series"]],
        "sums": sums,
        "chosen": {column.field for column in chosen},
    }
