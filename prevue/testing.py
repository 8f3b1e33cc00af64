"""For tests, ours and those of plugin authors: a transport without a network that stores as the backend does."""

import uuid
from collections.abc import Callable
from typing import Any

import orjson

from prevue.delivery import Answer
from prevue_core.contract import PROBLEM_GAP
from prevue_core.errors import Unreachable

Fault = Answer | Unreachable | Callable[[bytes], Answer | None]


class RecordingTransport:
    """Keeps every record it is sent, by its number, as the backend does.

    `faults`: what happens to the next requests instead, one after the other: an Answer is given without storing, an
    Unreachable is raised, a function is asked with the lines and may return None for the usual answer.
    `records[writer_id]`: what was stored, in order. `requests`: (writer_id, first_seq, lines) of every request.
    """

    def __init__(self, url: str = "http://recording", faults: list[Fault] | None = None) -> None:
        self.url = url
        self.store_id = str(uuid.UUID(int=0))
        self.faults = faults or []
        self.requests: list[tuple[str, int, bytes]] = []
        self.records: dict[str, list[dict[str, Any]]] = {}
        self._next: dict[str, int] = {}

    def post_records(self, run_id: str, writer_id: str, first_seq: int, lines: bytes) -> Answer:
        """Store records, or do what `faults` say."""
        self.requests.append((writer_id, first_seq, lines))
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Unreachable):
                raise fault
            answer = fault if isinstance(fault, Answer) else fault(lines)
            if answer is not None:
                return answer
        return self.accept(writer_id, first_seq, lines)

    def accept(self, writer_id: str, first_seq: int, lines: bytes) -> Answer:
        """Store records and return the backend's answer."""
        expected = self._next.get(writer_id, 0)
        if first_seq > expected:
            return Answer(409, {"type": PROBLEM_GAP, "expected": expected})
        for record in map(orjson.loads, lines.splitlines()):
            if record["seq"] >= expected:
                self.records.setdefault(writer_id, []).append(record)
                expected = record.get("until", record["seq"]) + 1
        self._next[writer_id] = expected
        return Answer(200, {"next_seq": expected, "store_id": self.store_id, "rejected": [], "rejected_count": 0})

    def backup(self) -> Callable[[], None]:
        """Return what restores the records of now, as a server does that is put back to a backup."""
        records, numbers = {writer: list(stored) for writer, stored in self.records.items()}, dict(self._next)

        def restore() -> None:
            self.records, self._next = records, numbers
            self.store_id = str(uuid.uuid4())

        return restore

    def forget(self) -> None:
        """Lose everything, as a server does that is put on a new disk."""
        self.records.clear()
        self._next.clear()
