"""A writer's folder in the spool: its files, and its lock, which tells the living from the dead."""

import os
import threading
from pathlib import Path

import orjson

TO_WRITE = os.O_WRONLY | os.O_CREAT
for _flag in ("O_CLOEXEC", "O_NOFOLLOW", "O_BINARY"):  # none of them is everywhere
    TO_WRITE |= getattr(os, _flag, 0)

DELIVERED = "delivered"  # among the writers' folders: what is kept of those that the server has (see `kept`)

_own: set[Path] = set()  # folders of this process: opening their `lock` a second time and closing it would free it
_claiming = threading.Lock()


def make(folder: Path) -> int:
    """Make the folder of a new writer of this process and return its lock. Raises OSError where that cannot be.

    It is this process's own before it is there, so that no other thread takes it for one that a dead process left.
    """
    with _claiming:
        _own.add(folder)
    try:
        folder.mkdir(mode=0o700, parents=True)
        # Another process that looks for leftovers may hold the lock of so new a folder, until it finds nothing in it.
        if (lock := take_lock(folder, wait=True)) is None:
            raise OSError(f"the lock of the new spool {folder} cannot be had")
    except OSError:
        _own.discard(folder)
        raise
    return lock


def claim(folder: Path) -> int | None:
    """Take the lock of a writer whose process is gone and return it for `release`; None: it lives, or is no more."""
    with _claiming:
        try:
            return None if folder in _own else take_lock(folder)
        except FileNotFoundError:  # delivered and removed meanwhile
            return None


def release(folder: Path, lock: int) -> None:
    """Give back what `claim` returned."""
    os.close(lock)
    _own.discard(folder)


def after_fork() -> None:
    """Forget the parent's writers in a forked child: file locks are not inherited."""
    global _claiming
    _claiming = threading.Lock()
    _own.clear()


def writer_folders(server_folder: Path) -> list[Path]:
    """Return the writers' folders that wait for one server, the oldest first."""
    try:
        folders = (path for path in server_folder.iterdir() if path.name != DELIVERED and path.is_dir())
        return sorted(folders, key=_changed_at)
    except OSError:
        return []


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # removed meanwhile
        return 0.0


def segment_path(folder: Path, first_seq: int) -> Path:
    """Return the file of the records from `first_seq` on."""
    return folder / f"{first_seq}.ndjson"


def take_lock(folder: Path, *, wait: bool = False) -> int | None:
    """Take the lock of a folder of which this process has none, and return it; None: another process has it."""
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.lockf(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(fd)
        return None
    _own.add(folder)
    return fd


def put_aside(folder: Path, lines: bytes, reason: str) -> None:
    """Add a refused record to `quarantine.ndjson`."""
    line = orjson.dumps(
        {"reason": reason, "record": lines.decode("utf-8", "replace")}, option=orjson.OPT_APPEND_NEWLINE
    )
    write(folder / "quarantine.ndjson", line, os.O_APPEND)


def write(path: Path, content: bytes, how: int = os.O_TRUNC) -> None:
    """Write a small file, or add to it, for its owner's eyes only."""
    with os.fdopen(os.open(path, TO_WRITE | how, 0o600), "wb") as file:
        file.write(content)
