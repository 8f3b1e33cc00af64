"""Plots as the dashboard's pages have them: for panels, also those of plugins."""

from typing import Any

from bokeh.models import BoxZoomTool, HoverTool, ResetTool, WheelZoomTool
from bokeh.plotting import figure

# Of the palette of runs: each shows on light and dark grounds.
COLORS = ("#1774f6", "#c96a25", "#17a96e", "#a04ad0", "#f93eae", "#8b96a5")
HEAT = "#2f6fe0"  # for cells, with an alpha that says how much: on any ground more is stronger
INK = "ink"  # tag of glyphs whose text is to have the colour of the page's


def plot(x_name: str = "", y_name: str = "", **settings: Any) -> figure:
    """Return an empty plot in the look of the dashboard: a drag zooms, a double click resets.

    `settings` are those of `bokeh.plotting.figure`. Colours of axes, grid and texts follow the page's theme.
    """
    zoom = BoxZoomTool()
    made = figure(
        **{"x_axis_label": x_name or None, "y_axis_label": y_name or None, "min_border_right": 14, "min_border_top": 8,
           "outline_line_color": None, "background_fill_color": None, "border_fill_color": None,
           "tools": [zoom, ResetTool(), WheelZoomTool(modifiers={"ctrl": True})], "active_drag": zoom, **settings}
    )  # fmt: skip
    for axis in made.axis:
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = None
        axis.major_label_text_font = axis.axis_label_text_font = "Inter, system-ui, sans-serif"
        axis.major_label_text_font_size, axis.axis_label_text_font_size = "11px", "11px"
        axis.axis_label_text_font_style = "normal"
    for grid in made.grid:
        grid.grid_line_color, grid.grid_line_alpha = "#8b96a5", 0.18
    return made


def hover(made: figure, renderers: list[Any], tooltips: list[tuple[str, str]], mode: str = "mouse") -> None:
    """Tell under the pointer what is drawn there: names beside columns such as `@y`."""
    made.add_tools(HoverTool(renderers=renderers, tooltips=tooltips, mode=mode, point_policy="follow_mouse"))
