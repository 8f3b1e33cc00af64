"""What a browser and this process share in a session: small JSON, and messages for the numbers.

Numbers travel as document messages, not as properties: Bokeh 3.9 cannot restore a binary property after a reconnect.
"""

from typing import Any

from bokeh.core.properties import Any as AnyProperty
from bokeh.core.properties import Bool, Dict, String
from bokeh.document import Document
from bokeh.document.events import MessageSentEvent
from bokeh.model import DataModel


class UI(DataModel):
    """One viewer of a project."""

    version = String(help="From here: that of the scripts which fit to this server.")
    meta = Dict(String, AnyProperty, help="From here: `rev`, `is_known`, `is_all`, `project`, `runs`, `keys`, `error`.")
    req = Dict(
        String,
        AnyProperty,
        help="From the browser: `seq`, `kind`, `keys`, `runs`, `ranks`, `px`, `low`, `high`, `watch`, `filter`.",
    )
    active = Bool(default=True, help="From the browser: whether anybody looks at the page.")


def send(document: Document, message: dict[str, Any]) -> None:
    """Send a message to the browser of a session; nothing of it is kept. Call it with the document's lock held."""
    document.callbacks.trigger_on_change(MessageSentEvent(document, "prevue", message))
