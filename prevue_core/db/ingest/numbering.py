"""The numbers of a writer's records: 0, 1, 2 ... without holes. Only a gap record uses more than one."""

from collections.abc import Iterable

from prevue_core import contract
from prevue_core.db.ingest.fields import Record
from prevue_core.errors import RecordRefused, shown


def number(first_seq: int, records: Iterable[Record]) -> list[Record]:
    """Return `records` with their numbers filled in. Raises RecordRefused where given numbers are not consecutive."""
    expected, numbered = first_seq, []
    for record in records:
        seq = record.setdefault("seq", expected)
        if type(seq) is not int or seq != expected:  # a bool or a float may be equal to an int
            raise RecordRefused(
                f"record number {shown(seq)} stands where {expected} should; number from first_seq={first_seq}"
            )
        expected = end_of(record)
        numbered.append(record)
    return numbered


def end_of(record: Record) -> int:
    """Return the number behind a numbered record."""
    seq: int = record["seq"]
    if record.get("type") == "gap":
        until = record.get("until", seq)
        if type(until) is not int or not seq <= until < contract.MAX_INT64:
            raise RecordRefused(
                f"gap until {shown(until)} does not end behind its number {seq}; give the last missing number"
            )
        return until + 1
    if seq == contract.MAX_INT64:
        raise RecordRefused(f"record number {seq} is behind the last of 64 bits; use a new writer")
    return seq + 1
