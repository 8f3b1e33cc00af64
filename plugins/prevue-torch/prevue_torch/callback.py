"""The callback for loops in plain PyTorch: opens a run, describes the model, logs what epochs and batches brought.

After the constructor nothing is raised: whatever happens here or on the network, training goes on.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import prevue
from prevue.callbacks import batches_between, harmless
from prevue_core.contract import place_of
from prevue_core.errors import InvalidValue

try:
    import torch
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError("PrevueTorchCallback needs PyTorch: pip install 'prevue-torch[torch]'") from error

from prevue_torch.describe import describe_model, has_all_shapes
from prevue_torch.opening import CONNECTOR, LoggerRun


class PrevueTorchCallback:
    """Shows a training in Prevue: call its hooks from the loop, inside a `with` or between train begin and end.

        with PrevueTorchCallback(project_name="digits", model=model) as callback:
            for epoch in range(5):
                ...
                callback.on_epoch_end(epoch, {"loss": loss, "val_loss": val_loss})

    Values may be tensors with one number. Steps are the batches that `on_batch_end` was told of; without any, epochs
    are counted. What comes after the end goes on with the run. A copy (pickled, sent to a process) has the
    configuration only, not the model, and begins a run of its own, with the token in PREVUE_TOKEN. In a distributed
    training only rank 0 logs, unless a `run_id` (or PREVUE_RUN_ID) puts all ranks into one run.
    """

    def __init__(
        self,
        connector_name: str = CONNECTOR,
        project_name: str | None = None,
        uid: str | None = None,
        url: str | None = None,
        *,
        model: torch.nn.Module | None = None,
        input_batch: Any = None,
        run_name: str | None = None,
        run_id: str | None = None,
        token: str | None = None,
        config: Mapping[str, Any] | None = None,
        tags: list[str] | None = None,
        mode: str | None = None,
        run: prevue.Run | None = None,
        update_freq: str | int = "epoch",
    ) -> None:
        """Keep what opens a run when training begins, see `prevue.init`.

        `model`: is described in the run; it is called only on an `input_batch`, once, for the shapes of its layers.
        `run`: one that is open already, instead of all that would open another; it stays open after the training.
        `update_freq`: of the values given to `on_batch_end`, "epoch" logs none, "batch" all, 10 each tenth batch's.
        Raises InvalidValue, a ValueError, for a value that cannot be used.
        """
        where: dict[str, Any] = {"url": url, "project": project_name, "uid": uid, "run_id": run_id, "mode": mode}
        what: dict[str, Any] = {"name": run_name, "config": config, "tags": tags}
        self._opening = LoggerRun(run, connector_name, token=token, **where, **what)
        if model is not None and not isinstance(model, torch.nn.Module):
            raise InvalidValue(f"model {model!r:.60} is not a torch.nn.Module; leave it out, or describe it in the run")
        self._update_freq = update_freq
        self._every = batches_between(update_freq)
        self._model = model
        self._input_batch = input_batch
        self._is_described = False
        self._batches = 0  # of the whole run
        self._last_step = -1  # of an epoch

    @property
    def run(self) -> prevue.Run:
        """The run, for `watch` and what else has no hook. It is opened, if it is not yet."""
        return self._opened()

    @harmless
    def on_train_begin(self) -> None:
        """Open the run, or go on with it."""
        run = self._opened()
        if self._model is not None and has_all_shapes(self._model):
            self._describe(run)

    @harmless
    def on_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None, *, epoch: int | None = None) -> None:
        """Count a training batch, and log its values as `batch/loss` and so on, as often as `update_freq` says.

        Tensors of batches that are not logged are not read, so a device is not waited for.
        """
        run = self._opened()
        self._batches += 1
        if logs and self._every and self._batches % self._every == 0:
            self._describe(run)
            values = {f"batch/{name}": value for name, value in logs.items()}
            run.log(values, step=self._batches, epoch=epoch, batch=batch)

    @harmless
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log an epoch's values: `val_...` goes to the split `val`."""
        run = self._opened()
        self._last_step = max(self._batches, self._last_step + 1)
        self._describe(run)
        run.log(logs or {}, step=self._last_step, epoch=epoch)

    @harmless
    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log values of a test into the split `test`, under names with `test_` or without; also after the training."""
        is_after = self._opening.run is None
        run = self._opened()
        self._describe(run)
        values = {_test_name(name): value for name, value in (logs or {}).items()}
        run.log(values, step=max(self._batches, self._last_step, 0))
        if is_after:
            self._opening.close()

    @harmless
    def on_train_end(self) -> None:
        """Finish the run, unless it was given."""
        self._opening.close()

    def __enter__(self) -> "PrevueTorchCallback":
        self.on_train_begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        harmless(self._opening.close)(error)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy gets: what was configured; no token, run or model."""
        return {**self._opening.for_copy(), "update_freq": self._update_freq}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _opened(self) -> prevue.Run:
        """Return the run; a loop that begins without `on_train_begin` opens it too."""
        if self._opening.run is None:
            if self._batches == 0 and self._last_step < 0:
                self._last_step = self._opening.last_step()
                self._batches = max(0, self._last_step)
            self._is_described = False
        return self._opening.open()

    def _describe(self, run: prevue.Run) -> None:
        if self._model is not None and not self._is_described:
            run.describe(describe_model(self._model, self._input_batch))
            self._is_described = True


def _test_name(name: Any) -> Any:
    return name if not isinstance(name, str) or place_of(name).split == "test" else f"test/{name}"
