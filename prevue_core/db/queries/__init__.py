"""All reading: projects, models and users (`pages`), runs (`runs`), series cut down to a budget (`series`, `news`)."""

from prevue_core.db.queries.axes import KINDS, STEP, Axis
from prevue_core.db.queries.news import News, news
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
from prevue_core.db.queries.runs import run, runs, runs_in_reach, series_of
from prevue_core.db.queries.series import MAX_BUDGET, Columns, SeriesPart, series
from prevue_core.db.stored import to_float, to_unix

__all__ = [
    "KINDS",
    "MAX_BUDGET",
    "MAX_PAGE",
    "STEP",
    "Axis",
    "Columns",
    "News",
    "Page",
    "Row",
    "SeriesPart",
    "model",
    "models",
    "news",
    "project",
    "projects",
    "run",
    "runs",
    "runs_in_reach",
    "series",
    "series_of",
    "to_float",
    "to_unix",
    "users",
]
