"""Prevue's connector for micrograd. `from prevue import PrevueMicrogradCallback` is the way in."""
