"""Core's own panels: one for each kind of result, registered through the hook as those of plugins are."""

from frontend_bokeh.panels import curves, histogram, matrix, plain

PANELS = [histogram.PANEL, matrix.PANEL, *curves.PANELS, *plain.PANELS]
