"""`watch`: how gradients and parameters of a model are spread, as histograms, each so many steps of its optimizer."""

import math
import weakref
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

import prevue
from prevue.callbacks import harmless
from prevue_core.errors import InvalidValue
from prevue_torch.describe import unwrapped

KINDS = {"gradients": ("gradients",), "parameters": ("parameters",), "all": ("gradients", "parameters")}
LOG_FREQ = 100  # steps of the optimizer
BUCKETS = 64
EXACT = 1 << 24  # up to where a float32 counts

_watched: "weakref.WeakKeyDictionary[nn.Module, _Watch]" = weakref.WeakKeyDictionary()


def watch(run: prevue.Run, model: nn.Module, log: str = "gradients", log_freq: int = LOG_FREQ) -> None:
    """Log histograms of a model's gradients, parameters or both, before each `log_freq`-th step of its optimizer.

    The gradients are those that the step uses: accumulated, clipped, without a GradScaler's factor. `log`: "gradients",
    "parameters" or "all". What is watched already is watched anew. Raises InvalidValue.
    """
    if log not in KINDS:
        raise InvalidValue(f"log {log!r:.60} is not known; use one of {', '.join(KINDS)}")
    if not isinstance(log_freq, int) or isinstance(log_freq, bool) or log_freq < 1:
        raise InvalidValue(f"log_freq {log_freq!r:.60} is not a number of steps; use 1 or more")
    if not isinstance(model, nn.Module):
        raise InvalidValue(f"model {model!r:.60} is not a torch.nn.Module; give the model that is trained")
    model = unwrapped(model)
    unwatch(model)
    _watched[model] = _Watch(run, model, KINDS[log], log_freq)


def unwatch(model: nn.Module) -> None:
    """Watch a model no more."""
    if (watched := _watched.pop(unwrapped(model), None)) is not None:
        watched.handle.remove()


class _Watch:
    """Is called before each step of any optimizer, and looks for those that have the model's parameters."""

    def __init__(self, run: prevue.Run, model: nn.Module, kinds: tuple[str, ...], log_freq: int) -> None:
        self._run = run
        self._model = weakref.ref(model)
        self._kinds = kinds
        self._log_freq = log_freq
        self._steps: weakref.WeakKeyDictionary[Optimizer, int] = weakref.WeakKeyDictionary()
        self.handle = register_optimizer_step_pre_hook(self._before_step)

    @harmless
    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        steps = self._steps[optimizer] = self._steps.get(optimizer, 0) + 1
        model = self._model()
        if steps % self._log_freq or model is None or not self._run._is_recording:
            return
        own = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        tensors: dict[str, torch.Tensor] = {}
        for path, parameter in model.named_parameters():
            if id(parameter) not in own:
                continue
            name = path.replace(".", "/")
            if "gradients" in self._kinds and parameter.grad is not None:
                tensors[f"gradients/{name}"] = parameter.grad
            if "parameters" in self._kinds:
                tensors[f"parameters/{name}"] = parameter
        log_histograms(self._run, tensors)


def log_histograms(run: prevue.Run, tensors: dict[str, torch.Tensor], step: int | None = None) -> None:
    """Log histograms of tensors, which are counted where they live."""
    for name, payload in histograms(tensors).items():
        run.log_result("histogram", name, payload, step=step)


@torch.no_grad()
def histograms(tensors: dict[str, torch.Tensor]) -> dict[str, dict[str, Any]]:
    """Return histograms of 64 buckets from the least to the largest finite value; tensors without one are left out.

    They are counted where the tensors live; a device is waited for twice, however many there are.
    """
    on_device: dict[torch.device, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        values = (tensor.coalesce().values() if tensor.is_sparse else tensor).detach()
        if values.numel() and values.is_floating_point():
            on_device.setdefault(values.device, {})[name] = values.flatten().to(torch.float32)
    return {name: payload for flats in on_device.values() for name, payload in _of_one_device(flats).items()}


def _of_one_device(flats: dict[str, torch.Tensor]) -> dict[str, dict[str, Any]]:
    ends = _read([torch.stack(torch.aminmax(flat)) for flat in flats.values()])
    counts, payloads = [], {}
    for (name, flat), (low, high) in zip(flats.items(), ends, strict=True):
        payload: dict[str, Any] = {}
        if not math.isfinite(high - low):
            flat, payload = _without_the_lost(flat)
            if not flat.numel():
                continue
            low, high = (float(one) for one in torch.aminmax(flat))
        counts.append(_counts(flat, low, high))
        payloads[name] = {"edges": _edges(low, high), **payload}
    for payload, inside in zip(payloads.values(), _read(counts), strict=True):
        payload["counts"] = inside if len(payload["edges"]) > 2 else [sum(inside)]
    return payloads


def _read(numbers: list[torch.Tensor]) -> list[list[float]]:
    return torch.stack(numbers).cpu().tolist() if numbers else []


def _without_the_lost(flat: torch.Tensor) -> tuple[torch.Tensor, dict[str, int]]:
    """Return the finite values, and how many are not; rare, so it may wait."""
    is_lost = {"nan_count": flat.isnan(), "inf_count": flat == torch.inf, "ninf_count": flat == -torch.inf}
    return flat[flat.isfinite()], {name: int(which.sum()) for name, which in is_lost.items()}


def _counts(flat: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return sum(torch.histc(part, BUCKETS, low, high).round().to(torch.int64) for part in flat.split(EXACT))


def _edges(low: float, high: float) -> list[float]:
    if low == high:
        return [low - 0.5, high + 0.5]
    return [*(low + (high - low) * number / BUCKETS for number in range(BUCKETS)), high]
