"""Columns of the table of runs: a field of the filter language each, and what a run has there."""

import re
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from frontend_bokeh import headlines, texts
from prevue.api import StoredRun
from prevue_core.contract import LOST

MAX_COLUMNS = 30
DEFAULT_CONFIGS, DEFAULT_METRICS = 3, 3
# Keys that people vary on purpose, the most telling first, and those that only tell runs apart.
VARIED = [
    re.compile(rf"(^|[._])({name})([._]|$)")
    for name in (
        r"lr|eta0|learning_rate\w*",
        "batch_size",
        "optimi[sz]er",
        r"depth|hidden\w*|arch\w*",
        "dropout|weight_decay",
    )
]
SEED = re.compile(r"seed|path|folder|_dir$|_id$|(^|[._])name$")
# Fields of each run that may be a column; name, state and tags always are.
SINGLE = ("started", "finished", "heard", "duration", "user", "group", "notes", "id")
TIMES = ("started", "finished", "heard")

_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_PART = re.compile(r'"((?:\\.|[^"\\])*)"|([^."]+)', re.DOTALL)


@dataclass(frozen=True)
class Cell:
    """What stands in a cell. `unix`: a time instead of a text."""

    text: str = ""
    unix: float | None = None


@dataclass(frozen=True)
class Column:
    """A column. `split` and `sum_of`: of a series; `is_figure`: numbers stand in it."""

    field: str
    title: str
    parts: tuple[str, ...]
    split: str = ""
    sum_of: str = ""
    is_figure: bool = False

    def cell(self, run: StoredRun, flat: dict[str, str]) -> Cell:
        """Return what a run has; `flat`: its configuration and environment by dotted keys."""
        if self.sum_of:
            return Cell(texts.number(run.summaries.get(self.field)))
        if self.field in TIMES:
            return Cell(
                unix={"started": run.started_at, "finished": run.finished_at, "heard": run.heard_at}[self.field]
            )
        if self.field == "duration":
            return Cell(texts.duration(end_of(run) - run.started_at))
        if len(self.parts) > 1:
            return Cell(flat.get(".".join(self.parts), "–"))
        return Cell({"user": run.user, "group": run.run_group, "notes": run.notes, "id": run.run_id}[self.field] or "")


def end_of(run: StoredRun) -> float:
    """Return when a run ended, as far as is known: of one that is lost nothing was heard later."""
    if run.finished_at is not None:
        return run.finished_at
    return run.heard_at if run.state == LOST else time.time()


def column_of(field: str, numbers: Collection[str] = ()) -> Column | None:
    """Return the column of a field as the filter language writes it; None: there can be none.

    `numbers`: fields which have numbers in all runs.
    """
    parts = tuple(_ESCAPE.sub(_unescaped, quoted) or plain for quoted, plain in _PART.findall(field))
    if field in SINGLE:
        return Column(field, field.capitalize(), parts, is_figure=field == "duration")
    if len(parts) >= 4 and parts[0] == "metrics":
        return Column(field, ".".join(parts[2:-1]), parts, parts[1], parts[-1], is_figure=True)
    if len(parts) >= 2 and parts[0] in ("config", "env"):
        title = ".".join(parts[1:] if parts[0] == "config" else parts)
        return Column(field, title, parts, is_figure=field in numbers)
    return None


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1][1:], 16)) if len(found[1]) > 1 else found[1]


def columns_of(fields: Iterable[str], known: dict[str, Any]) -> list[Column]:
    """Return the columns of the fields that can be some, each once. `known`: what runs can be asked for."""
    numbers = {one["field"] for one in known["fields"] if one["types"] == ["number"]}
    found = (column_of(field, numbers) for field in dict.fromkeys(fields))
    return [column for column in found if column is not None][:MAX_COLUMNS]


def default_fields(known: dict[str, Any]) -> list[str]:
    """Return what is shown of a project unless chosen otherwise, from what its runs can be asked for."""
    return ["started", "duration", *usual_configs(known), *usual_metrics(known)]


def usual_configs(known: dict[str, Any]) -> list[str]:
    """Return keys of the configuration in which runs differ: what people vary on purpose, then what most runs have."""
    differ = [one for one in known["fields"] if one["field"].startswith("config.") and len(one["examples"]) > 1]
    differ.sort(key=lambda one: (_rank(one["field"]), -one["run_count"]))
    return [one["field"] for one in differ[:DEFAULT_CONFIGS]]


def _rank(field: str) -> int:
    found = next((rank for rank, pattern in enumerate(VARIED) if pattern.search(field)), len(VARIED))
    return found + len(VARIED) * bool(SEED.search(field))


def usual_metrics(known: dict[str, Any]) -> list[str]:
    """Return the best of the series that people look at first."""
    series = [one for one in known["series"] if one["split"] != "system"]
    series.sort(key=lambda one: (headlines.rank(one["split"], one["name"])[:2], -one["run_count"]))
    return [f"{one['field']}.best" for one in series[:DEFAULT_METRICS]]


def flat_of(run: StoredRun) -> dict[str, str]:
    """Return a run's configuration and environment by dotted keys that begin with `config` and `env`."""
    return dict(texts.flat({"config": run.config, "env": run.environment}))
