"""What a server writes to standard error: lines for people, or JSON objects for collectors of logs."""

import logging
import re
import uuid

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
ACCESS = "prevue.access"  # a line a request; only for collectors, as it would drown what people look for
REQUEST_ID = "X-Request-ID"  # header that names a request in answers and in the logs of all who had to do with it

_REQUEST_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


def request_id_of(given: str | None) -> str:
    """Return what names a request: what a proxy or the dashboard has `given` it, if that may stand in a log."""
    return given if given and _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex[:16]


def set_up(format: str) -> None:
    """Write what loggers say, as `text` or as `json`: an object a line with time, level, logger, message and more."""
    handler = logging.StreamHandler()
    if format == "json":
        from pythonjsonlogger.json import JsonFormatter  # servers have it; a laptop's log is text

        names = {"asctime": "time", "levelname": "level", "name": "logger"}
        handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=names))
    else:
        handler.setFormatter(logging.Formatter(TEXT))
        logging.getLogger(ACCESS).setLevel(logging.WARNING)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in ("peewee", "bokeh", "tornado.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
