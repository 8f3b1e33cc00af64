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
NAN, INF, NINF = BUCKETS, BUCKETS + 1, BUCKETS + 2  # where they are counted, behind the buckets

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
        for name, payload in histograms(tensors).items():
            self._run.log_result("histogram", name, payload)


@torch.no_grad()
def histograms(tensors: dict[str, torch.Tensor]) -> dict[str, dict[str, Any]]:
    """Return histograms of 64 buckets from the least to the largest finite value; tensors without one are left out.

    They are counted where the tensors live, and those of a device are read with one synchronisation.
    """
    on_device: dict[torch.device, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        values = (tensor.coalesce().values() if tensor.is_sparse else tensor).detach()
        if values.numel() and values.is_floating_point():
            on_device.setdefault(values.device, {})[name] = _counted(values)
    found = {}
    for counted in on_device.values():
        for name, numbers in zip(counted, torch.stack(list(counted.values())).tolist(), strict=True):
            if numbers[0] <= numbers[1]:
                found[name] = _payload(*numbers)
    return found


def _counted(values: torch.Tensor) -> torch.Tensor:
    """Return the least and the largest finite value, the counts of the buckets, and of what is in none."""
    flat = values.flatten().to(torch.float32)
    return _counted_here(flat) if flat.device.type == "cpu" else _counted_there(flat)


def _counted_there(flat: torch.Tensor) -> torch.Tensor:
    """Count on a device, without waiting for it."""
    is_finite = flat.isfinite()
    low = torch.where(is_finite, flat, torch.inf).min()
    high = torch.where(is_finite, flat, -torch.inf).max()
    width = (high - low).clamp(min=torch.finfo(torch.float32).tiny)
    place = ((flat - low) / width * BUCKETS).clamp(0, BUCKETS - 1)
    place = torch.where(is_finite, place, torch.where(flat.isnan(), NAN, torch.where(flat > 0, INF, NINF)))
    counts = torch.bincount(place.long(), minlength=NINF + 1)
    precision = torch.float32 if flat.device.type == "mps" else torch.float64  # Apple's GPUs have no float64
    return torch.cat([torch.stack([low, high]).to(precision), counts.to(precision)])


def _counted_here(flat: torch.Tensor) -> torch.Tensor:
    """Count eight times as fast, with numbers that have to be at hand: on the CPU they are."""
    low, high = (float(one) for one in torch.aminmax(flat))
    lost = [0.0, 0.0, 0.0]
    if not math.isfinite(low - high):
        lost = [float(one.sum()) for one in (flat.isnan(), flat == torch.inf, flat == -torch.inf)]
        flat = flat[flat.isfinite()]
        low, high = (float(one) for one in torch.aminmax(flat)) if flat.numel() else (math.inf, -math.inf)
    counts = torch.zeros(BUCKETS, dtype=torch.float64)
    for part in flat.split(EXACT) if low <= high else ():
        counts += torch.histc(part, BUCKETS, low, high)
    return torch.cat([torch.tensor([low, high]), counts, torch.tensor(lost)])


def _payload(low: float, high: float, *counts: float) -> dict[str, Any]:
    if low == high:
        edges, inside = [low - 0.5, high + 0.5], [sum(counts[:BUCKETS])]
    else:
        edges = [low + (high - low) * number / BUCKETS for number in range(BUCKETS)] + [high]
        inside = list(counts[:BUCKETS])
    lost = {"nan_count": counts[NAN], "inf_count": counts[INF], "ninf_count": counts[NINF]}
    return {"counts": inside, "edges": edges, **(lost if any(lost.values()) else {})}
