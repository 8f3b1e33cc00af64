"""A training logs through a network that breaks, repeats, delays and answers in another's name."""

import subprocess
import time

import pytest

from faults.conftest import client, fate_of
from faults.faulty import FAULTS, faulty_proxy
from serving import PATIENCE_S

# The times of the client are shortened, so that many faults fit into a minute; what it does is not.
PROGRAM = f"""
import sys, threading
import prevue, prevue.delivery, prevue.sender, prevue.transport
prevue.transport.TIMEOUT_S = (0.5, 0.5)
prevue.delivery.EACH_S = prevue.delivery.GATHER_S = prevue.sender.GATHER_S = 0.002
prevue.delivery.BACKOFF_S = (0.01, 0.05)
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), over.set()), daemon=True).start()
run, step = prevue.init("network"), 0
while not over.is_set():
    run.log({{"loss": step / 2}}, step)
    step += 1
    over.wait(0.001)
print(step, flush=True)
sys.exit(not run.finish(timeout={PATIENCE_S}))
"""
# A client that takes every 200 for Prevue's, and goes on where the server then misses something.
BELIEVING = """
from prevue.delivery import Answer, Batch, Delivery, gap
advance = Delivery._advance
def believe(self, answer, batch):
    known = answer.document or {"next_seq": batch.next_seq, "store_id": "", "rejected_count": 0}
    return advance(self, Answer(200, known), batch)
def go_on(self, answer, batch):
    seq = self.state.acknowledged = answer.document["expected"]
    self._in_place_of[seq] = Batch(seq, batch.first_seq, gap(seq, batch.first_seq - 1, "never mind"), 1)
    return 0.0
Delivery._advance, Delivery._go_back = believe, go_on
"""
# A client that gives what it sends again new numbers: each try is a writer of its own.
FORGETFUL = """
import uuid
from prevue.delivery import Delivery
later = Delivery._try_later
def forget(self, *arguments):
    self._source.writer_id = str(uuid.uuid4())
    self.state.acknowledged = 0
    return later(self, *arguments)
Delivery._try_later = forget
"""


def train(backend, folder, rounds, bug=""):
    """Log through the proxy until each fault was met so often; return it and what became of the points."""
    with faulty_proxy(backend.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with client(bug + PROGRAM, url=url, spool=folder / "spool", pipes=pipes) as training:
            deadline = time.monotonic() + PATIENCE_S + rounds * PATIENCE_S / 2
            while min(proxy.met[fault.__name__] for fault in FAULTS) < rounds:
                assert training.poll() is None
                assert time.monotonic() < deadline, proxy.met
                time.sleep(0.01)
            proxy.is_healed = True
            told, _ = training.communicate(b"over\n")
        logged = int(told)
    return training.returncode, sum(proxy.met.values()), logged, fate_of(backend.stored(), set(range(logged)))


def test_no_fault_of_the_network_loses_or_doubles_a_point(backend, tmp_path, whole, tell):
    code, faults, logged, fate = train(backend, tmp_path, 30 if whole else 2)
    tell(
        f"{len(FAULTS)} kinds of faults, met {faults} times, {logged:,} points: "
        f"lost {fate.lost}, duplicated {fate.duplicated}, wrong {fate.wrong}"
    )
    assert (code, fate.lost, fate.duplicated, fate.wrong) == (0, 0, 0, 0)


@pytest.mark.parametrize(("bug", "name"), [(BELIEVING, "believes every 200"), (FORGETFUL, "sends as another writer")])
def test_a_client_with_a_bug_is_caught(backend, tmp_path, tell, bug, name):
    _, _, logged, fate = train(backend, tmp_path, 1, bug)
    tell(f"control, a client that {name}: lost {fate.lost}, duplicated {fate.duplicated} of {logged:,}")
    assert fate.lost + fate.duplicated > 0
