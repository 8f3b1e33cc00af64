"""What a promise is worth when processes are killed, forked and left alone. All of it over real HTTP."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from client.conftest import PATIENCE_S
from prevue.delivery import Answer
from prevue_core.errors import Unreachable

FLAT_OUT = """
import os, prevue
run = prevue.init("p")
step = 0
while True:
    run.log({"loss": 0.5}, step)
    os.write(1, b"%d\\n" % step)  # this call has returned
    step += 1
"""
IN_TWO_HALVES = """
import prevue
run = prevue.init("p")
for step in range(2_000):
    run.log({"loss": 0.5}, step)
print("half", flush=True)
input()
for step in range(2_000, 4_000):
    run.log({"loss": 0.5}, step)
print("all", flush=True)
print(run.finish(timeout=None))
"""
# Python 3.12 and later warn of any fork beside a thread.
FORKING = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}
# Python 3.13 and later call what is registered for the exit when the worker's exception has been handled.
OF_A_WORKER_THAT_RAISED = "failed" if sys.version_info < (3, 13) else "finished"
LOGS = "import prevue\nrun = prevue.init('p')\nfor step in range(50): run.log({'loss': 0.5}, step)\n"


def sync() -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "prevue", "sync"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def kill_flat_out(process: subprocess.Popen) -> int:
    """Kill a program in the middle and return how many of its calls have returned."""
    while (last := int(process.stdout.readline())) < 3_000:
        continue
    process.kill()
    return max([last, *map(int, process.stdout)]) + 1


def numbers(records: list[dict]) -> list[int]:
    return [record["seq"] for record in records]


# killed


def test_what_a_killed_process_logged_arrives_once(backend, start):
    returned = kill_flat_out(start(FLAT_OUT))
    sync()
    assert backend.steps() in (list(range(returned)), list(range(returned + 1)))  # one may not have told of itself


def test_what_a_process_logged_that_was_killed_without_a_server_arrives_once(no_server, backend, start, monkeypatch):
    port = int(no_server.rpartition(":")[2])
    returned = kill_flat_out(start(FLAT_OUT, PREVUE_URL=no_server))
    move(backend, port, monkeypatch)
    sync()
    assert backend.steps() in (list(range(returned)), list(range(returned + 1)))


def move(backend, port, monkeypatch) -> None:
    """Let the backend answer at a port where nobody did."""
    backend.stop()
    backend._port = port
    backend.start()
    monkeypatch.setenv("PREVUE_URL", backend.url)


def test_a_server_that_is_killed_and_restarted_stores_everything_once(backend, start):
    def store_and_die(lines: bytes) -> Answer:
        backend.recording.accept(*backend.recording.requests[-1])
        raise Unreachable("killed before the answer")

    process = start(IN_TWO_HALVES)
    assert process.stdout.readline() == "half\n"
    backend.recording.faults.append(store_and_die)
    process.stdin.write("go on\n")
    process.stdin.flush()
    backend.wait_for(lambda: not backend.recording.faults)
    backend.stop()
    assert process.stdout.readline() == "all\n"
    backend.start()
    assert process.stdout.read() == "True\n"
    assert backend.steps() == list(range(4_000))
    assert numbers(backend.records) == list(range(4_002))


def test_a_server_that_lost_everything_is_refilled(backend, start):
    process = start(IN_TWO_HALVES)
    assert process.stdout.readline() == "half\n"
    backend.wait_for(lambda: len(backend.steps()) == 2_000)
    backend.recording.forget()
    process.communicate("go on\n")
    assert backend.steps() == list(range(4_000))
    assert numbers(backend.records) == list(range(4_002))


def test_what_a_killed_process_logged_is_sent_by_one_that_ends_at_once(backend, start, python, waiting):
    returned = kill_flat_out(start(FLAT_OUT))
    assert python("import prevue.open_runs\nprevue.open_runs.EXIT_OTHERS_S = 30\n" + LOGS).returncode == 0
    assert waiting() == []
    assert set(range(returned)) <= set(backend.steps())


def test_the_end_of_a_program_waits_only_a_moment_for_what_others_left(backend, start, python, waiting):
    start(LOGS + "import os; os.kill(os.getpid(), 9)").wait()
    (left,) = waiting()
    is_over = threading.Event()

    def hang(lines: bytes) -> None:
        if backend.recording.requests[-1][0] == left:
            is_over.wait(2 * PATIENCE_S)

    backend.recording.faults += [hang] * 50
    process = python(LOGS)  # which has PATIENCE_S
    is_over.set()
    assert (process.returncode, process.stderr, waiting()) == (0, "", [left])


# without a server


def test_without_a_server_the_exit_is_clean_with_one_warning(no_server, python, spool_dir):
    process = python(LOGS, PREVUE_TOKEN="a-secret-token")
    assert (process.returncode, process.stdout) == (0, "")
    assert len(process.stderr.splitlines()) == 1
    assert f"cannot reach {no_server}: Connection refused. Nothing is lost: 52 records wait" in process.stderr
    assert "`prevue sync`" in process.stderr
    assert not [path for path in spool_dir.rglob("*.*") if b"a-secret-token" in path.read_bytes()]


def test_sync_delivers_once_what_waited_and_then_nothing(no_server, python, backend, monkeypatch):
    python(LOGS, PREVUE_URL=no_server)
    move(backend, int(no_server.rpartition(":")[2]), monkeypatch)
    assert [sync().stdout.splitlines()[-1] for _ in range(2)] == ["52 records sent.", "0 records sent."]
    assert backend.steps() == list(range(50))
    assert [end["state"] for end in backend.ends()] == ["finished"]


def test_the_next_program_sends_what_a_dead_one_left(backend, python, start):
    python(LOGS, PREVUE_MODE="offline")
    process = start("import prevue\nprevue.init('p').log({'loss': 1.0}, 99)\ninput()")
    backend.wait_for(lambda: len(backend.records) == 52 + 2)
    process.communicate("\n")
    assert sorted(backend.steps()) == [*range(50), 99]
    assert len(backend.ends()) == 2


def test_a_server_that_never_answers_does_not_hold_the_exit(python, spooled):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = python(LOGS, PREVUE_URL=f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert process.returncode == 0
    assert "has not answered yet. Nothing is lost: 52 records wait" in process.stderr
    assert len(spooled()) == 52


# the end of a program


def test_the_exit_delivers_everything(backend, python, waiting):
    process = python(LOGS)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert backend.steps() == list(range(50))
    assert waiting() == []


@pytest.mark.parametrize(
    ("source", "ends"),
    [
        ("", [("finished", None)]),
        ("import sys; sys.exit(0)", [("finished", None)]),
        ("raise ValueError('the loss is NaN')", [("failed", "ValueError: the loss is NaN")]),
        ("raise KeyboardInterrupt", [("failed", "KeyboardInterrupt")]),
        ("run.finish(); raise ValueError", [("finished", None)]),
        ("with run: raise ValueError('x')", [("failed", "ValueError: x")]),
        ("with run: raise SystemExit(0)", [("finished", None)]),
        ("del run", [("finished", None)]),
        ("import gc; run = None; gc.collect()", [("finished", None)]),
    ],
)
def test_the_end_of_the_program_ends_the_run(backend, python, source, ends):
    python(f"import prevue\nrun = prevue.init('p')\nrun.log({{'loss': 0.5}})\n{source}")
    assert [(end["state"], end.get("message")) for end in backend.ends()] == ends


def test_a_run_that_a_function_opened_is_ended_and_delivered(backend, python):
    python("import prevue\ndef main():\n    prevue.init('p').log({'loss': 0.5})\nmain()")
    assert (backend.steps(), len(backend.ends())) == ([0], 1)


def test_a_run_that_logged_nothing_is_delivered(backend, python):
    python("import prevue\nprevue.init('p')")
    assert [record["type"] for record in backend.records] == ["start", "end"]


def test_every_open_run_is_ended(backend, python):
    python("import prevue\nfor _ in range(3): prevue.init('p').log({'loss': 0.5})")
    assert len(backend.ends()) == len(backend.recording.records) == 3


def test_senders_that_import_at_once_all_send(backend, python):
    source = """
import threading, prevue, prevue.sender as sender
both, look = threading.Barrier(2, timeout=20), sender.find_spec

def look_together(name):
    both.wait()
    return look(name)

sender.find_spec = look_together
for _ in range(2):
    prevue.init("p").log({"loss": 0.5})
"""
    assert python(source).stderr == ""
    assert len(backend.ends()) == 2


def test_interrupts_cost_no_record_and_no_number(backend, python):
    """A timer in the place of someone at Ctrl-C, many times in each millisecond of a training that goes on."""
    source = """
import signal, prevue

class Interrupt(BaseException):
    pass

def interrupt(*_):
    if step < 20_000:
        raise Interrupt

run = prevue.init("p", mode="offline")
signal.signal(signal.SIGALRM, interrupt)
returned, step = [], 0
while step < 20_000:
    try:
        signal.setitimer(signal.ITIMER_REAL, 2e-5 + step % 50 * 1e-6)
        for step in range(step + 1, 20_001):
            run.log({"loss": 0.5}, step)
            returned.append(step)
    except Interrupt:
        continue
run.finish()
print(*returned)
"""
    process = python(source)
    assert process.stderr == ""
    returned = [int(step) for step in process.stdout.split()]
    sync()
    steps = backend.steps()
    assert len(returned) > 1_000
    assert len(set(steps)) == len(steps)
    assert set(returned) <= set(steps)
    assert numbers(backend.records) == list(range(len(backend.records)))


def test_a_full_disk_drops_and_tells_how_many(backend, python):
    """A limit on the size of files gives the short writes and the errors of a full disk."""
    source = """
import resource, prevue
run = prevue.init("p", mode="offline")
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
for step in range(500):
    run.log({"loss": 0.5}, step)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
run.log({"loss": 0.5}, 1_000)
run.finish()
print(run.status().dropped)
"""
    process = python(source)
    dropped = int(process.stdout)
    assert 0 < dropped < 500
    assert len(process.stderr.splitlines()) == 1
    assert "there is no room in" in process.stderr
    sync()
    assert numbers(backend.records) == list(range(len(backend.records)))
    assert backend.steps() == [*range(500 - dropped), 1_000]
    gaps = [record for record in backend.records if record["type"] == "gap"]
    assert sum(record["count"] for record in gaps) == dropped


# forks


def test_a_forked_child_that_logs_is_another_writer_and_never_ends_the_run(backend, python):
    source = """
import os, prevue
run = prevue.init("p")
run.log({"parent": 1.0}, 0)
child = os.fork()
if child == 0:
    run.log({"child": 1.0}, 0)
    os._exit(0 if run.finish("failed", timeout=None) else 1)
assert os.waitpid(child, 0)[1] == 0
run.log({"parent": 1.0}, 1)
"""
    process = python(source, **FORKING)
    assert process.stderr == ""
    by_writer = sorted(backend.recording.records.values(), key=len)
    assert [[record["type"] for record in records] for records in by_writer] == [
        ["start", "metrics"],
        ["start", "metrics", "metrics", "end"],
    ]
    assert len(set(backend.run_ids.values())) == 1
    assert len({records[0]["pid"] for records in by_writer}) == 2


def test_a_forked_child_that_logs_nothing_creates_nothing(backend, python, waiting):
    source = """
import os, sys, prevue
run = prevue.init("p")
run.log({"loss": 1.0})
if os.fork() == 0:
    sys.exit(0)  # calls what is registered for the exit
os.wait()
"""
    process = python(source, **FORKING)
    assert process.stderr == ""
    assert len(backend.recording.records) == len(backend.ends()) == 1
    assert waiting() == []


def test_a_forked_child_sends_what_its_parent_left(python):
    """What the parent held is not the child's: it is a leftover like any other once the parent is dead."""
    source = """
import os, pathlib, prevue
from prevue.folder import claim
run = prevue.init("p", mode="offline")
run.log({"loss": 1.0})
read_end, write_end = os.pipe()
if os.fork():
    os.write(1, b"parent ")
    os.kill(os.getpid(), 9)
os.close(write_end)
os.read(read_end, 1)  # ends with the parent
(folder,) = pathlib.Path(os.environ["PREVUE_SPOOL_DIR"]).glob("*/*")
os.write(1, b"child" if claim(folder) is not None else b"nobody")
os._exit(0)
"""
    assert python(source, **FORKING).stdout == "parent child"


def test_a_child_forked_in_the_middle_of_logging_logs(python, spooled):
    """The fork may come while another thread holds any lock of ours."""
    source = """
import os, threading, prevue
run = prevue.init("p", mode="offline")
is_over = threading.Event()
def log():
    while not is_over.is_set():
        run.log({"parent": 1.0, "odd": None})
thread = threading.Thread(target=log)
thread.start()
for number in range(30):
    if os.fork() == 0:
        run.log({"child": 1.0, "odd": None}, number)
        os._exit(0)
    assert os.wait()[1] == 0
is_over.set()
thread.join()
"""
    process = python(source)
    assert process.returncode == 0
    children = [record["step"] for record in spooled() if "child" in record.get("values", ())]
    assert sorted(children) == list(range(30))


WORKERS = """
import multiprocessing, prevue

def log(run, worker):
    for step in range(20):
        run.log({"loss": 1.0}, worker * 20 + step)

if __name__ == "__main__":
    context = multiprocessing.get_context("METHOD")
    run = prevue.init("p")
    workers = [context.Process(target=log, args=(run, worker)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(*(worker.exitcode for worker in workers))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_what_workers_log_is_delivered_when_they_end(backend, python, method):
    process = python(WORKERS.replace("METHOD", method))
    assert (process.stdout, process.stderr) == ("0 0 0\n", "")
    assert sorted(backend.steps()) == list(range(60))
    assert (len(backend.recording.records), len(backend.ends())) == (4, 1)
    assert len(set(backend.run_ids.values())) == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_ends_the_run_that_it_opened(backend, python, method):
    source = """
import multiprocessing, sys, prevue

def train(rank):
    prevue.init("p", rank=rank).log({"loss": 1.0})
    if rank == 1:
        raise ValueError("the loss is NaN")
    sys.exit(0)

if __name__ == "__main__":
    context = multiprocessing.get_context("METHOD")
    workers = [context.Process(target=train, args=(rank,)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
"""
    python(source.replace("METHOD", method))
    states = {records[0]["rank"]: records[-1].get("state") for records in backend.recording.records.values()}
    assert states == {0: "finished", 1: OF_A_WORKER_THAT_RAISED}


def test_a_signal_handler_that_exits_ends_the_run(backend, start):
    source = """
import signal, sys, prevue
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
run = prevue.init("p")
while True:
    run.log({"loss": 0.5})
    print("logged", flush=True)
"""
    process = start(source)
    process.stdout.readline()
    process.terminate()
    process.communicate()
    assert [end["state"] for end in backend.ends()] == ["finished"]
    assert numbers(backend.records) == list(range(len(backend.records)))


def test_files_of_the_spool_are_not_given_to_programs_that_the_training_starts(backend, python):
    source = """
import os, subprocess, sys, prevue
run = prevue.init("p")
run.log({"loss": 1.0})
listing = "import os; print([os.path.realpath(f'/dev/fd/{fd}') for fd in os.listdir('/dev/fd')])"
exec(listing)
print(subprocess.run([sys.executable, "-c", listing], close_fds=False, stdout=subprocess.PIPE, text=True).stdout)
"""
    ours, theirs = python(source).stdout.splitlines()[:2]
    assert os.environ["PREVUE_SPOOL_DIR"] in ours
    assert theirs.startswith("[")
    assert os.environ["PREVUE_SPOOL_DIR"] not in theirs


UNDOING_FILTERS = """
import warnings
import prevue
warnings.simplefilter("error")
warnings.simplefilter = lambda *what, **more: None  # as if another thread undid it at once
run = prevue.init("test")
run.log({"loss": 0.5})
print(run.finish(timeout=20))
"""


def test_a_warning_that_another_thread_makes_an_error_stops_no_sender(python, backend):
    assert python(UNDOING_FILTERS).stdout == "True\n"
    assert len(backend.steps()) == 1
