"""How runs end: exceptions, exit codes and threads, as the records tell it. Each case is a program of its own."""

import sys

import pytest

RUN = "import sys, threading, prevue\nrun = prevue.init('p', mode='offline')\n"


@pytest.fixture
def end_of(python, spooled):
    """Run a program with a run, and return its process and its run's end."""

    def end_of(source: str):
        process = python(RUN + source)
        return process, next(record for record in spooled() if record["type"] == "end")

    return end_of


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("sys.exit(3)", 3),
        ("sys.exit(0)", 0),
        ("sys.exit()", 0),
        ("sys.exit(True)", 1),
        ("sys.exit(-1)", 255),
        ("sys.exit('no data')", 1),
        ("exit(3)", 3),
        ("quit()", 0),
        ("with run: raise SystemExit(6)", 6),
        ("raise ValueError", 1),
        ("try: sys.exit(2)\nexcept SystemExit: sys.exit(4)", 4),
        ("try: sys.exit(2)\nfinally: pass", 2),
        ("import argparse\nargparse.ArgumentParser().error('no')", 2),
        ("def main():\n    error = None\n    sys.exit(5)\nmain()", 5),
        ("with run: sys.exit(6)", 6),
        ("import click\n@click.command()\ndef main(): sys.exit(7)\nmain()", 7),
    ],
)
def test_the_exit_code_is_kept_and_decides(end_of, source, code):
    process, end = end_of(source)
    assert process.returncode == end["environment"]["exit_code"] == code
    assert end["state"] == ("failed" if code else "finished")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "try: sys.exit(2)\nexcept SystemExit: pass",
        "try: exit(2)\nexcept SystemExit: pass",
        "try: sys.exit(2)\nexcept SystemExit as error: kept = error",
        "threading.Thread(target=sys.exit, args=(3,)).start()",
        "import click\n@click.command()\ndef main(): pass\ntry: main()\nexcept SystemExit: run.log({'loss': 1.0})",
    ],
)
def test_an_exit_that_did_not_end_the_program_says_nothing(end_of, source):
    process, end = end_of(source)
    assert (process.returncode, end["state"]) == (0, "finished")
    assert "exit_code" not in end.get("environment", {})


def test_a_run_that_was_finished_before_knows_no_exit_code(end_of):
    process, end = end_of("run.finish()\nsys.exit(3)")
    assert (process.returncode, end["state"], "environment" in end) == (3, "finished", False)


def test_a_bare_system_exit_is_not_seen(end_of):
    """No sound way is known (see `prevue.ending`); the documentation says so."""
    process, end = end_of("raise SystemExit(3)")
    assert (process.returncode, end["state"]) == (3, "finished")
    assert "exit_code" not in end.get("environment", {})


def test_what_others_put_in_the_place_of_exit_is_called(python, spooled):
    source = """
import sys, threading, prevue
usual = sys.exit
def theirs(status=None):
    print("theirs", status)
    usual(status)
sys.exit = theirs
threading.excepthook = lambda told: print("thread", told.exc_type.__name__)
prevue.init("p", mode="offline")
def fail():
    raise ValueError
thread = threading.Thread(target=fail)
thread.start()
thread.join()
sys.exit(3)
"""
    process = python(source)
    assert (process.returncode, process.stdout) == (3, "thread ValueError\ntheirs 3\n")
    assert spooled()[-1]["environment"]["exit_code"] == 3


def test_an_exit_looks_as_ever_and_travels_between_processes(python):
    source = """
import pickle, sys, traceback, prevue
prevue.init("p", mode="offline")
try:
    sys.exit(3)
except SystemExit as error:
    traceback.print_exc(file=sys.stdout)
    print(repr(error), repr(pickle.loads(pickle.dumps(error))), type(pickle.loads(pickle.dumps(error))) is SystemExit)
try:
    sys.exit()
except SystemExit as error:
    print(error.code, error.args)
try:
    sys.exit(1, 2)
except TypeError:
    print("takes one")
"""
    told = python(source).stdout.splitlines()
    assert told[-4:] == ["SystemExit: 3", "SystemExit(3) SystemExit(3) True", "None ()", "takes one"]


def test_an_exception_is_kept_with_its_place_in_the_users_code(end_of):
    source = """
import json
class NoData(Exception):
    pass
def fit(text):
    json.loads(text)
try:
    fit("{")
except ValueError as error:
    raise NoData("token=hunter2 was refused by https://bob:hunter2@example.org") from error
"""
    process, end = end_of(source)
    exception = end["environment"]["exception"]
    where = exception.pop("where")
    assert exception == {"type": "NoData", "message": "token=*** was refused by https://***@example.org"}
    assert where.endswith("program.py:12")
    assert end["message"] == "NoData: token=*** was refused by https://***@example.org"
    assert "hunter2" in process.stderr  # Python's own words are its own


def test_the_rank_that_failed_is_told(end_of, monkeypatch):
    monkeypatch.setenv("RANK", "3")
    _, end = end_of("raise ValueError")
    assert end["environment"]["exception"]["rank"] == 3


def test_the_place_is_not_in_a_library(end_of):
    _, end = end_of("import json\ndef fit():\n    json.loads('{')\nfit()")
    assert end["environment"]["exception"]["type"] == "json.decoder.JSONDecodeError"
    assert end["environment"]["exception"]["where"].endswith("program.py:5")


def test_an_interrupt_is_a_failure_with_its_code(end_of):
    process, end = end_of("raise KeyboardInterrupt")
    assert (end["state"], end["message"]) == ("failed", "KeyboardInterrupt")
    assert end["environment"]["exit_code"] == 130
    assert process.returncode == -2  # as a signal, which shells call 130


def test_a_with_block_knows_no_exit_code(end_of):
    _, end = end_of("try:\n    with run: raise ValueError('no')\nexcept ValueError: pass")
    assert (end["state"], end["environment"]["exception"]["message"]) == ("failed", "no")
    assert "exit_code" not in end["environment"]


def test_a_thread_that_fails_is_an_event_and_the_run_goes_on(python, spooled):
    python(RUN + "thread = threading.Thread(target=lambda: 1 / 0, name='loader')\nthread.start()\nthread.join()")
    event, end = spooled()[-2:]
    assert (event["type"], event["kind"], end["state"]) == ("event", "thread failed", "finished")
    assert event["text"].startswith("thread 'loader' ended with ZeroDivisionError: division by zero (")


def test_nothing_is_watched_before_there_is_a_run(python):
    source = "import sys, threading\nbefore = sys.exit, threading.excepthook\nimport prevue\nprevue.init\n"
    assert python(source + "print(before == (sys.exit, threading.excepthook))").stdout == "True\n"
    source += "prevue.init('p', mode='disabled')\n"
    assert python(source + "print(before == (sys.exit, threading.excepthook))").stdout == "True\n"


def test_a_second_run_watches_no_second_time(new_run):
    new_run(mode="offline")
    first = sys.exit
    new_run(mode="offline")
    assert sys.exit is first
