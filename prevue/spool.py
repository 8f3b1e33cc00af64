"""The spool: a writer's records on disk, from `log()` until the server has acknowledged them.

Each record is one line, written with one `os.write`: what `log()` has returned from survives SIGKILL. A writer's folder
is `<root>/<server>/<writer>/` with `lock` (held for the life of the process), `<first_seq>.ndjson` (its records, in
pieces of 8 MiB, dropped from the oldest on once acknowledged), `start` (a copy of the first record) and `cursor` (the
number that the server asked for last; a hint). No token is ever in it.
"""

import bisect
import os
import shutil
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import orjson

from prevue_core.contract import MAX_RECORD_BYTES, MAX_RECORDS
from prevue_core.errors import InvalidValue

SEGMENT_BYTES = 8 << 20
BATCH_BYTES = 256 << 10
RING_RECORDS = 10_000

_NEW_SEGMENT = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
for _flag in ("O_CLOEXEC", "O_NOFOLLOW", "O_BINARY"):  # none of them is everywhere
    _NEW_SEGMENT |= getattr(os, _flag, 0)

_own: set[Path] = set()  # folders of this process: opening their `lock` a second time and closing it would free it


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

    @property
    def oldest(self) -> int:
        """The lowest number that is still there, not counting the start record, which always is: 1 or more."""

    @property
    def next_seq(self) -> int:
        """The number that the next record will have."""

    def read(self, seq: int, max_records: int) -> Batch | None:
        """Return records from `seq` on, or None where there is none. One at least, whatever its size."""

    def acknowledge(self, next_seq: int) -> None:
        """Note that the server has all records below `next_seq`."""

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


class _Numbering:
    """Gives records their numbers and counts what could not be kept."""

    def __init__(self, run_id: str, writer_id: str) -> None:
        self.run_id = run_id
        self.writer_id = writer_id
        self.next_seq = 0
        self.dropped = 0
        self._untold = 0  # dropped since the last gap record
        self._lock = threading.Lock()

    def append(self, body: bytes) -> bool:
        """Keep a record (see `encode`) and return whether that was possible."""
        with self._lock:
            if self._untold and self._put(gap(self.next_seq, self.next_seq, "dropped: no room", self._untold)):
                self.next_seq += 1
                self._untold = 0
            if self._put(b'{"seq":%d,%b' % (self.next_seq, body[1:])):
                self.next_seq += 1
                return True
            self.dropped += 1
            self._untold += 1
            return False

    def _put(self, line: bytes) -> bool:
        raise NotImplementedError


class Spool(_Numbering):
    """The spool of a writer of this process. Raises OSError where its folder cannot be made."""

    def __init__(self, server_folder: Path, run_id: str, start: dict[str, Any]) -> None:
        super().__init__(run_id, str(uuid.uuid4()))
        self.folder = server_folder / self.writer_id
        self.folder.mkdir(mode=0o700, parents=True)
        lock = _take_lock(self.folder)
        if lock is None:
            raise OSError(f"the lock of the new spool {self.folder} cannot be had")
        self._lock_fd = lock
        self._segments: list[int] = []  # first numbers, rising
        self._fd = -1
        self._size = 0
        self._reader = _Reader(self.folder)
        body = encode(start)
        self.start = numbered(0, body)
        (self.folder / "start").write_bytes(self.start)
        if not self.append(body):
            raise OSError(f"the new spool {self.folder} cannot be written")

    @property
    def oldest(self) -> int:
        """The lowest number that is still there, not counting the start record."""
        return max(1, self._segments[0])

    def _put(self, line: bytes) -> bool:
        try:
            if self._size >= SEGMENT_BYTES or self._fd < 0:
                self._rotate()
            written = os.write(self._fd, line)
            if written != len(line):  # the disk is full or nearly so
                written += os.write(self._fd, line[written:])
        except OSError:
            written = -1
        if written == len(line):
            self._size += written
            return True
        if self._fd >= 0:
            with suppress(OSError):  # a torn line is found when it is read
                os.ftruncate(self._fd, self._size)
        return False

    def _rotate(self) -> None:
        fd = os.open(_segment(self.folder, self.next_seq), _NEW_SEGMENT, 0o600)
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._size = fd, 0
        self._segments.append(self.next_seq)

    def read(self, seq: int, max_records: int = MAX_RECORDS) -> Batch | None:
        """Return records from `seq` on as they stand in the file."""
        return None if seq >= self.next_seq else self._reader.read(self._segments[:], seq, max_records)

    def acknowledge(self, next_seq: int) -> None:
        """Note what the server has, and drop pieces of which it has all."""
        _write_text(self.folder / "cursor", str(next_seq))
        while len(self._segments) > 1 and self._segments[1] <= next_seq:
            _segment(self.folder, self._segments[0]).unlink(missing_ok=True)
            del self._segments[0]

    def quarantine(self, batch: Batch, reason: str) -> None:
        """Put a refused record aside in `quarantine.ndjson`."""
        _quarantine(self.folder, batch, reason)

    def forget(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self, *, is_delivered: bool) -> None:
        """Let go of the spool; remove it if the server has everything and nothing was put aside."""
        with self._lock:
            self._reader.close()
            os.close(self._fd)
            if is_delivered and not (self.folder / "quarantine.ndjson").exists():
                self.forget()
            _own.discard(self.folder)
            os.close(self._lock_fd)


class MemorySpool(_Numbering):
    """Stands in where no folder can be written: a ring of 10 000 records, lost with the process."""

    def __init__(self, run_id: str, start: dict[str, Any]) -> None:
        super().__init__(run_id, str(uuid.uuid4()))
        self._lines: deque[bytes] = deque()
        self.oldest = 1
        self._first = 0
        body = encode(start)
        self.start = numbered(0, body)
        self.append(body)

    def _put(self, line: bytes) -> bool:
        if len(self._lines) >= RING_RECORDS:
            return False
        self._lines.append(line)
        return True

    def read(self, seq: int, max_records: int = MAX_RECORDS) -> Batch | None:
        """Return records from `seq` on."""
        with self._lock:
            lines = list(self._lines)[seq - self._first : seq - self._first + max_records]
        return Batch(seq, seq + len(lines), b"".join(lines), len(lines)) if lines else None

    def acknowledge(self, next_seq: int) -> None:
        """Make room."""
        with self._lock:
            while self._first < next_seq and self._lines:
                self._lines.popleft()
                self._first += 1
            self.oldest = max(1, self._first)

    def quarantine(self, batch: Batch, reason: str) -> None:
        """There is no file to put it in: the gap record tells of it."""

    def forget(self) -> None:
        """Drop all records."""
        self._lines.clear()

    def close(self, *, is_delivered: bool) -> None:
        """Nothing is held."""


class Leftover:
    """The spool of a writer whose process is gone. Hold its lock (see `claim`) while using it.

    Lines are checked: a torn last line is cut off (its `log()` never returned), damage is told as a gap.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer_id = folder.name
        self.start = (folder / "start").read_bytes() if (folder / "start").exists() else b""
        self._segments = sorted(int(path.stem) for path in folder.glob("*.ndjson") if path.stem.isdecimal())
        self._cached: tuple[int, list[Batch]] = (-1, [])
        try:
            self.start_record: dict[str, Any] = orjson.loads(self.start)
            self.run_id = str(self.start_record["run_id"])
        except (orjson.JSONDecodeError, KeyError):
            raise InvalidValue(f"{folder} has no readable start record, so its run is not known") from None

    @property
    def oldest(self) -> int:
        """The lowest number that is still there, not counting the start record."""
        return max(1, self._segments[0]) if self._segments else 1

    @property
    def next_seq(self) -> int:
        """The number behind the last record."""
        lines = self._lines(len(self._segments) - 1) if self._segments else []
        return lines[-1].next_seq if lines else max(1, *self._segments, 0)

    @property
    def acknowledged(self) -> int:
        """The number that the server asked for last, as far as it was noted."""
        return min(int(_read_text(self.folder / "cursor") or 0), self.next_seq)

    def read(self, seq: int, max_records: int = MAX_RECORDS) -> Batch | None:
        """Return records from `seq` on; a piece of the file is held in memory."""
        if seq >= self.next_seq:
            return None
        lines = self._lines(max(0, bisect.bisect_right(self._segments, seq) - 1))
        at = bisect.bisect_right([line.first_seq for line in lines], seq) - 1
        taken: list[Batch] = []
        size = 0
        for line in lines[max(0, at) : max(0, at) + max_records]:
            if taken and size + len(line.lines) > BATCH_BYTES:
                break
            taken.append(line)
            size += len(line.lines)
        return Batch(taken[0].first_seq, taken[-1].next_seq, b"".join(line.lines for line in taken), len(taken))

    def acknowledge(self, next_seq: int) -> None:
        """Note what the server has; remove the folder when that is all, and nothing was put aside."""
        _write_text(self.folder / "cursor", str(next_seq))
        if next_seq >= self.next_seq and not (self.folder / "quarantine.ndjson").exists():
            self.forget()

    def quarantine(self, batch: Batch, reason: str) -> None:
        """Put a refused record aside in `quarantine.ndjson`."""
        _quarantine(self.folder, batch, reason)

    def forget(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _lines(self, index: int) -> list[Batch]:
        if self._cached[0] != index:
            first, following = self._segments[index], dict(zip(self._segments, self._segments[1:], strict=False))
            data = _segment(self.folder, first).read_bytes()
            lines = [Batch(0, 1, self.start, 1)] if first == 0 else []
            lines += _checked_lines(data, max(1, first), following.get(first))
            self._cached = (index, lines)
        return self._cached[1]


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
        self._file = _segment(self._folder, segment).open("rb", buffering=0)
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
        count = data.count(b"\n", 0, end)
        while count > max_records:  # rarely: lines are seldom so short that the records count before the bytes do
            end = data.rfind(b"\n", 0, end - 1) + 1
            count -= 1
        return Batch(self._seq, self._seq + count, data[:end], count) if count else None


def claim(folder: Path) -> int | None:
    """Take the lock of a writer whose process is gone and return it for `release`; None: the writer lives."""
    return None if folder in _own else _take_lock(folder)


def release(folder: Path, lock: int) -> None:
    """Give back what `claim` returned."""
    _own.discard(folder)
    os.close(lock)


def after_fork() -> None:
    """Forget the parent's writers in a forked child: file locks are not inherited."""
    _own.clear()


def writer_folders(server_folder: Path) -> list[Path]:
    """Return the writers' folders that wait for one server, the oldest first."""
    try:
        return sorted(
            (path for path in server_folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime
        )
    except OSError:
        return []


def _checked_lines(data: bytes, first: int, following: int | None) -> Iterator[Batch]:
    """Yield the lines of a piece, with gap records in the place of damaged ones. Numbers below `first` are skipped."""
    expected, damaged = first, 0
    lines = data.split(b"\n")
    lines.pop()  # nothing, or a torn tail
    for line in lines:
        seq = _seq_of(line)
        if seq is None:
            damaged += 1
        elif seq >= expected:
            if seq > expected:
                yield Batch(expected, seq, gap(expected, seq - 1, "damaged on disk"), 1)
            yield Batch(seq, seq + 1, line + b"\n", 1)
            expected, damaged = seq + 1, 0
    end = following if following is not None else expected + damaged
    if end > expected:
        yield Batch(expected, end, gap(expected, end - 1, "damaged on disk"), 1)


def _seq_of(line: bytes) -> int | None:
    try:
        seq = orjson.loads(line)["seq"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return seq if isinstance(seq, int) else None


def _segment(folder: Path, first_seq: int) -> Path:
    return folder / f"{first_seq}.ndjson"


def _take_lock(folder: Path) -> int | None:
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    _own.add(folder)
    return fd


def _quarantine(folder: Path, batch: Batch, reason: str) -> None:
    line = orjson.dumps(
        {"reason": reason, "record": batch.lines.decode("utf-8", "replace")}, option=orjson.OPT_APPEND_NEWLINE
    )
    fd = os.open(folder / "quarantine.ndjson", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(fd, "ab") as file:
        file.write(line)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
