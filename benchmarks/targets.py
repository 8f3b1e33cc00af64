"""What Prevue is to reach, and whether it did: on two cores."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Found = dict[str, dict[str, dict[str, Any]]]  # figures by system and workload

SQLITE, POSTGRESQL = "Prevue SQLite", "Prevue PostgreSQL"
OURS = (SQLITE, POSTGRESQL)
MLFLOW = {SQLITE: "MLflow", POSTGRESQL: "MLflow PostgreSQL"}  # that stores in the same database


@dataclass
class Target:
    """A figure to reach. `of` may miss what it asks for in the figures: then it was not measured."""

    what: str
    workload: str  # that measures it
    limit: float
    of: Callable[[Found, str], float]
    unit: str = "ms"
    at_least: bool = False
    systems: tuple[str, ...] = OURS

    def reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def _read(workload: str, name: str = "ms", scale: float = 1) -> Callable[[Found, str], float]:
    return lambda found, system: found[system][workload][name] / scale


def _ratio(workload: str, name: str, peer: Callable[[str], str]) -> Callable[[Found, str], float]:
    return lambda found, system: found[system][workload][name] / found[peer(system)][workload][name]


def _longer(found: Found, system: str) -> float:
    return float(found[system]["long_chart"]["ms"] / found[system]["chart"]["ms"])


_RATE, _LARGE_RATE = _read("ingest", "points_per_s"), _read("ingest_large", "points_per_s")
_TRACKIO = _ratio("ingest", "points_per_s", lambda _: "trackio")
_MLFLOW = _ratio("ingest", "points_per_s", MLFLOW.__getitem__)
_ROLLUPS = {values: _read(f"rollups {values}", "slower_percent") for values in (40, 4)}

TARGETS = (
    Target("log() of 4 values, median", "log", 4, _read("log", "median_us"), "us", systems=(SQLITE,)),
    Target("ingest, 1 000 points a request", "ingest", 100_000, _RATE, "points/s", True),
    Target("ingest, as its client sends", "ingest_large", 100_000, _LARGE_RATE, "points/s", True),
    Target("the same (goal)", "ingest_large", 200_000, _LARGE_RATE, "points/s", True),
    Target("ingest, times trackio", "ingest", 2, _TRACKIO, "x", True),
    Target("ingest, times MLflow on the same database", "ingest", 15, _MLFLOW, "x", True),
    Target("chart of 1 000 000 points", "chart", 30, _read("chart")),
    Target("its answer", "chart", 60, _read("chart", "bytes", 1_000), "KB"),
    Target("its planted spike is there", "chart", 1, _read("chart", "spike"), "", True),
    Target("chart of 10 times as many, times that", "long_chart", 2, _longer, "x"),
    Target("zoom to 2 000 points anywhere", "zoom", 15, _read("zoom")),
    Target("20 names of 10 runs of 100 000 points", "grid", 300, _read("grid")),
    Target("first page of 10 000 runs, filtered and sorted", "table", 30, _read("table")),
    Target("ingest slower through rollups, 40 values a call", "rollups", 30, _ROLLUPS[40], "%"),
    Target("ingest slower through rollups, 4 values a call", "rollups", 30, _ROLLUPS[4], "%"),
    Target("ingest with 50 M rows stored, slower than with 1 M", "grown", 20, _read("grown", "slower_percent"), "%"),
    Target("disk a point (goal)", "ingest", 100, _read("ingest", "bytes_per_point"), "bytes"),
)  # fmt: skip


def verdicts(found: Found) -> Iterator[tuple[Target, str, float | None]]:
    """Yield each target with each system that it is asked of, and its value (None: not measured)."""
    for target in TARGETS:
        for system in target.systems:
            try:
                yield target, system, float(target.of(found, system))
            except KeyError:
                yield target, system, None
