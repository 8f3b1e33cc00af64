"""How many points a second one writer stores, with and without rollups, on SQLite and on PostgreSQL.

    python benchmarks/ingest_rate.py [--steps 10000] [--rounds 3] [--json]

A process of its own stores a run through `apply_records`, the function behind the HTTP endpoint, in batches of the
size that a sender makes: 150 records of 40 values, or 1 200 records of 4. "Without" is a run with rollups switched off.
Each pair of rounds runs side by side in time, and the median pair is told. PostgreSQL is the machine's own, started
without syncing to disk; `bytes` are those of the whole database for each point.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from stores import names_of, records_of, send

from prevue_core.db import connection, rollups, schema

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import postgres

CASES = {"40 values a call": (40, 150), "4 values a call": (4, 1_200)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000, help="of the run with 40 values; ten times it with 4")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--store", nargs=4, metavar=("URL", "CASE", "STEPS", "ROLLUPS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.store:
        url, case, steps, with_rollups = arguments.store
        print(json.dumps(store(url, case, int(steps), with_rollups == "with")))
        return
    with postgres.server(None) as server:
        databases = {"sqlite": sqlite_file, "postgresql": lambda: postgres.fresh_database(server)}
        figures = [
            {"database": name, "case": case, **compare(fresh, case, arguments.steps, arguments.rounds)}
            for name, fresh in databases.items()
            for case in CASES
        ]
    print(json.dumps(figures, indent=2) if arguments.json else table(figures))


@contextmanager
def sqlite_file() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/prevue.sqlite"


def compare(fresh: Callable[[], AbstractContextManager[str]], case: str, steps: int, rounds: int) -> dict[str, Any]:
    """Return the rates of the pair of rounds whose ratio is the median, and the bytes of a point with rollups."""
    steps = steps * 40 // CASES[case][0]
    pairs = [[run_apart(fresh, case, steps, kind) for kind in ("without", "with")] for _ in range(rounds)]
    without, having = sorted(pairs, key=lambda pair: pair[1]["rate"] / pair[0]["rate"])[rounds // 2]
    return {
        "without": round(without["rate"]),
        "with": round(having["rate"]),
        "slower_percent": round(100 - 100 * having["rate"] / without["rate"], 1),
        "worst_batch_ms": round(having["worst_batch_ms"]),
        "bytes": round(median(pair[1]["bytes"] for pair in pairs), 1),
    }


def run_apart(fresh: Callable[[], AbstractContextManager[str]], case: str, steps: int, kind: str) -> dict[str, float]:
    with fresh() as url:
        command = [sys.executable, __file__, "--store", url, case, str(steps), kind]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def store(url: str, case: str, steps: int, with_rollups: bool) -> dict[str, float]:
    """Fill an empty database and return how fast that went. The records are made before the clock starts."""
    if not with_rollups:
        rollups.FROM_POINTS = sys.maxsize
    database = connection.connect(url)
    schema.upgrade(database)
    names, batch = CASES[case]
    records = list(records_of("run", "bench", steps, names_of(names)))
    took: list[float] = []

    def timed() -> Iterator[dict[str, Any]]:
        for number, record in enumerate(records):
            if number % batch == 0:
                took.append(time.perf_counter())
            yield record

    gc.collect()
    gc.freeze()  # a backend does not hold the records of a whole run
    began = time.perf_counter()
    send(timed(), batch)
    ended = time.perf_counter()
    points = steps * names
    worst = max(later - earlier for earlier, later in zip(took, [*took[1:], ended], strict=True))
    return {"rate": points / (ended - began), "worst_batch_ms": 1_000 * worst, "bytes": size_of(database) / points}


def size_of(database: Any) -> int:
    if connection.is_sqlite():
        return int(database.execute_sql("PRAGMA page_count").fetchone()[0] * 4_096)
    tables = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname IN ('metrics', 'series', 'rollups')"
    return int(database.execute_sql(tables).fetchone()[0])


def table(figures: list[dict[str, Any]]) -> str:
    heads = ("without", "with", "slower_percent", "worst_batch_ms", "bytes")
    lines = [f"{'':30}" + "".join(f"{head:>16}" for head in heads)]
    for row in figures:
        lines.append(f"{row['database'] + ', ' + row['case']:30}" + "".join(f"{row[head]:>16,}" for head in heads))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
