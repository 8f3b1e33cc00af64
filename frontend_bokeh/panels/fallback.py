"""What is shown of a kind that no panel draws: its payload, as it is."""

from frontend_bokeh.panel import Panel, Tree

PANEL = Panel("", "no panel", Tree)
