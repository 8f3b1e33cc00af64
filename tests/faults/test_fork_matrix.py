"""Every way in which Python starts workers: each logs into the run of its parent, none ends it or takes another's."""

import subprocess

import pytest

from faults.conftest import LIFE, SYNC, client, fate_of

WORKERS, POINTS = 4, 500
HANGS_S = 60
BESIDE = 900 * LIFE  # where the steps begin that the parent logs meanwhile
PROGRAM = f"""
import os, signal, sys, threading
import multiprocessing as mp
import prevue

signal.alarm({HANGS_S})

def work(run, worker):
    first = worker * {LIFE}
    for step in range(first, first + {POINTS}):
        run.log({{"loss": step / 2}}, step)
    return os.getpid()

def main(way):
    run = prevue.init("forks")
    over = threading.Event()
    def beside():  # a fork may come in the middle of a call
        step = {BESIDE}
        while not over.is_set():
            run.log({{"loss": step / 2}}, step)
            step += 1
            over.wait(0.0005)
        done.append(step - {BESIDE})
    done = []
    thread = threading.Thread(target=beside)
    if "STILL" not in os.environ:
        thread.start()
    pairs = [(run, worker) for worker in range({WORKERS})]
    if way.startswith("joblib-"):
        from joblib import Parallel, delayed
        pids = Parallel(n_jobs=2, backend=way.removeprefix("joblib-"))(delayed(work)(*pair) for pair in pairs)
    elif way == "os.fork":
        pids = []
        for pair in pairs:
            if (pid := os.fork()) == 0:
                signal.alarm({HANGS_S})
                work(*pair)
                sys.exit()  # as it ends, it sends what it has logged
            pids.append(pid)
        for pid in pids:
            assert os.waitpid(pid, 0)[1] == 0
    else:
        with mp.get_context(way).Pool(2) as pool:
            pids = pool.starmap(work, pairs)
            pool.close()
            pool.join()
    over.set()
    if thread.ident:
        thread.join()
    assert (os.getpid() in pids) == (way == "joblib-threading")
    run.finish(timeout=30)
    print(*done or [0])

if __name__ == "__main__":
    main(sys.argv[1])
"""
WAYS = ("os.fork", "fork", "spawn", "forkserver", "joblib-loky", "joblib-multiprocessing", "joblib-threading")
# A client whose forked child goes on with the file and the numbers of its parent.
INHERITING = "import os\nos.register_at_fork = lambda **hooks: None\n"


def work(backend, folder, way, bug="", **settings):
    """Let workers log; return how many points that were and what became of them."""
    program = folder / "program.py"  # a file, which workers import that are not forked
    program.write_text(bug + PROGRAM)
    pipes = {"stdout": subprocess.PIPE}
    with client(program, way, url=backend.url, spool=folder / "spool", pipes=pipes, **settings) as process:
        told, _ = process.communicate()
    with client(SYNC, url=backend.url, spool=folder / "spool"):
        pass  # what a worker could not send as it was ended
    beside = range(BESIDE, BESIDE + int(told))
    logged = {worker * LIFE + step for worker in range(WORKERS) for step in range(POINTS)}
    return len(logged) + len(beside), fate_of(backend.stored(), logged.union(beside))


@pytest.mark.parametrize("way", WAYS)
def test_what_workers_log_arrives_once(backend, tmp_path, way, tell):
    count, fate = work(backend, tmp_path, way)
    tell(f"{way:22} {count:,} points: lost {fate.lost}, duplicated {fate.duplicated}, wrong {fate.wrong}")
    assert (fate.lost, fate.duplicated, fate.wrong) == (0, 0, 0)
    assert backend.rows("SELECT state, count(*) FROM runs GROUP BY state") == [("finished", 1)]


def test_children_that_write_as_their_parent_are_caught(backend, tmp_path, tell):
    # Still: a fork in the middle of a call of the parent's other thread would leave its child waiting for ever.
    count, fate = work(backend, tmp_path, "os.fork", INHERITING, STILL="1")
    tell(f"control, children that write as their parent: lost {fate.lost} of {count:,}")
    assert fate.lost > 0
