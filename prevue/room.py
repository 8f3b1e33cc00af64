"""Room: how much of a disk the spool may take, all writers on this machine together.

What waits for a server has a bound, behind which the newest is dropped. What a server has already is kept for a day in
case that it loses it, as far as there is room: it gives way to what waits.
"""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prevue.folder import DELIVERED

MIB = 1 << 20
FREE_BYTES = 256 * MIB  # that stay free for others
FREE_PART = 0.02  # or as much of the disk, where that is less
KEPT_S = 24 * 3600.0


@dataclass(frozen=True)
class Bounds:
    """Of a spool's root, in bytes."""

    spool_bytes: int = 1024 * MIB  # all that is in it
    kept_bytes: int = 256 * MIB  # of it what the server has; 0: nothing is kept


def check_free(root: Path) -> None:
    """Raise OSError where others need what is left of the disk. Takes 2 us."""
    disk = shutil.disk_usage(root)
    reserve = min(FREE_BYTES, int(disk.total * FREE_PART))
    if disk.free < reserve:
        raise OSError(errno.ENOSPC, f"the disk of {root} has {disk.free // MIB} MB left, which are left to others")


def check_room(root: Path, bounds: Bounds, size_bytes: int) -> None:
    """Raise OSError where `size_bytes` more were too many. What is kept only in case is removed before that.

    Looks at every file: 1.5 ms for a hundred writers that wait, or for five hundred that are delivered.
    """
    excess = _size_of(root) + size_bytes - bounds.spool_bytes
    if excess > 0:
        excess -= prune(root, kept_bytes=0, enough=excess)
    if excess > 0:
        limit = bounds.spool_bytes // MIB
        raise OSError(errno.ENOSPC, f"{root} has {limit} MB of records, the bound that PREVUE_SPOOL_MAX_MB sets")
    check_free(root)


def prune(root: Path, *, kept_bytes: int, enough: int | None = None) -> int:
    """Remove what is kept for longer than a day, and the oldest until the rest fits into `kept_bytes`.

    Return how many bytes that were. Beyond `enough` of them, none goes before its day is over.
    """
    files = sorted(_kept_files(root))
    total, removed = sum(size for _, size, _ in files), 0
    for kept_at, size, path in files:
        is_in_time = kept_at > time.time() - KEPT_S
        if is_in_time and (total - removed <= kept_bytes or (enough is not None and removed >= enough)):
            break
        with suppress(OSError):  # another process does the same
            os.unlink(path)
            removed += size
    return removed


def _kept_files(root: Path) -> Iterator[tuple[float, int, str]]:
    for delivered in root.glob(f"*/{DELIVERED}"):
        with suppress(OSError), os.scandir(delivered) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    stat = entry.stat(follow_symlinks=False)
                    yield stat.st_mtime, stat.st_size, entry.path


def _size_of(folder: Path | str) -> int:
    size = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                size += _size_of(entry.path)
            elif entry.name.endswith(".ndjson"):  # the others are small
                with suppress(FileNotFoundError):
                    size += entry.stat(follow_symlinks=False).st_size
    return size
