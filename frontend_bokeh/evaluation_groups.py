"""The page that compares two groups of runs that differ in their seeds: a better recipe or chance? Also as a file."""

from typing import Any

from tornado.web import HTTPError

from frontend_bokeh.evaluation_file import file_of
from frontend_bokeh.evaluation_page import EVALUATIONS_SHOWN, Answer, Row, base_of
from frontend_bokeh.pages import Page
from frontend_bokeh.source import find_project
from frontend_bokeh.texts import in_script
from prevue.api import Api

CHOSEN = ("a", "b", "name", "split")  # in the address


class GroupsPage(Page):
    """Two groups side by side."""

    async def get(self, owner: str, name: str) -> None:
        """Show what there is to choose; the script asks how those in the address differ."""
        choices = await self.ask(lambda api: _choices(api, owner, name))
        asked = {key: self.get_query_argument(key) for key in CHOSEN if key in self.request.query_arguments}
        is_whole = len(asked) == len(CHOSEN)
        data = in_script({"base": base_of(self), "asked": asked if is_whole else None})
        title = f"Compare groups of runs of {owner}/{name}"
        shown: Row = {"choices": choices, "asked": asked, "data": data, "is_whole": is_whole, "is_saved": False}
        self.show("evaluation_groups.html", title=title, owner=owner, project=name, tab="evaluations", **shown)


class GroupsAnswer(Answer):
    """How two groups differ, for the page's script."""

    async def get(self, owner: str, name: str) -> None:
        """Answer as the backend does."""
        self.write({"answer": await self.ask(lambda api: _compared(api, owner, name, _asked(self)))})


class GroupsFile(Page):
    """The page as one file that needs no server."""

    async def get(self, owner: str, name: str) -> None:
        """Answer with the file."""
        asked = _asked(self)
        kept = await self.ask(lambda api: _compared(api, owner, name, asked))
        about = {"title": "Groups of runs compared", "owner": owner, "project": name, "asked": asked}
        data = {"base": "", "asked": asked, "kept": kept}
        page = file_of("evaluation_groups_body.html", "evaluation/groups.js", data, **about)
        self.set_header("Content-Disposition", 'attachment; filename="groups-compared.html"')
        self.write(page)


def _asked(page: Page) -> Row:
    return {key: page.get_query_argument(key) for key in CHOSEN}


def _compared(api: Api, owner: str, name: str, asked: Row) -> Row:
    return api.compare_groups(_project(api, owner, name), **asked)


def _choices(api: Api, owner: str, name: str) -> dict[str, Any]:
    """Return the groups of a project with their numbers of runs, and the names and splits of its tests."""
    project_id = _project(api, owner, name)
    groups = [(one["by"]["group"], one["count"]) for one in api.run_groups("group", project_id=project_id)]
    tests = api.project_evaluations(project_id, limit=EVALUATIONS_SHOWN)
    named = {key: list(dict.fromkeys(test[key] for test in tests)) for key in ("name", "split")}
    return {"groups": [one for one in groups if one[0] is not None], **named}


def _project(api: Api, owner: str, name: str) -> int:
    project_id = find_project(api, owner, name)
    if project_id is None:
        raise HTTPError(404, "there is no project %s/%s; a training's first log makes it", owner, name)
    return project_id
