"""Bokeh figures, made once in Python with empty sources; browsers clone their JSON and fill it."""
