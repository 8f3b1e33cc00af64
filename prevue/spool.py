"""The spool: a writer's records on disk, from `log()` until the server has acknowledged them.

Each record is one line, written with one `os.write`: what `log()` has returned from survives SIGKILL. A writer's folder
is `<root>/<server>/<writer>/` with `lock` (held for the life of the process), `<first_seq>.ndjson` (its records, in
pieces of 8 MiB, moved away from the oldest on once acknowledged, see `kept`), `start` (a copy of the first record) and
`cursor` (the number that the server asked for last; a hint). No token is ever in it.
"""

import bisect
import os
import shutil
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import orjson

from prevue import kept
from prevue.folder import TO_WRITE, make, put_aside, release, segment_path, write
from prevue.room import MIB, Bounds, check_free, check_room
from prevue_core.contract import MAX_RECORD_BYTES, MAX_RECORDS
from prevue_core.errors import InvalidValue

SEGMENT_BYTES = 8 * MIB
CHECK_BYTES = MIB  # written between two looks at the disk's free space
FULL_S = 5.0  # between two looks for room where there was none
BATCH_BYTES = 256 << 10
RING_RECORDS = 10_000
END = b'{"type":"end"'


@dataclass(frozen=True)
class Batch:
    """Records as they are sent: whole lines, numbered from `first_seq` up to, not including, `next_seq`."""

    first_seq: int
    next_seq: int
    lines: bytes
    count: int


class Source(Protocol):
    """Where a sender takes a writer's records from."""

    run_id: str
    writer_id: str
    start: bytes  # the line of record 0
    is_kept: bool  # what is not sent outlives the process

    @property
    def next_seq(self) -> int:
        """The number that the next record will have."""

    def read(self, seq: int, max_records: int) -> Batch | None:
        """Return records from `seq` on, or None where there is none. One at least, whatever its size."""

    def recall(self, seq: int) -> int:
        """Bring back what is kept of acknowledged records from `seq` on, and return the lowest number there is.

        The start record, which always is, does not count: 1 or more.
        """

    def acknowledge(self, next_seq: int, store_id: str) -> None:
        """Note that the server, with the database `store_id`, has all records below `next_seq`."""

    def quarantine(self, batch: Batch, reason: str) -> None:
        """Put a record aside that the server refuses for good."""

    def forget(self) -> None:
        """Drop all records: their run was deleted."""


def encode(record: dict[str, Any]) -> bytes:
    """Return a record's line without its number. Raises InvalidValue where it is not JSON or too large."""
    try:
        body = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        raise InvalidValue(
            f"a {record.get('type')} record cannot be written as JSON: {error}; use text, numbers, lists, dicts"
        ) from None
    if len(body) > MAX_RECORD_BYTES:
        raise InvalidValue(
            f"a {record.get('type')} record has {len(body)} bytes; at most {MAX_RECORD_BYTES} fit, log less at once"
        )
    return body


def numbered(seq: int, body: bytes) -> bytes:
    """Return the line of a record: its number goes first."""
    return b'{"seq":%d,%b' % (seq, body[1:])


def gap(seq: int, until: int, reason: str, count: int | None = None) -> bytes:
    """Return the line of a gap record, which stands for the records `seq` to `until`."""
    record = {"type": "gap", "until": until, "reason": reason}
    return numbered(seq, encode(record if count is None else {**record, "count": count}))


class _Numbering(ABC):
    """Gives records their numbers and counts what could not be kept."""

    def __init__(self, run_id: str, writer_id: str) -> None:
        self.run_id = run_id
        self.writer_id = writer_id
        self.next_seq = 0
        self.dropped = 0
        self._untold = 0  # dropped since the last gap record
        self._is_ending = False  # no bound holds for the last words
        self._is_shut = False
        self._lock = threading.Lock()

    def append(self, body: bytes) -> bool:
        """Keep a record (see `encode`) and return whether that was possible. Does nothing once `shut`."""
        with self._lock:
            if self._is_shut:
                return True
            if self._untold:
                self._tell_dropped()
            if self._put(b'{"seq":%d,%b' % (self.next_seq, body[1:])):
                return True
            if body.startswith(END) and self._put_end(body):
                return True
            self.dropped += 1
            self._untold += 1
            return False

    def _tell_dropped(self) -> None:
        if self._put(gap(self.next_seq, self.next_seq, "dropped: no room", self._untold)):
            self._untold = 0

    def _put_end(self, body: bytes) -> bool:
        """Keep the last record, and what was dropped before it, beyond the bounds that hold for all others."""
        self._is_ending = True
        if self._untold:
            self._tell_dropped()
        return self._put(numbered(self.next_seq, body))

    def shut(self) -> None:
        """Take no more records: the run has ended."""
        with self._lock:
            self._is_shut = True

    @abstractmethod
    def _put(self, line: bytes) -> bool:
        """Keep a line, use its number and return True, or do neither."""


class Spool(_Numbering):
    """The spool of a writer of this process. Raises OSError where its folder cannot be made."""

    is_kept = True

    def __init__(
        self,
        server_folder: Path,
        run_id: str,
        start: dict[str, Any],
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(run_id, str(uuid.uuid4()))
        self._bounds = bounds
        self.folder = server_folder / self.writer_id
        self._lock_fd = make(self.folder)
        self._segments: list[int] = []  # first numbers, rising
        self._fd = -1
        self._size = 0
        self._checked_to = 0  # bytes of the piece up to which there was room
        self._full_until = 0.0
        self._store_id = kept.UNKNOWN  # of the database that has what is acknowledged
        self._reader = _Reader(self.folder)
        body = encode(start)
        self.start = numbered(0, body)
        try:
            write(self.folder / "start", self.start)
            check_room(server_folder.parent, bounds, len(self.start))
            if not self.append(body):
                raise OSError(f"the new spool {self.folder} cannot be written")
        except OSError:
            self.close(is_delivered=False)
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def _put(self, line: bytes) -> bool:
        size = len(line)
        try:
            if self._size >= self._checked_to:
                self._go_on()
            try:
                written = os.write(self._fd, line)
            except OSError:  # a disk behind a network, say, which may answer the next time
                self._cut()
                written = 0
            if written != size:  # or the disk is full or nearly so
                written += os.write(self._fd, line[written:])
        except OSError:
            written = -1
        except BaseException:  # Ctrl-C, or what a signal handler raises: it strikes as soon as the write is done
            if self._fd >= 0 and os.fstat(self._fd).st_size == self._size + size:
                self._size += size
                self.next_seq += 1
            else:
                self._cut()
            raise
        if written == size:  # no call from here on, so nothing can strike
            self._size += size
            self.next_seq += 1
            return True
        self._cut()
        return False

    def _cut(self) -> None:
        """Take back what was written of a line."""
        if self._fd >= 0:
            with suppress(OSError):  # a torn line is found when it is read
                os.ftruncate(self._fd, self._size)

    def _go_on(self) -> None:
        """Look for room, and begin a new piece where this one is full. Raises OSError where there is none."""
        is_full = self._fd < 0 or self._size >= SEGMENT_BYTES
        if not self._is_ending:
            self._check(takes_piece=is_full)
        if is_full:
            self._rotate()
        self._checked_to = min(self._size + CHECK_BYTES, SEGMENT_BYTES)

    def _check(self, *, takes_piece: bool) -> None:
        if time.monotonic() < self._full_until:
            raise OSError("there was no room a moment ago")
        root = self.folder.parents[1]
        try:
            if takes_piece and self._fd >= 0:
                check_room(root, self._bounds, SEGMENT_BYTES)
            else:
                check_free(root)
        except OSError:
            self._full_until = time.monotonic() + FULL_S
            raise

    def _rotate(self) -> None:
        full, fd = self._fd, os.open(segment_path(self.folder, self.next_seq), TO_WRITE | os.O_APPEND, 0o600)
        self._fd, self._size = fd, 0
        self._segments.append(self.next_seq)
        if full >= 0:
            os.close(full)

    def read(self, seq: int, max_records: int = MAX_RECORDS) -> Batch | None:
        """Return records from `seq` on as they stand in the file."""
        return None if seq >= self.next_seq else self._reader.read(self._segments[:], seq, max_records)

    def recall(self, seq: int) -> int:
        """Bring back what is kept from `seq` on, and return the lowest number there is."""
        self._segments[:0] = kept.recall(self.folder, self.run_id, seq, self._segments[0])
        return max(1, self._segments[0])

    def acknowledge(self, next_seq: int, store_id: str) -> None:
        """Note what the server has, and put pieces away of which it has all."""
        self._store_id = store_id
        write(self.folder / "cursor", b"%d" % next_seq)
        while len(self._segments) > 1 and self._segments[1] <= next_seq:
            kept.keep(self.folder, self.run_id, self._segments[0], self._segments[1], store_id, self._bounds)
            del self._segments[0]

    def quarantine(self, batch: Batch, reason: str) -> None:
        """Put a refused record aside in `quarantine.ndjson`."""
        put_aside(self.folder, batch.lines, reason)

    def forget(self) -> None:
        """Remove all records of the run, and take no more."""
        self._is_shut = True
        kept.drop(self.folder.parent, self.run_id)
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self, *, is_delivered: bool) -> None:
        """Let go of the spool; put it away if the server has everything."""
        with self._lock:
            if self._lock_fd < 0:
                return
            self._is_shut = True
            self._reader.close()
            if self._fd >= 0:
                os.close(self._fd)
            if is_delivered:
                numbers = [*self._segments, self.next_seq]
                kept.put_away(self.folder, self.run_id, self.start, numbers, self._store_id, self._bounds)
            release(self.folder, self._lock_fd)
            self._lock_fd = self._fd = -1


class MemorySpool(_Numbering):
    """Stands in where no folder can be written: a ring of 10 000 records, lost with the process."""

    is_kept = False

    def __init__(self, run_id: str, start: dict[str, Any]) -> None:
        super().__init__(run_id, str(uuid.uuid4()))
        self._lines: deque[bytes] = deque()
        self._first = 0
        body = encode(start)
        self.start = numbered(0, body)
        self.append(body)

    def _put(self, line: bytes) -> bool:
        if len(self._lines) >= RING_RECORDS and not self._is_ending:
            return False
        self.next_seq += 1  # first, as Ctrl-C strikes behind a call
        self._lines.append(line)
        return True

    def read(self, seq: int, max_records: int = MAX_RECORDS) -> Batch | None:
        """Return records from `seq` on."""
        with self._lock:
            lines = list(self._lines)[seq - self._first : seq - self._first + max_records]
        return Batch(seq, seq + len(lines), b"".join(lines), len(lines)) if lines else None

    def recall(self, seq: int) -> int:
        """Return the lowest number there is: nothing is kept."""
        return max(1, self._first)

    def acknowledge(self, next_seq: int, store_id: str) -> None:
        """Make room."""
        with self._lock:
            while self._first < next_seq and self._lines:
                self._lines.popleft()
                self._first += 1

    def quarantine(self, batch: Batch, reason: str) -> None:
        """There is no file to put it in: the gap record tells of it."""

    def forget(self) -> None:
        """Drop all records, and take no more."""
        self._is_shut = True
        self._lines.clear()

    def close(self, *, is_delivered: bool) -> None:
        """Nothing is held."""


class _Reader:
    """Reads a growing spool as bytes, from where it stopped the last time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._segment = -1
        self._seq, self._offset = 0, 0

    def read(self, segments: list[int], seq: int, max_records: int) -> Batch | None:
        segment = segments[max(0, bisect.bisect_right(segments, seq) - 1)]
        if segment != self._segment or seq < self._seq:
            self._open(segment)
        while self._seq < seq:  # after a step back: count the lines up to there
            skipped = self._chunk(seq - self._seq)
            if skipped is None:
                return None
            self._seq, self._offset = skipped.next_seq, self._offset + len(skipped.lines)
        batch = self._chunk(max_records)
        if batch is not None:
            self._seq, self._offset = batch.next_seq, self._offset + len(batch.lines)
        return batch

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._segment = None, -1

    def _open(self, segment: int) -> None:
        self.close()
        self._file = segment_path(self._folder, segment).open("rb", buffering=0)
        self._segment, self._seq, self._offset = segment, segment, 0

    def _chunk(self, max_records: int) -> Batch | None:
        """Return the lines that follow: whole ones only, for the last may be just being written."""
        size = BATCH_BYTES
        file = cast(BinaryIO, self._file)
        while True:
            file.seek(self._offset)
            data = file.read(size)
            end = data.rfind(b"\n") + 1
            if end or len(data) < size:
                break
            size *= 2  # one line alone is larger
        if size > BATCH_BYTES:
            end = data.find(b"\n") + 1
        count = data.count(b"\n", 0, end)
        while count > max_records:  # rarely: lines are seldom so short that the records count before the bytes do
            end = data.rfind(b"\n", 0, end - 1) + 1
            count -= 1
        return Batch(self._seq, self._seq + count, data[:end], count) if count else None
