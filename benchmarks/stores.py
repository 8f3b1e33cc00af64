"""Stores full of runs for the benchmarks: points go in as a writer's records do, without HTTP between."""

import math
import random
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prevue_core.db import connection, ingest, schema
from prevue_core.db.accounts import OPEN

LOSSES = ("loss", "reconstruction_loss", "regularisation_loss")
METRICS = (
    *("accuracy", "top5_accuracy", "precision", "recall", "f1", "auc", "perplexity", "calibration_error", "entropy"),
    *("margin", "grad_norm", "weight_norm", "update_ratio", "activation_mean", "activation_std", "sparsity"),
)
BATCH = 150  # records with 40 values each: what a sender puts into one request


def names_of(count: int) -> list[str]:
    """Return so many names, half of them of train and half of val, three losses each."""
    half = [*LOSSES, *METRICS, *(f"head/{number}" for number in range(count))][: math.ceil(count / 2)]
    return [*half, *(f"val_{name}" for name in half)][:count]


def values_at(step: int, names: list[str], seed: int) -> dict[str, float]:
    """Return noisy curves that fall and level out, each name and run a bit different."""
    chance = random.Random(seed * 1_000_003 + step)
    fall = math.exp(-step / 2_000)
    return {
        name: round((1 + seed / 10) * fall + 0.02 * number + 0.05 * chance.gauss(0, 1), 6)
        for number, name in enumerate(names)
    }


def records_of(run_name: str, project: str, points: int, names: list[str], seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the records of a finished run."""
    yield {"type": "start", "project": project, "uid": "bench", "run_name": run_name}
    for step in range(points):
        yield {"type": "metrics", "step": step, "epoch": step // 100, "values": values_at(step, names, seed)}
    yield {"type": "end"}


def fill(url: str, project: str, *, runs: int, names: int, points: int) -> None:
    """Fill the database at `url` with finished runs, each with `points` points under each name."""
    schema.upgrade(connection.connect(url))
    for number in range(runs):
        send(records_of(f"run {number}", project, points, names_of(names), number))
    connection.db.close()


def send(records: Iterator[dict[str, Any]], batch: int = BATCH) -> None:
    """Store the records of one writer, `batch` at a time."""
    run_id, writer_id, seq = str(uuid.uuid4()), str(uuid.uuid4()), 0
    held: list[dict[str, Any]] = []
    for record in records:
        held.append(record)
        if len(held) == batch:
            seq = ingest.apply_records(OPEN, run_id, writer_id, seq, held).next_seq
            held = []
    ingest.apply_records(OPEN, run_id, writer_id, seq, held)


@contextmanager
def filled_folder(kept: Path | None, project: str, **size: int) -> Iterator[Path]:
    """Yield a data folder with a project of `fill`'s size. In the folder `kept` it stays as it is for the next time."""
    with tempfile.TemporaryDirectory() as folder:
        full = (kept or Path(folder)) / "x".join(map(str, size.values()))
        if not (full / "full").exists():
            full.mkdir(parents=True, exist_ok=True)
            fill(f"sqlite:///{full / 'prevue.sqlite'}", project, **size)
            (full / "full").touch()
        yield Path(shutil.copytree(full, Path(folder) / "data"))
