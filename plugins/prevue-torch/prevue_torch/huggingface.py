"""The callback for the Trainer of Hugging Face's transformers."""

import math
from collections.abc import Mapping
from typing import Any

import prevue
from prevue.callbacks import RateMarks, harmless
from prevue_torch.opening import LoggerRun, storable

try:
    from transformers import TrainerCallback
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "transformers":
        raise
    raise ImportError("PrevueTrainerCallback needs transformers: pip install 'prevue-torch[transformers]'") from error

# Said once, at the end of a training, of the whole of it.
TOTALS = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "train_loss")


class PrevueTrainerCallback(TrainerCallback):
    """Shows a training of the Trainer in Prevue.

        Trainer(model, arguments, callbacks=[PrevueTrainerCallback(project_name="reviews")], ...)

    What the Trainer logs goes to `train`, `val` (its `eval_...`) and `test`; `logging_steps` of its arguments says how
    often. Evaluations and predictions after the training go on with the run; each trial of a hyperparameter search is a
    run. Only the world's process zero logs. A failure of ours costs a warning, never the training.
    """

    def __init__(
        self,
        connector_name: str = "torch",
        project_name: str | None = None,
        uid: str | None = None,
        url: str | None = None,
        *,
        run_name: str | None = None,
        run: prevue.Run | None = None,
        **init_kwargs: Any,
    ) -> None:
        """Keep what opens a run when training begins.

        `run`: one that is open already, instead of all that would open another; it stays open after the training.
        `init_kwargs`: further arguments of `prevue.init`, such as `config`, `tags` and `mode`.
        Raises InvalidValue, a ValueError, for a value that cannot be used.
        """
        given = {"project": project_name, "uid": uid, "url": url, "name": run_name, **init_kwargs}
        self._run = LoggerRun(run, connector_name, **given)
        self._is_training = False
        self._rates = RateMarks()

    @harmless
    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Open the run, describe the model and keep the arguments as configuration."""
        if not state.is_world_process_zero:
            return
        self._is_training = True
        self._rates = RateMarks()
        if state.is_hyper_param_search:
            self._run.begin_another(state.trial_name)
        run = self._run.open()
        if model is not None:
            run.describe(model)
        run.config.update(_settings(args, model))

    @harmless
    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        """Log what the Trainer logs, at its step and epoch; totals of the training go to the configuration."""
        if not state.is_world_process_zero or not logs:
            return
        run = self._run.open()
        totals = {name: logs[name] for name in TOTALS if name in logs} if "train_runtime" in logs else {}
        if totals:
            run.config.update({"totals": storable(totals)})
        values = {name: value for name, value in logs.items() if name != "epoch" and name not in totals}
        run.log({name: value for name, value in values.items() if not isinstance(value, str)}, **_place(state))
        if "learning_rate" in values:
            self._rates.look(run, {"learning_rate": float(values["learning_rate"])}, state.global_step)
        for name in values:
            if isinstance(values[name], str):
                run.log_text(name, values[name], step=state.global_step)

    @harmless
    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the checkpoint on the curves."""
        if state.is_world_process_zero:
            folder = f"checkpoint-{state.global_step}"
            self._run.open().add_event("checkpoint", folder, step=state.global_step)

    @harmless
    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Finish the run, if it was opened again for this."""
        if not self._is_training:
            self._run.close()

    @harmless
    def on_predict(self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any], **kwargs: Any) -> None:
        """Log the metrics of a prediction, which the Trainer itself does not log."""
        if state.is_world_process_zero:
            self._run.open().log(metrics, **_place(state))
        if not self._is_training:
            self._run.close()

    @harmless
    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Finish the run, unless it was given."""
        self._is_training = False
        self._run.close()


def _place(state: Any) -> dict[str, int | None]:
    """Return step and epoch. The Trainer counts parts of epochs: at 1.5 the second is half done, which is epoch 1."""
    return {"step": state.global_step, "epoch": None if state.epoch is None else max(0, math.ceil(state.epoch) - 1)}


def _settings(args: Any, model: Any) -> dict[str, Any]:
    """Return the arguments, with tokens hidden by transformers, and the model's own configuration."""
    own: Any = getattr(model, "config", None)
    found = {name: value for name, value in args.to_dict().items() if value not in (None, "", [], {})}
    return storable({**found, **({"model": own.to_dict()} if hasattr(own, "to_dict") else {})})
