"""The matrix of candidates by folds while a search goes on: every process tells it to the one that called `fit`."""

import math
import threading
from typing import Any, NamedTuple

import numpy as np

import prevue
from prevue.callbacks import harmless
from prevue_sklearn.searches import log_fold_matrix

try:  # scikit-learn's own way from workers' processes, which is not public
    from sklearn.callback._transport import close_listener, open_listener, send
except ImportError:  # then the matrix comes when the search is over
    open_listener = close_listener = send = None

OFTEN = 20  # folds that are shown one by one; then the matrix is logged again for every twentieth part more


class FoldScore(NamedTuple):
    """A fold's score, with the number that the fold has in its search."""

    number: int
    folds: int  # of a candidate
    score: float
    score_name: str
    candidate: str


class FoldMatrix:
    """Gathers the scores of a search in the process that logs them."""

    def __init__(self, run: prevue.Run) -> None:
        self._run = run
        self._lock = threading.Lock()  # each worker is heard by a thread of its own
        self._scores: dict[int, float] = {}
        self._candidates: dict[int, str] = {}
        self._next = 1

    @harmless
    def add(self, told: FoldScore) -> None:
        """Take a fold's score, and log the matrix if there is enough that is new."""
        with self._lock:
            self._scores[told.number] = told.score
            self._candidates[told.number // told.folds] = told.candidate
            if len(self._scores) >= self._next:
                self._next = len(self._scores) + max(1, len(self._scores) // OFTEN)
                self._log(told.folds, told.score_name)

    def _log(self, folds: int, score_name: str) -> None:
        count = max(self._candidates) + 1
        scores = np.full((count, folds), math.nan)
        for number, score in self._scores.items():
            scores[divmod(number, folds)] = score
        names = [self._candidates.get(candidate, f"candidate {candidate}") for candidate in range(count)]
        log_fold_matrix(self._run, names, scores, score_name=score_name, step=len(self._scores))


def listen(run: prevue.Run, owner: Any) -> Any:
    """Return where folds are told of, from now on, as a value that can be sent to workers; None where that fails."""
    return None if open_listener is None else open_listener(FoldMatrix(run).add, owner=owner)


def tell(where: Any, told: FoldScore) -> None:
    """Tell of a fold."""
    if where is not None:
        send(where, told)


def close(where: Any) -> None:
    """Listen no more."""
    if where is not None:
        close_listener(where)
