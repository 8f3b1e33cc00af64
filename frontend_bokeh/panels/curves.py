"""Curves: one quantity over another, with its band; and those of classifiers, whose axes go from 0 to 1."""

import math
from typing import Any

from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from frontend_bokeh.figures.plots import COLORS, INK, hover, plot
from frontend_bokeh.panel import Panel, Payload, numbers
from frontend_bokeh.texts import number

MARKED = 30  # of so few points each is marked
CHANCE = {"line_color": "#8b96a5", "line_dash": "dashed", "line_width": 1}


def curve(payload: Payload) -> figure:
    """Draw y over x, which may be categories, and the band around it."""
    is_text = any(isinstance(x, str) and x not in ("NaN", "Infinity", "-Infinity") for x in payload["x"])
    places = list(dict.fromkeys(payload["x"])) if is_text else []
    xs = payload["x"] if is_text else numbers(payload["x"])
    columns: dict[str, Any] = {"x": xs, "y": numbers(payload["y"])}
    names = payload.get("x_name", "x"), payload.get("y_name", "y")
    made = plot(names[0], names[1], x_range=places) if is_text else plot(*names)
    if is_text and max(map(len, places)) > 6:
        made.xaxis.major_label_orientation = math.pi / 5
    tooltips = [(names[0], "@x"), (names[1], "@y")]
    if "low" in payload and "high" in payload:
        columns |= {"low": numbers(payload["low"]), "high": numbers(payload["high"])}
        tooltips.append(("band", "@low … @high"))
        if not is_text:
            made.varea("x", "low", "high", source=ColumnDataSource(columns), fill_color=COLORS[0], fill_alpha=0.16)
            made.y_range = _range([*columns["low"], *columns["high"], *columns["y"]])
    _line(made, columns, tooltips)
    return made


def _range(values: list[float]) -> Range1d:
    """Return a range with a margin: Bokeh's own leaves out what only a band reaches."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    margin = (max(finite) - min(finite)) * 0.06 or 0.5
    return Range1d(min(finite) - margin, max(finite) + margin)


def roc(payload: Payload) -> figure:
    """Draw true over false positives, beside what chance would give."""
    columns = {"x": numbers(payload["fpr"]), "y": numbers(payload["tpr"])}
    made = _square("false positive rate", "true positive rate", payload, "auc", "AUC")
    made.line([0, 1], [0, 1], **CHANCE)
    return _of_rates(made, columns, payload, [("false positives", "@x"), ("true positives", "@y")])


def precision_recall(payload: Payload) -> figure:
    """Draw precision over recall."""
    columns = {"x": numbers(payload["recall"]), "y": numbers(payload["precision"])}
    made = _square("recall", "precision", payload, "average_precision", "average precision")
    return _of_rates(made, columns, payload, [("recall", "@x"), ("precision", "@y")])


def _square(x_name: str, y_name: str, payload: Payload, area: str, area_name: str) -> figure:
    told = [payload.get("label", "")]
    if area in payload:
        told.append(f"{area_name} {number(numbers([payload[area]])[0])}")
    made = plot(x_name, y_name, x_range=Range1d(0, 1), y_range=Range1d(0, 1.02), title=" · ".join(filter(None, told)))
    made.title.text_font, made.title.text_font_size = "Inter, system-ui, sans-serif", "12px"
    made.title.tags = [INK]
    return made


def _of_rates(made: figure, columns: dict[str, Any], payload: Payload, tooltips: list[tuple[str, str]]) -> figure:
    if "thresholds" in payload:
        columns["threshold"] = numbers(payload["thresholds"])
        tooltips.append(("threshold", "@threshold"))
    made.varea(columns["x"], [0] * len(columns["x"]), columns["y"], fill_color=COLORS[0], fill_alpha=0.07)
    _line(made, columns, tooltips)
    return made


def _line(made: figure, columns: dict[str, Any], tooltips: list[tuple[str, str]]) -> None:
    source = ColumnDataSource(columns)
    drawn = made.line("x", "y", source=source, line_color=COLORS[0], line_width=1.8)
    if len(columns["x"]) <= MARKED:
        drawn = made.scatter("x", "y", source=source, size=6, color=COLORS[0])
    hover(made, [drawn], tooltips, "mouse" if len(columns["x"]) <= MARKED else "vline")


PANELS = [
    Panel("curve", "curve", curve),
    Panel("roc_curve", "ROC curve", roc),
    Panel("pr_curve", "precision and recall", precision_recall),
]
