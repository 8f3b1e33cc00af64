"""Refill: a server that was restored from a backup gets again what it had acknowledged, as far as it is kept here."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from prevue import kept
from prevue.delivery import Transport, is_passing, told
from prevue.folder import claim, release, write
from prevue.kept import Piece
from prevue_core.contract import PROBLEM_DELETED, PROBLEM_GAP
from prevue_core.errors import Unreachable


@dataclass
class Check:
    """What a server has of a writer's records that are kept."""

    run_id: str
    writer_id: str
    records: int  # that it should have
    missing: int = 0  # of those that are kept; they wait in `folder` to be sent again
    lost: int = 0  # that it lacks and that are not kept any more
    folder: Path | None = None
    problem: str | None = None  # why it could not be asked


def writers(server_folder: Path, run_id: str | None = None) -> list[list[Piece]]:
    """Return the pieces that are kept for a server (of one run), each writer's together."""
    own = (piece for piece in kept.pieces(server_folder) if run_id in (None, piece.run_id))
    return [list(pieces) for _, pieces in groupby(own, key=lambda piece: piece.writer_id)]


def check(server_folder: Path, pieces: list[Piece], transport: Transport) -> Check:
    """Ask the server for a writer; what it lacks is made a leftover again, to be sent as any other.

    Raises Unreachable without an answer, and where another may come in a while.
    """
    last = pieces[-1]
    found = Check(last.run_id, last.writer_id, last.next_seq)
    answer = transport.post_records(last.run_id, last.writer_id, last.next_seq, b"")
    problem, expected = answer.document.get("type"), answer.document.get("expected")
    if answer.status == 409 and problem == PROBLEM_GAP and isinstance(expected, int) and 0 <= expected < last.next_seq:
        oldest = _oldest(pieces)
        found.missing = last.next_seq - max(expected, oldest)
        found.lost = max(0, oldest - max(1, expected))  # a start record never is
        found.folder = _bring_back(server_folder / last.writer_id, last, max(expected, oldest))
    elif answer.status == 410 and problem == PROBLEM_DELETED:
        kept.drop(server_folder, last.run_id)
    elif answer.status == 200 and "store_id" in answer.document:
        kept.mark(pieces, str(answer.document["store_id"]))
    elif is_passing(answer):
        raise Unreachable(f"{transport.url} answers {told(answer)}")
    else:
        found.problem = f"{transport.url} answers {told(answer)}"
    return found


def check_all(server_folder: Path, transport: Transport, store_id: str) -> Iterator[Check]:
    """Check all writers of which something is kept that another database than `store_id` has. Raises as `check`."""
    for pieces in writers(server_folder):
        if any(piece.store_id != store_id for piece in pieces):
            yield check(server_folder, pieces, transport)


def _bring_back(folder: Path, last: Piece, seq: int) -> Path | None:
    """Return the folder of a writer with its records from `seq` on; None: its process lives, and sends them."""
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = claim(folder)
    if lock is None:
        return None
    try:
        if not any(path.stem.isdecimal() for path in folder.glob("*.ndjson")):  # else it waits anyway
            kept.recall(folder, last.run_id, seq, last.next_seq)
            write(folder / "cursor", b"%d" % seq)
    finally:
        release(folder, lock)
    return folder


def _oldest(pieces: list[Piece]) -> int:
    """Return the first number behind which nothing is missing."""
    oldest = pieces[-1].next_seq
    for piece in reversed(pieces):
        if piece.next_seq == oldest:
            oldest = piece.first_seq
    return oldest
