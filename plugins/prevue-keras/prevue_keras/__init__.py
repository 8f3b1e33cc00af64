"""Prevue's connector for Keras. `from prevue import PrevueKerasCallback` is the way in."""

__version__ = "0.1.0"
