"""Prevue beside trackio, MLflow and TensorBoard: the same work by all in one run, and what Prevue is to reach.

    python benchmarks/compare.py [--quick | --large] [--only WORKLOAD ...] [--no-peers] [--json FILE]

Workloads:
  log           a call of log() with 4 values, one after another (peers/*_peer.py)
  ingest        one client stores over HTTP, 1 000 points a request, each answered before the next
  ingest_large  the same with 16 000 points a request, about what Prevue's client sends; MLflow takes no more than 1 000
  floor         the same rows as in `ingest` and `ingest_large` without Prevue: executemany or COPY
  chart         the call with which each dashboard draws one series of 1 000 000 points
  long_chart    the same of 10 000 000 points; only Prevue, on PostgreSQL with --large
  zoom          2 000 points of the long series, anywhere; only Prevue
  grid          20 names of 10 runs of 100 000 points in one request; only Prevue
  runs          the list of 1 000 runs, as each dashboard asks for it
  table         the first page of 10 000 runs, filtered and sorted; only Prevue
  rollups       storing with and without rollups (ingest_rate.py); only Prevue
  grown         storing with 1 and with 50 million rows stored; only Prevue, with --large

Times are those of the fastest of several answers, over HTTP on loopback; rates are those of the best quarter of the
time. The points that are read were put into each system's database, or file, by the shortest way. Peers are
installed from PyPI into .nox/peers; one that cannot be is left out. PostgreSQL is the machine's own, started without
syncing to disk.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environments
from targets import MLFLOW, OURS, POSTGRESQL, SQLITE, Found, verdicts

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import postgres

HERE = Path(__file__).parent
WORKLOADS = tuple(line.split()[0] for line in (__doc__ or "").split("Workloads:\n")[1].split("\n\n")[0].splitlines())

# What the table shows: workload, figure, how it is called, whether more is better (None: neither is).
SHOWN = (
    ("log", "median_us", "log, median us", False), ("log", "p99_us", "log, p99 us", False),
    ("log", "p999_us", "log, p99.9 us", False), ("log", "worst_us", "log, worst us", False),
    ("log", "floor_us", "log, a bare write us", False), ("ingest", "points_per_s", "ingest points/s", True),
    ("floor", "points_per_s", "  its floor points/s", None), ("ingest", "share_percent", "  share of it %", None),
    ("ingest_large", "points_per_s", "ingest_large points/s", True),
    ("floor", "large_points_per_s", "  its floor points/s", None),
    ("ingest_large", "share_percent", "  share of it %", None),
    ("ingest", "bytes_per_point", "disk bytes/point", False), ("chart", "bytes_per_point", "  in a file", None),
    ("chart", "ms", "chart ms", False), ("chart", "bytes", "  bytes", None),
    ("chart", "points", "  points or buckets", None), ("chart", "spike", "  the spike is there", None),
    ("long_chart", "ms", "long_chart ms", False), ("zoom", "ms", "zoom ms", False), ("grid", "ms", "grid ms", False),
    ("grid", "bytes", "  bytes", None), ("runs", "ms", "runs ms", False), ("runs", "bytes", "  bytes", None),
    ("table", "ms", "table ms", False),
)  # fmt: skip


@dataclass
class System:
    """Something to measure: its driver, what the driver can do here, and sizes that differ from the others'."""

    name: str
    driver: str
    workloads: tuple[str, ...]
    peer: str | None = None
    on_postgresql: bool = False
    sizes: tuple[tuple[str, int], ...] = ()


OUR_WORKLOADS = ("ingest", "ingest_large", "floor", "chart", "zoom", "grid", "runs", "table")
SYSTEMS = (
    System(SQLITE, "prevue", ("log", *OUR_WORKLOADS, "long_chart")),
    System(POSTGRESQL, "prevue", OUR_WORKLOADS, on_postgresql=True),
    System("trackio", "trackio", ("log", "ingest", "ingest_large", "chart", "runs"), "trackio"),
    System(MLFLOW[SQLITE], "mlflow", ("ingest", "chart", "runs", "log"), "mlflow", sizes=(("requests", 40),)),
    System(MLFLOW[POSTGRESQL], "mlflow", ("ingest",), "mlflow", on_postgresql=True, sizes=(("requests", 40),)),
    System("TensorBoard", "tensorboard", ("log", "chart", "runs"), "tensorboard"),
)
FULL = {"calls": 10_000, "requests": 200, "points": 1_000_000, "runs": 1_000, "reads": 7, "rows": 50_000_000}
QUICK = {"calls": 2_000, "requests": 40, "points": 100_000, "runs": 200, "reads": 5, "rows": 2_000_000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the points, in two minutes")
    parser.add_argument("--large", action="store_true", help="also with 50 million rows, on both databases: an hour")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, metavar="WORKLOAD", default=WORKLOADS)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json", type=Path, default=HERE.parent / ".nox" / "bench.json", help="where figures go")
    arguments = parser.parse_args()
    began, found, left_out = time.monotonic(), {}, []
    with postgres.server(None) as server:
        for system in SYSTEMS:
            if arguments.no_peers and system.peer:
                continue
            try:
                python = environments.python_of(system.peer) if system.peer else sys.executable
                found[system.name] = measure(system, python, server, arguments)
            except environments.NotInstalled as error:
                left_out.append(f"{system.name} is left out: {error}")
    add_shares(found)
    if "rollups" in arguments.only:
        add_rollups(found, arguments.quick)
    about = {"load_average": os.getloadavg(), "seconds": round(time.monotonic() - began), "quick": arguments.quick}
    size = "a tenth of the points, " if arguments.quick else ""
    about_run = f"{size}{about['seconds']} s, load {about['load_average'][0]:.1f}; all figures: {arguments.json}"
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps({**about, "figures": found}, indent=2) + "\n")
    tables = (side_by_side(found), told(found, arguments.only), left_out, [about_run])
    print("\n\n".join("\n".join(lines) for lines in tables if lines))
    if any(set(asked(system, arguments)) - found.get(system.name, {}).keys() for system in SYSTEMS if not system.peer):
        sys.exit("not all of Prevue was measured")


def measure(system: System, python: str, server: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one system by workload."""
    sizes = {**(QUICK if arguments.quick else FULL), **dict(system.sizes)}
    workloads = asked(system, arguments)
    with ExitStack() as stack:
        options = {**sizes, "folder": stack.enter_context(tempfile.TemporaryDirectory())}
        if system.on_postgresql:
            options["database"] = stack.enter_context(postgres.fresh_database(server))
        return dict(figures_of(system, python, workloads, options)) if workloads else {}


def asked(system: System, arguments: argparse.Namespace) -> list[str]:
    """Return the workloads to measure a system with."""
    large = ("long_chart", "grown") if arguments.large and not system.peer else ()
    return [one for one in dict.fromkeys((*system.workloads, *large)) if one in arguments.only]


def figures_of(
    system: System, python: str, workloads: list[str], options: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run a driver and yield what it tells, a workload after the other; one that fails ends it with a word."""
    command = [python, str(HERE / "peers" / f"{system.driver}_peer.py"), *workloads]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            for line in process.stdout or ():
                figures = json.loads(line)
                workload = figures.pop("workload")
                print(f"{system.name}, {workload}: {figures}", file=sys.stderr, flush=True)
                yield workload, figures
        if process.returncode:
            errors.seek(0)
            print(f"{system.name} ended early:\n{errors.read()[-2_000:]}", file=sys.stderr)


def add_shares(found: Found) -> None:
    """Say how near storing is to what the database itself takes of the same rows."""
    for figures in found.values():
        for workload, floor in (("ingest", "points_per_s"), ("ingest_large", "large_points_per_s")):
            if workload in figures and "floor" in figures:
                rate = figures[workload]["points_per_s"]
                figures[workload]["share_percent"] = 100 * rate / figures["floor"][floor]


def add_rollups(found: Found, quick: bool) -> None:
    size = ["--steps", "2000" if quick else "5000", "--rounds", "1" if quick else "3"]
    command = [sys.executable, str(HERE / "ingest_rate.py"), *size, "--json"]
    for row in json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout):
        system = SQLITE if row["database"] == "sqlite" else POSTGRESQL
        found.setdefault(system, {})[f"rollups {row['case'].split()[0]}"] = row


# what is printed


def side_by_side(found: Found) -> list[str]:
    """Return the table of all systems; the last column says how many times better Prevue is than the best peer."""
    systems = list(found)
    lines = [f"{'':28}" + "".join(f"{name:>19}" for name in systems) + f"{'to best peer':>16}"]
    for workload, figure, name, more_is_better in SHOWN:
        values = [found[system].get(workload, {}).get(figure) for system in systems]
        if any(value is not None for value in values):
            cells = "".join(f"{cell(value):>19}" for value in values)
            lines.append(f"{name:28}{cells}{ratio(dict(zip(systems, values, strict=True)), more_is_better):>16}")
    return lines


def ratio(values: dict[str, float | None], more_is_better: bool | None) -> str:
    ours = [value for system, value in values.items() if system in OURS and value]
    peers = [value for system, value in values.items() if system not in OURS and value]
    if not ours or not peers or more_is_better is None:
        return ""
    return f"{max(ours) / max(peers):.2g}x" if more_is_better else f"{min(peers) / min(ours):.2g}x"


def told(found: Found, workloads: Sequence[str]) -> list[str]:
    """Return the table of what `workloads` are to reach, each with the command that gives its figure."""
    lines = [f"{'to reach':52}{'':20}{'got':>12}{'target':>14}"]
    for target, system, value in verdicts(found):
        if target.workload not in workloads:
            continue
        sign = ">=" if target.at_least else "<="
        verdict = "not measured" if value is None else "reached" if target.reached(value) else "MISSED"
        limit = f"{sign} {cell(target.limit)}"
        command = f"nox -s bench -- --only {target.workload}" + (" --large" if target.workload == "grown" else "")
        lines.append(f"{target.what:52}{system:20}{cell(value):>12}{limit:>14} {target.unit:9}{verdict:14}{command}")
    return lines if len(lines) > 1 else []


def cell(value: float | None) -> str:
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


if __name__ == "__main__":
    main()
