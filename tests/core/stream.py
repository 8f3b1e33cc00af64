"""What a training process sends, for the tests of all that comes behind it: ingest, queries, the API."""

import uuid
from typing import Any

from prevue_core.db import ingest
from prevue_core.db.accounts import OPEN, Identity
from prevue_core.db.ingest import Applied, Record


def start(**fields: Any) -> Record:
    return {"type": "start", "project": "test", "uid": "alice", **fields}


def metrics(step: int, values: dict[str, Any], **fields: Any) -> Record:
    return {"type": "metrics", "step": step, "values": values, **fields}


def model(name: str = "net", **architecture: Any) -> Record:
    return {"type": "model", "model_name": name, "connector_name": "keras", "architecture": architecture}


def event(text: str = "hello") -> Record:
    return {"type": "event", "kind": "note", "text": text}


def gap(seq: int, until: int, **fields: Any) -> Record:
    return {"type": "gap", "seq": seq, "until": until, **fields}


def end(**fields: Any) -> Record:
    return {"type": "end", **fields}


class Stream:
    """One writer of a run: numbers its records, as the client does, and sends them."""

    def __init__(self, run_id: str | None = None, identity: Identity = OPEN) -> None:
        self.identity = identity
        self.run_id = run_id or str(uuid.uuid4())
        self.writer_id = str(uuid.uuid4())
        self.next_seq = 0

    def send(self, *records: Record) -> Applied:
        """Send what comes next."""
        applied = self.send_from(self.next_seq, *records)
        self.next_seq = applied.next_seq
        return applied

    def send_from(self, first_seq: int, *records: Record) -> Applied:
        """Send records under numbers of one's choice, for the first time or again."""
        new = [dict(record) for record in records]
        return ingest.apply_records(self.identity, self.run_id, self.writer_id, first_seq, new)


def started(run_id: str | None = None, identity: Identity = OPEN, **fields: Any) -> Stream:
    """Return a stream whose start record is stored."""
    stream = Stream(run_id, identity)
    stream.send(start(**fields))
    return stream
