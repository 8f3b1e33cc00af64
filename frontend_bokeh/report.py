"""The report of some runs: one HTML file with their curves, differences, results and tests, which needs no server."""

import base64
import json
import time
import zlib
from dataclasses import dataclass
from typing import Any

from frontend_bokeh import framed, texts
from frontend_bokeh.assets import FOLDER
from frontend_bokeh.blocks import COLUMNS, fragment
from frontend_bokeh.columns import end_of
from frontend_bokeh.compare_page import Row, flat_rows, metric_rows
from frontend_bokeh.drawing import Panels
from frontend_bokeh.figures import curves
from frontend_bokeh.inlined import POLICY, bokeh_script, modules, styles
from frontend_bokeh.pages import rendered
from prevue.api import Api, StoredRun
from prevue.series import Series
from prevue_core.contract import SYSTEM_SPLIT

MOST_RUNS = 20  # a request of the backend's takes more, but not a picture
MOST_SERIES = 400  # of a run
MOST_RESULTS = 100  # of all runs, the last ones of each name
MOST_POINTS = 2_000  # of a series; more are shown as so many buckets, with their extremes
LEAST_POINTS = 100
SERIES_BYTES = 5 << 20  # of all series together, about; in the file they are packed
ROW_BYTES = 48
RESULTS_BYTES = 3 << 20
STYLES = ("prevue.css", "panels.css", "report.css")

Key = tuple[str, str]  # split and name of a series


@dataclass(frozen=True)
class Report:
    """The file's text, and what is in it. `left_out`: results for which there was no room, and series."""

    html: str
    charts: int
    results: int
    left_out: dict[str, int]


def report(api: Api, run_ids: list[str], panels: Panels, title: str = "", text: str = "") -> Report:
    """Return the report of runs, which have the colours of their places.

    `title` and `text`: what is said on top; without a title it is the names of the runs.
    Raises ApiError, and NotFound of a run.
    """
    runs = [api.run(run_id) for run_id in run_ids]
    summaries = [run.summary() for run in runs]
    series, missing = _series(runs, summaries)
    keys = sorted({(one.split, one.name) for own in series for one in own}, key=lambda key: (key[1], key[0]))
    results, skipped = _results(api, runs, panels)
    data = {
        "spec": curves.spec(),
        "keys": [{"id": f"{split}/{name}", "split": split, "name": name} for split, name in keys],
        "runs": [_run(place, run, own) for place, (run, own) in enumerate(zip(runs, series, strict=True))],
        "blocks": base64.b64encode(zlib.compress(_blocks(series, keys))).decode(),
        "events": {run.run_id: api.events([run.run_id])[::-1] for run in runs},
        "results": results,
    }
    left_out = {"series": missing, "results": skipped}
    html = rendered(
        "report.html",
        **_head(runs, title),
        about=text.strip(),
        **_tables(api, runs, summaries),
        **_inside(data),
        left_out=left_out,
        drawn=len(results),
    )
    return Report(html, len(keys), len(results), left_out)


def _series(runs: list[StoredRun], summaries: list[list[dict[str, Any]]]) -> tuple[list[list[Series]], int]:
    """Return the series of each run's first process, and how many there was no room for."""
    firsts = [min((one["rank"] for one in own), default=0) for own in summaries]
    counts = [sum(one["rank"] == rank for one in own) for own, rank in zip(summaries, firsts, strict=True)]
    kept = sum(min(count, MOST_SERIES) for count in counts)
    budget = max(LEAST_POINTS, min(MOST_POINTS, SERIES_BYTES // (ROW_BYTES * max(1, kept))))
    found = [
        list(run.series(ranks=[rank], budget=budget, columns=COLUMNS))[:MOST_SERIES]
        for run, rank in zip(runs, firsts, strict=True)
    ]
    return found, sum(counts) - kept


def _blocks(series: list[list[Series]], keys: list[Key]) -> bytes:
    numbers = {key: number for number, key in enumerate(keys)}
    return b"".join(
        fragment(place, numbers[one.split, one.name], one) for place, own in enumerate(series) for one in own
    )


def _run(place: int, run: StoredRun, series: list[Series]) -> dict[str, Any]:
    told = {"id": run.run_id, "name": run.run_name, "state": run.state, "started_at": run.started_at, "color": place}
    return {**told, "rank": series[0].rank if series else 0, "keys": [f"{one.split}/{one.name}" for one in series]}


def _results(api: Api, runs: list[StoredRun], panels: Panels) -> tuple[list[dict[str, Any]], int]:
    """Return the last results of each name, drawn, and how many there was no room for."""
    names = [(run, one) for run in runs for one in api.result_names(run.run_id)]
    names.sort(key=lambda pair: (pair[1]["name"], pair[1]["split"], pair[1]["rank"]))
    found: list[dict[str, Any]] = []
    room = RESULTS_BYTES
    for run, one in names[:MOST_RESULTS]:
        payload = api.result(run.run_id, one["last_result_id"])["payload"]
        drawn = panels.draw(one["kind"], one["name"], payload)
        size = len(json.dumps(drawn))
        if size <= room:
            room -= size
            place = {"run": run.run_id, "name": one["name"], "split": one["split"], "step": one["last_step"]}
            found.append({**place, "drawn": drawn})
    return found, len(names) - len(found)


def _head(runs: list[StoredRun], title: str) -> dict[str, Any]:
    projects = list(dict.fromkeys(f"{run.user}/{run.project_name}" for run in runs))
    durations = [texts.duration(end_of(run) - run.started_at) for run in runs]
    names = ", ".join(run.run_name for run in runs[:3]) + (" …" if len(runs) > 3 else "")
    return {
        "title": title or f"Report: {names}",
        "projects": projects,
        "runs": runs,
        "durations": durations,
        "made": time.time(),
    }


def _tables(api: Api, runs: list[StoredRun], summaries: list[list[dict[str, Any]]]) -> dict[str, Any]:
    configuration = flat_rows(run.config for run in runs)
    return {
        "texts": texts,
        "configuration": configuration,
        "differing": [row for row in configuration if row.differs],
        "metrics": [row for row in metric_rows(summaries) if row.split != SYSTEM_SPLIT],
        "evaluations": _evaluations(api, runs),
    }


def _evaluations(api: Api, runs: list[StoredRun]) -> dict[str, Any]:
    """Return the tests of the runs, and a row for each score that any of them came to."""
    tests, scores = [], []
    for run in runs:
        for one in api.evaluations(run.run_id):
            tests.append({**one, "run": run})
            told = api.report(run.run_id, one["evaluation_id"])["scores"]
            scores.append({name: value for name, value in told.items() if isinstance(value, int | float)})
    names = dict.fromkeys(name for own in scores for name in own)
    rows = [Row(name.replace("_", " "), [texts.number(own.get(name)) for own in scores]) for name in names]
    return {"tests": tests, "rows": rows}


def _inside(data: dict[str, Any]) -> dict[str, Any]:
    script = "report.js"
    is_framed = any("framed" in part for one in data["results"] for part in one["drawn"].get("parts", ()))
    return {
        # A frame inside of a file has no policy of its own, but may do no more than the file.
        "policy": framed.POLICY if is_framed else POLICY,
        "frame": texts.in_script(framed.document()) if is_framed else None,
        "theme": (FOLDER / "theme.js").read_text("utf-8"),
        "style": styles(STYLES),
        "bokeh": bokeh_script(),
        "modules": json.dumps({"imports": modules(script)}),
        "first": script,
        "data": texts.in_script(data),
    }
