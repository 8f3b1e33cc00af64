"""Panels for what only scikit-learn's runs have: the folds of a search, and what an estimator holds for important.

Loaded by the dashboard alone; it never imports scikit-learn.
"""

import math
from itertools import cycle
from typing import Any

from bokeh.models import ColumnDataSource, FactorRange
from bokeh.transform import dodge

from frontend_bokeh.figures.plots import COLORS, hover, plot
from frontend_bokeh.panel import Drawing, Panel, Payload, Text, numbers
from frontend_bokeh.panels import plain

CANDIDATES_SHOWN = 30  # of a search, the best
FEATURES_SHOWN = 25  # those of the highest values
NAME_CHARS = 34


def folds(payload: Payload) -> list[Drawing]:
    """Draw the scores of a search's candidates, the best first: each fold a dot, their mean a bar."""
    rows = [numbers(row) for row in payload["values"]]
    found = [(name, scores, mean) for name, scores in zip(payload["rows"], rows, strict=True)
             if not math.isnan(mean := _mean(scores))]  # fmt: skip
    found.sort(key=lambda one: -one[2])
    shown = found[:CANDIDATES_SHOWN]
    if not shown:
        return [Text("no fold is over yet")]
    names = _short([name for name, _, _ in shown])
    made = plot(payload.get("x_name", "score"), "", y_range=FactorRange(*reversed(names)))
    dots: dict[str, list[Any]] = {"candidate": [], "score": [], "fold": []}
    for name, (_, scores, _) in zip(names, shown, strict=True):
        for fold, score in enumerate(scores):
            for column, value in zip(dots.values(), (name, score, payload["columns"][fold]), strict=True):
                column.append(value)
    of_candidates = ColumnDataSource({"candidate": names, "mean": [mean for *_, mean in shown]})
    bar: dict[str, Any] = {"marker": "dash", "angle": math.pi / 2, "size": 18, "line_width": 2.5, "color": COLORS[1]}
    means = made.scatter("mean", "candidate", source=of_candidates, **bar)
    drawn = made.scatter("score", "candidate", source=ColumnDataSource(dots), size=8, color=COLORS[0], alpha=0.55)
    hover(made, [drawn], [("candidate", "@candidate"), ("fold", "@fold"), ("score", "@score")])
    hover(made, [means], [("candidate", "@candidate"), ("mean", "@mean")])
    return [made] if len(found) == len(shown) else [made, Text(f"the best {len(shown)} of {len(found)} candidates")]


def importances(payload: Payload) -> Drawing:
    """Draw what features count for, the most important on top; of several classes a bar for each."""
    features, *others = payload["columns"]
    if features["name"] != "feature" or not others:  # somebody else's table of that name
        return plain.table(payload)
    columns = {column["name"]: numbers(column["values"])[:FEATURES_SHOWN] for column in others}
    names = _short([str(name) for name in features["values"][:FEATURES_SHOWN]])
    source = ColumnDataSource({"feature": names, **columns})
    made = plot("", "", y_range=FactorRange(*reversed(names)))
    height = 0.8 / len(columns)
    for place, (name, color) in enumerate(zip(columns, cycle(COLORS))):
        at = dodge("feature", 0.4 - height * (place + 0.5), range=made.y_range)
        bars = made.hbar(y=at, right=name, left=0, height=height * 0.9, source=source, color=color, alpha=0.8)
        hover(made, [bars], [("feature", "@feature"), (name, f"@{{{name}}}")])
    return made


def _mean(scores: list[float]) -> float:
    there = [score for score in scores if math.isfinite(score)]
    return sum(there) / len(there) if there else math.nan


def _short(names: list[str]) -> list[str]:
    """Return names that fit beside a plot, and differ."""
    cut = [name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 1]}…" for name in names]
    return cut if len(set(cut)) == len(cut) else [f"{place + 1}. {name}" for place, name in enumerate(cut)]


PANELS = [
    Panel("matrix", "folds of a search", folds, name="search/folds"),
    Panel("table", "importances", importances, name="importances|coefficients"),
]
