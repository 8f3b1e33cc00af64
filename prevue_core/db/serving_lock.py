"""A lock beside an SQLite file, held by the backend for its life: a second one on the file, and what would be in its
way for long, is told to wait until it has stopped.

PostgreSQL needs none: it has room for several backends.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prevue_core.db.connection import db, is_sqlite
from prevue_core.errors import DatabaseInUse

ENDING = ".server.lock"  # behind the file's name


@contextmanager
def only_server() -> Iterator[None]:
    """Open as the only process that serves the process's database. Raises DatabaseInUse where another works on it."""
    with _opened() as fd:
        if fd is not None:
            if not _lock(fd, is_shared=False):
                raise DatabaseInUse(f"another process works on {db.obj.database}; stop that one first")
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield


@contextmanager
def without_server() -> Iterator[None]:
    """Open while no process serves the process's database. Raises DatabaseInUse where one does."""
    with _opened() as fd:
        if fd is not None and not _lock(fd, is_shared=True):
            raise DatabaseInUse(f"process {_holder(fd)} serves {db.obj.database}; stop the server first")
        yield


@contextmanager
def _opened() -> Iterator[int | None]:
    """Open with the file of the lock, None where none is needed."""
    path = Path(f"{db.obj.database}{ENDING}")
    if not is_sqlite() or db.obj.database == ":memory:" or not path.parent.is_dir():  # opening the database says more
        yield None
        return
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def _lock(fd: int, *, is_shared: bool) -> bool:
    """Return whether the lock could be had; it goes with the descriptor, however the process ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(fd, 1 << 20, os.SEEK_SET)  # a byte that nobody reads; Windows has no shared locks
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _holder(fd: int) -> str:
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, 32).decode() or "another"
