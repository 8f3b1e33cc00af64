"""Pages and files: plain HTML with scripts of our own, which run under `script-src 'self'`."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.web import Finish, HTTPError, RequestHandler

from frontend_bokeh import architecture, texts, weights
from frontend_bokeh.assets import asset, bokeh_js, modules
from frontend_bokeh.auth import Gate, Visitor
from frontend_bokeh.figures import curves, graph
from frontend_bokeh.headers import guard_file, guard_page, let_frame, request_id, root
from frontend_bokeh.source import RUNS_SHOWN, find_project, find_run, runs_by_id
from prevue.api import Api, StoredRun
from prevue_core.errors import ApiError, NotFound, NotLoggedIn, Refused

FOLDER = Path(__file__).parent
MAX_GROUP_CHARS = 60  # of a value by which runs are grouped
MODELS_SHOWN = 50  # of a project, those of the newest runs
TOKEN_LIFE_S = 14 * 24 * 3600  # a page may stay open for days, and reconnect with the token that it has

log = logging.getLogger("prevue.dashboard")

_templates = jinja2.Environment(loader=jinja2.FileSystemLoader(FOLDER / "templates"), autoescape=True)
_templates.filters["segment"] = partial(quote, safe="")  # of a path: a user's name may have a slash


class Page(RequestHandler):
    """What all pages share: the gate, the backend, templates, headers, an error page."""

    visitor: Visitor | None = None  # who looks; None: somebody who has not logged in
    _reference: str | None = None  # of a mistake, in the log

    def initialize(self, gate: Gate) -> None:
        """Take what the server was started with."""
        self.gate = gate

    def set_default_headers(self) -> None:
        """Set what keeps strangers' scripts away."""
        guard_page(self)

    async def prepare(self) -> None:
        """Let nobody in who has to log in first."""
        self.visitor = await self.gate.visitor(self.request)
        if self.visitor is None:
            self._to_login()

    def show(self, template: str, **values: Any) -> None:
        """Answer with a page."""
        form_key = self.gate.form_key(self.visitor.session) if self.visitor else ""
        shared = {"backend": self.gate.url, "visitor": self.visitor, "form_key": form_key}
        self.write(rendered(template, **shared, **values))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with what is wrong and how to go on."""
        error = kwargs.get("exc_info", (None, None))[1]
        reason = error.log_message % error.args if isinstance(error, HTTPError) and error.log_message else None
        more = {"reference": self._reference} if self._reference else {}
        self.show("error.html", title=f"Error {status_code}", status=status_code, reason=reason or self._reason, **more)

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """Note a mistake of ours under a reference that its page shows."""
        if isinstance(error, HTTPError):
            super().log_exception(kind, error, trace)
        else:
            self._reference = request_id.get()
            log.error("request %s failed", self._reference, exc_info=(kind, error, trace))

    async def ask(self, question: Callable[[Api], Any]) -> Any:
        """Return what `question` finds out for the visitor, in a thread; failures of the backend become pages."""
        session = self.visitor.session if self.visitor else ""
        try:
            return await self.gate.ask(session, question)
        except NotLoggedIn:  # since the page was begun
            self._to_login()
            raise Finish from None
        except NotFound as error:
            raise HTTPError(404, "%s", error) from error
        except Refused as error:  # the visitor's right to do it, say
            raise HTTPError(error.status or 503, "%s", error.detail or error) from error
        except ApiError as error:
            raise HTTPError(503, "%s", error) from error

    def _to_login(self) -> None:
        self.redirect(f"{root.get()}/login?next={quote(self.request.uri or '/', safe='')}")

    def token(self, project_id: int, owner: str, name: str) -> str:
        """Return what lets the page's script open its session, in the browser that got the page."""
        reference = self.gate.reference(self.visitor.session) if self.visitor else ""
        return generate_jwt_token(
            generate_session_id(self.gate.secret_key, True),
            secret_key=self.gate.secret_key,
            signed=True,
            extra_payload={"u": reference, "project_id": project_id, "owner": owner, "name": name},
            expiration=TOKEN_LIFE_S,
        )


class ProjectsPage(Page):
    """All projects."""

    async def get(self) -> None:
        """List them with their runs' states."""
        projects = await self.ask(_with_runs)
        self.show("projects.html", title="Projects", projects=projects)


class ChecksPage(Page):
    """What method checks there are."""

    async def get(self) -> None:
        """Tell of each when it speaks, and what to do then; its code is an anchor."""
        self.show("checks.html", title="Method checks", checks=await self.ask(Api.known_checks))


class RunsPage(Page):
    """The curves of a project's runs."""

    is_embedded = False

    async def get(self, owner: str, name: str) -> None:
        """Show the page; its script fills it."""
        project_id = await self.ask(lambda api: find_project(api, owner, name))
        if project_id is None:
            raise HTTPError(404, "there is no project %s/%s; a training's first log makes it", owner, name)
        data = {"token": self.token(project_id, owner, name), "spec": curves.spec(), "owner": owner, "project": name}
        shown = {"owner": owner, "project": name, "tab": "runs", "is_embedded": self.is_embedded}
        self.show("runs.html", title=f"{owner}/{name}", data=texts.in_script(data), **shown)


class EmbeddedRunsPage(RunsPage):
    """The same without bar and list of runs, for a frame in a notebook: its address says which run."""

    is_embedded = True

    async def get(self, owner: str, name: str) -> None:
        """Show the page, also in a frame of who may."""
        let_frame(self, self.gate.may_frame(self.visitor))
        await super().get(owner, name)


class ConfigsPage(Page):
    """What a project's runs are configured with, for the page that groups them."""

    async def get(self, owner: str, name: str) -> None:
        """Tell it of the newest, or of those that are asked for, by dotted keys."""
        project_id = await self.ask(lambda api: find_project(api, owner, name))
        if project_id is None:
            raise HTTPError(404, "there is no project %s/%s", owner, name)
        if asked := self.get_query_arguments("run")[:RUNS_SHOWN]:
            runs = await self.ask(lambda api: runs_by_id(api, project_id, asked))
        else:
            runs = await self.ask(lambda api: api.runs(project_id=project_id, limit=RUNS_SHOWN))
        told = {run.run_id: {key: text[:MAX_GROUP_CHARS] for key, text in texts.flat(run.config)} for run in runs}
        self.write({"runs": told})


class ModelPage(Page):
    """The models of a project's runs."""

    async def get(self, owner: str, name: str) -> None:
        """Show the layers of the asked model, or of the latest run's."""
        project_id = await self.ask(lambda api: find_project(api, owner, name))
        if project_id is None:
            raise HTTPError(404, "there is no project %s/%s; a training's first log makes it", owner, name)
        asked, run_id = (self.get_query_argument(name, None) for name in ("model", "run"))
        shown = await self.ask(lambda api: _shown_model(api, project_id, asked, run_id))
        self.show("model.html", title=f"Model of {owner}/{name}", owner=owner, project=name, tab="model", **shown)


class MissingPage(Page):
    """What no page is at."""

    async def prepare(self) -> None:
        """Tell so, whoever asks, and however."""
        raise HTTPError(404, "there is nothing at this address")


class Health(RequestHandler):
    """For probes, whether the process is alive: makes no session and asks nobody."""

    def set_default_headers(self) -> None:
        """Set what every answer has."""
        guard_file(self)

    def get(self) -> None:
        """Tell that the process is alive."""
        self.write({"status": "ok"})


class Readiness(Health):
    """For probes, whether more visitors may be sent. Without its backend a dashboard still says so on its pages."""

    def initialize(self, gate: Gate) -> None:
        """Take what the server was started with."""
        self._gate = gate

    def get(self) -> None:
        """Tell whether the server is about to stop."""
        if self._gate.is_closing:
            raise HTTPError(503, "the dashboard is about to stop")
        super().get()


def rendered(template: str, **values: Any) -> str:
    """Return a page as text."""
    return _templates.get_template(template).render(root=root.get(), bokeh_js=bokeh_js(), **values)


def _with_runs(api: Api) -> list[dict[str, Any]]:
    """Return the projects with their newest runs, those first in which a run began last."""
    found = []
    for project in api.projects():
        runs = api.runs(project_id=project.project_id, limit=50)
        found.append({"project": project, "runs": runs, "running": sum(run.state == "running" for run in runs)})
    return sorted(found, key=lambda one: one["runs"][0].started_at if one["runs"] else 0, reverse=True)


def _shown_model(api: Api, project_id: int, asked: str | None, run_id: str | None) -> dict[str, Any]:
    """Return what the page of a model, or of a run's, shows; in a thread, as a big graph takes a while to lay out."""
    runs: dict[int, list[StoredRun]] = {}  # by model, the newest first
    for run in api.runs(project_id=project_id, limit=200):
        if run.model_id is not None:
            runs.setdefault(run.model_id, []).append(run)
    runs = dict(list(runs.items())[:MODELS_SHOWN])
    asked_run = find_run(api, project_id, run_id) if run_id else None
    if asked_run and asked_run.model_id is not None:  # it may be older than those of the list
        asked = str(asked_run.model_id)
        runs.setdefault(asked_run.model_id, [asked_run])
    models = [{**api.model(model_id), "runs": [run.run_name for run in own]} for model_id, own in runs.items()]
    model = next((one for one in models if str(one["model_id"]) == asked), models[0] if models else None)
    described = architecture.read(model["architecture"] if model else None)
    shown: dict[str, Any] = {"models": models, "model": model, "architecture": described, "data": None, "boxes": 0}
    shown_run = asked_run or (runs[model["model_id"]][0] if model else None)
    names = api.result_names(shown_run.run_id) if shown_run and described.layers else []
    logged = weights.by_layer([layer.name for layer in described.layers], names)
    shown |= {"shown_run": shown_run, "logged": logged}
    if described.layers and described.edges is not None:
        drawing = graph.drawing(described)
        data = {"layers": [asdict(layer) for layer in described.layers], "graph": drawing, "logged": logged}
        shown |= {"data": texts.in_script(data), "boxes": len(drawing["boxes"])}
    return shown


_templates.filters["pattern"] = texts.pattern
_templates.globals.update(asset=asset, modules=modules)
