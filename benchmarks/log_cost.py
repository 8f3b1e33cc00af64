"""What a call of `log()` with 4 values costs the training, with the server up, down and silent.

    python benchmarks/log_cost.py [--calls 20000] [--json]

Each case runs in a process of its own, flat out (the sender is busy all the time) and paced (a call each 0.5 ms).
Times are in microseconds; `floor` is the median of writing a line with `os.write` and nothing else, in the same
process at the same pace.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVERS = ("up", "down", "silent")
PACES = ("flat out", "paced")
PACE_S = 0.0005
VALUES = {"loss": 0.3, "accuracy": 0.9, "val_loss": 0.4, "val_accuracy": 0.8}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", nargs=2, metavar=("URL", "PACE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(*arguments.case, arguments.calls)))
        return
    rows = [
        {"server": server, "pace": pace, **run_case(server, pace, arguments.calls)}
        for server in SERVERS
        for pace in PACES
    ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'server':8}{'pace':10}{'floor':>8}{'median':>8}{'p99':>8}{'p99.9':>9}{'worst':>9}  us")
    for row in rows:
        figures = [row[name] for name in ("floor", "median", "p99", "p99.9", "worst")]
        print(
            f"{row['server']:8}{row['pace']:10}"
            + "".join(f"{figure:{width}.1f}" for figure, width in zip(figures, (8, 8, 8, 9, 9), strict=True))
        )


def run_case(server: str, pace: str, calls: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "PREVUE_SPOOL_DIR": f"{folder}/spool", "PREVUE_DATA_DIR": f"{folder}/data"}
        process, listener = None, None
        if server == "up":
            command = [sys.executable, "-m", "prevue", "backend", "--port", "0"]
            process = subprocess.Popen(
                command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            url = next(word for word in process.stdout.readline().split() if word.startswith("http"))
        else:
            listener = socket.create_server(("127.0.0.1", 0))  # connections are made, and nothing ever answers
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            if server == "down":
                listener.close()
        try:
            command = [sys.executable, __file__, "--calls", str(calls), "--case", url, pace]
            answer = subprocess.run(
                command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
            )
        finally:
            if process is not None:
                process.terminate()
                process.wait()
            if listener is not None:
                listener.close()
    return json.loads(answer.stdout)


def measure(url: str, pace: str, calls: int) -> dict[str, float]:
    import prevue

    run = prevue.init("bench", url=url)
    run.log(VALUES)  # starts the sender
    now = time.perf_counter_ns
    took = []
    for step in range(calls):
        began = now()
        run.log(VALUES, step, epoch=1)
        took.append(now() - began)
        if pace == "paced":
            time.sleep(PACE_S)
    result = {
        name: quantile(took, part) for name, part in (("median", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("worst", 1))
    }
    floor = write_floor(pace, calls)
    run.finish(timeout=0.1)
    return {"floor": floor, **result}


def write_floor(pace: str, calls: int) -> float:
    line = b'{"seq":12345,"type":"metrics","time":1763843.123456,"step":12345,"values":{"loss":0.3,"accuracy":0.9}}\n'
    with tempfile.TemporaryDirectory() as folder:
        fd = os.open(Path(folder) / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        took = []
        for _ in range(calls):
            began = time.perf_counter_ns()
            os.write(fd, line)
            took.append(time.perf_counter_ns() - began)
            if pace == "paced":
                time.sleep(PACE_S)
        os.close(fd)
    return quantile(took, 0.5)


def quantile(took_ns: list[int], part: float) -> float:
    ordered = sorted(took_ns)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] / 1_000


if __name__ == "__main__":
    main()
