"""Tables, texts and images: shown as they are."""

from frontend_bokeh.panel import Image, Panel, Payload, Table, Text
from frontend_bokeh.texts import count


def table(payload: Payload) -> Table:
    """Return a table, and how many rows there were where it has only the first."""
    columns = {column["name"]: column["values"] for column in payload["columns"]}
    rows = len(payload["columns"][0]["values"])
    note = f"{count(payload['row_count'])} rows were logged" if payload["row_count"] > rows else ""
    return Table(columns, note)


PANELS = [
    Panel("table", "table", table),
    Panel("text", "text", lambda payload: Text(payload["text"])),
    Panel("image", "image", lambda payload: Image(payload["png"])),
]
