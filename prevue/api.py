"""Reading: projects, runs, series, results and events from a backend, for notebooks, scripts and the dashboard.

api = prevue.Api("http://localhost:8080")
run = next(iter(api.runs("digits")))
run.series(["loss"]).to_pandas()
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from types import TracebackType
from typing import Any, NamedTuple

import orjson

from prevue.config import client_settings
from prevue.reading_checks import ReadsChecks
from prevue.reading_evaluations import ReadsEvaluations
from prevue.reading_results import ReadsResults
from prevue.series import MAX_BUDGET, News, Series, SeriesTable
from prevue.transport import HttpTransport
from prevue_core.contract import decode_number

PAGE = 1_000


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
    project_id: int
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
    archived_at: float | None
    _api: "Api" = field(repr=False, compare=False)
    color: int = 0  # what its colour is of: 0, 1, 2 ... in the order in which its project got runs
    summaries: dict[str, float | None] = field(default_factory=dict)  # those that `Api.runs` was asked for

    def series(
        self,
        names: Sequence[str] | None = None,
        splits: Sequence[str] | None = None,
        *,
        ranks: Sequence[int] | None = None,
        x: str = "step",
        x_name: str | None = None,
        x_split: str | None = None,
        low: float | None = None,
        high: float | None = None,
        low_step: int | None = None,
        high_step: int | None = None,
        budget: int = MAX_BUDGET,
        columns: Collection[str] | None = None,
    ) -> SeriesTable:
        """Return series by name, split and rank (None: all), from `low_step` to `high_step`, both included.

        A series with more than `budget` (1 to 5000) points in the range comes as buckets; its `exact` is False then.

        `x`: what they are drawn over, `step`, `epoch`, `relative` (seconds since the run began), `wall` (UNIX seconds)
        or `metric`, another one by `x_name` and `x_split` (None: the split of each series); `columns` then has `x`,
        and over a metric `x_low` and `x_high`: both series are cut to the same buckets. `low` and `high`: the range in
        units of `x`, from the first to the last step at which x lies in it; a metric has none. `columns`: those to
        load, as `Series` names them; None: all. Raises Refused for what does not fit together.
        """
        asked: dict[str, Any] = {"ranks": ranks, "x": x, "x_name": x_name, "x_split": x_split, "low": low, "high": high}
        asked |= {"low_step": low_step, "high_step": high_step, "budget": budget, "columns": columns}
        return self._api.series([self.run_id], names, splits, **asked)

    def points(
        self, names: Sequence[str] | None = None, splits: Sequence[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield every point by name and split (None: all), whatever their number, in order of rank, split and step.

        Each has the columns of the view `v_points`: `rank`, `split`, `name`, `kind`, `step`, `epoch`, `batch`, `value`,
        `timestamp` (UTC) and what the run is called. `pandas.DataFrame(run.points())` is all of them as a data frame.
        """
        for line in _lines(self._api.export_run(self.run_id, "jsonl", names=names, splits=splits)):
            point = orjson.loads(line)
            yield {
                **point,
                "value": decode_number(point["value"]),
                "timestamp": datetime.fromisoformat(point["timestamp"]),
            }

    def summary(self) -> list[dict[str, Any]]:
        """Return the count, first, last, lowest and highest value of each series."""
        items: list[dict[str, Any]] = self._api._get(f"/api/v1/runs/{self.run_id}/series")["items"]
        return items

    def writers(self) -> list[dict[str, Any]]:
        """Return the processes that logged into the run, those that began last first, and how much each came to.

        Each has `writer_id`, `rank`, `world_size` (how many ranks its launcher told of, or None), `host`, `pid`,
        `started_at`, `heard_at`, `last_step`, and how many of its records are `stored`, `missing` (they will never
        come) and `rejected` (they could not be accepted).
        """
        return list(self._api._items(f"/api/v1/runs/{self.run_id}/writers", {}))

    def model(self) -> dict[str, Any] | None:
        """Return the run's model with its architecture, or None where none was described."""
        return None if self.model_id is None else self._api.model(self.model_id)


class RunsPage(NamedTuple):
    """A page of a list of runs; `cursor` asks for the next, None: there is none."""

    runs: list[StoredRun]
    cursor: str | None


class Api(ReadsResults, ReadsEvaluations, ReadsChecks):
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

    def projects(self, user: str | None = None, name: str | None = None, *, shelf: str | None = None) -> list[Project]:
        """Return projects, of one user or of all, the newest first; `shelf`: `archive` or `trash`."""
        params = {"user": user, "name": name, "shelf": shelf}
        return [_project(item) for item in self._items("/api/v1/projects", params)]

    def project(self, project_id: int) -> Project:
        """Return one project. Raises NotFound."""
        return _project(self._get(f"/api/v1/projects/{project_id}"))

    def runs(
        self,
        project: str | None = None,
        user: str | None = None,
        *,
        project_id: int | None = None,
        filter: str | None = None,
        sort: str | Sequence[str] = (),
        summaries: Sequence[str] = (),
        limit: int | None = None,
        shelf: str | None = None,
    ) -> list[StoredRun]:
        """Return runs, of one project or of all, at most `limit`; those that started last come first.

        `filter`: such as `metrics.val.accuracy.max > 0.9 and config.lr < 1e-3`. `sort`: a field, or several, the first
        deciding most; with `-` in front the greatest first: `-metrics.val.accuracy.max`. `summaries`: what series come
        to, to be loaded into the `summaries` of each run, None where it has no such value. The language is that of
        docs/how-to/find-runs.md; Refused says where a text cannot be read. `shelf`: `archive` or `trash`.
        """
        params: dict[str, Any] = {"project_name": project, "user": user, "project_id": project_id, "shelf": shelf}
        params |= {"filter": filter, "sort": [sort] if isinstance(sort, str) else list(sort), "summary": summaries}
        return [self._run(item) for item in islice(self._items("/api/v1/runs", params, limit), limit)]

    def page_of_runs(self, cursor: str | None = None, *, limit: int = 100, **choice: Any) -> RunsPage:
        """Return runs as `runs` does, with its arguments but `project`, and the `cursor` of the page behind it."""
        sort = choice.pop("sort", ())
        params = {**choice, "sort": [sort] if isinstance(sort, str) else list(sort)}
        params["summary"] = params.pop("summaries", ())
        page = self._get("/api/v1/runs", {**params, "limit": limit, "cursor": cursor})
        return RunsPage([self._run(item) for item in page["items"]], page["next"])

    def run_groups(
        self,
        by: str | Sequence[str],
        project: str | None = None,
        user: str | None = None,
        *,
        project_id: int | None = None,
        filter: str | None = None,
        summaries: Sequence[str] = (),
        sort: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return groups of runs with equal values of the fields `by`, such as `config.lr` or `tag`.

        Each has the values (`by`), the `count` of its runs, and `summaries`: of each field asked for `count`, `mean`,
        `std` (of a sample; None for fewer than two values), `low` and `high` of the finite values. `sort`: one of `by`,
        one of `summaries`, by its mean, or `count`; with `-` in front the greatest first.
        """
        params: dict[str, Any] = {"project_name": project, "user": user, "project_id": project_id, "filter": filter}
        params |= {"by": [by] if isinstance(by, str) else list(by), "summary": summaries, "sort": sort}
        return list(self._items("/api/v1/runs/groups", params))

    def run_fields(self, project_id: int) -> dict[str, Any]:
        """Return what a filter can ask for in a project: `fields` with types and examples, `series`, and their `sums`.

        They are those of its last 500 runs. Raises NotFound.
        """
        return self._get("/api/v1/runs/fields", {"project_id": project_id})

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
        ranks: Sequence[int] | None = None,
        x: str = "step",
        x_name: str | None = None,
        x_split: str | None = None,
        low: float | None = None,
        high: float | None = None,
        low_step: int | None = None,
        high_step: int | None = None,
        budget: int = MAX_BUDGET,
        columns: Collection[str] | None = None,
    ) -> SeriesTable:
        """Return series of several runs in one request; see `StoredRun.series`."""
        wanted = None if columns is None else list(columns)
        asked: dict[str, Any] = {"run_id": list(run_ids), "name": names, "split": splits, "rank": ranks}
        asked |= {"budget": budget, "columns": wanted}
        axis = {"x": None if x == "step" else x, "x_name": x_name, "x_split": x_split, "low": low, "high": high}
        document = self._get("/api/v1/series", {**asked, **axis, "low_step": low_step, "high_step": high_step})
        return SeriesTable([Series(part, columns) for part in document["series"]], asked)

    def refresh(self, table: SeriesTable) -> list[Series]:
        """Bring whole series, as `series` returned them, up to date; return those that have changed or are new.

        Only what is new is loaded, so that one can ask each second. Raises ValueError for parts of series.
        """
        asked = table.asked
        known = {run_id: table.cursors(run_id) for run_id in asked["run_id"]}
        news = self.news(known, asked["name"], asked["split"], budget=asked["budget"], columns=asked["columns"])
        ranks = asked["rank"]
        return [table.take(part) for part in news.series if ranks is None or part.rank in ranks]

    def news(
        self,
        known: Mapping[str, Sequence[str]],
        names: Sequence[str] | None = None,
        splits: Sequence[str] | None = None,
        *,
        logged: Mapping[str, int] | None = None,
        budget: int = MAX_BUDGET,
        columns: Collection[str] | None = None,
    ) -> News:
        """Return what is new of runs; `known` has for each the cursors of the series that one holds.

        Of the other series those with `names` and `splits` (None: all) come whole; none of them with an empty list.
        `logged` has `News.runs[...]["logged"]` of before, so that of a run which has not grown nothing comes.
        `Series.take` puts what came into the series of before; `refresh` does all this for a table.
        """
        wanted = None if columns is None else list(columns)
        runs = {run_id: list(cursors) for run_id, cursors in known.items()}
        asked = {"runs": runs, "name": names, "split": splits, "budget": budget, "columns": wanted}
        document = self._transport.post("/api/v1/series/news", {**asked, "logged": dict(logged or {})})
        return News(document["runs"], [Series(part, columns) for part in document["series"]])

    def edit_run(
        self, run_id: str, *, name: str | None = None, tags: Sequence[str] | None = None, notes: str | None = None
    ) -> StoredRun:
        """Change a run's name, tags or notes, those that are given, and return it. Raises NotFound and Refused."""
        changes = {"run_name": name, "tags": None if tags is None else list(tags), "notes": notes}
        given = {field: value for field, value in changes.items() if value is not None}
        return self._run(self._transport.patch(f"/api/v1/runs/{run_id}", given))

    def archive_run(self, run_id: str) -> None:
        """Take a run out of the lists; it stays readable, and its training may go on. Raises NotFound."""
        self._transport.post(f"/api/v1/runs/{run_id}/archive")

    def delete_run(self, run_id: str) -> None:
        """Put a run into the trash; what its training still sends is refused. Raises NotFound."""
        self._transport.delete(f"/api/v1/runs/{run_id}")

    def restore_run(self, run_id: str) -> None:
        """Bring a run back from the archive, or from the trash before it is purged. Raises NotFound."""
        self._transport.post(f"/api/v1/runs/{run_id}/restore")

    def archive_project(self, project_id: int) -> None:
        """Take a project out of the list; it and its runs stay readable. Raises NotFound."""
        self._transport.post(f"/api/v1/projects/{project_id}/archive")

    def delete_project(self, project_id: int) -> None:
        """Put a project with all its runs into the trash. Raises NotFound."""
        self._transport.delete(f"/api/v1/projects/{project_id}")

    def restore_project(self, project_id: int) -> None:
        """Bring a project back from the archive, or from the trash with the runs that went with it. Raises NotFound."""
        self._transport.post(f"/api/v1/projects/{project_id}/restore")

    def export_run(
        self,
        run_id: str,
        format: str = "csv",
        *,
        names: Sequence[str] | None = None,
        splits: Sequence[str] | None = None,
    ) -> Iterator[bytes]:
        """Yield the points of a run as a file, part by part; `format`: csv, jsonl or parquet."""
        params = {"format": format, "name": names, "split": splits}
        return self._transport.stream(f"/api/v1/runs/{run_id}/export", params)

    def export_project(
        self,
        project_id: int,
        format: str = "csv",
        *,
        table: str = "points",
        run_ids: Sequence[str] | None = None,
        filter: str | None = None,
        names: Sequence[str] | None = None,
        splits: Sequence[str] | None = None,
    ) -> Iterator[bytes]:
        """Yield the points of a project's runs, or with `table="runs"` the runs, as a file, part by part.

        Without `run_ids` these are the runs that are not archived and meet the `filter`.
        """
        params = {"format": format, "table": table, "run_id": run_ids, "filter": filter, "name": names, "split": splits}
        return self._transport.stream(f"/api/v1/projects/{project_id}/export", params)

    def _run(self, item: Mapping[str, Any]) -> StoredRun:
        names = (name for name in StoredRun.__dataclass_fields__ if name not in ("_api", "summaries"))
        summaries = {
            text: None if value is None else decode_number(value) for text, value in item.get("summaries", {}).items()
        }
        return StoredRun(**{name: item[name] for name in names}, _api=self, summaries=summaries)

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


def _lines(parts: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        yield from lines


def _forwarded(address: str | None) -> dict[str, str] | None:
    return None if address is None else {"X-Forwarded-For": address}
