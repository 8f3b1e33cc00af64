"""The callback for loops with micrograd: opens a run, describes the model, logs what each epoch brought."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from prevue.callbacks import Opening, harmless

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
        where = {"project": project_name, "uid": uid, "url": url}
        self._opening = Opening("micrograd", name=run_name, config=config, **where)
        self._model = model

    def __enter__(self) -> "PrevueMicrogradCallback":
        self._begin()
        return self

    @harmless
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Log an epoch's values: numbers of Python or of micrograd; `val_...` goes to the split `val`."""
        if self._opening.run is not None:
            self._opening.run.log({name: _number(value) for name, value in logs.items()}, epoch=epoch)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    @harmless
    def _begin(self) -> None:
        run = self._opening.open()
        if self._model is not None:
            run.describe(self._model)

    @harmless
    def _end(self, error: BaseException | None) -> None:
        self._opening.close(error)  # an exception makes the run a failed one


def _number(value: Any) -> Any:
    return value.data if isinstance(value, Value) else value
