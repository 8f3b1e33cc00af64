"""The logger for Lightning and Fabric, of the packages `lightning` and `pytorch_lightning`."""

import sys
from argparse import Namespace
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import prevue
from prevue.callbacks import RateMarks, harmless
from prevue.values import whole
from prevue_torch.opening import LoggerRun, storable

# The module whose `Logger` is to be inherited from; that of the package that the script has imported comes first.
PACKAGES = {
    "lightning": "lightning.pytorch.loggers.logger",
    "pytorch_lightning": "pytorch_lightning.loggers.logger",
    "lightning_fabric": "lightning_fabric.loggers.logger",
}
MONITORED = "lr-"  # so begins what Lightning's LearningRateMonitor logs


def _base() -> Any:
    for package in sorted(PACKAGES, key=lambda name: name not in sys.modules):
        try:
            return import_module(PACKAGES[package])
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != package:
                raise
    raise ImportError("PrevueLightningLogger needs Lightning: pip install 'prevue-torch[lightning]'")


base: Any = _base()
rank_zero_only = import_module("lightning_utilities.core.rank_zero").rank_zero_only


class PrevueLightningLogger(base.Logger):
    """Shows in Prevue what a Lightning module or Fabric logs.

        Trainer(logger=PrevueLightningLogger("digits"))

    The epoch that Lightning adds to the values goes to the column `epoch`. What is logged after `fit`, by a test say,
    goes on with the run. Only rank 0 logs. A failure of ours costs a warning, never the training.
    """

    def __init__(
        self,
        project: str | None = None,
        name: str | None = None,
        version: str | None = None,
        save_dir: str | None = ".",
        offline: bool = False,
        prefix: str = "",
        experiment: prevue.Run | None = None,
        *,
        log_graph: bool = False,
        **init_kwargs: Any,
    ) -> None:
        """Keep what opens a run once something is logged.

        `name`: of the run. `version`: the id of a run to go on with. `save_dir`: where checkpoints go.
        `offline`: keep the records on disk for `prevue sync`. `prefix`: of all names, with `/` behind it.
        `experiment`: a run that is open already, instead of all that would open another; it stays open.
        `log_graph`: run the model once, on its `example_input_array`, to describe it with shapes.
        `init_kwargs`: further arguments of `prevue.init`, such as `uid`, `url`, `config` and `tags`.
        Raises InvalidValue, a ValueError, for a value that cannot be used.
        """
        super().__init__()
        mode = "offline" if offline else init_kwargs.pop("mode", None)
        self._run = LoggerRun(experiment, project=project, name=name, run_id=version, mode=mode, **init_kwargs)
        self._rates = RateMarks()
        self._save_dir = save_dir
        self._prefix = f"{prefix}/" if prefix else ""
        self._log_graph = log_graph

    @property
    def name(self) -> str:
        """The project: Lightning puts checkpoints into a folder of this name."""
        return self._run.project

    @property
    def version(self) -> str | None:
        """The run's id, once it is open."""
        return self._run.run_id

    @property
    def save_dir(self) -> str | None:
        """Where checkpoints go: into a folder of the project's name, with one for each run."""
        return self._save_dir

    @property
    @base.rank_zero_experiment
    def experiment(self) -> prevue.Run:
        """The run, for what Lightning has no call for. It is opened, if it is not yet."""
        return self._run.open()

    @rank_zero_only
    @harmless
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log values; a whole number under `epoch` becomes their epoch."""
        epoch = whole(metrics.get("epoch"))
        values = {f"{self._prefix}{name}": value for name, value in metrics.items() if name != "epoch" or epoch is None}
        self._run.open().log(values, step, epoch=epoch)
        rates = {name: float(value) for name, value in metrics.items() if name.startswith(MONITORED)}
        self._rates.look(self._run.open(), rates, step)

    @rank_zero_only
    @harmless
    def log_hyperparams(self, params: Mapping[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Add to the run's configuration."""
        self._run.open().config.update(storable(params))

    @rank_zero_only
    @harmless
    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Describe the model; with an input, or `log_graph=True` and an `example_input_array`, with shapes."""
        from prevue_torch.describe import describe_model  # imports PyTorch

        if input_array is None and self._log_graph:
            input_array = getattr(model, "example_input_array", None)
        self._run.open().describe(model if input_array is None else describe_model(model, input_array))

    @rank_zero_only
    @harmless
    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Mark the checkpoint on the curves, at the step of what was logged last."""
        saved = getattr(checkpoint_callback, "_last_checkpoint_saved", "") or checkpoint_callback.best_model_path
        self._run.open().add_event("checkpoint", Path(saved).name)

    @rank_zero_only
    @harmless
    def finalize(self, status: str) -> None:
        """Finish the run; as failed, with what is being raised, where Lightning says so."""
        failed = sys.exc_info()[1] or RuntimeError(f"Lightning ended with the status {status!r}")
        self._run.close(failed if status == "failed" else None)


PrevueLogger = PrevueLightningLogger
