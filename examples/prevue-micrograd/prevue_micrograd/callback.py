"""The callback for loops with micrograd: opens a run, describes the model, logs what each epoch brought."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import prevue
from prevue.callbacks import check_arguments, harmless
from prevue.config import client_settings

try:
    from micrograd.engine import Value
    from micrograd.nn import Module
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("micrograd"):
        raise
    raise ImportError("PrevueMicrogradCallback needs micrograd: pip install 'prevue-micrograd[micrograd]'") from error


class PrevueMicrogradCallback:
    """Shows a training in Prevue: `with PrevueMicrogradCallback(project_name="moons", model=model) as callback`."""

    def __init__(
        self,
        project_name: str | None = None,
        uid: str | None = None,
        url: str | None = None,
        *,
        model: Module | None = None,
        run_name: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep what opens a run when training begins, see `prevue.init`.

        Raises InvalidValue, a ValueError, for a value that cannot be used.
        """
        where: dict[str, Any] = {"project": project_name, "uid": uid, "url": url}
        what: dict[str, Any] = {"name": run_name, "config": config}
        client_settings(**where)
        check_arguments(**what)
        self._arguments = {**where, **what}
        self._model = model
        self._run: prevue.Run | None = None

    def __enter__(self) -> "PrevueMicrogradCallback":
        self._begin()
        return self

    @harmless
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Log an epoch's values: numbers of Python or of micrograd; `val_...` goes to the split `val`."""
        if self._run is not None:
            self._run.log({name: _number(value) for name, value in logs.items()}, epoch=epoch)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(kind, error, trace)

    @harmless
    def _begin(self) -> None:
        self._run = prevue.init(connector_name="micrograd", **self._arguments)
        if self._model is not None:
            self._run.describe(self._model)

    @harmless
    def _end(self, *raised: Any) -> None:
        if self._run is not None:
            self._run.__exit__(*raised)  # an exception makes the run a failed one


def _number(value: Any) -> Any:
    return value.data if isinstance(value, Value) else value
