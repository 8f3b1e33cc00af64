"""Kept: pieces of the spool that the server has, in case that it loses them: it may be restored from an old backup.

They are in `<root>/<server>/delivered/`, a file each: `<run>.<writer>.<first>.<next>.<store>.ndjson` has a writer's
records from `first` up to, not including, `next`, which the database `store` has; so a listing tells what there is, and
what another database is to be asked for. Every program that logs removes what is too old or too much (`room.prune`),
and so does `prevue sync`.
"""

import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import orjson

from prevue.folder import DELIVERED, segment_path, write
from prevue.room import MIB, Bounds, prune

PRUNE_EACH_S = 600.0  # by programs that keep little, of which there may be many
PRUNE_FROM_BYTES = 4 * MIB  # kept at once, it is worth a look at each

UNKNOWN = "unknown"  # in the place of a store's identity

_NAME = re.compile(r"([\w-]+)\.([\w-]+)\.(\d+)\.(\d+)\.([\w-]{1,64})\.ndjson")


@dataclass(frozen=True)
class Piece:
    """A file of records that were delivered, from `first_seq` up to, not including, `next_seq`."""

    path: Path
    run_id: str
    writer_id: str
    first_seq: int
    next_seq: int
    store_id: str  # of the database that has them


def keep(folder: Path, run_id: str, first_seq: int, next_seq: int, store_id: str, bounds: Bounds) -> None:
    """Move a piece out of a writer's folder: the database has it. Remove it where nothing is to be kept."""
    path = segment_path(folder, first_seq)
    name = _name(run_id, folder.name, first_seq, next_seq, store_id)
    with suppress(FileNotFoundError):  # somebody tidied up
        if not bounds.kept_bytes or not _NAME.fullmatch(name):
            path.unlink()
            return
        os.utime(path)  # its day begins now
        kept = _delivered(folder) / name
        os.replace(path, kept)
        _prune_now_and_then(kept, bounds)


def put_away(folder: Path, run_id: str, start: bytes, numbers: list[int], store_id: str, bounds: Bounds) -> None:
    """Keep what is left of a writer's records, all of which the database has, and remove its folder.

    `numbers`: the first ones of its pieces, and the one behind the last. What was put aside stays where it is.
    """
    if not folder.exists():  # the run was deleted
        return
    is_whole = len(numbers) == 2 and numbers[0] == 0
    if bounds.kept_bytes and not is_whole:  # the piece that begins with the start record goes before the others
        with suppress(OSError):
            write(_delivered(folder) / f"{run_id}.{folder.name}.start", start)
    for first_seq, next_seq in pairwise(numbers):
        with suppress(OSError):
            keep(folder, run_id, first_seq, next_seq, store_id, bounds)
    if not (folder / "quarantine.ndjson").exists():
        shutil.rmtree(folder, ignore_errors=True)


def pieces(server_folder: Path) -> list[Piece]:
    """Return what is kept for a server, each writer's in order."""
    delivered = server_folder / DELIVERED
    try:
        found = [(name, _NAME.fullmatch(name)) for name in os.listdir(delivered)]
    except OSError:
        return []
    kept = [Piece(delivered / name, one[1], one[2], int(one[3]), int(one[4]), one[5]) for name, one in found if one]
    return sorted(kept, key=lambda piece: (piece.run_id, piece.writer_id, piece.first_seq))


def mark(pieces: list[Piece], store_id: str) -> None:
    """Note that a database has pieces which another one had."""
    for piece in pieces:
        name = _name(piece.run_id, piece.writer_id, piece.first_seq, piece.next_seq, store_id)
        if piece.store_id != store_id and _NAME.fullmatch(name):
            with suppress(OSError):  # it was recalled, or its day is over
                piece.path.rename(piece.path.with_name(name))


def recall(folder: Path, run_id: str, seq: int, oldest: int) -> list[int]:
    """Bring pieces back into a writer's folder, so that it has its records from `seq` to `oldest` as far as are kept.

    Return their first numbers, rising. There is no hole between them and `oldest`.
    """
    back: list[int] = []
    own = [piece for piece in pieces(folder.parent) if (piece.run_id, piece.writer_id) == (run_id, folder.name)]
    with suppress(FileNotFoundError):  # its day was over just now
        for piece in reversed(own):
            if oldest > seq and piece.next_seq == oldest:
                os.replace(piece.path, segment_path(folder, piece.first_seq))
                oldest = piece.first_seq
                back.insert(0, oldest)
    start = folder.parent / DELIVERED / f"{run_id}.{folder.name}.start"
    if not (folder / "start").exists():
        with suppress(FileNotFoundError):
            os.replace(start, folder / "start")
    return back


def server_url(server_folder: Path) -> str | None:
    """Return the address of the server that has what is kept in a folder; None: nothing there tells."""
    starts = [*(server_folder / DELIVERED).glob("*.start"), *(one.path for one in pieces(server_folder))]
    for path in starts:
        with suppress(OSError, ValueError, TypeError, KeyError), path.open("rb") as file:
            return str(orjson.loads(file.readline())["url"])
    return None


def drop(server_folder: Path, run_id: str) -> None:
    """Remove all that is kept of a run."""
    for path in (server_folder / DELIVERED).glob(f"{run_id}.*"):
        path.unlink(missing_ok=True)


def _name(run_id: str, writer_id: str, first_seq: int, next_seq: int, store_id: str) -> str:
    return f"{run_id}.{writer_id}.{first_seq}.{next_seq}.{store_id}.ndjson"


def _delivered(folder: Path) -> Path:
    delivered = folder.parent / DELIVERED
    delivered.mkdir(mode=0o700, exist_ok=True)
    return delivered


def _prune_now_and_then(kept: Path, bounds: Bounds) -> None:
    stamp = kept.with_name("pruned")
    is_due = not stamp.exists() or stamp.stat().st_mtime < time.time() - PRUNE_EACH_S
    if is_due or kept.stat().st_size >= PRUNE_FROM_BYTES:
        write(stamp, b"")
        os.utime(stamp)
        prune(kept.parents[2], kept_bytes=bounds.kept_bytes)
