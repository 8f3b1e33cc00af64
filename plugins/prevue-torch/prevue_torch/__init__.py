"""Prevue's connector for PyTorch. `from prevue import PrevueTorchCallback` is the way in."""

__version__ = "0.1.0"
