"""Logging from a worker's process into the run of a fit that another process began.

Each task brings a copy of the run, for which one writer is enough. It ends when no fold has begun for a while, as
nobody tells a worker that a search is over; joblib keeps the process for minutes.
"""

import sys
import threading
import warnings
from dataclasses import dataclass, field
from multiprocessing import parent_process

import prevue

IDLE_S = 2.0  # without a fold; one that comes later opens another writer


@dataclass
class _Visit:
    run: prevue.Run
    folds: int = 0  # that go on in this process
    end: threading.Timer | None = field(default=None, repr=False)


_visits: dict[str, _Visit] = {}  # by id of the run
_lock = threading.Lock()


def begin_fold(run: prevue.Run) -> None:
    """Keep this process's writer of a run open."""
    import_for_sender()
    with _lock:
        visit = _visits.setdefault(run.run_id, _Visit(run))
        visit.folds += 1
        if visit.end is not None:
            visit.end.cancel()
            visit.end = None


def run_here(run: prevue.Run) -> prevue.Run:
    """Return the copy of a run that this process logs to."""
    visit = _visits.get(run.run_id)
    return run if visit is None else visit.run


def end_fold(run: prevue.Run) -> None:
    """End this process's writer of a run in a while, unless another fold begins."""
    with _lock:
        visit = _visits.get(run.run_id)
        if visit is None:
            return
        visit.folds -= 1
        if visit.folds == 0:
            visit.end = threading.Timer(IDLE_S, _end, [visit])
            visit.end.daemon = True
            visit.end.start()


def import_for_sender() -> None:
    """Import in a worker what a sender's thread needs: joblib sets the program's warning filters, which may raise.

    Elsewhere the thread does it, as it takes long.
    """
    if parent_process() is not None and "prevue.transport" not in sys.modules:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import prevue.transport  # noqa: F401 - requests takes long to load, and only a worker needs it here


def _end(visit: _Visit) -> None:
    with _lock:
        if visit.folds or _visits.get(visit.run.run_id) is not visit:
            return
        del _visits[visit.run.run_id]
    visit.run.finish()
