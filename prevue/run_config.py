"""A run's configuration: what `init` was given and what is found out later, such as the size of a model."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from prevue.json_values import json_value
from prevue.masking import utf8
from prevue.notices import notices
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

    def update(self, values: Any = None, /, **more: Any) -> None:
        """Add values: a dict, or an argparse.Namespace and the like. Of a name that is there the new value counts."""
        try:
            new = dict(_checked({**_named(values), **more}, self._leave_out))
            if (size := len(orjson.dumps({**self._values, **new}))) > MAX_CONFIG_BYTES:
                raise InvalidValue(_too_large(size, new))
        except InvalidValue as error:
            return self._leave_out("", error)
        except Exception as error:  # noqa: BLE001 - foreign code: a mapping of any kind
            return self._leave_out("", InvalidValue(f"config cannot be read ({type(error).__name__}: {error})"))
        self._values.update(new)
        if new:
            self._tell(new)

    @staticmethod
    def _leave_out(name: str, error: InvalidValue) -> None:
        notices.warn(("config", name), f"{error}. It is left out; the rest is kept")


def checked_config(config: Any) -> dict[str, Any]:
    """Return a configuration as JSON has it. Raises InvalidValue where that cannot be."""

    def refuse(name: str, error: InvalidValue) -> None:
        raise error

    checked = dict(_checked(_named(config), refuse))
    if (size := len(orjson.dumps(checked))) > MAX_CONFIG_BYTES:
        raise InvalidValue(_too_large(size, checked))
    return checked


def _checked(values: Mapping[Any, Any], on_problem: Callable[[str, InvalidValue], None]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        name = utf8(str(name))
        try:
            yield name, _stored(name, value)
        except InvalidValue as error:
            on_problem(name, error)


def _stored(name: str, value: Any) -> Any:
    try:
        stored = json_value(value)
    except InvalidValue as error:
        raise InvalidValue(f"config {name!r}: {error}") from None
    except RecursionError:
        stored = None
    except Exception as error:  # noqa: BLE001 - foreign code: values of any kind
        raise InvalidValue(f"config {name!r} cannot be read ({type(error).__name__}: {error})") from None
    if (stored is None and value is not None) or depth_of(stored) >= MAX_DEPTH:
        raise InvalidValue(f"config is nested deeper than {MAX_DEPTH} levels; flatten it")
    return stored


def _named(values: Any) -> dict[Any, Any]:
    found = values if isinstance(values, Mapping) else getattr(values, "__dict__", None)
    if values is not None and found is None:
        raise InvalidValue(f"config {shown(values)} is not a dict; use names and values")
    return dict(found or {})


def _too_large(size: int, new: Mapping[str, Any]) -> str:
    return f"config has {size} bytes with {shown(sorted(new))}; use at most {MAX_CONFIG_BYTES}"
