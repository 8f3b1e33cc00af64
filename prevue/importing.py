"""Sends a run that another tool has logged. Its ids follow from what it is, so that a second time adds nothing."""

import socket
import tempfile
import time
import uuid
from array import array
from collections import Counter
from dataclasses import dataclass, field

from prevue.config import ClientSettings
from prevue.delivery import Delivery
from prevue.event_files import EventFile, LoggedRun, Record
from prevue.spool import BATCH_BYTES, Batch, encode, numbered
from prevue.transport import HttpTransport
from prevue_core.contract import FINISHED, FORMAT
from prevue_core.errors import NotFound, PrevueError

CONNECTOR = "tensorboard"
IDS = uuid.UUID("8f7c8a52-3d0e-5f5b-9b5e-6f1d3a0c7e21")  # the namespace of what is made here
GIVE_UP_AFTER = 5  # failures in a row


@dataclass
class Imported:
    """What became of a run. `records` are new on the server, `known` were there already."""

    name: str
    run_id: str
    records: int = 0
    known: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    problem: str | None = None


class RecordsFile:
    """The records of a writer, in a file without a name; a `Source` of a delivery."""

    is_kept = True

    def __init__(self, run_id: str, writer_id: str, start: Record) -> None:
        self.run_id = run_id
        self.writer_id = writer_id
        self.refused: list[str] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._offsets = array("Q", [0])
        self.append(start)
        self.start = numbered(0, encode(start))

    @property
    def next_seq(self) -> int:
        """The number that the next record will have."""
        return len(self._offsets) - 1

    def append(self, record: Record) -> None:
        """Add a record. Raises InvalidValue where it is too large."""
        line = numbered(self.next_seq, encode(record))
        self._file.seek(self._offsets[-1])
        self._file.write(line)
        self._offsets.append(self._offsets[-1] + len(line))

    def read(self, seq: int, max_records: int) -> Batch | None:
        """Return records from `seq` on, or None where there is none."""
        if seq >= self.next_seq:
            return None
        end = seq + 1
        while end < min(self.next_seq, seq + max_records) and self._offsets[end + 1] - self._offsets[seq] < BATCH_BYTES:
            end += 1
        self._file.seek(self._offsets[seq])
        return Batch(seq, end, self._file.read(self._offsets[end] - self._offsets[seq]), end - seq)

    def recall(self, seq: int) -> int:
        """Return the lowest number there is."""
        return 1

    def acknowledge(self, next_seq: int, store_id: str) -> None:
        """Nothing is dropped before the end."""

    def quarantine(self, batch: Batch, reason: str) -> None:
        """Note what the server refuses."""
        self.refused.append(reason)

    def forget(self) -> None:
        """Nothing more is sent."""

    def close(self) -> None:
        """Drop the records."""
        self._file.close()


def import_run(run: LoggedRun, settings: ClientSettings, transport: HttpTransport) -> Imported:
    """Send a run: each file is a writer, and one more ends it. Raises Unreachable, or another ApiError."""
    files = [EventFile(path, split) for path, split in run.files]
    identities = [file.identity() for file in files]
    owner = settings.project if "/" in settings.project else f"{settings.uid}/{settings.project}"
    run_id = str(uuid.uuid5(IDS, f"run {owner} {identities[0]}"))
    imported = Imported(run.name, run_id)
    known = _known(transport, run_id)
    sizes = []
    for file, identity in zip(files, identities, strict=True):
        writer_id = str(uuid.uuid5(IDS, f"writer {run_id} {identity}"))
        records = file.records()
        first = next(records, None)  # tells when it began
        source = RecordsFile(run_id, writer_id, _start(run, settings, run_id, file.first_time or 0.0))
        for record in (first, *records) if first else ():
            source.append(record)
        _deliver(source, known, transport, imported)
        sizes.append(source.next_seq)
        imported.left_out.update(file.left_out)
        if imported.problem:
            return imported
    ended_at = max(file.last_time for file in files)
    end = RecordsFile(run_id, str(uuid.uuid5(IDS, f"end {run_id} {sizes}")), _start(run, settings, run_id, ended_at))
    end.append({"type": "end", "time": ended_at, "state": FINISHED})
    _deliver(end, known, transport, imported)
    return imported


def _start(run: LoggedRun, settings: ClientSettings, run_id: str, began_at: float) -> Record:
    return {
        "type": "start",
        "format": FORMAT,
        "run_id": run_id,
        "url": settings.url,
        "project": settings.project,
        "uid": settings.uid,
        "connector_name": CONNECTOR,
        "rank": 0,
        "host": socket.gethostname(),
        "time": began_at,
        "environment": {},
        "config": {},
        "tags": [CONNECTOR],
        "run_name": run.name[-255:],
        "notes": f"Imported from TensorBoard's files in {run.files[0][0].parent}",
    }


def _known(transport: HttpTransport, run_id: str) -> dict[str, int]:
    """Return by writer how many records the server has."""
    try:
        found = transport.get(f"/api/v1/runs/{run_id}/writers", {"limit": 1000})["items"]
    except NotFound:
        return {}
    return {str(writer["writer_id"]): int(writer["next_seq"]) for writer in found}


def _deliver(source: RecordsFile, known: dict[str, int], transport: HttpTransport, imported: Imported) -> None:
    """Send what the server does not have of a writer, and close it."""
    before = known.get(source.writer_id, 0)
    delivery, failures = Delivery(source, transport, acknowledged=before), 0
    try:
        while not delivery.is_drained:
            wait_s = delivery.step() or 0.0
            failures = failures + 1 if delivery.is_failing else 0
            if failures >= GIVE_UP_AFTER or delivery.needs_help:
                raise PrevueError(
                    f"{source.next_seq - delivery.state.acknowledged} records could not be sent: "
                    f"{delivery.state.last_error}. Import again to go on"
                )
            if delivery.is_failing:
                time.sleep(min(wait_s, 5.0))
        if delivery.state.is_deleted:
            imported.problem = "it was deleted on the server, which does not take it again"
        imported.records += max(0, delivery.state.acknowledged - before)
        imported.known += before
        if refused := delivery.state.rejected + len(source.refused):
            imported.left_out["records that the server refused"] += refused
    finally:
        source.close()
