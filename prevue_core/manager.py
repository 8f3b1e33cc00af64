"""The plugin manager: finds plugins by their entry point in group `prevue` and loads them one by one."""

import sys
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points

import pluggy

from prevue_core import hookspecs
from prevue_core.errors import PluginError
from prevue_core.settings import PluginSettings, plugin_settings

GROUP = "prevue"


def load_plugins(
    settings: PluginSettings,
    found: Iterable[EntryPoint],
    on_error: Callable[[PluginError], None],
) -> pluggy.PluginManager:
    """Return a manager with every plugin of `found` that `settings` allow.

    `on_error` is called with each plugin that cannot be loaded: a server raises there, a training process warns.
    """
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    if settings.trace:
        manager.trace.root.setwriter(sys.stderr.write)
        manager.enable_tracing()
    for entry_point in found:
        owner = entry_point.dist.name if entry_point.dist else entry_point.value
        if settings.only is not None and owner not in {"prevue", *settings.only}:
            continue
        try:
            manager.register(entry_point.load(), name=f"{owner}:{entry_point.name}")
            manager.check_pending()
        except Exception as error:  # noqa: BLE001 - a plugin's import may raise anything; it is told with its cause
            problem = PluginError(f"plugin {entry_point.name!r} of distribution {owner!r} cannot be loaded: {error}")
            problem.__cause__ = error
            manager.unregister(name=f"{owner}:{entry_point.name}")
            on_error(problem)
    return manager


@cache
def plugins(on_error: Callable[[PluginError], None]) -> pluggy.PluginManager:
    """Return this process's plugins, loaded at the first call."""
    return load_plugins(plugin_settings(), entry_points(group=GROUP), on_error)


def refuse(problem: PluginError) -> None:
    """Answer a plugin that cannot be loaded as a server does: by not starting."""
    raise problem
