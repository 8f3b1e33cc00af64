"""Reading: projects, runs and series from a backend, for notebooks, scripts and the dashboard.

api = prevue.Api("http://localhost:8080")
run = next(iter(api.runs("digits")))
run.series(["loss"]).to_pandas()
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any

from prevue.config import client_settings
from prevue.transport import HttpTransport
from prevue_core.contract import decode_number

if TYPE_CHECKING:
    import pandas

PAGE = 1_000
MAX_BUDGET = 5_000  # points of a series in one answer


class Series:
    """One series of a run.

    `columns` has, by name, a list for each of `step`, `time`, `epoch`, `first`, `last`, `mean`, `low`, `high`, `count`
    and the counts of non-finite values; all have one length. With `exact`, each row is one logged value
    (`mean` = `low` = `high`, unless it is not finite; `last` has it in any case); otherwise a bucket of several.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.run_id: str = document["run_id"]
        self.rank: int = document["rank"]
        self.split: str = document["split"]
        self.name: str = document["name"]
        self.kind: str = document["kind"]
        self.exact: bool = document["exact"]
        self.count: int = document["count"]
        self.columns: dict[str, list[Any]] = dict(document["columns"])
        for name in ("first", "last"):
            self.columns[name] = [decode_number(value) for value in self.columns[name]]

    @property
    def steps(self) -> list[int]:
        """The steps, rising."""
        return self.columns["step"]

    @property
    def values(self) -> list[float]:
        """The value at each step: of a bucket, its last."""
        return self.columns["last"]

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return f"<Series {self.split}/{self.name}: {len(self)} rows of {self.count} points>"


class SeriesTable(Sequence[Series]):
    """Series as they were asked for; `columns` has them in one table."""

    def __init__(self, parts: list[Series]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: Any) -> Any:
        return self._parts[index]

    def __repr__(self) -> str:
        return f"<SeriesTable of {len(self)}: {', '.join(f'{part.split}/{part.name}' for part in self._parts[:5])}>"

    @property
    def columns(self) -> dict[str, list[Any]]:
        """One column for all series: `run_id`, `rank`, `split` and `name` say which a row belongs to."""
        table: dict[str, list[Any]] = {name: [] for name in ("run_id", "rank", "split", "name")}
        for part in self._parts:
            for name in tuple(table)[:4]:
                table[name] += [getattr(part, name)] * len(part)
            for name, values in part.columns.items():
                table.setdefault(name, []).extend(values)
        return table

    def to_pandas(self) -> "pandas.DataFrame":
        """Return `columns` as a data frame, `time` as UTC timestamps. Raises ImportError without pandas."""
        try:
            import pandas  # an extra of the caller's: the client stays light
        except ImportError:
            raise ImportError("to_pandas() needs pandas: pip install pandas") from None
        frame = pandas.DataFrame(self.columns)
        if "time" in frame:
            frame["time"] = pandas.to_datetime(frame["time"], unit="s", utc=True)
        return frame


@dataclass(frozen=True)
class Project:
    """A project as the backend has it."""

    project_id: int
    project_name: str
    user: str
    model_id: int | None
    created_at: float  # UNIX seconds


@dataclass(frozen=True)
class StoredRun:
    """A run as the backend has it."""

    run_id: str
    run_name: str
    project_name: str
    user: str
    model_id: int | None
    state: str  # running, lost, finished or failed
    config: dict[str, Any]
    environment: dict[str, Any]
    tags: list[str]
    notes: str
    run_group: str | None
    started_at: float  # UNIX seconds
    heard_at: float
    finished_at: float | None
    _api: "Api" = field(repr=False, compare=False)

    def series(
        self,
        names: Sequence[str] | None = None,
        splits: Sequence[str] | None = None,
        *,
        low_step: int | None = None,
        high_step: int | None = None,
        budget: int = MAX_BUDGET,
    ) -> SeriesTable:
        """Return series by name and split (None: all), from `low_step` to `high_step`, both included.

        A series with more than `budget` (1 to 5000) points in the range comes as buckets; its `exact` is False then.
        """
        return self._api.series([self.run_id], names, splits, low_step=low_step, high_step=high_step, budget=budget)

    def summary(self) -> list[dict[str, Any]]:
        """Return the count, first, last, lowest and highest value of each series."""
        items: list[dict[str, Any]] = self._api._get(f"/api/v1/runs/{self.run_id}/series")["items"]
        return items

    def model(self) -> dict[str, Any] | None:
        """Return the run's model with its architecture, or None where none was described."""
        return None if self.model_id is None else self._api.model(self.model_id)


class Api:
    """A backend to read from.

    `url` and `token` come from PREVUE_URL and PREVUE_TOKEN where they are not given, the token also from
    `prevue login`; with an empty `token` none is sent. The backend's log names what is asked by `request_id`, 8 to 64
    letters, digits and hyphens, or else each request by a name of its own.

    Raises Unreachable where nobody answers, NotLoggedIn where a token is missing or not good, NotFound where the
    backend does not know the object, and Refused for every other error that it answers with; all are ApiError.
    It may be used in a `with`, which closes its connection.
    """

    def __init__(self, url: str | None = None, token: str | None = None, *, request_id: str | None = None) -> None:
        settings = client_settings(url=url, token=token)
        self.url = settings.url
        self._transport = HttpTransport(settings.url, settings.bearer, request_id)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def __enter__(self) -> "Api":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def identity(self) -> dict[str, Any]:
        """Return who asks: `mode` (open or auth), `user` (None: nobody), `is_admin`, `scopes`, `is_on_network`."""
        return self._get("/api/v1/identity")

    def log_in(self, username: str, password: str, *, address: str | None = None) -> dict[str, Any]:
        """Return a new `session`, which may be given as `token`, with `username`, `is_admin` and `expires_at`.

        `address`: of the user for whom a server logs in, so that not all users share the server's attempts; the backend
        believes it where it trusts proxies. Raises NotLoggedIn where name or password are wrong, Refused where one has
        to wait or the backend is open.
        """
        document = {"username": username, "password": password}
        return self._transport.post("/api/v1/sessions", document, _forwarded(address))

    def log_in_with_code(
        self, code: str, username: str | None, password: str, *, address: str | None = None
    ) -> dict[str, Any]:
        """Set a password with a one-time code and return a new session, as `log_in` does.

        The first admin chooses a `username`; others may leave it out.
        """
        document = {"code": code, "username": username, "password": password}
        return self._transport.post("/api/v1/sessions/with-code", document, _forwarded(address))

    def log_out(self) -> None:
        """End the session that was given as `token`."""
        self._transport.delete("/api/v1/sessions/current")

    def projects(self, user: str | None = None, name: str | None = None) -> list[Project]:
        """Return projects, of one user or of all, the newest first."""
        return [_project(item) for item in self._items("/api/v1/projects", {"user": user, "name": name})]

    def project(self, project_id: int) -> Project:
        """Return one project. Raises NotFound."""
        return _project(self._get(f"/api/v1/projects/{project_id}"))

    def runs(
        self,
        project: str | None = None,
        user: str | None = None,
        *,
        project_id: int | None = None,
        limit: int | None = None,
    ) -> list[StoredRun]:
        """Return runs, of one project or of all, at most `limit`; those that started last come first."""
        params = {"project_name": project, "user": user, "project_id": project_id}
        return [self._run(item) for item in islice(self._items("/api/v1/runs", params, limit), limit)]

    def run(self, run_id: str) -> StoredRun:
        """Return one run. Raises NotFound."""
        return self._run(self._get(f"/api/v1/runs/{run_id}"))

    def model(self, model_id: int) -> dict[str, Any]:
        """Return one model with its architecture. Raises NotFound."""
        return self._get(f"/api/v1/models/{model_id}")

    def series(
        self,
        run_ids: Sequence[str],
        names: Sequence[str] | None = None,
        splits: Sequence[str] | None = None,
        *,
        low_step: int | None = None,
        high_step: int | None = None,
        budget: int = MAX_BUDGET,
    ) -> SeriesTable:
        """Return series of several runs in one request; see `StoredRun.series`."""
        asked = {"run_id": list(run_ids), "name": names, "split": splits}
        document = self._get(
            "/api/v1/series", {**asked, "low_step": low_step, "high_step": high_step, "budget": budget}
        )
        return SeriesTable([Series(part) for part in document["series"]])

    def _run(self, item: Mapping[str, Any]) -> StoredRun:
        names = (name for name in StoredRun.__dataclass_fields__ if name != "_api")
        return StoredRun(**{name: item[name] for name in names}, _api=self)

    def _items(self, path: str, params: dict[str, Any], limit: int | None = None) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            page = self._get(path, {**params, "limit": min(PAGE, limit or PAGE), "cursor": cursor})
            yield from page["items"]
            if (cursor := page["next"]) is None:
                return

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self._transport.get(path, {name: value for name, value in (params or {}).items() if value is not None})


def _project(item: Mapping[str, Any]) -> Project:
    return Project(**{name: item[name] for name in Project.__dataclass_fields__})


def _forwarded(address: str | None) -> dict[str, str] | None:
    return None if address is None else {"X-Forwarded-For": address}
