"""Connectors: the classes that plugins export as `prevue.Prevue...`, each loaded when someone imports its name."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from prevue_core.errors import PluginError

GROUP = "prevue.connectors"

# Whom to name when a connector of ours is imported before it is installed.
OUR_PLUGINS = {
    "PrevueIgniteLogger": "'prevue-torch[ignite]'",
    "PrevueKerasCallback": "prevue-keras",
    "PrevueLightningEvaluation": "'prevue-torch[lightning]'",
    "PrevueLightningLogger": "'prevue-torch[lightning]'",
    "PrevueSklearnCallback": "prevue-sklearn",
    "PrevueTorchCallback": "prevue-torch",
    "PrevueTracker": "'prevue-torch[accelerate]'",
    "PrevueTrainerCallback": "'prevue-torch[transformers]'",
}


def connector_names() -> list[str]:
    """Return the names that installed connectors export."""
    return sorted(entry_points(group=GROUP).names)


def load_connector(name: str) -> Any:
    """Return the connector `name`. Raises ImportError with the pip command if there is none, PluginError for two."""
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        plugin = OUR_PLUGINS.get(name)
        # An AttributeError would hide this text: `from prevue import X` replaces it with its own.
        raise ImportError(
            f"{name} comes with a plugin that is not installed: pip install {plugin}"
            if plugin
            else f"no installed plugin exports {name}; installed connectors: {', '.join(connector_names()) or 'none'}"
        )
    if len(found) > 1:
        owners = " and ".join(sorted(_owner(entry_point) for entry_point in found))
        raise PluginError(f"{name} is exported by {owners}; uninstall one of them")
    try:
        return found[0].load()
    except AttributeError as error:  # as above
        raise ImportError(f"{name} of {_owner(found[0])} cannot be loaded: {error}") from error


def _owner(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist else entry_point.value
