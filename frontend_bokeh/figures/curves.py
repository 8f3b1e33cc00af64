"""The figure of a chart: of several runs bands of lowest to highest value, raw lines, smoothed lines, and marks."""

from functools import cache
from typing import Any

from bokeh.embed import json_item
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    LinearScale,
    MultiLine,
    Patches,
    Plot,
    Range1d,
    ResetTool,
    Scatter,
    Span,
    WheelZoomTool,
)
from bokeh.models.axes import LinearAxis
from bokeh.models.formatters import BasicTickFormatter
from bokeh.models.grids import Grid
from bokeh.models.tickers import BasicTicker

HEIGHT = 210  # CSS pixels


def figure() -> Plot:
    """Return the figure. The browser finds models by name: `bands`, `raw`, `lines`, `marks`, `cursor`, the axes."""
    plot = Plot(
        name="plot",
        height=HEIGHT,
        sizing_mode="stretch_width",
        x_range=Range1d(0, 1),
        y_range=Range1d(0, 1),
        x_scale=LinearScale(),
        y_scale=LinearScale(),
        toolbar_location=None,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
        min_border_right=18,
        min_border_top=8,
    )
    for side, name in (("below", "x"), ("left", "y")):
        axis = LinearAxis(
            name=f"{name}_axis",
            ticker=BasicTicker(desired_num_ticks=6 if name == "x" else 4),
            formatter=BasicTickFormatter(use_scientific=True, power_limit_high=6, power_limit_low=-4),
            axis_line_color=None,
            major_tick_line_color=None,
            minor_tick_line_color=None,
            major_label_text_font="Inter, system-ui, sans-serif",
            major_label_text_font_size="11px",
            major_label_text_color="#667085",
        )
        plot.add_layout(axis, side)
        plot.add_layout(
            Grid(axis=axis, dimension=0 if name == "x" else 1, grid_line_color="#8b96a5", grid_line_alpha=0.18)
        )
    empty: dict[str, list[Any]] = {"xs": [], "ys": [], "color": [], "run": []}
    plot.add_glyph(
        ColumnDataSource(name="bands", data=dict(empty)),
        Patches(
            xs="xs", ys="ys", fill_color="color", fill_alpha=0.18, line_color="color", line_alpha=0.5, line_width=0.8
        ),
    )
    for name, width in (("raw", 1.0), ("lines", 1.7)):
        plot.add_glyph(
            ColumnDataSource(name=name, data={**empty, "alpha": [], "dash": []}),
            MultiLine(
                xs="xs", ys="ys", line_color="color", line_alpha="alpha", line_width=width, line_dash="dash",
                line_join="round",
            ),
        )  # fmt: skip
    marks: dict[str, list[Any]] = {name: [] for name in ("x", "y", "color", "run", "marker", "size", "alpha")}
    plot.add_glyph(
        ColumnDataSource(name="marks", data=marks),
        Scatter(
            x="x", y="y", marker="marker", size="size", line_color="color", line_alpha="alpha", line_width=1.8,
            fill_color="color", fill_alpha="alpha",
        ),
    )  # fmt: skip
    # An overlay: to move it in all charts paints none of their curves again.
    look = {"line_color": "#8b96a5", "line_dash": "dashed", "line_width": 1}
    plot.add_layout(Span(name="cursor", dimension="height", location=None, level="overlay", **look))
    zoom = BoxZoomTool(dimensions="width")
    plot.add_tools(zoom, ResetTool(), WheelZoomTool(dimensions="width", modifiers={"ctrl": True}))
    plot.toolbar.active_drag = zoom
    plot.toolbar.active_scroll = plot.tools[-1]
    return plot


@cache
def spec() -> dict[str, Any]:
    """Return the figure's JSON, made at the first call."""
    document: dict[str, Any] = json_item(figure())["doc"]
    return document
