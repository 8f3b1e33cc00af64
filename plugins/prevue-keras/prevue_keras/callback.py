"""The Keras callback: opens a run, describes the model, logs what each epoch brought.

After the constructor nothing is raised: whatever happens here or on the network, training goes on.
"""

from collections.abc import Mapping
from typing import Any

import prevue
from prevue.callbacks import check_arguments, check_given, harmless
from prevue.config import client_settings
from prevue.resume import last_step
from prevue.run import RESUME_TIMEOUT_S
from prevue_core.contract import check_label

try:
    import keras
except ModuleNotFoundError as error:
    if error.name != "keras":  # Keras is there, but not what it computes with
        raise
    raise ImportError("PrevueKerasCallback needs Keras: pip install 'prevue-keras[keras]'") from error


class PrevueKerasCallback(keras.callbacks.Callback):
    """Shows a training in Prevue: give it to `fit(callbacks=[...])`.

    Each epoch's values are logged at the optimizer's step. A further `fit` with the same callback goes on with the run.
    A copy (pickled, cloned) has the configuration only and begins a run of its own, with the token in PREVUE_TOKEN.
    """

    # It overrides no hook of batches, so Keras may run those of other callbacks in threads.
    async_safe = True

    def __init__(
        self,
        connector_name: str = "keras",
        project_name: str | None = None,
        uid: str | None = None,
        url: str | None = None,
        *,
        run_name: str | None = None,
        run_id: str | None = None,
        token: str | None = None,
        config: Mapping[str, Any] | None = None,
        tags: list[str] | None = None,
        mode: str | None = None,
        run: prevue.Run | None = None,
    ) -> None:
        """Keep what opens a run when training begins, see `prevue.init`.

        `run`: one that is open already, instead of all the others; it stays open after the training.
        Raises InvalidValue, a ValueError, for a value that cannot be used.
        """
        super().__init__()
        where: dict[str, Any] = {
            "url": url,
            "project": project_name,
            "uid": uid,
            "run_id": run_id,
            "mode": mode,
            "token": token,
        }
        what: dict[str, Any] = {"name": run_name, "config": config, "tags": tags}
        if run is not None:
            check_given(run, {**where, **what})
        self._settings = client_settings(**where)
        check_arguments(**what)
        self._arguments = {"connector_name": check_label("connector_name", connector_name), **where, **what}
        self._given = run
        self._run: prevue.Run | None = None
        self._run_id = run_id
        self._is_described = False
        self._offset: int | None = None  # from the optimizer's steps to the run's
        self._last_step = -1

    @harmless
    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Open the run, or go on with it."""
        self._run = self._given or self._run or prevue.init(**{**self._arguments, "run_id": self._run_id})
        self._run_id = self._run.run_id
        self._is_described = False
        self._offset = None
        if self.model.built:
            self._describe(self._run)

    @harmless
    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note where the optimizer stands: in the first epoch, since callbacks that restore it do so before."""
        if self._run is not None and self._offset is None:
            self._offset = self._steps_before()

    @harmless
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the epoch's values under Keras's names, with Keras's number of the epoch."""
        if self._run is None:
            return
        if not self._is_described:  # TensorFlow builds a model without an input shape in its first batch
            self._describe(self._run)
        # An optimizer that is not used, as beside those of a GAN, stays at 0.
        step = max(self._iterations() + (self._offset or 0), self._last_step + 1)
        self._run.log(logs or {}, step=step, epoch=epoch)
        self._last_step = step

    @harmless
    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Finish the run, unless it was given."""
        run, self._run = self._run, None
        if run is not None and run is not self._given:
            run.finish()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy gets: what was configured; no token, run or model."""
        return {**self._arguments, "token": None, "run": self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        names = {"project": "project_name", "name": "run_name"}
        self.__init__(**{names.get(name, name): value for name, value in state.items()})  # type: ignore[misc]

    def _describe(self, run: prevue.Run) -> None:
        run.describe(self.model)
        self._is_described = True

    def _iterations(self) -> int:
        """Return how many steps the model's optimizer has made; 0 for a model that trains without one."""
        iterations = getattr(getattr(self.model, "optimizer", None), "iterations", None)
        return 0 if iterations is None else int(keras.ops.convert_to_numpy(iterations))

    def _steps_before(self) -> int:
        """Return how many steps the run has had that this optimizer has not made, so that steps go on rising.

        An optimizer that came back from a checkpoint of an earlier process has made them, and may train some of them
        again: the later values count then.
        """
        made = self._iterations()
        run_id = self._settings.run_id
        if self._last_step < 0 and made == 0 and run_id is not None:
            self._last_step = last_step(self._settings, run_id, RESUME_TIMEOUT_S)
        return max(0, self._last_step - made)
