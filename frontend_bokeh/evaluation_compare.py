"""The page that compares evaluations on the same samples, and that page as a file."""

from typing import Any

from tornado.web import HTTPError

from frontend_bokeh.evaluation_file import answers_of, compared, file_of
from frontend_bokeh.evaluation_page import EVALUATIONS_SHOWN, Row, base_of
from frontend_bokeh.pages import Page
from frontend_bokeh.source import find_project
from frontend_bokeh.texts import in_script
from prevue.api import Api

MOST_COMPARED = 8  # as many lines are told apart
GROUPS = ("both", "only_a", "only_b", "neither")


class ComparePage(Page):
    """Evaluations side by side."""

    async def get(self, owner: str, name: str) -> None:
        """Show those that are asked for, the first against each of the others; of one, with what it can be compared."""
        asked = list(dict.fromkeys(self.get_query_arguments("of")))[:MOST_COMPARED]
        chosen, others = await self.ask(lambda api: _chosen(api, owner, name, asked))
        data = in_script({"base": base_of(self), "evaluations": chosen})
        shown = {"chosen": chosen, "others": others, "data": data, "most": MOST_COMPARED, "is_saved": False}
        title = f"Compare evaluations of {owner}/{name}"
        self.show("evaluation_compare.html", title=title, owner=owner, project=name, tab="evaluations", **shown)


class CompareFile(Page):
    """The same as one file that needs no server."""

    async def get(self, owner: str, name: str) -> None:
        """Answer with the file."""
        asked = list(dict.fromkeys(self.get_query_arguments("of")))[:MOST_COMPARED]
        chosen, _ = await self.ask(lambda api: _chosen(api, owner, name, asked))
        if len(chosen) < 2:
            raise HTTPError(404, "two evaluations are needed to compare them")
        kept = await self.ask(lambda api: _answers(api, chosen))
        data = {"base": "", "evaluations": chosen, "kept": kept}
        about = {"title": "Evaluations compared", "owner": owner, "project": name, "chosen": chosen}
        page = file_of("evaluation_compare_body.html", "evaluation/compare.js", data, **about)
        self.set_header("Content-Disposition", 'attachment; filename="evaluations-compared.html"')
        self.write(page)


def _chosen(api: Api, owner: str, name: str, asked: list[str]) -> tuple[list[Row], list[Row]]:
    """Return the evaluations that are asked for, and those of the project that the first can be compared with."""
    project_id = find_project(api, owner, name)
    if project_id is None:
        raise HTTPError(404, "there is no project %s/%s; a training's first log makes it", owner, name)
    found = [api.project_evaluations(project_id, evaluation_id=int(one)) for one in asked if one.isdecimal()]
    chosen = [rows[0] for rows in found if rows]
    every = api.project_evaluations(project_id, limit=EVALUATIONS_SHOWN)
    taken = {row["evaluation_id"] for row in chosen}
    return chosen, [row for row in every if row["evaluation_id"] not in taken and all(map(_like(row), chosen))]


def _like(row: Row) -> Any:
    """Return whether another evaluation is of the same task and classes."""
    return lambda other: (row["task"], row["labels"]) == (other["task"], other["labels"])


def _answers(api: Api, chosen: list[Row]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for row in chosen:
        kept |= answers_of(api, row, ("report", "curves"))
    first, *others = chosen
    groups: tuple[str, ...] = () if first["task"] == "regression" else GROUPS
    for other in others:
        for group in (None, *groups):
            kept |= compared(api, first, other, group)
    return kept
