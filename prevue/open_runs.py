"""The runs that are open in this process, and what becomes of them when the program ends or forks."""

import atexit
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from prevue import folder as folder_module
from prevue import notices as notices_module
from prevue.ending import ending_of_program
from prevue.repository import RepositoryThread
from prevue.sender import EXIT_OTHERS_S, EXIT_S, Sender
from prevue.system import SystemThread

if TYPE_CHECKING:
    from prevue.run import Run

IMPORT_S = 5.0  # that a fork may wait for an import of ours; it takes a tenth of a second

_live: "set[Run]" = set()  # kept here too, since a script may drop what `init` returned


def add(run: "Run") -> None:
    """Note that this process has opened a run."""
    _live.add(run)
    _finish_with_worker()


def discard(run: "Run") -> None:
    """Note that a run has ended."""
    _live.discard(run)


def tell_of_thread(text: str) -> None:
    """Store as an event what ended a thread of the program, which goes on."""
    for run in list(_live):
        if run._is_main:
            run._append({"type": "event", "time": run._clock + time.monotonic(), "kind": "thread failed", "text": text})


def _finish_all() -> None:
    """End the runs that are open when the program ends, as failed if an exception ends it."""
    ending = ending_of_program()
    for run in list(_live):
        run._end(ending, EXIT_S)
    until = time.monotonic() + EXIT_OTHERS_S
    for thread in threading.enumerate():  # of runs that were finished before, too
        if isinstance(thread, Sender):
            thread.end(max(0.0, until - time.monotonic()))


def _finish_with_worker() -> None:
    """See to it that a worker of multiprocessing ends its runs: a forked one leaves without calling exit handlers."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, _finish_all, exitpriority=0)


def _before_fork() -> None:
    """Let the senders end their imports: a child would find half of a module, and nobody who completes it."""
    for run in list(_live):
        for thread in (run._sender, run._repository, run._system):
            if isinstance(thread, Sender | RepositoryThread | SystemThread):
                thread.has_imported.wait(IMPORT_S)


def _after_fork() -> None:
    """Make a forked child forget its parent's writers; it opens its own when it logs. Takes no lock."""
    notices_module.after_fork()
    folder_module.after_fork()
    for run in list(_live):
        run._detach()
    _live.clear()


atexit.register(_finish_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
