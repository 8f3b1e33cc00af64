"""The dashboard: a Bokeh server app that knows the backend over HTTP only."""
