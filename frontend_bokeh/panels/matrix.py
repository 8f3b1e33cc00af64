"""A matrix as cells that are the stronger the greater their value, with the value in them where there is room."""

import math
from typing import Any

from bokeh.core.properties import value as literal
from bokeh.models import ColumnDataSource, FactorRange
from bokeh.plotting import figure

from frontend_bokeh.figures.plots import HEAT, INK, hover, plot
from frontend_bokeh.panel import Panel, Payload, numbers
from frontend_bokeh.texts import number

WRITTEN = 400  # cells of a matrix whose values are written into them
NAMED = 40  # rows or columns that are named at the axes
FAINTEST, STRONGEST = 0.04, 0.92  # alpha of the smallest and the greatest value
LIGHT_INK = 0.85  # from this alpha on a value is written in white, below in the ink of the page


def matrix(payload: Payload) -> figure:
    """Draw a matrix, its first row on top."""
    values = [numbers(row) for row in payload["values"]]
    rows, columns = _names(payload.get("rows"), len(values)), _names(payload.get("columns"), len(values[0]))
    cells = [(row, column, values[r][c]) for r, row in enumerate(rows) for c, column in enumerate(columns)]
    x_name, y_name = payload.get("x_name", "column"), payload.get("y_name", "row")
    shades = _shades([value for _, _, value in cells])
    source = ColumnDataSource(
        {"row": [row for row, _, _ in cells], "column": [column for _, column, _ in cells], "alpha": shades,
         "value": [value for _, _, value in cells], "text": [number(value) for _, _, value in cells]}
    )  # fmt: skip
    made = plot(x_name, y_name, x_range=FactorRange(*columns), y_range=FactorRange(*reversed(rows)))
    _name_axes(made, rows, columns)
    drawn = made.rect("column", "row", 0.97, 0.95, source=source, fill_color=HEAT, fill_alpha="alpha", line_color=None)
    hover(made, [drawn], [(y_name, "@row"), (x_name, "@column"), ("value", "@text")])
    if len(cells) <= WRITTEN:
        _write(made, source.data)
    return made


def _names(names: list[str] | None, count: int) -> list[str]:
    """Return names that differ, as Bokeh's categories have to."""
    given = names or [str(number) for number in range(count)]
    return given if len(set(given)) == count else [f"{number}: {name}" for number, name in enumerate(given)]


def _shades(values: list[float]) -> list[float]:
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    low = min(low, 0.0) if low >= 0 and high > 2 * low else low  # counts and rates begin at nothing
    width = (high - low) or 1.0
    scale = STRONGEST - FAINTEST
    return [FAINTEST + scale * (value - low) / width if math.isfinite(value) else 0.0 for value in values]


def _name_axes(made: figure, rows: list[str], columns: list[str]) -> None:
    made.grid.visible = False
    if max(map(len, columns)) * len(columns) > 48:
        made.xaxis.major_label_orientation = math.pi / 5
    for axis, names in ((made.xaxis, columns), (made.yaxis, rows)):
        if len(names) > NAMED:
            axis.major_label_text_font_size = "0px"


def _write(made: figure, data: Any) -> None:
    for is_light in (True, False):
        kept = [place for place, alpha in enumerate(data["alpha"]) if (alpha >= LIGHT_INK) is is_light]
        part = ColumnDataSource({name: [data[name][place] for place in kept] for name in ("row", "column", "text")})
        drawn = made.text(
            "column", "row", "text", source=part, text_color="#ffffff" if is_light else "#17202e",
            text_align="center", text_baseline="middle", text_font=literal("Inter, sans-serif"), text_font_size="11px",
        )  # fmt: skip
        drawn.glyph.tags = [] if is_light else [INK]


PANEL = Panel("matrix", "matrix", matrix)
