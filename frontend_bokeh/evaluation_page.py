"""The pages of evaluations: a project's list, one with all its views, and what their scripts ask for."""

import json
import math
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from tornado.web import HTTPError

from frontend_bokeh.evaluation_file import answers_of, file_of, findings
from frontend_bokeh.headers import root
from frontend_bokeh.pages import Page
from frontend_bokeh.source import find_project
from frontend_bokeh.texts import in_script
from prevue.api import Api

EVALUATIONS_SHOWN = 500  # the newest of a project
STEPS_SHOWN = 1_000


def compare(api: Api, run_id: str, evaluation_id: int, *, b: int = 0, run_b: str = "", group: str | None = None) -> Any:
    """Return how an evaluation differs from another, `b` of the run `run_b`. The backend says what is wrong."""
    return api.compare_evaluations((run_id, evaluation_id), (run_b, b), group=group)


def finite(text: str) -> float:
    """Return a number that JSON can hold. Raises ValueError."""
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


# What a script may ask for of an evaluation, and what it may say with it.
ANSWERS: dict[str, tuple[Callable[..., Any], set[str]]] = {
    "report": (Api.report, {"label"}),
    "curves": (Api.curves, set()),
    "intervals": (Api.intervals, set()),
    "slices": (Api.slices, set()),
    "columns": (Api.sample_columns, set()),
    "checks": (findings, set()),
    "samples": (
        Api.samples,
        {"order", "limit", "offset", "target", "prediction", "is_wrong", "slice_name", "slice_value"}
        | {"by", "low", "high"},
    ),
    "compare": (compare, {"b", "run_b", "group"}),
}

# What the address of the page keeps, see `choice.js`.
_CHOICE: dict[str, Callable[[str], Any]] = {
    "label": int,
    "threshold": finite,
    "order": str,
    "norm": str,
    "filter": json.loads,
}

Row = dict[str, Any]


class EvaluationsPage(Page):
    """The evaluations of a project."""

    async def get(self, owner: str, name: str) -> None:
        """List them, those that came last first, of a test that was repeated the last step only."""
        rows = await self.ask(lambda api: _of_project(api, owner, name))
        title = f"Evaluations of {owner}/{name}"
        shown = {"rows": last_steps(rows), "count": len(rows), "is_all": len(rows) < EVALUATIONS_SHOWN}
        self.show("evaluations.html", title=title, owner=owner, project=name, tab="evaluations", **shown)


class EvaluationPage(Page):
    """One evaluation."""

    async def get(self, owner: str, name: str, evaluation_id: str) -> None:
        """Show the page; its script asks for the rest."""
        evaluation, steps = await self.ask(lambda api: found(api, owner, name, evaluation_id))
        data = in_script({"base": base_of(self), "evaluation": evaluation, "steps": steps})
        about = {"title": _title(evaluation), "evaluation": evaluation, "data": data, "first": _first(self, evaluation)}
        place = {"owner": owner, "project": name, "tab": "evaluations"}
        self.show("evaluation.html", **place, is_saved=False, has_steps=len(steps) > 1, **about)


class AskedPage(Page):
    """What takes arguments that it has to understand."""

    def read(self, name: str, kind: Callable[[str], Any]) -> Any:
        """Return an argument of the address as `kind` makes it of the text."""
        text = self.get_query_argument(name)
        try:
            return kind(text)
        except (ValueError, RecursionError):
            raise HTTPError(400, "%s %r is not understood", name, text) from None


class EvaluationFile(AskedPage):
    """An evaluation as one file that needs no server."""

    async def get(self, owner: str, name: str, evaluation_id: str) -> None:
        """Answer with the file; what is chosen in the page's address is chosen in it."""
        choice = {key: self.read(key, kind) for key, kind in _CHOICE.items() if key in self.request.query_arguments}
        evaluation, _ = await self.ask(lambda api: found(api, owner, name, evaluation_id))
        kept = await self.ask(lambda api: answers_of(api, evaluation, label=choice.get("label")))
        data = {"base": "", "evaluation": evaluation, "steps": [], "kept": kept, "choice": choice}
        about = {"title": _title(evaluation), "owner": owner, "project": name, "evaluation": evaluation}
        self.set_header("Content-Disposition", f'attachment; filename="evaluation-{evaluation_id}.html"')
        self.write(file_of("evaluation_body.html", "evaluation/main.js", data, **about))


class Answer(AskedPage):
    """What a page's script asks for."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with what is wrong, for a script."""
        error = kwargs.get("exc_info", (None, None))[1]
        told = error.log_message % error.args if isinstance(error, HTTPError) and error.log_message else self._reason
        self.finish({"error": told})


class EvaluationAnswer(Answer):
    """What the script of an evaluation's page asks for."""

    async def get(self, owner: str, name: str, evaluation_id: str, what: str) -> None:
        """Answer as the backend does."""
        ask, known = ANSWERS[what]
        asked = {key: self.get_query_argument(key) for key in self.request.query_arguments if key in known}
        run_id = str(self.read("run", uuid.UUID))
        self.write({"answer": await self.ask(lambda api: ask(api, run_id, int(evaluation_id), **asked))})


def found(api: Api, owner: str, name: str, evaluation_id: str) -> tuple[Row, list[Row]]:
    """Return an evaluation of a project, and those of the same test at all steps of its run, in their order."""
    project_id = find_project(api, owner, name)
    rows = [] if project_id is None else api.project_evaluations(project_id, evaluation_id=int(evaluation_id))
    if not rows:
        raise HTTPError(404, "there is no evaluation %s in project %s/%s", evaluation_id, owner, name)
    row = rows[0]
    if row["step"] is None:
        return row, []
    same = api.evaluations(row["run_id"], name=row["name"], split=row["split"], limit=STEPS_SHOWN)
    steps = [
        {**one, "run_name": row["run_name"]} for one in same if one["step"] is not None and one["task"] == row["task"]
    ]
    return row, sorted(steps, key=lambda one: one["step"])


def last_steps(rows: list[Row]) -> list[Row]:
    """Return the evaluations, of a test that a run repeated the one of the highest step, each with its `step_count`."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        alone = row["evaluation_id"] if row["step"] is None else None
        key = (row["run_id"], row["name"], row["split"], row["task"], alone)
        other = found.get(key, {"step_count": 0, **row})
        found[key] = {**max(other, row, key=lambda one: one["step"] or 0), "step_count": other["step_count"] + 1}
    return list(found.values())


def base_of(page: Page) -> str:
    """Return the address below which a project's evaluations are."""
    return root.get() + page.request.path.partition("/evaluations")[0] + "/evaluations"


def _first(page: Page, evaluation: Row) -> str:
    """Return the address of what the page's script waits for, which the browser asks for while it reads the script."""
    label = page.get_query_argument("label", str(evaluation["positive"] or 0))
    asked = {} if evaluation["task"] == "regression" else {"label": label}
    return f"{base_of(page)}/{evaluation['evaluation_id']}/report?{urlencode({**asked, 'run': evaluation['run_id']})}"


def _title(evaluation: Row) -> str:
    return f"{evaluation['name']} of {evaluation['run_name']}"


def _of_project(api: Api, owner: str, name: str) -> list[Row]:
    project_id = find_project(api, owner, name)
    if project_id is None:
        raise HTTPError(404, "there is no project %s/%s; a training's first log makes it", owner, name)
    return api.project_evaluations(project_id, limit=EVALUATIONS_SHOWN)
