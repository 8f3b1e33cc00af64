"""The disk of the training machine is full for a while: what cannot be kept is counted and told, nothing else."""

import json
import re
import subprocess

from faults.conftest import client

# No file may grow larger, for a while: writes are cut short and then fail, as on a full disk.
PROGRAM = """
import json, resource, signal, sys
import prevue
rounds, kept = int(sys.argv[1]), []
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run, step = prevue.init("full"), 0
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
def log(count):
    global step
    for _ in range(count):
        before = run.status().dropped
        run.log({"loss": step / 2}, step)
        if run.status().dropped == before:
            kept.append(step)
        step += 1
log(100)
for number in range(rounds):
    size = max(path.stat().st_size for path in run._spool.folder.glob("*.ndjson"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50 * number % 997 + 1, limits[1]))
    log(200)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log(50)
done = run.finish(timeout=30)
print(json.dumps({"done": done, "kept": kept, "dropped": run.status().dropped, "calls": step}))
"""
# A client that leaves the beginning of a line where it could not write all of it.
LEAVING_TORN = """
from prevue.spool import Spool
Spool._cut = lambda self: None
"""


def fill(backend, folder, rounds, bug=""):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with client(bug + PROGRAM, str(rounds), url=backend.url, spool=folder / "spool", pipes=pipes) as process:
        told, _ = process.communicate()
    story = json.loads(told)
    stored = {step for step, value in backend.stored() if value == step / 2}
    gaps = [text for (text,) in backend.rows("SELECT text FROM events WHERE kind = 'gap'")]
    told_missing = sum(int(re.match(r"\d+", text)[0]) for text in gaps)
    return story, len(set(story["kept"]) - stored), len(backend.stored()) - len(stored), told_missing


def test_a_full_disk_costs_what_did_not_fit_and_no_more(backend, tmp_path, whole, tell):
    story, lost, wrong, told_missing = fill(backend, tmp_path, 100 if whole else 10)
    tell(
        f"{story['calls']:,} points, {story['dropped']:,} did not fit and {told_missing:,} are told missing; "
        f"of the others lost {lost}, wrong {wrong}"
    )
    assert story["done"]
    assert story["dropped"] > 0
    assert (lost, wrong, told_missing) == (0, 0, story["dropped"])


def test_a_torn_line_that_stays_is_caught(backend, tmp_path, tell):
    story, lost, _, told_missing = fill(backend, tmp_path, 3, LEAVING_TORN)
    tell(f"control, torn lines stay: lost {lost}, told missing {told_missing} of {story['dropped']} that did not fit")
    assert lost or told_missing != story["dropped"]
