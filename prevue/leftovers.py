"""Leftovers: what writers whose process is gone have left in the spool, read with suspicion."""

import bisect
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from prevue import kept
from prevue.folder import put_aside, segment_path, write
from prevue.room import Bounds
from prevue.spool import BATCH_BYTES, Batch, gap
from prevue_core.contract import FORMAT, MAX_RECORDS
from prevue_core.errors import InvalidValue


class Leftover:
    """The spool of a writer whose process is gone. Hold its lock (see `claim`) while using it.

    Lines are checked: a torn last line is cut off (its `log()` never returned), damage is told as a gap.
    Raises FileNotFoundError for a folder without records, and InvalidValue where their run is not known or a newer
    Prevue wrote them.
    """

    is_kept = True

    def __init__(self, folder: Path, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - frozen
        self.folder = folder
        self._bounds = bounds
        self.writer_id = folder.name
        self._segments = sorted(int(path.stem) for path in folder.glob("*.ndjson") if path.stem.isdecimal())
        if not self._segments:
            raise FileNotFoundError(f"{folder} has no records")
        self._piece = -1  # the segment whose lines are held
        self._lines: list[Batch] = []
        self._numbers: list[int] = []
        self.start, self.start_record = _start_of(folder)
        self.run_id = str(self.start_record["run_id"])
        self.next_seq = self._find_end()

    @property
    def acknowledged(self) -> int:
        """The number that the server asked for last, as far as it was noted."""
        try:
            return min(max(0, int((self.folder / "cursor").read_bytes())), self.next_seq)
        except (OSError, ValueError):  # the server says it anew
            return 0

    def read(self, seq: int, max_records: int = MAX_RECORDS) -> Batch | None:
        """Return records from `seq` on; a piece of the file is held in memory."""
        if seq >= self.next_seq:
            return None
        self._hold(max(0, bisect.bisect_right(self._segments, seq) - 1))
        at = max(0, bisect.bisect_right(self._numbers, seq) - 1)
        taken: list[Batch] = []
        size = 0
        for line in self._lines[at : at + max_records]:
            if taken and size + len(line.lines) > BATCH_BYTES:
                break
            taken.append(line)
            size += len(line.lines)
        return Batch(taken[0].first_seq, taken[-1].next_seq, b"".join(line.lines for line in taken), len(taken))

    def recall(self, seq: int) -> int:
        """Bring back what is kept from `seq` on, and return the lowest number there is."""
        self._segments[:0] = kept.recall(self.folder, self.run_id, seq, self._segments[0])
        self._piece = -1
        return max(1, self._segments[0])

    def acknowledge(self, next_seq: int, store_id: str) -> None:
        """Note what the server has; put all away when it has all."""
        write(self.folder / "cursor", b"%d" % next_seq)
        if next_seq >= self.next_seq:
            numbers = [*self._segments, self.next_seq]
            kept.put_away(self.folder, self.run_id, self.start, numbers, store_id, self._bounds)

    def quarantine(self, batch: Batch, reason: str) -> None:
        """Put a refused record aside in `quarantine.ndjson`."""
        put_aside(self.folder, batch.lines, reason)

    def forget(self) -> None:
        """Remove all records of the run."""
        kept.drop(self.folder.parent, self.run_id)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _find_end(self) -> int:
        self._hold(len(self._segments) - 1)
        return self._lines[-1].next_seq if self._lines else self._segments[-1]

    def _hold(self, piece: int) -> None:
        """Read and check a segment, unless it is the one that is held."""
        if piece == self._piece:
            return
        first = self._segments[piece]
        following = self._segments[piece + 1] if piece + 1 < len(self._segments) else None
        data = segment_path(self.folder, first).read_bytes()
        self._lines = []
        if first == 0:
            self._lines, data = [Batch(0, 1, self.start, 1)], data.partition(b"\n")[2]
        self._lines += _checked_lines(data, max(1, first), following)
        self._numbers = [line.first_seq for line in self._lines]
        self._piece = piece


def _start_of(folder: Path) -> tuple[bytes, dict[str, Any]]:
    """Return the start record of a writer, as a line and as an object: the copy, or the original."""
    for name in ("start", "0.ndjson"):
        with suppress(OSError, orjson.JSONDecodeError), (folder / name).open("rb") as file:
            line = file.readline().rstrip(b"\n") + b"\n"
            record = orjson.loads(line)
            if isinstance(record, dict) and "run_id" in record:
                _check_format(folder, record)
                return line, record
    raise InvalidValue(f"{folder} has no readable start record, so its run is not known")


def _check_format(folder: Path, start: dict[str, Any]) -> None:
    version = start.get("format", FORMAT)
    if version != FORMAT:
        raise InvalidValue(
            f"{folder} has records of format {version!r}, and this version of Prevue reads format {FORMAT}; "
            "upgrade it, and they are sent"
        )


def _checked_lines(data: bytes, first: int, following: int | None) -> Iterator[Batch]:
    """Yield the lines of a piece from number `first` to `following`, with gap records in the place of damaged ones.

    A number that runs ahead is taken for damage, too, where the next readable one is not behind it.
    """
    expected, damaged = first, 0
    lines = data.split(b"\n")
    lines.pop()  # nothing, or a torn tail
    numbers = [_seq_of(line, first, following) for line in lines]
    for line, seq, behind in zip(lines, numbers, _next_readable(numbers), strict=True):
        if seq is None or seq < expected or (seq > expected and behind is not None and expected <= behind <= seq):
            damaged += 1
            continue
        if seq > expected:
            yield Batch(expected, seq, gap(expected, seq - 1, "damaged on disk"), 1)
        yield Batch(seq, seq + 1, line + b"\n", 1)
        expected, damaged = seq + 1, 0
    end = following if following is not None else expected + damaged
    if end > expected:
        yield Batch(expected, end, gap(expected, end - 1, "damaged on disk"), 1)


def _next_readable(numbers: list[int | None]) -> list[int | None]:
    """Return for each place the first number behind it that is not None."""
    behind: int | None = None
    found = []
    for number in reversed(numbers):
        found.append(behind)
        behind = behind if number is None else number
    return found[::-1]


def _seq_of(line: bytes, first: int, following: int | None) -> int | None:
    """Return a line's number, or None where it has none from `first` to `following`."""
    try:
        seq = orjson.loads(line)["seq"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return seq if isinstance(seq, int) and first <= seq and (following is None or seq < following) else None
