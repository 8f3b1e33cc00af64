"""What many runs have in some fields, for pages that draw them against each other."""

import math
from collections.abc import Mapping
from typing import Any

from tornado.web import HTTPError

from frontend_bokeh import columns
from frontend_bokeh.columns import Column, end_of
from frontend_bokeh.pages import Page
from frontend_bokeh.source import find_project, runs_by_id
from prevue.api import Api, StoredRun

MAX_RUNS = 1_000
MAX_CHARS = 60  # of a value that is text
OTHERS = ("duration", "started", "user", "group")  # fields of each run that can be drawn


class ValuesPage(Page):
    """Columns with a value for each of a project's runs, the newest first, for the page that compares them."""

    async def get(self, owner: str, name: str) -> None:
        """Tell the `runs` that meet a filter or are asked for, and their `values` by field."""
        project_id = await self.ask(lambda api: find_project(api, owner, name))
        if project_id is None:
            raise HTTPError(404, "there is no project %s/%s", owner, name)
        fields, run_ids = self.get_query_arguments("field"), self.get_query_arguments("run")
        text = self.get_query_argument("filter", "").strip() or None
        self.write(await self.ask(lambda api: _told(api, project_id, fields, run_ids, text)))


class FieldsPage(Page):
    """What a project's runs can be asked for, for the field that completes filters beside curves."""

    async def get(self, owner: str, name: str) -> None:
        """Tell it as the backend does."""
        project_id = await self.ask(lambda api: find_project(api, owner, name))
        if project_id is None:
            raise HTTPError(404, "there is no project %s/%s", owner, name)
        self.write(await self.ask(lambda api: api.run_fields(project_id)))


def offered_fields(known: dict[str, Any]) -> list[str]:
    """Return the fields that can be drawn, from what a project's runs can be asked for."""
    configs = [one["field"] for one in known["fields"] if one["field"].startswith("config.")]
    sums = [sum_of for sum_of in ("best", "last", "min", "max") if sum_of in known["sums"]]
    series = [f"{one['field']}.{sum_of}" for one in known["series"] for sum_of in sums]
    return [*configs, *series, *OTHERS]


def _told(api: Api, project_id: int, fields: list[str], run_ids: list[str], text: str | None) -> dict[str, Any]:
    chosen = [one for one in map(columns.column_of, dict.fromkeys(fields)) if one is not None]
    chosen = chosen[: columns.MAX_COLUMNS]
    summaries = [column.field for column in chosen if column.sum_of]
    if run_ids:
        runs = runs_by_id(api, project_id, run_ids[:MAX_RUNS], summaries)
        runs.sort(key=lambda run: run.started_at, reverse=True)
    else:
        runs = api.runs(project_id=project_id, filter=text, sort="-started", summaries=summaries, limit=MAX_RUNS)
    return {
        "runs": [{"id": run.run_id, "name": run.run_name, "state": run.state} for run in runs],
        "values": {column.field: [_value(run, column) for run in runs] for column in chosen},
    }


def _value(run: StoredRun, column: Column) -> Any:
    """Return a finite number, a text or None: the run has none."""
    if column.sum_of:
        value: Any = run.summaries.get(column.field)
    elif column.parts[0] == "config":
        value = run.config
        for part in column.parts[1:]:
            value = value.get(part) if isinstance(value, Mapping) else None
    else:
        facts = {"duration": end_of(run) - run.started_at, "started": run.started_at}
        value = facts.get(column.field) or {"user": run.user, "group": run.run_group}.get(column.field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if math.isfinite(value) else None
    if value is None:
        return None
    return (value if isinstance(value, str) else str(value))[:MAX_CHARS]
