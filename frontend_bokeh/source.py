"""The backend as the dashboard sees it: a project's runs and series, over HTTP, in threads."""

from dataclasses import dataclass, field
from typing import Any

from prevue.api import Api, Series, StoredRun

RUNS_SHOWN = 200  # the newest of a project
NAMES_A_REQUEST = 40  # keeps the address of a request short


@dataclass
class RunState:
    """A run as it was last heard of."""

    number: int
    run: StoredRun
    series: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)  # (split, name): its sums

    @property
    def is_live(self) -> bool:
        """Whether more may come."""
        return self.run.state == "running"

    def changed(self, run: StoredRun) -> bool:
        """Return whether a newer look at the run shows anything new."""
        return run.state != self.run.state or run.heard_at != self.run.heard_at


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

    def runs(self) -> list[StoredRun]:
        """Return the newest runs, those that started last first."""
        return self._api.runs(project_id=self._project_id, limit=RUNS_SHOWN)

    def sums(self, run: StoredRun) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the sums of the run's series, of its first process."""
        return {(item["split"], item["name"]): item for item in run.summary() if item["rank"] == 0}

    def series(
        self,
        run_ids: list[str],
        keys: set[tuple[str, str]],
        *,
        low_step: int | None = None,
        high_step: int | None = None,
        budget: int = 1_000,
    ) -> list[Series]:
        """Return those series of the runs that are in `keys`, of their first process."""
        names = sorted({name for _, name in keys})
        splits = sorted({split for split, _ in keys})
        found = []
        for begin in range(0, len(names), NAMES_A_REQUEST):
            part = self._api.series(
                run_ids,
                names[begin : begin + NAMES_A_REQUEST],
                splits,
                low_step=low_step,
                high_step=high_step,
                budget=budget,
            )
            found += [one for one in part if one.rank == 0 and (one.split, one.name) in keys]
        return found


def find_project(api: Api, owner: str, name: str) -> int | None:
    """Return the id of a project, or None."""
    found = api.projects(user=owner, name=name)
    return found[0].project_id if found else None
