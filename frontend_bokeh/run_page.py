"""The page of a run: how it stands, what it came to, how it was begun, and whether all of it has arrived."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tornado.web import HTTPError

from frontend_bokeh import texts
from frontend_bokeh.columns import end_of
from frontend_bokeh.evaluation_file import findings
from frontend_bokeh.pages import Page
from frontend_bokeh.source import find_project, find_run
from prevue.api import Api, StoredRun
from prevue_core.contract import ALERT, FAILED, RUNNING, SYSTEM_SPLIT, decode_number
from prevue_core.errors import Refused, Unreachable

ROWS_SHOWN = 500  # series of a rank, and processes
EVENTS_SHOWN = 100  # the latest
EVALUATIONS_SHOWN = 100  # the latest
ALERTS_SHOWN = 3  # above all else, the latest
# What is told of where a run ran, in this order; further keys follow by their own names.
FACTS = {
    "command": "Command",
    "script": "Script",
    "folder": "Folder",
    "git_commit": "Git commit",
    "git_branch": "Git branch",
    "git_remote": "Git remote",
    "python": "Python",
    "platform": "Platform",
    "cpus": "CPUs",
    "gpus": "GPUs",
    "connector_name": "Connector",
}
_ELSEWHERE = {"packages", "exception", "exit_code", "git_dirty"}  # keys that stand in places of their own


@dataclass(frozen=True)
class Delivery:
    """What the server has of a run's records, of all its processes and of each."""

    writers: list[dict[str, Any]]

    def total(self, name: str) -> int:
        """Return the sum of `stored`, `missing` or `rejected`."""
        return sum(writer[name] for writer in self.writers)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known to be missing."""
        return not self.total("missing") and not self.total("rejected")


class RunPart(Page):
    """A part of what there is to see of a run; each has a tab below the run's name."""

    async def found(
        self, owner: str, name: str, run_id: str, question: Callable[[Api, StoredRun], Any]
    ) -> tuple[StoredRun, Any]:
        """Return the run, and what `question` finds out about it. Raises HTTPError where there is no such run."""

        def answer(api: Api) -> tuple[StoredRun, Any] | None:
            project_id = find_project(api, owner, name)
            run = None if project_id is None else find_run(api, project_id, run_id)
            return None if run is None else (run, question(api, run))

        found = await self.ask(answer)
        if found is None:
            raise HTTPError(404, "there is no run %s in project %s/%s; it may have been deleted", run_id, owner, name)
        run, told = found
        return run, told

    def show_part(self, template: str, run: StoredRun, owner: str, name: str, **values: Any) -> None:
        """Answer with a page below the run's name."""
        shared = {"owner": owner, "project": name, "tab": "run", "texts": texts, "run": run}
        self.show(template, title=run.run_name, **shared, **values)


class RunPage(RunPart):
    """How a run stands, and all that it came to in numbers."""

    async def get(self, owner: str, name: str, run_id: str) -> None:
        """Show the run; the page's script asks again and again while there may be news."""
        rank = self.get_query_argument("rank", None)
        run, shown = await self.found(owner, name, run_id, lambda api, run: _shown(api, run, rank))
        self.show_part("run.html", run, owner, name, part="overview", **shown)


def _shown(api: Api, run: StoredRun, rank: str | None) -> dict[str, Any]:
    """Return what the page shows, of metrics those of one rank."""
    series, events = run.summary(), api.events([run.run_id], limit=EVENTS_SHOWN)
    ranks = sorted({one["rank"] for one in series})
    chosen = next((one for one in ranks if str(one) == rank), ranks[0] if ranks else 0)
    metrics = sorted((_sums(one) for one in series if one["rank"] == chosen), key=lambda one: one["key"])
    return {
        "model": run.model(),
        "duration": texts.duration(end_of(run) - run.started_at),
        "delivery": Delivery(sorted(run.writers(), key=lambda one: (one["rank"], one["started_at"]))),
        "alerts": api.events([run.run_id], [ALERT], limit=ALERTS_SHOWN),
        "findings": [] if run.state == RUNNING else training_findings(api, run),
        "events": events,
        "evaluations": api.evaluations(run.run_id, limit=EVALUATIONS_SHOWN),
        "metrics": metrics,
        "ranks": ranks,
        "rank": chosen,
        "steps": max((one["last_step"] for one in series if one["split"] != SYSTEM_SPLIT), default=None),
        "config": list(texts.flat(run.config)),
        "facts": _facts(run.environment),
        "failure": _failure(run.environment, events),
        "packages": _object(run.environment.get("packages")),
        "rows_shown": ROWS_SHOWN,
    }


def training_findings(api: Api, run: StoredRun) -> list[dict[str, Any]] | None:
    """Return what method checks have found in the training; None: that cannot be had, all else can."""
    try:
        return findings(api, run.run_id)["found"]
    except (Refused, Unreachable):
        return None


def _sums(series: dict[str, Any]) -> dict[str, Any]:
    """Return what the table of metrics shows of a series."""
    values = {name: series[name] for name in ("first", "last", "low", "high")}
    numbers = {name: None if value is None else decode_number(value) for name, value in values.items()}
    odd = {"NaN": series["nan_count"], "∞": series["inf_count"], "−∞": series["ninf_count"]}
    return {
        **series,
        **numbers,
        "key": (series["name"], series["split"]),
        "odd": [f"{texts.count(count)} {what}" for what, count in odd.items() if count],
    }


def _facts(environment: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what is told of where a run ran, by the words of the page."""
    facts = []
    for name in (*FACTS, *sorted(environment.keys() - FACTS.keys() - _ELSEWHERE)):
        if (value := environment.get(name)) is not None:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            if name == "git_commit" and environment.get("git_dirty"):
                text += ", with changes that are not committed"
            facts.append((FACTS.get(name, name), text))
    return facts


def _failure(environment: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how a run ended badly: `type`, `message`, `where`, `rank` and `exit_code`, as far as they are told."""
    said = next((one["text"] for one in events if one["kind"] == FAILED), "")  # `finish("failed", message=...)`
    told = _object(environment.get("exception")) or {"message": said}
    code = environment.get("exit_code")
    return {**told, **({"exit_code": code} if code is not None else {})}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
