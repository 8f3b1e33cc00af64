"""The run of a logger that a framework calls: its arguments are checked at once, and it is opened once it is needed."""

import inspect
import uuid
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import prevue
from prevue.callbacks import Opening
from prevue.json_values import json_value
from prevue_core.errors import InvalidValue

CONNECTOR = "torch"  # a model is the same, whichever library of the ecosystem trains it
CHARS = 500  # kept of a setting that is no number, text or list of such


class LoggerRun(Opening):
    """The run of a logger. A copy of it (pickled, sent to a process) has no token and belongs to the same run."""

    def __init__(self, run: prevue.Run | None = None, connector_name: str = CONNECTOR, **arguments: Any) -> None:
        """Keep the arguments of `prevue.init`, or a run that is open already; that one stays open.

        Raises InvalidValue, a ValueError, for a value that cannot be used, or a name that is none of them.
        """
        known = inspect.signature(prevue.init).parameters
        if unknown := [name for name in arguments if name not in known]:
            raise InvalidValue(f"argument {unknown[0]!r} is not known; use those of prevue.init: {', '.join(known)}")
        super().__init__(connector_name, run, **arguments)

    def open(self, config: Mapping[str, Any] | None = None, **instead: Any) -> prevue.Run:
        """Return the open run. Of several ranks that have no `run_id` in common only the first keeps anything."""
        if self.run is not None:  # asked for in each batch: to read the settings takes 50 us
            return self.run
        settings = self.settings()
        is_silent = settings.rank != 0 and settings.run_id is None
        return super().open(config, **({"mode": "disabled"} if is_silent else {}), **instead)

    @property
    def run_id(self) -> str | None:
        """The run's id; None before there is one."""
        given = self.run or self._given
        return self._run_id or self.settings().run_id if given is None else given.run_id

    @property
    def project(self) -> str:
        """The project's name."""
        return self.settings().project

    def last_step(self) -> int:
        """Return the highest step that the run has from a process before this one, or -1."""
        return -1 if self._given is not None else super().last_step()

    def begin_another(self, name: str | None = None) -> None:
        """Finish the run, and let the next `open` open another one."""
        self.close()
        self._run_id = None
        self._arguments = {**self._arguments, "run_id": None, "name": name or self._arguments.get("name")}

    def __getstate__(self) -> dict[str, Any]:
        self._run_id = self.run_id or str(uuid.uuid4())
        return {**vars(self), "_arguments": {**self._arguments, "token": None}, "run": None}


def storable(value: Any) -> Any:
    """Return what can be kept of a configuration: what JSON has, and of other objects what they print."""
    if isinstance(value, Namespace):
        value = vars(value)
    elif is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(name): storable(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [storable(one) for one in value]
    try:
        return json_value(value)
    except InvalidValue:
        return str(value)[:CHARS]
