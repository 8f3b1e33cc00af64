"""The backend as the dashboard sees it: a project's runs and series, over HTTP, in threads."""

import json
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from frontend_bokeh.blocks import COLUMNS
from prevue.api import Api, StoredRun
from prevue.series import Series
from prevue_core.contract import ARCHIVE
from prevue_core.errors import NotFound

RUNS_SHOWN = 200  # the newest of a project, and as many of those that a viewer looks for
RUNS_A_REQUEST = 100  # the backend takes no more
IDS_A_FILTER = 90  # it takes filters of 4,000 characters
EVENTS_A_REQUEST = 1_000
NAMES_A_REQUEST = 40  # keeps the address of a request short

Key = tuple[str, str]  # split and name of a series
Sums = dict[int, dict[Key, dict[str, Any]]]  # by rank and key: count, last_step, last


@dataclass
class RunState:
    """A run as it was last heard of."""

    number: int
    run: StoredRun
    series: Sums = field(default_factory=dict)
    logged: int = 0  # rows of its series

    @property
    def is_live(self) -> bool:
        """Whether more may come."""
        return self.run.state == "running"

    def changed(self, run: StoredRun) -> bool:
        """Return whether a newer look at the run shows anything new."""
        return run.heard_at != self.run.heard_at or self.looks_other(run)

    def looks_other(self, run: StoredRun) -> bool:
        """Return whether a newer look shows the run otherwise in a list: a name is changed long after it has ended."""
        return (run.state, run.run_name, run.tags) != (self.run.state, self.run.run_name, self.run.tags)


class Source:
    """Reads one project for one viewer, whose `session` the backend is asked with (empty: open mode).

    Its calls block: call them in a thread, one at a time.
    """

    def __init__(self, url: str, project_id: int, session: str) -> None:
        self._api = Api(url, token=session)
        self._project_id = project_id

    def check(self) -> None:
        """Ask whether the viewer may see the project. Raises NotLoggedIn, or NotFound where not."""
        self._api.project(self._project_id)

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def runs(self, more: Collection[str] = ()) -> list[StoredRun]:
        """Return the newest runs, those that started last first, and behind them the others of those in `more`."""
        runs = self._api.runs(project_id=self._project_id, limit=RUNS_SHOWN)
        return runs + runs_by_id(self._api, self._project_id, set(more) - {run.run_id for run in runs})

    def find(self, text: str, chosen: Sequence[str] = ()) -> list[str]:
        """Return the ids of runs that meet a filter, of many the newest. Raises Refused for what is none.

        `chosen`: parts of ids; then of those runs, also archived ones, and the filter may be empty.
        """
        more = f" and ({text})" if text else ""

        def filter_of(texts: list[str]) -> str:
            return f"({' or '.join(f'id ~ {one}' for one in texts)}){more}"

        if chosen:
            found = _named(self._api, self._project_id, chosen, filter_of)
        else:
            found = self._api.runs(project_id=self._project_id, filter=text, limit=RUNS_SHOWN)
        return [run.run_id for run in found]

    def events(self, run_ids: list[str]) -> list[dict[str, Any]]:
        """Return what is marked on the curves of runs: of each hundred of them the latest thousand."""
        parts = _parts(run_ids, RUNS_A_REQUEST)
        return [event for some in parts for event in self._api.events(some, limit=EVENTS_A_REQUEST)]

    def news(
        self, cursors: dict[str, list[str]], logged: dict[str, int], budget: int
    ) -> tuple[dict[str, tuple[int, Sums]], list[Series]]:
        """Return what is new of the runs in `cursors`, which has those of the series that are held.

        Of each run that has more than `logged` rows: how many, and the sums of its series. Then what is to take its
        place in the series.
        """
        sums: dict[str, tuple[int, Sums]] = {}
        series: list[Series] = []
        for run_ids in _parts(list(cursors), RUNS_A_REQUEST):
            known = {run_id: cursors[run_id] for run_id in run_ids}
            news = self._api.news(known, [], logged=logged, budget=budget, columns=COLUMNS)
            sums |= {run_id: (columns["logged"], _sums(columns)) for run_id, columns in news.runs.items()}
            series += news.series
        return sums, series

    def series(
        self,
        run_ids: list[str],
        keys: set[Key],
        ranks: list[int],
        *,
        low_step: int | None = None,
        high_step: int | None = None,
        budget: int = 1_000,
    ) -> list[Series]:
        """Return those series of the runs that are in `keys`, of the processes in `ranks`."""
        names = sorted({name for _, name in keys})
        splits = sorted({split for split, _ in keys})
        found: list[Series] = []
        for runs, some in product(_parts(run_ids, RUNS_A_REQUEST), _parts(names, NAMES_A_REQUEST)):
            asked: dict[str, Any] = {"low_step": low_step, "high_step": high_step, "budget": budget}
            part = self._api.series(runs, some, splits, ranks=ranks, **asked, columns=COLUMNS)
            found += [one for one in part if (one.split, one.name) in keys]
        return found


def _parts(items: list[str], size: int) -> list[list[str]]:
    return [items[begin : begin + size] for begin in range(0, len(items), size)]


def _sums(columns: dict[str, Any]) -> Sums:
    names = ("rank", "split", "name", "count", "last_step", "last")
    rows = zip(*(columns[name] for name in names), strict=True)
    sums: Sums = {}
    for rank, split, name, count, last_step, last in rows:
        sums.setdefault(rank, {})[split, name] = {"count": count, "last_step": last_step, "last": last}
    return sums


def find_project(api: Api, owner: str, name: str) -> int | None:
    """Return the id of a project, or None."""
    found = api.projects(user=owner, name=name)
    return found[0].project_id if found else None


def runs_by_id(api: Api, project_id: int, run_ids: Collection[str], summaries: Sequence[str] = ()) -> list[StoredRun]:
    """Return those runs of a project that are there, also archived ones; ids may be any texts.

    `summaries`: what series come to, to be loaded into the summaries of each run.
    """
    return _named(api, project_id, run_ids, lambda texts: f"id in ({', '.join(texts)})", summaries)


def _named(
    api: Api,
    project_id: int,
    names: Collection[str],
    filter_of: Callable[[list[str]], str],
    summaries: Sequence[str] = (),
) -> list[StoredRun]:
    """Return the runs that a filter of some names means, archived or not: who names a run wants it."""
    found = []
    for some in _parts(sorted(map(json.dumps, names)), IDS_A_FILTER):
        asked: dict[str, Any] = {"project_id": project_id, "filter": filter_of(some), "summaries": summaries}
        there = api.runs(**asked, limit=RUNS_A_REQUEST)
        found += there
        if len(there) < len(some):
            found += api.runs(**asked, limit=RUNS_A_REQUEST, shelf=ARCHIVE)
    return found


def find_run(api: Api, project_id: int, run_id: str) -> StoredRun | None:
    """Return a run of a project, or None; `run_id` may be any text."""
    try:
        run = api.run(str(uuid.UUID(run_id)))
    except (ValueError, NotFound):
        return None
    return run if run.project_id == project_id else None
