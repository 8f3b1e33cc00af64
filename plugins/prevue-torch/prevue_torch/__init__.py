"""Prevue's connector for PyTorch and its ecosystem.

`from prevue import PrevueTorchCallback` is the way in, and `from prevue_torch import` what `__all__` names.
"""

from typing import Any

__version__ = "0.1.0"

__all__ = ["SummaryWriter", "log_test", "unwatch", "watch"]

_HOMES = {"SummaryWriter": "summary_writer", "log_test": "testing", "watch": "watching", "unwatch": "watching"}


def __getattr__(name: str) -> Any:
    # Servers load this package for its hooks, and have no PyTorch.
    if name not in _HOMES:
        raise AttributeError(f"module 'prevue_torch' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"prevue_torch.{_HOMES[name]}"), name)
