"""The Keras callback: opens a run, describes the model, logs what epochs, batches and tests brought.

After the constructor nothing is raised: whatever happens here or on the network, training goes on.
"""

import threading
from collections.abc import Mapping
from typing import Any

import prevue
from prevue.callbacks import Opening, RateMarks, batches_between, harmless
from prevue_core.errors import InvalidValue
from prevue_keras.captured import config_of
from prevue_keras.packages import keras
from prevue_keras.testing import check_data, log_data
from prevue_keras.values import RUNNING_MEAN, by_split, iterations, learning_rate, named, outputs_of, weights


class PrevueKerasCallback(keras.callbacks.Callback):
    """Shows a training in Prevue: give it to `fit(callbacks=[...])`, and to `evaluate` for a test.

    Each epoch's values are logged at the optimizer's step. A further `fit` with the same callback goes on with the run.
    A copy (pickled, cloned) has the configuration only, not the data to test with, and begins a run of its own, with
    the token in PREVUE_TOKEN.
    """

    # Keras may then run the hooks of batches, also those of other callbacks, in threads beside the training: several at
    # once and in any order. So `_log_batch` keeps no count and leaves the model alone, which would wait for the device.
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
        resume: str | None = None,
        token: str | None = None,
        config: Mapping[str, Any] | None = None,
        tags: list[str] | None = None,
        update_freq: str | int = "epoch",
        log_freq: str | int | None = None,
        histogram_freq: int = 0,
        describe: bool = True,
        log_lr: bool = True,
        evaluation_data: Any = None,
        class_names: Any = None,
        evaluation_freq: int = 0,
        system_metrics: bool | None = None,
        mode: str | None = None,
        run: prevue.Run | None = None,
    ) -> None:
        """Keep what opens a run when training begins, see `prevue.init`.

        `config`: joins what Keras tells (optimizer, loss, batch size, epochs, steps), and counts where both tell.
        `update_freq`: besides epochs, "batch" logs each batch's values and 10 those of each tenth: what Keras reports
        there, means over the epoch so far, as `running_mean/loss` and so on. `log_freq`: another name for it.
        `histogram_freq`: log histograms of all weights each so many epochs; 0: never.
        `describe`, `log_lr`: whether the model is described, and the learning rate logged.
        `evaluation_data`: (x, y), (x, y, sample_weight) or a data set of such batches, to be predicted at the end of
        the training, and logged sample by sample, see `prevue_keras.log_test`; with an `evaluation_freq` also each so
        many epochs. `class_names`: of its classes 0, 1, 2 ...; of several outputs a dict of such.
        `run`: one that is open already, instead of all that would open one; it stays open after the training.
        Raises InvalidValue, a ValueError, for a value that cannot be used.
        """
        super().__init__()
        where: dict[str, Any] = {"project": project_name, "uid": uid, "url": url, "token": token, "mode": mode}
        which: dict[str, Any] = {"run_id": run_id, "resume": resume, "name": run_name, "config": config, "tags": tags}
        self._opening = Opening(connector_name, run, system_metrics=system_metrics, **where, **which)
        self._every = batches_between(update_freq if log_freq is None else log_freq)
        self._histogram_freq = _epochs_between("histogram_freq", histogram_freq)
        self._evaluation_freq = _epochs_between("evaluation_freq", evaluation_freq)
        if evaluation_data is not None:
            check_data(evaluation_data)
        self._evaluation_data, self._class_names = evaluation_data, class_names
        self._describes, self._logs_rate = describe, log_lr
        self._for_copy = {
            "update_freq": update_freq if log_freq is None else log_freq,
            "histogram_freq": histogram_freq,
            "evaluation_freq": evaluation_freq,
            "class_names": class_names,
        }
        self._per_call = 1  # batches that Keras makes between two calls
        if self._every:  # else Keras need not make a batch's values
            self.on_train_batch_end = self._log_batch
        self._is_training = self._is_described = False
        self._fits = 0
        self._rates = RateMarks()
        self._config: dict[str, Any] = {}  # of the first fit
        self._outputs: dict[str, str] = {}
        self._offset: int | None = None  # from the optimizer's steps to the run's
        self._last_step = -1  # of an epoch
        self._evaluated_step = -1
        self._epoch = self._start = 0  # the epoch that goes on, and the step that it began at
        self._batch_step = 0  # the highest of a batch
        self._lock = threading.Lock()

    def set_model(self, model: Any) -> None:
        """Take the model of a `fit`, or of an `evaluate` outside of one, that begins."""
        super().set_model(model)
        self._is_training = self._is_described = False  # also where an exception ended the `fit` before
        self._offset = None

    @harmless
    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Open the run, or go on with it."""
        self._is_training = True
        self._fits += 1
        config = config_of(self.model, self.params)
        run = self._opening.open(config)
        if self._fits > 1:
            self._tell_of_further_fit(run, config)
        self._config = self._config or config
        if self.model.built:
            self._describe(run)
        self._outputs = outputs_of(self.model)
        self._per_call = getattr(self.model, "steps_per_execution", 1) or 1

    @harmless
    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note where the run stands: in the first epoch from the optimizer, which callbacks may have restored."""
        if self._opening.run is None:
            return
        if self._offset is None:
            self._start, self._offset = self._stand()
        else:
            self._start = self._last_step
            if self._evaluation_freq and epoch % self._evaluation_freq == 0:  # so many were trained; the last ends it
                self._evaluate(self._start)
        self._epoch = epoch

    @harmless
    def _log_batch(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log what Keras reports at the end of a batch, as often as `update_freq` says.

        With `steps_per_execution` that is the last of several, or the first of them, depending on Keras's version.
        """
        before = batch // self._per_call * self._per_call
        ended = min(before + self._per_call, (self.params or {}).get("steps") or before + self._per_call)
        step = self._start + ended
        run = self._opening.run
        if run is None or step // self._every == (self._start + before) // self._every:
            return
        if not self._is_described and keras.backend.backend() == "tensorflow":  # builds in a batch, has no such threads
            self._describe(run)
        with self._lock:
            self._batch_step = max(self._batch_step, step)
        values = named(logs or {}, self._outputs, RUNNING_MEAN)
        run.log(values, step=step, epoch=self._epoch, batch=ended - 1, split="train")

    @harmless
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the epoch's values under Keras's names, with Keras's number of the epoch."""
        run = self._opening.run
        if run is None:
            return
        self._describe(run)  # TensorFlow builds a model without an input shape in its first batch
        # An optimizer that is not used, as beside those of a GAN, stays at 0.
        made = iterations(self.model) + (self._offset or 0)
        step = self._last_step = max(made, self._batch_step, self._last_step + 1)
        values = {**(logs or {})}
        if self._logs_rate and "learning_rate" not in values:  # as callbacks that change it report it
            values.update(learning_rate(self.model))
        for split, named_values in by_split(values, self._outputs).items():
            run.log(named_values, step=step, epoch=epoch, split=split)
        if "learning_rate" in values:
            self._rates.look(run, {"learning_rate": float(values["learning_rate"])}, step)
        if self._histogram_freq and epoch % self._histogram_freq == 0:
            for name, values in weights(self.model):
                run.log_histogram(name, values, step=step)

    def _implements_train_batch_hooks(self) -> bool:
        """Tell TF-Keras, whose callbacks have this, that it need not make a batch's values."""
        return bool(self._every)

    def _implements_no_batch_hooks(self) -> bool:
        return False

    _implements_test_batch_hooks = _implements_predict_batch_hooks = _implements_no_batch_hooks

    @harmless
    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log a test, which is an `evaluate` outside of `fit`: inside, the epoch's values have it as `val_...`."""
        if self._is_training:
            return
        is_after = self._opening.run is None
        run = self._opening.open()
        self._describe(run)
        step, _ = self._stand()
        run.log(named(logs or {}, outputs_of(self.model)), step=step, split="test")
        if step != self._evaluated_step:
            self._evaluate(step)
        if is_after:
            self._opening.close()

    @harmless
    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Finish the run, unless it was given."""
        self._is_training = False
        run, epochs = self._opening.run, (self.params or {}).get("epochs")
        was_stopped = getattr(self.model, "stop_training", False)
        if run is not None and was_stopped and epochs not in (None, self._epoch + 1):
            run.add_event("stopped", f"after epoch {self._epoch}, before {epochs} epochs were trained")
        self._evaluate(max(self._last_step, 0))
        self._opening.close()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy gets: what was configured; no token, run or model."""
        return {**self._opening.for_copy(), **self._for_copy, "describe": self._describes, "log_lr": self._logs_rate}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _tell_of_further_fit(self, run: prevue.Run, config: Mapping[str, Any]) -> None:
        """Mark where a `fit` after the first begins, and tell what it is configured differently from that."""
        name = f"fit {self._fits}"
        run.add_event("fit", f"{name} begins", step=max(self._last_step, 0))
        if changed := {key: value for key, value in config.items() if self._config.get(key) != value}:
            run.config[name] = changed

    def _describe(self, run: prevue.Run) -> None:
        if self._describes and not self._is_described:
            self._is_described = True
            run.describe(self.model)

    @harmless
    def _evaluate(self, step: int) -> None:
        """Log the test with `evaluation_data`."""
        run = self._opening.run
        if run is not None and self._evaluation_data is not None:
            self._evaluated_step = step
            log_data(run, self.model, self._evaluation_data, class_names=self._class_names, step=step)

    def _stand(self) -> tuple[int, int]:
        """Return the run's step, and how many of its steps this optimizer has not made, so that steps go on rising.

        An optimizer that came back from a checkpoint of an earlier process has made them, and may train some of them
        again: the later values count then.
        """
        made = iterations(self.model)
        if self._last_step < 0 and made == 0:
            self._last_step = self._opening.last_step()
        step = max(made, self._last_step)
        return step, step - made


def _epochs_between(name: str, freq: object) -> int:
    if isinstance(freq, int) and not isinstance(freq, bool) and freq >= 0:
        return freq
    raise InvalidValue(f"{name} {freq!r:.60} is not a number of epochs; use 0 for none, 1, 2 ...")
