"""A real backend for trainings in this process, which is set to log there."""

from prevue.testing_backend import backend, listening, nothing_said, nowhere

__all__ = ["backend", "listening", "nothing_said", "nowhere"]
