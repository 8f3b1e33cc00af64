"""The callback for Lightning that logs a test sample by sample, of the packages `lightning` and `pytorch_lightning`."""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch

import prevue
from prevue.callbacks import harmless
from prevue.notices import notices
from prevue_torch.lightning import PrevueLightningLogger
from prevue_torch.testing import check_output, log_outputs

MODULES = {"lightning": "lightning.pytorch", "pytorch_lightning": "pytorch_lightning"}
Kept = dict[int, list[tuple[torch.Tensor, torch.Tensor]]]  # targets and predictions, by the number of the data loader


def _bases() -> tuple[type, ...]:
    """Return the class of callbacks of each package that is imported: each needs its own, and one may use both."""
    imported = [module for package, module in MODULES.items() if package in sys.modules]
    if not imported:
        raise ImportError("PrevueLightningEvaluation needs Lightning: pip install 'prevue-torch[lightning]'")
    return tuple(import_module(module).Callback for module in imported)


bases: Any = _bases()  # `prevue_torch.lightning` has imported one


class PrevueLightningEvaluation(*bases):  # type: ignore[misc]
    """Logs what `trainer.test` predicts, sample by sample, into the run of `PrevueLightningLogger`.

        Trainer(logger=PrevueLightningLogger("digits"), callbacks=[PrevueLightningEvaluation()])

    The module's `test_step` returns a dict with `preds`, the scores of classes or values, and `target`, as they are
    called in torchmetrics. A failure of ours costs a warning, never the test.
    """

    def __init__(self, *, validation: bool = False, **options: Any) -> None:
        """Keep the `options`: those of `Run.log_evaluation`, such as `task`, `labels` and `name`.

        `validation`: log what `validation_step` returns as well, each time, as the evaluation and split `val`.
        """
        super().__init__()
        self._options = options
        self._validation = validation
        self._kept: Kept = {}

    @harmless
    def on_test_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Forget what a test that was broken off has left."""
        self._kept = {}

    on_validation_epoch_start = on_test_epoch_start

    @harmless
    def on_test_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Keep a batch."""
        self._keep(outputs, dataloader_idx, "test_step")

    @harmless
    def on_test_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Log the test."""
        self._log(trainer, {"name": "test", **self._options})

    @harmless
    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Keep a batch."""
        if self._validation and not trainer.sanity_checking:
            self._keep(outputs, dataloader_idx, "validation_step")

    @harmless
    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Log the validation, if that was asked for."""
        if self._validation and not trainer.sanity_checking:
            self._log(trainer, {**self._options, "name": "val", "split": "val"})

    def _keep(self, outputs: Any, loader: int, step: str) -> None:
        if not (isinstance(outputs, Mapping) and {"preds", "target"} <= outputs.keys()):
            text = f"{step} returns a {type(outputs).__name__}; let it return a dict with `preds` and `target`"
            notices.warn(("evaluation", step), f"nothing is evaluated: {text}")
            return
        check_output(outputs["preds"])
        pair = (outputs["target"].detach().cpu(), outputs["preds"].detach().cpu())
        self._kept.setdefault(loader, []).append(pair)

    def _log(self, trainer: Any, options: dict[str, Any]) -> None:
        kept, self._kept = self._kept, {}
        kept = _of_all_ranks(kept, trainer.world_size)  # before all that may fail in one rank: the others would wait
        run = _run_of(trainer) if trainer.is_global_zero else None
        for loader, pairs in sorted(kept.items()):
            if run is not None:
                target, preds = (torch.cat(parts) for parts in zip(*pairs, strict=True))
                name = options["name"] if loader == 0 else f"{options['name']}/{loader}"
                log_outputs(run, target, preds, **{"step": trainer.global_step, **options, "name": name})


def _run_of(trainer: Any) -> prevue.Run | None:
    for logger in trainer.loggers:
        if isinstance(logger, PrevueLightningLogger):
            return logger.experiment
    notices.warn("evaluation", "nothing is evaluated: the Trainer has no logger PrevueLightningLogger; give it one")
    return None


def _of_all_ranks(kept: Kept, ranks: int) -> Kept:
    """Return what all ranks have kept; Lightning gives some samples to two, so that all have as many."""
    if ranks == 1:
        return kept
    found: list[Kept] = [{}] * ranks
    torch.distributed.all_gather_object(found, kept)
    return {loader: [pair for one in found for pair in one.get(loader, [])] for loader in kept}
