"""Alerts on losses that are not finite, told by the batch that brings the first such value.

Ingest keeps of each series how many values are not finite. An alert is due when that count leaves zero, so it costs a
few comparisons a batch, and it is stored once, as the batch is: in the same transaction.
"""

import math
from collections.abc import Mapping
from typing import Any

from prevue_core.contract import ALERT, NON_FINITE, RUNNING
from prevue_core.db.happenings import Happening, is_silenced, store
from prevue_core.db.ingest.batch import Batch
from prevue_core.db.models import Series
from prevue_core.db.summary import Key

NAMES_TOLD = 3  # of losses that break in one batch


def broken(rows: Mapping[Key, Any]) -> set[Key]:
    """Return which of a run's losses, given as rows of `series`, have values that are not finite."""
    return {key for key, row in rows.items() if row.kind == "loss" and row.nan_count + row.inf_count + row.ninf_count}


def add_non_finite(batch: Batch, were_broken: set[Key], rows: Mapping[Key, Any]) -> None:
    """Store an alert where losses are not finite for the first time in their run. `rows`: as the batch leaves them."""
    found = sorted(_first(batch, key) for key in broken(rows) - were_broken if not _is_known(batch, key))
    if found and not is_silenced(batch.run_id, NON_FINITE):
        step, value, _ = found[0]
        text = _text(step, value, [key for _, _, key in found])
        happening = Happening(batch.run_id, ALERT, batch.now, text, step, "error", NON_FINITE)
        store(happening)
        begun = sum(one.kind == RUNNING for one in batch.happened)
        batch.happened.insert(begun, happening)  # before what the batch says of the run's end


def _first(batch: Batch, key: Key) -> tuple[int, str, Key]:
    """Return step and name of the first value of a series that is not finite, and the series."""
    step, value = min((step, value) for step, value, *_ in batch.points[key] if not math.isfinite(value))
    return step, "NaN" if math.isnan(value) else "infinite", key


def _is_known(batch: Batch, key: Key) -> bool:
    """Return whether another process of the run has had it before."""
    split, name = key
    same = (Series.run_id == batch.run_id) & (Series.split == split) & (Series.name == name)
    odd = Series.nan_count + Series.inf_count + Series.ninf_count
    return Series.select().where(same, Series.rank != batch.rank, odd > 0).exists()


def _text(step: int, value: str, keys: list[Key]) -> str:
    names = [f"{split}/{name}" for split, name in keys]
    if len(names) == 1:
        return f"{names[0]} is {value} at step {step}"
    more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
    return f"{', '.join(names[:NAMES_TOLD])}{more} are NaN or infinite, {names[0]} first: {value} at step {step}"
