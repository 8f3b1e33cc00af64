"""A real backend for trainings in this process, which is set to log there."""

import pytest
import sklearn

from prevue.testing_backend import backend, listening, nothing_said, nowhere
from prevue_sklearn import judging

__all__ = ["backend", "listening", "nothing_said", "nowhere"]

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
# scikit-learn's own callbacks came with 1.9; `nox -s oldest` runs the others.
collect_ignore = ["test_sklearn_callback.py", "test_sklearn_searching.py"] if VERSION < (1, 9) else []


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """Let every iteration be judged, however busy the machine is."""
    monkeypatch.setattr(judging, "FREE_S", 60.0)
