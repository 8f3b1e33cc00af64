"""Result records as rows of `results`: each is checked by its kind, so that who draws it may count on its fields."""

from prevue_core.contract import check_name, check_split, place_of
from prevue_core.db.connection import insert_rows
from prevue_core.db.ingest.batch import Batch
from prevue_core.db.ingest.fields import Record, json_object, optional_int, time_of
from prevue_core.result_kinds import check_kind, check_payload

COLUMNS = ("run_id", "rank", "split", "kind", "name", "step", "time", "payload_bytes", "payload")


def add_result(batch: Batch, record: Record) -> None:
    """Add the row of a result to its batch."""
    kind = check_kind(record.get("kind"))
    split = record.get("split")
    place = place_of(check_name(record.get("name"), "result name"), None if split is None else check_split(split))
    step, time = optional_int("step", record.get("step")), time_of(record, batch.now).isoformat(" ", "microseconds")
    payload = json_object(f"the payload of a {kind}", check_payload(kind, record.get("payload")))
    size = len(payload.encode())
    batch.results.append((batch.run_id, batch.rank, place.split, kind, place.name, step, time, size, payload))


def store_results(batch: Batch) -> None:
    """Store the rows that were added."""
    insert_rows("results", COLUMNS, batch.results)
