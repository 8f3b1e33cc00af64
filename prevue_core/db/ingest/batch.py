"""A batch of records on its way into the tables."""

import datetime
from dataclasses import dataclass, field
from typing import Any

from prevue_core.db.happenings import Happening
from prevue_core.db.summary import Key, Points


@dataclass
class Applied:
    """What became of a batch."""

    next_seq: int
    count: int = 0  # records that were new, those rejected included
    rejected: list[dict[str, Any]] = field(default_factory=list)  # {seq, reason}, the first 100
    rejected_count: int = 0
    happened: list[Happening] = field(default_factory=list)


@dataclass
class Batch:
    """The writer and the run as they stand, both locked, and what a batch adds: written at its end."""

    run_id: str
    writer_id: str
    now: datetime.datetime
    rank: int
    next_seq: int
    project_id: int
    model_id: int | None
    state: str  # of the run, as it was told
    config: str  # JSON object
    gaps: int = 0  # records that tell what is missing, and
    missing: int = 0  # how many they tell of
    rows: list[tuple[Any, ...]] = field(default_factory=list)  # of `metrics`
    series: dict[Key, Any] = field(default_factory=dict)  # rows of `series` that metrics of the batch may change
    points: Points = field(default_factory=dict)  # may have series without points
    results: list[tuple[Any, ...]] = field(default_factory=list)  # rows of `results`
    happened: list[Happening] = field(default_factory=list)
