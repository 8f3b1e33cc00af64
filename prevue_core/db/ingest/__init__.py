"""The one way into the tables: a writer's records, in one transaction, each stored exactly once.

`asking` says early who may not; `applying` numbers, locks and commits; `starting` opens a run's writers; `values` makes
rows of metrics; `others` stores what the other records say; `fields` has what they share.
"""

from prevue_core.db.ingest.applying import MAX_REJECTED_LISTED, STORED_TYPES, apply_records
from prevue_core.db.ingest.asking import refuse_stranger
from prevue_core.db.ingest.batch import Applied
from prevue_core.db.ingest.fields import Record

__all__ = ["MAX_REJECTED_LISTED", "STORED_TYPES", "Applied", "Record", "apply_records", "refuse_stranger"]
