"""What the databases themselves take: rows of `metrics` without Prevue, without sums, rollups or HTTP.

Two rows a call of `log()`, as `driving.VALUES` become (train and val, a loss and a metric each), into the same table
with the same indexes, a transaction a request.
"""

import io
import time
from collections.abc import Iterator

import driving

from prevue_core.db import connection
from prevue_core.db.connection import db

COLUMNS = "run_id, rank, split, step, epoch, loss_name, loss_value, metric_name, metric_value, timestamp"
RUN = "00000000-0000-4000-8000-000000000000"
TIME = "2026-01-01 00:00:00.000000"
POINTS_A_ROW = 2


def rate(points_a_request: int, requests: int) -> float:
    """Return how many points a second go in by `executemany` on SQLite, by COPY on PostgreSQL."""
    rows = list(_rows(points_a_request // POINTS_A_ROW // 2))
    put = _executemany if connection.is_sqlite() else _copy
    put(rows)
    rates = []
    for _ in range(driving.ROUNDS):
        began = time.perf_counter()
        for _ in range(requests // driving.ROUNDS):
            put(rows)
        rates.append(points_a_request * (requests // driving.ROUNDS) / (time.perf_counter() - began))
    return max(rates)


def _rows(steps: int) -> Iterator[tuple[object, ...]]:
    values = list(driving.VALUES.values())
    for step in range(steps):
        yield (RUN, 0, "train", step, 1, "loss", values[0], "accuracy", values[1], TIME)
        yield (RUN, 0, "val", step, 1, "loss", values[2], "accuracy", values[3], TIME)


def _executemany(rows: list[tuple[object, ...]]) -> None:
    marks = ", ".join("?" * len(rows[0]))
    with db.atomic():
        db.cursor().executemany(f"INSERT INTO metrics ({COLUMNS}) VALUES ({marks})", rows)


def _copy(rows: list[tuple[object, ...]]) -> None:
    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    with db.atomic():
        db.cursor().copy_expert(f"COPY metrics ({COLUMNS}) FROM STDIN", io.StringIO(text))
