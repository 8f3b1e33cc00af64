"""The page that compares runs: in what their configurations, results, models and environments differ."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tornado.web import HTTPError

from frontend_bokeh import architecture, columns, headlines, model_diff, texts
from frontend_bokeh.columns import end_of
from frontend_bokeh.headers import root
from frontend_bokeh.pages import Page
from frontend_bokeh.source import find_project, find_run
from frontend_bokeh.values import offered_fields
from prevue.api import Api, StoredRun
from prevue_core.contract import SYSTEM_SPLIT, decode_number

MAX_RUNS = 20  # side by side
USUAL_RUNS = 5  # the newest, where none are chosen
MISSING = "–"
CODE = ("git_commit", "git_dirty", "git_branch", "git_remote", "script", "command", "folder")


@dataclass(frozen=True)
class Row:
    """What runs have of one thing: a text each, and the places of the best where there is one."""

    name: str
    cells: list[str]
    best: frozenset[int] = frozenset()
    split: str = ""

    @property
    def differs(self) -> bool:
        """Whether the runs do not all have the same."""
        return len(set(self.cells)) > 1


class ComparePage(Page):
    """Some runs of a project side by side."""

    async def get(self, owner: str, name: str) -> None:
        """Show those that are asked for, or the newest."""
        project_id = await self.ask(lambda api: find_project(api, owner, name))
        if project_id is None:
            raise HTTPError(404, "there is no project %s/%s; a training's first log makes it", owner, name)
        asked = list(dict.fromkeys(self.get_query_arguments("run")))
        models = self.get_query_arguments("model")
        here = f"{root.get()}/p/{quote(owner, safe='')}/{quote(name, safe='')}"
        shown = await self.ask(lambda api: _shown(api, project_id, here, asked, models))
        shows_all = self.get_query_argument("all", None) == "1"
        title = f"Compare runs of {owner}/{name}"
        self.show(
            "compare.html", title=title, owner=owner, project=name, tab="compare", asked=asked, all=shows_all, **shown
        )


def _shown(api: Api, project_id: int, here: str, asked: list[str], models: list[str]) -> dict[str, Any]:
    """Return what the page shows of runs; `left_out`: how many of those asked for are not there, or too many.

    `models`: the ids of the two whose layers are compared, if not those of the first runs that have others.
    """
    known = api.run_fields(project_id)
    if asked:
        runs = [run for run_id in asked[:MAX_RUNS] if (run := find_run(api, project_id, run_id)) is not None]
    else:
        runs = api.runs(project_id=project_id, limit=USUAL_RUNS)
    environments = [{name: value for name, value in run.environment.items() if name != "packages"} for run in runs]
    code = [{name: one.pop(name) for name in CODE if name in one} for one in environments]
    packages = [run.environment.get("packages") or {} for run in runs]
    axes = [*columns.usual_configs(known), *columns.usual_metrics(known)[1::-1]]  # the one that says most comes last
    metrics = metric_rows([run.summary() for run in runs])
    plots = {"project": here, "fields": offered_fields(known), "usual": axes}
    return {
        "runs": runs,
        "left_out": max(0, len(asked) - len(runs)),
        "parts": {
            "Configuration": flat_rows(run.config for run in runs),
            "Metrics": [row for row in metrics if row.split != SYSTEM_SPLIT],
            "Run": _fact_rows(runs),
            "Machine": [row for row in metrics if row.split == SYSTEM_SPLIT],
            "Code": flat_rows(code),
            "Environment": flat_rows(environments),
            "Packages": flat_rows(packages),
        },
        "models": _models(api, runs, models),
        "plots": texts.in_script(plots),
    }


def _models(api: Api, runs: list[StoredRun], asked: list[str]) -> dict[str, Any] | None:
    """Return the models of runs, the `two` that are compared, and their layers in `pairs`; None: they share one."""
    users: dict[int, list[str]] = {}  # names of runs by model
    for run in runs:
        if run.model_id is not None:
            users.setdefault(run.model_id, []).append(run.run_name)
    if len(users) < 2:
        return None
    chosen = [model_id for model_id in users if str(model_id) in asked]
    two = [api.model(model_id) for model_id in [*chosen, *(one for one in users if one not in chosen)][:2]]
    described = [architecture.read(model["architecture"]) for model in two]
    return {
        "users": users,
        "two": [{**model, "described": one} for model, one in zip(two, described, strict=True)],
        "pairs": model_diff.pairs(*described),
    }


def flat_rows(documents: Iterable[dict[str, Any]]) -> list[Row]:
    """Return a row for each key that any of the documents has."""
    flat = [dict(texts.flat(document)) for document in documents]
    names = sorted(set().union(*flat))
    return [Row(name, [one.get(name, MISSING) for one in flat]) for name in names]


def metric_rows(summaries: list[list[dict[str, Any]]]) -> list[Row]:
    """Return rows of what each series came to at its best, of each run's first process, and which are best of all.

    The best of a loss is its lowest value, of a score the highest; of a learning rate, say, none is.
    """
    found = [_of_first_process(summary) for summary in summaries]
    rows = []
    for split, name in sorted(set().union(*found), key=lambda key: (key[1], key[0])):
        series = [one.get((split, name)) for one in found]
        is_loss = any(one["kind"] == "loss" for one in series if one)
        values = [one["low" if is_loss else "high"] if one else None for one in series]
        finite = [value for value in values if value is not None]
        is_result = len(set(finite)) > 1 and (is_loss or headlines.SCORES.match(name) is not None)
        top = (min if is_loss else max)(finite) if is_result else None
        best = frozenset(place for place, value in enumerate(values) if top is not None and value == top)
        rows.append(Row(f"{name} {'lowest' if is_loss else 'highest'}", list(map(texts.number, values)), best, split))
        last = [decode_number(one["last"]) if one else None for one in series]
        rows.append(Row(f"{name} last", list(map(texts.number, last)), split=split))
    return rows


def _of_first_process(summary: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    first = min((one["rank"] for one in summary), default=0)
    return {(one["split"], one["name"]): one for one in summary if one["rank"] == first}


def _fact_rows(runs: list[StoredRun]) -> list[Row]:
    facts: dict[str, Callable[[StoredRun], str]] = {
        "state": lambda run: run.state,
        "duration": lambda run: texts.duration(end_of(run) - run.started_at),
        "tags": lambda run: ", ".join(run.tags) or MISSING,
        "user": lambda run: run.user,
        "group": lambda run: run.run_group or MISSING,
        "notes": lambda run: run.notes or MISSING,
    }
    return [Row(name, [tell(run) for run in runs]) for name, tell in facts.items()]
