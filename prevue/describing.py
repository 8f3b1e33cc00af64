"""What a run's model is: a dict, or what a framework's plugin says of the framework's own model."""

from collections.abc import Mapping
from typing import Any

from prevue.ending import told_of
from prevue.notices import notices
from prevue_core.contract import check_label
from prevue_core.errors import InvalidValue, PluginError

PLAIN_CONNECTOR = "python"  # of runs that no connector opened


def model_record(model: Any, connector_name: str) -> dict[str, Any] | None:
    """Return the record that describes a run's model; None, with a warning, where nobody can."""
    description = dict(model) if isinstance(model, Mapping) else _described(model)
    if description is None:
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        notices.warn(("describe", kind), f"no installed plugin describes a {kind}; give describe() a dict")
        return None
    try:
        name = check_label("model name", description.pop("name", None))
        if connector_name == PLAIN_CONNECTOR:  # a model is the same, whether a connector or a plain loop trains it
            connector_name = check_label("framework", description.get("framework", connector_name))
    except InvalidValue as error:
        notices.warn(("describe", str(error)), f"the model is not described: {error}")
        return None
    return {"type": "model", "model_name": name, "connector_name": connector_name, "architecture": description}


def _described(model: Any) -> dict[str, Any] | None:
    from prevue_core.manager import plugins  # pluggy is imported where a hook is called

    try:
        found = plugins(_warn_plugin).hook.prevue_describe_model(model=model)
    except Exception as error:  # noqa: BLE001 - a plugin's hook may raise anything; it costs its description only
        notices.warn("hook", f"a plugin failed to describe the model: {told_of(error)}")
        return None
    return None if found is None else dict(found)


def _warn_plugin(problem: PluginError) -> None:
    notices.warn(("plugin", str(problem)), str(problem))
