"""A test of a PyTorch model, sample by sample."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

import prevue
from prevue.callbacks import harmless
from prevue_core.errors import InvalidValue
from prevue_torch.shapes import called, evaluating


@harmless
def log_test(run: prevue.Run, model: nn.Module, loader: Iterable[Any], **options: Any) -> None:
    """Call a model on batches, and log what it says with the targets: an evaluation, see `Run.log_evaluation`.

    `loader`: brings batches (x, y). The model is called with `x`, of which a tuple is several arguments and a dict
    named ones, on its own device, in the mode for evaluation and without gradients; modes and random numbers are then
    as they were. It gives a tensor: (n, k) scores of k classes or labels; (n,) or (n, 1) those of the second of two
    classes, or values.

    Targets that are not whole are values. Scores beyond 0 and 1 are logits, as PyTorch's losses take them. `options`:
    those of `Run.log_evaluation`, which count first, such as `task="regression"`, `labels`, `sample_ids` and `name`.
    """
    targets, outputs = [], []
    with evaluating(model):
        for x, y in loader:
            output = called(model, x)
            check_output(output)
            outputs.append(output.cpu())
            targets.append(torch.as_tensor(y).cpu())
    log_outputs(run, torch.cat(targets), torch.cat(outputs), **options)


def check_output(output: Any) -> None:
    """Raise InvalidValue for what has no row a sample, such as a picture for each: there is no room to keep all."""
    if isinstance(output, torch.Tensor) and output.ndim <= 2:
        return
    shape = f" of shape {tuple(output.shape)}" if isinstance(output, torch.Tensor) else ""
    what = f"{type(output).__name__}{shape}"
    raise InvalidValue(f"the model gives a {what}; give one that gives a tensor of scores, a row a sample")


def log_outputs(run: prevue.Run, target: torch.Tensor, output: torch.Tensor, **options: Any) -> None:
    """Log scores or values with their targets, as `log_test` does."""
    is_beyond = bool((output < 0).any() or (output > 1).any())
    told = {} if options.get("task") == "regression" or not is_beyond else {"score_type": "logit"}
    if told and output.ndim == 2 and output.shape[1] == 2 and options.get("task") != "multilabel" and target.ndim == 1:
        output, told = output.float().softmax(1), {}  # the difference is the logit: neither is by itself
    run.log_evaluation(target, None, output, **{**told, **options})
