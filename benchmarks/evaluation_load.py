"""How long a large evaluation takes to log and store, and then to be shown, and how much memory that needs.

    python benchmarks/evaluation_load.py [--case binary] [--url postgresql://...] [--browser] [--json]

A training process logs predictions into a backend that was just started, on SQLite unless `--url` names a database.
`stored`: seconds from `log_evaluation` to the end of `finish`, when the backend has every sample. `page`: what a page
asks for at once, answered to the last byte by a backend that has just been started again, and the seconds that this
computed, its start included; `warm` the same once more. `--browser`: also the page itself, see `evaluation_shown.py`.
Peaks of memory are those of the whole process, in MB.

binary: 1 000 000 samples with a probability. classes: 100 000 samples with 200 scores each, 20 000 000 in all. many:
200 classes and 150 000 samples, of which the five highest scores and the true class's are kept. samples: 3 000 000, of
which a stratified million is kept.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import prevue

SIZES = {"binary": (1_000_000, 2), "classes": (100_000, 200), "many": (150_000, 200), "samples": (3_000_000, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=SIZES, help="one of them; repeat it for several  [all]")
    parser.add_argument("--url", help="a database that is empty")
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--log", nargs=2, metavar=("CASE", "URL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.log:
        print(json.dumps(log(*arguments.log)))
        return
    figures = {case: measure(case, arguments.url, arguments.browser) for case in arguments.case or SIZES}
    print(json.dumps(figures, indent=2) if arguments.json else table(figures))


def measure(case: str, url: str | None, has_browser: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        url = url or f"sqlite:///{folder}/prevue.sqlite"
        with backend(url) as (server, address):
            environ = {**os.environ, "PREVUE_SPOOL_DIR": f"{folder}/spool"}
            command = [sys.executable, __file__, "--log", case, address]
            told = json.loads(
                subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True, text=True).stdout
            )
            told["server_mb"] = peak_mb(server)
        with backend(url) as (server, address):
            told["page"] = {"cold": page(address, told["run_id"]), "cpu": cpu_s(server)}
            told["page"]["warm"] = page(address, told["run_id"])
            told["page_mb"] = peak_mb(server)
        if has_browser:
            from evaluation_shown import shown  # needs Playwright

            with backend(url) as (_, address):
                told["browser"] = shown(address, told["run_id"])
        return told


@contextmanager
def backend(url: str) -> Iterator[tuple[int, str]]:
    """Yield process id and address of a backend over a database."""
    command = [sys.executable, "-m", "prevue", "backend", "--port", "0"]
    environ = {**os.environ, "PREVUE_DATABASE_URL": url}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.pid, re.search(r"http://\S+", process.stdout.readline()).group()
        finally:
            process.terminate()


def log(case: str, address: str) -> dict[str, Any]:
    """Log a test as a training does, in a process of its own."""
    target, score = predictions(*SIZES[case])
    began = time.perf_counter()
    run = prevue.init("bench", url=address, system_metrics=False)
    run.log_evaluation(target, y_score=score)
    logged = time.perf_counter()
    run.finish(timeout=600)
    stored = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"run_id": run.run_id, "log": logged - began, "stored": stored - began, "client_mb": peak}


def predictions(samples: int, classes: int) -> tuple[Any, Any]:
    """Return classes and scores of a model that is right most of the time."""
    random = np.random.default_rng(1)
    target = random.integers(0, classes, samples)
    if classes == 2:
        logit = random.normal(size=samples) + 2 * target - 1
        return target, (1 / (1 + np.exp(-logit))).astype("float32")
    score = random.normal(size=(samples, classes)).astype("float32")
    score[np.arange(samples), target] += 3
    score = np.exp(score)
    return target, score / score.sum(axis=1, keepdims=True)


def page(address: str, run_id: str) -> dict[str, float]:
    """Return how long each answer took of those that a page asks for at once, and all of them."""
    api = prevue.Api(address)
    evaluation = api.evaluations(run_id)[0]["evaluation_id"]
    asked = {
        "report": lambda: api.report(run_id, evaluation),
        "intervals": lambda: api.intervals(run_id, evaluation),
        "samples": lambda: api.samples(run_id, evaluation, order="surest"),
        "columns": lambda: api.sample_columns(run_id, evaluation),
        "curves": lambda: api.curves(run_id, evaluation),
        "checks": lambda: api.checks(run_id, evaluation),
    }

    def timed(ask: Any) -> float:
        ask()
        return time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(len(asked)) as threads:
        took = dict(zip(asked, threads.map(timed, asked.values()), strict=True))
    return {**took, "all": time.perf_counter() - began}


def cpu_s(pid: int) -> float:
    """Return the seconds that a process computed: what its page takes on a machine where others are at work, too."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def peak_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) // 1024


def table(figures: dict[str, Any]) -> str:
    heads = ("log s", "stored s", "client MB", "server MB", "page s", "CPU s", "warm s", "page MB")
    lines = [f"{'':10}" + "".join(f"{head:>11}" for head in heads)]
    for case, told in figures.items():
        opened = told["page"]
        row = [told["log"], told["stored"], told["client_mb"], told["server_mb"]]
        row += [opened["cold"]["all"], opened["cpu"], opened["warm"]["all"], told["page_mb"]]
        lines.append(
            f"{case:10}" + "".join(f"{value:11.2f}" if type(value) is float else f"{value:11}" for value in row)
        )
    for case, told in figures.items():
        if seen := told.get("browser"):
            drag = "a move of the threshold {median:.0f} ms, 95% within {p95:.0f} ms".format(**seen["drag_ms"])
            lines.append(f"{case}, in Chromium: drawn {seen['drawn']:.2f} s, whole {seen['whole']:.2f} s, {drag}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
