"""What a call of `log()` with 4 values costs a training: with the server up, down and silent, and beside peers' calls.

    python benchmarks/log_cost.py [--quick] [--calls 10000] [--rate 500] [--no-peers] [--json FILE]

Each row is measured twice, each time in a process of its own: with calls back to back, so that threads that send are
busy, and paced, `--rate` calls a second, about what a fast training makes. All begin a second after the first call,
which starts threads and imports. A server that is down refuses connections; a silent one takes them and never answers.
The first row is a bare `os.write` of such a line. TensorBoard's is four `add_scalar`; MLflow's is `log_metrics` with
its server up, which waits for an answer, and the same with `synchronous=False`.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import environments

sys.path.insert(0, str(Path(__file__).parent / "peers"))
import driving

HERE = Path(__file__).parent
SERVERS = ("up", "down", "silent")
FLOOR = "a bare os.write"
LINE = b'{"seq":12345,"type":"metrics","time":1763843.123456,"step":12345,"values":{"loss":0.3,"accuracy":0.9}}\n'
SHOWN = {"median_us": "median", "p99_us": "p99", "p999_us": "p99.9", "worst_us": "worst"}
CALLS, QUICK_CALLS = 10_000, 2_000
RATE = 500  # calls a second
FAST = 30  # times as many of Prevue's calls back to back: all others would be over before its sender wakes

Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the calls: 99.9% is then the second worst")
    parser.add_argument("--calls", type=int, help=f"of each row and pace; {CALLS} if not given")
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second, where they are paced")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json", type=Path, default=HERE.parent / ".nox" / "log_cost.json", help="where figures go")
    parser.add_argument("--case", nargs=2, metavar=("URL", "PAUSE_S"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    calls = arguments.calls or (QUICK_CALLS if arguments.quick else CALLS)
    if arguments.case:
        print(json.dumps(measure(arguments.case[0], calls, float(arguments.case[1]))))
        return
    began, pauses = time.monotonic(), {"back to back": 0.0, f"{arguments.rate:g} calls/s": 1 / arguments.rate}
    found = {pace: ours(calls, pause_s) for pace, pause_s in pauses.items()}
    left_out = [] if arguments.no_peers else add_peers(found, pauses, calls)
    load = os.getloadavg()
    about = f"{calls} calls each, load {load[0]:.1f}, {time.monotonic() - began:.0f} s; all figures: {arguments.json}"
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps({"calls": calls, "load_average": load, "figures": found}, indent=2) + "\n")
    print("\n".join([*table(found), "", *left_out, about]))


def ours(calls: int, pause_s: float) -> dict[str, Figures]:
    """Return Prevue's figures by row."""
    calls = calls if pause_s else FAST * calls
    found = {FLOOR: write_floor(calls, pause_s)}
    return found | {f"Prevue, server {server}": run_case(server, calls, pause_s) for server in SERVERS}


def add_peers(found: dict[str, dict[str, Figures]], pauses: dict[str, float], calls: int) -> list[str]:
    """Add the peers' figures, and return a word about each that is left out."""
    left_out = []
    for peer, name in (("tensorboard", "TensorBoard, add_scalar"), ("mlflow", "MLflow, log_metrics")):
        try:
            python = environments.python_of(peer)
        except environments.NotInstalled as error:
            left_out.append(f"{name} is left out: {error}")
            continue
        for pace, pause_s in pauses.items():
            figures = run_peer(python, peer, calls, pause_s)
            waiting = figures.pop("waiting", None)
            if waiting is not None:
                found[pace][name] = waiting
            found[pace][name if waiting is None else f"{name}, async"] = figures
    return left_out


def run_peer(python: str, peer: str, calls: int, pause_s: float) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(HERE / "peers" / f"{peer}_peer.py"), "log", "--folder", folder]
        command += ["--calls", str(calls), "--pause_s", str(pause_s)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{peer} failed:\n{done.stderr[-2_000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def run_case(server: str, calls: int, pause_s: float = 0.0) -> Figures:
    """Return what calls cost with a server that is up, down or silent, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "PREVUE_SPOOL_DIR": f"{folder}/spool", "PREVUE_DATA_DIR": f"{folder}/data"}
        with serving(server, environ) as url:
            command = [sys.executable, __file__, "--calls", str(calls), "--case", url, str(pause_s)]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            answer = subprocess.run(command, env=environ, check=True, text=True, **pipes)
    return json.loads(answer.stdout)


@contextmanager
def serving(server: str, environ: dict[str, str]) -> Iterator[str]:
    """Open with the address of a server that is `up`, `down` or `silent`."""
    if server != "up":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            if server == "down":
                listener.close()
            yield url
        return
    command = [sys.executable, "-m", "prevue", "backend", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environ, text=True, **pipes) as process:
        try:
            yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
        finally:
            process.terminate()


def measure(url: str, calls: int, pause_s: float) -> Figures:
    import prevue

    run = prevue.init("bench", url=url)
    figures = driving.cost_of_calls(lambda step: run.log(driving.VALUES, step, epoch=1), calls, pause_s)
    floor = write_floor(calls, pause_s)  # while what waits is sent
    run.finish(timeout=0.1)
    return figures | {"floor_us": floor["median_us"]}


def write_floor(calls: int, pause_s: float) -> Figures:
    with tempfile.TemporaryFile(buffering=0) as file:
        write, fd = os.write, file.fileno()
        return driving.cost_of_calls(lambda step: write(fd, LINE), calls, pause_s)


def table(found: dict[str, dict[str, Figures]]) -> list[str]:
    rows = dict.fromkeys(row for figures in found.values() for row in figures)
    lines = [
        f"{'us a call with 4 values':32}" + "".join(f"{pace:^{11 * len(SHOWN)}}" for pace in found),
        " " * 32 + "".join(f"{name:>11}" for _ in found for name in SHOWN.values()),
    ]
    for row in rows:
        cells = (figures.get(row, {}).get(name) for figures in found.values() for name in SHOWN)
        lines.append(f"{row:32}" + "".join(f"{'' if one is None else f'{one:,.1f}':>11}" for one in cells))
    return lines


if __name__ == "__main__":
    main()
