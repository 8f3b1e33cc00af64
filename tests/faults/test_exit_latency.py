"""How long a program takes to end behind its last line, with a server that answers, is away, or is silent."""

import re
import socket
import subprocess
from statistics import median

import pytest

from faults.conftest import client

PROGRAM = """
import atexit, sys, time
began = 0.0
atexit.register(lambda: print("ended", time.perf_counter() - began, flush=True))  # called last: registered first
import prevue
run = prevue.init("exits")
for step in range(100):
    run.log({"loss": step / 2}, step)
began = time.perf_counter()
"""
# A client whose end does not wait for what is on its way.
HASTY = """
from prevue.sender import Sender
Sender.flush = lambda self, timeout_s, failing_timeout_s: True
"""


def ends(url, folder, times, bug=""):
    """Let a program log and end so many times; return its seconds and its last words."""
    found = []
    for number in range(times):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with client(bug + PROGRAM, url=url, spool=folder / f"spool{number}", pipes=pipes) as process:
            told, warned = process.communicate()
        assert process.returncode == 0
        found.append((float(re.search(rb"ended (\S+)", told)[1]), warned.decode()))
    return found


@pytest.fixture
def nowhere():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and never listens
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"


@pytest.fixture
def silence():
    with socket.create_server(("127.0.0.1", 0)) as listening:  # and never answers
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_program_ends_soon_and_says_what_waits(backend, nowhere, silence, tmp_path, whole, tell):
    times = 20 if whole else 3
    found = {
        name: ends(url, tmp_path / name, times)
        for name, url in (("up", backend.url), ("away", nowhere), ("silent", silence))
    }
    seconds = {name: [one for one, _ in all_of] for name, all_of in found.items()}
    tell(
        "seconds from the last line to the end, median (worst): "
        + ", ".join(f"server {name} {median(these):.2f} ({max(these):.2f})" for name, these in seconds.items())
    )
    assert len(backend.stored()) == 100 * times
    assert all(warned == "" for _, warned in found["up"])
    for name in ("away", "silent"):
        assert all(re.search("10[2-4] records wait on this machine", warned) for _, warned in found[name])


def test_an_end_that_does_not_wait_is_caught(backend, tmp_path, tell):
    ends(backend.url, tmp_path, 1, HASTY)
    stored = len(backend.stored())
    tell(f"control, an end that does not wait: {stored} of 100 points have arrived")
    assert stored < 100
