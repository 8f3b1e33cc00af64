"""Prevue's client: what a training script imports.

    import prevue

    with prevue.init(project="digits") as run:
        run.log({"loss": 0.3, "val_loss": 0.4}, epoch=1)

Importing it costs little: requests, click and the plugins are loaded where they are first used.
"""

from typing import Any

from prevue_core import __version__

# Where each name lives. A training that only logs never loads the reading side, and the other way round.
_OF_CURRENT = (
    "add_event", "alert", "finish", "init", "log", "log_histogram", "log_image", "log_result", "log_table", "log_text",
)  # fmt: skip
_HOMES = {
    **{"Run": "prevue.run", "Api": "prevue.api", "show": "prevue.showing"},
    **dict.fromkeys(_OF_CURRENT, "prevue.current"),
}

__all__ = [
    "Api",
    "Run",
    "__version__",
    "add_event",
    "alert",
    "finish",
    "init",
    "log",
    "log_histogram",
    "log_image",
    "log_result",
    "log_table",
    "log_text",
    "show",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name.startswith("Prevue"):
        from prevue.connectors import load_connector

        value = load_connector(name)
    else:
        raise AttributeError(f"module 'prevue' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    from prevue.connectors import connector_names

    return sorted({*__all__, *connector_names()})
