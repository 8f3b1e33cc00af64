"""Records of a run for the tests of the spool, of leftovers and of the sender."""

import orjson

from prevue.leftovers import Leftover
from prevue.spool import MemorySpool, Spool, encode
from prevue.testing import RecordingTransport
from prevue_core.errors import Unreachable

RUN_ID = "019ab1c2-0000-7000-8000-000000000001"
AWAY = Unreachable("cannot reach http://recording: Connection refused")
START = {"type": "start", "run_id": RUN_ID, "url": "http://recording"}


def body(step: int, **more: object) -> bytes:
    return encode({"type": "metrics", "step": step, "values": {"loss": step / 8}, **more})


def left_behind(spool: Spool) -> Leftover:
    """What the spool looks like to the next process."""
    spool.close(is_delivered=False)
    return Leftover(spool.folder)


def everything(source: Spool | Leftover | MemorySpool, seq: int = 0, max_records: int = 5_000) -> list[dict]:
    """Read a source as a sender does, to its end; each batch must begin where the last one ended."""
    records = []
    while (batch := source.read(seq, max_records)) is not None:
        assert batch.first_seq == seq
        lines = batch.lines.removesuffix(b"\n").split(b"\n")
        assert len(lines) == batch.count <= max_records
        records += map(orjson.loads, lines)
        seq = batch.next_seq
    assert seq == source.next_seq
    return records


def tiled(records: list[dict]) -> list[int]:
    """Return all numbers that records use, in their order."""
    return [seq for record in records for seq in range(record["seq"], record.get("until", record["seq"]) + 1)]


def log(spool: Spool | MemorySpool, records: int) -> None:
    first = spool.next_seq
    for step in range(first, first + records):
        assert spool.append(body(step))


def stored(transport: RecordingTransport) -> list[dict]:
    """All that is stored, each writer's in its order."""
    return [record for records in transport.records.values() for record in records]
