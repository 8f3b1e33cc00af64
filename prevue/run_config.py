"""A run's configuration: what `init` was given and what is found out later, such as the size of a model."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from prevue.notices import notices
from prevue.payloads import json_value
from prevue_core.contract import MAX_CONFIG_BYTES, MAX_DEPTH, depth_of
from prevue_core.errors import InvalidValue, shown


class RunConfig(Mapping[str, Any]):
    """A mapping that can be added to: `run.config["lr"] = 1e-3` or `run.config.update({...})`; later values win.

    Values become what JSON has: numbers out of arrays, paths as text. What cannot be stored costs one warning.
    """

    def __init__(self, values: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> None:
        self._values = values  # as the run's further writers tell it
        self._tell = tell

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"RunConfig({self._values!r})"

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def update(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Add values; those of a name that is there already are replaced, whole."""
        given = {**_dict(values), **more}
        new = {}
        for name, value in given.items():
            try:
                new[str(name)] = _stored(value)
            except InvalidValue as error:
                notices.warn(("config", str(name)), f"config {name!r}: {error}. It is left out; the rest is kept")
        together = {**self._values, **new}
        if len(orjson.dumps(together)) > MAX_CONFIG_BYTES:
            notices.warn(
                "config", f"config is larger than {MAX_CONFIG_BYTES} bytes with {shown(sorted(new))}; they are left out"
            )
        elif new:
            self._values.update(new)
            self._tell(new)


def _dict(values: Any) -> dict[Any, Any]:
    """Return a dict, or the names in an argparse.Namespace and the like."""
    if values is None:
        return {}
    found = values if isinstance(values, Mapping) else getattr(values, "__dict__", None)
    if found is None:
        notices.warn("config", f"config {shown(values)} is not a dict; use names and values")
    return dict(found or {})


def _stored(value: Any) -> Any:
    stored = json_value(value)
    if depth_of(stored) >= MAX_DEPTH:
        raise InvalidValue(f"it is nested deeper than {MAX_DEPTH} levels; flatten it")
    return stored
