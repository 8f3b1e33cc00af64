"""All reading: projects, models and users (`pages`), runs (`runs`, `groups`, `completion`), series cut down to a
budget (`series`, `news`)."""

from prevue_core.db.queries.axes import KINDS, STEP, Axis
from prevue_core.db.queries.completion import run_fields
from prevue_core.db.queries.fields import SUMS, single_fields
from prevue_core.db.queries.groups import MAX_BY, MAX_GROUP_SUMMARIES, groups
from prevue_core.db.queries.news import News, news
from prevue_core.db.queries.ordering import MAX_SORTS
from prevue_core.db.queries.pages import (
    MAX_PAGE,
    Page,
    Row,
    model,
    models,
    project,
    projects,
    users,
)
from prevue_core.db.queries.runs import MAX_SUMMARIES, run, runs, runs_in_reach, series_of
from prevue_core.db.queries.series import MAX_BUDGET, Columns, SeriesPart, series
from prevue_core.db.stored import to_float, to_unix

__all__ = [
    "KINDS",
    "MAX_BUDGET",
    "MAX_BY",
    "MAX_GROUP_SUMMARIES",
    "MAX_PAGE",
    "MAX_SORTS",
    "MAX_SUMMARIES",
    "STEP",
    "SUMS",
    "Axis",
    "Columns",
    "News",
    "Page",
    "Row",
    "SeriesPart",
    "groups",
    "model",
    "models",
    "news",
    "project",
    "projects",
    "run",
    "run_fields",
    "runs",
    "runs_in_reach",
    "series",
    "series_of",
    "single_fields",
    "to_float",
    "to_unix",
    "users",
]
