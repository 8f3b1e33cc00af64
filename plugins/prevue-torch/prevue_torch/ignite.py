"""The logger for Ignite, with its handlers."""

from collections.abc import Callable
from typing import Any

import prevue
from prevue.callbacks import harmless
from prevue_torch.opening import LoggerRun
from prevue_torch.watching import log_histograms

try:
    from ignite.handlers.base_logger import (
        BaseLogger,
        BaseOptimizerParamsHandler,
        BaseOutputHandler,
        BaseWeightsHandler,
    )
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "ignite":
        raise
    raise ImportError("PrevueIgniteLogger needs Ignite: pip install 'prevue-torch[ignite]'") from error

SPLITS = {"training": "train", "testing": "test"}  # tags that Ignite's examples use, beside those that name a split


class PrevueIgniteLogger(BaseLogger):
    """Shows in Prevue what handlers take from Ignite's engines. A context manager; or call `close` at the end.

        with PrevueIgniteLogger(project="digits") as logger:
            logger.attach_output_handler(trainer, Events.ITERATION_COMPLETED(every=10), "training", ["loss"])
            trainer.run(loader, max_epochs=5)

    A failure of ours costs a warning, never the training.
    """

    def __init__(self, project: str | None = None, *, run: prevue.Run | None = None, **init_kwargs: Any) -> None:
        """Keep what opens a run once something is logged.

        `run`: one that is open already, instead of all that would open another; `close` leaves it open.
        `init_kwargs`: further arguments of `prevue.init`, such as `name`, `url` and `config`.
        Raises InvalidValue, a ValueError, for a value that cannot be used.
        """
        self._run = LoggerRun(run, project=project, **init_kwargs)

    @property
    def run(self) -> prevue.Run:
        """The run. It is opened, if it is not yet."""
        return self._run.open()

    @harmless
    def close(self) -> None:
        """Finish the run, unless it was given."""
        self._run.close()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        harmless(self._run.close)(error)

    def _create_output_handler(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        return OutputHandler(*args, **kwargs)

    def _create_opt_params_handler(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        return OptimizerParamsHandler(*args, **kwargs)


class OutputHandler(BaseOutputHandler):
    """Logs an engine's metrics, output or state attributes as `tag/name`; a tag such as `validation` is a split."""

    @harmless
    def __call__(self, engine: Any, logger: PrevueIgniteLogger, event_name: Any) -> None:
        """Log now."""
        found = self._setup_output_metrics_state_attrs(engine, log_text=True)
        values = {_name(*path): value for path, value in found.items()}
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        step = self.global_step_transform(engine, event_name)
        logger.run.log({name: value for name, value in values.items() if name not in texts}, step)
        for name, text in texts.items():
            logger.run.log_text(name, text, step=step)


class OptimizerParamsHandler(BaseOptimizerParamsHandler):
    """Logs a parameter of the optimizer as `lr/group_0` and so on."""

    @harmless
    def __call__(self, engine: Any, logger: PrevueIgniteLogger, event_name: Any) -> None:
        """Log now."""
        step = engine.state.get_event_attrib_value(event_name)
        groups = enumerate(self.optimizer.param_groups)
        values = {_name(self.tag, self.param_name, f"group_{n}"): float(group[self.param_name]) for n, group in groups}
        logger.run.log(values, step, epoch=engine.state.epoch)


class WeightsHistHandler(BaseWeightsHandler):
    """Logs the weights of a model as histograms."""

    @harmless
    def __call__(self, engine: Any, logger: PrevueIgniteLogger, event_name: Any) -> None:
        """Log now."""
        step = engine.state.get_event_attrib_value(event_name)
        log_histograms(logger.run, {_name(self.tag, "weights", name): weight for name, weight in self.weights}, step)


class GradsHistHandler(BaseWeightsHandler):
    """Logs the gradients of a model as histograms; of parameters that have none, nothing."""

    @harmless
    def __call__(self, engine: Any, logger: PrevueIgniteLogger, event_name: Any) -> None:
        """Log now."""
        step = engine.state.get_event_attrib_value(event_name)
        found = {_name(self.tag, "grads", name): weight.grad for name, weight in self.weights}
        log_histograms(logger.run, {name: grad for name, grad in found.items() if grad is not None}, step)


def _name(tag: str | None, *parts: str) -> str:
    """Return `tag/part/part`; the names of parameters have dots."""
    return "/".join([*([SPLITS.get(tag, tag)] if tag else []), *(part.replace(".", "/") for part in parts)])
