"""Histories that nobody would think of: programs begin, log, die and go on, while network and server fail in any order.

Spools, senders and the backend are real; see `model_programs` and `model_network`. Whatever has happened, the server
has exactly what its numbers say, and once all is delivered, all.
"""

import math
import sqlite3
import sys
import uuid
from collections import Counter
from contextlib import closing
from itertools import count
from operator import itemgetter
from random import getrandbits

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from faults.model_network import FAULTS, Violation, hold
from faults.model_programs import HOUR_S, Disk, World
from prevue import kept, leftovers, refill
from prevue.delivery import Delivery
from prevue.room import KEPT_S
from prevue.spool import Spool
from prevue_core.contract import FAILED, FINISHED, LOST, RUNNING, place_of
from prevue_core.db import connection
from prevue_core.db.ingest import applying

STEPS = 40  # of a history
TURNS = 300  # after which a program has nothing left to do, where nothing fails
RUN_IDS = ["019ab1c2-0000-7000-8000-00000000000a", "019ab1c2-0000-7000-8000-00000000000b"]

WHICH = st.integers(0, 5)
STRIKES = st.lists(st.none() | st.sampled_from(FAULTS), max_size=3)
NAMES = st.sampled_from(["loss", "val_loss", "accuracy", "lr", "long " * 40])
NUMBERS = st.floats(width=32) | st.sampled_from([math.nan, math.inf, -math.inf, 0.1])
VALUES = st.dictionaries(NAMES, NUMBERS, min_size=1, max_size=3)


class Histories(RuleBasedStateMachine):
    """What may happen, in any order; and what is true whatever did."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.world.tally["histories"] += 1

    def one(self, which):
        """Return one of the programs that live; there always is one."""
        living = self.world.living
        return living[which % len(living)] if living else self.world.begin(RUN_IDS[0], 0, True)

    def strike(self, strikes):
        self.world.network.faults.clear()
        self.world.network.faults.extend(strikes)

    # programs

    @rule(run_id=st.sampled_from(RUN_IDS), rank=st.integers(0, 1), is_main=st.booleans())
    def begin(self, run_id, rank, is_main):
        self.world.begin(run_id, rank, is_main)

    @rule(which=WHICH, values=VALUES, step=st.integers(0, 3), times=st.integers(1, 9), turns=st.integers(0, 3))
    def train(self, which, values, step, times, turns):
        program = self.one(which)
        for _ in range(times):
            program.log(values, step)
        self.world.tally["records"] += times
        self.take_turns(program, turns)

    @rule(which=WHICH, turns=st.integers(1, 3), strikes=STRIKES)
    def struggle(self, which, turns, strikes):
        self.strike(strikes)
        self.take_turns(self.one(which), turns)

    def take_turns(self, program, turns):
        for _ in range(turns):
            if not program.is_over:
                program.take_turn()

    @rule(which=WHICH, state=st.sampled_from([FINISHED, FAILED]))
    def finish(self, which, state):
        self.one(which).finish(state)

    @rule(which=WHICH, damaged=st.none() | st.integers(0, 9), torn=st.none() | st.floats(0, 1))
    def kill(self, which, damaged, torn):
        self.world.tally["kills"] += 1
        self.world.kill(self.one(which), damaged, torn)

    @rule(is_full=st.booleans())
    def fill_the_disk(self, is_full):
        self.world.disk.is_full = is_full

    @rule(strikes=STRIKES, verify=st.booleans())
    def sync(self, strikes, verify):
        self.strike(strikes)
        if verify:
            self.world.ask()
        self.world.send(self.world.folder)

    # another machine

    @rule(is_new=st.booleans(), strikes=STRIKES)
    def send_a_copy(self, is_new, strikes):
        if is_new:
            self.world.copy_spool()
        self.strike(strikes)
        self.world.send(self.world.copy)

    # the server

    @precondition(lambda self: self.world.network.held_up)
    @rule(which=WHICH)
    def let_through(self, which):
        held_up = self.world.network.held_up
        self.world.server.post(held_up.pop(which % len(held_up)))

    @rule()
    def back_up(self):
        self.world.server.back_up()

    @rule(which=WHICH)
    def put_back(self, which):
        self.world.tally["restores"] += 1
        self.world.server.put_back(which)

    # time

    @rule(seconds=st.sampled_from([1.0, 60.0, HOUR_S, KEPT_S]))
    def wait(self, seconds):
        self.world.wait(seconds)

    # what is true

    @invariant()
    def the_server_has_what_its_numbers_say(self):
        hold_stored(self.world)

    def teardown(self):
        if sys.exc_info()[1] is None:  # else it is told already what is not true
            self.strike([])
            self.world.disk.is_full = False
            deliver_all(self.world)
            hold_stored(self.world)
            hold_complete(self.world)
        for program in self.world.living:
            program.die()
        self.world.server.close()


def deliver_all(world):
    """Let the programs that live go on and end, and then one more, as others come in any training."""
    for program in world.living:
        until(lambda program=program: program.is_idle, program)
        program.finish(FINISHED)
        until(lambda program=program: program.is_over, program)
    following = world.begin(RUN_IDS[0], 0, True)
    until(lambda: following.is_idle, following)
    following.finish(FINISHED)
    until(lambda: following.is_over, following)


def until(is_so, program):
    for _ in range(TURNS):
        if is_so():
            return
        program.take_turn()
    raise Violation("a delivery does not come to its end")


# what is true


def hold_stored(world):
    """The server has each writer's records below its number, once, in their order, and what follows from them."""
    if not world.server.has_changed:
        return
    world.server.has_changed = False
    numbers = dict(world.server.rows("SELECT writer_id, next_seq FROM writers"))
    stored, may_go, points = stored_points(world), world.may_go, Counter()
    for writer_id, writer in world.writers.items():
        number, found = numbers.get(writer_id, 0), stored.pop(writer.number, [])
        hold(number <= len(writer.records), "the server counts records that nobody logged")
        due, keys = points_of(writer.records[:number]), [key for key, _ in found]
        hold(len(set(keys)) == len(keys), "points are doubled")
        hold(dict(found).items() <= due.items(), "points are stored that nobody logged")
        of_series = sorted(keys, key=itemgetter(1, 2))  # in the order in which they came
        hold(of_series == sorted(keys, key=itemgetter(1, 2, 0)), "points are not in their order")
        hold(all((writer_id, seq) in may_go for seq, *_ in due.keys() - set(keys)), "points are lost")
        points[writer.run_id] += len(keys)
    hold(not stored, "points are stored of writers that never were")
    summed = dict(world.server.rows("SELECT run_id, sum(row_count) FROM series GROUP BY run_id"))
    hold(summed == +points, "series do not count their points")
    hold_states(world, numbers)


def stored_points(world):
    """Return the points that are stored, by their writer, in the order in which they came."""
    columns = "epoch, batch, split, loss_name, loss_value, metric_name, metric_value"
    stored = {}
    for writer, seq, split, *halves in world.server.rows(f"SELECT {columns} FROM metrics ORDER BY metric_id"):
        for name, value in (halves[:2], halves[2:]):
            if name is not None:
                stored.setdefault(writer, []).append(((seq, split, name), value))
    return stored


def told_missing(world):
    """Return how many records of each run are told to be missing."""
    told = Counter()
    for run_id, text in world.server.rows("SELECT run_id, text FROM events WHERE kind = 'gap'"):
        told[run_id] += int(text.split()[0])
    return told


def points_of(records):
    """Return the points of a writer's first records as they are to be stored: SQLite knows no NaN."""
    due = {}
    for seq, values in enumerate(records):
        for name, value in values.items() if isinstance(values, dict) else ():
            place = place_of(name)
            due[seq, place.split, place.name] = None if math.isnan(value) else value
    return due


def hold_states(world, numbers):
    """A run is what the latest of the starts and ends says that the server knows, in whatever order they came."""
    latest = {}
    for writer_id, writer in world.writers.items():
        ends = [(seq, record) for seq, record in enumerate(writer.records) if isinstance(record, tuple)]
        known = [record for seq, record in ends if seq < numbers.get(writer_id, 0)]
        if any((writer_id, seq) in world.may_go for seq, _ in ends):
            known.append((math.inf, None))
        if writer_id in numbers:
            latest[writer.run_id] = max([latest.get(writer.run_id, (0, "")), (writer.began, RUNNING), *known])
    states = dict(world.server.rows("SELECT run_id, state FROM runs"))
    hold(states.keys() == latest.keys(), "runs are not those that were begun")
    wrong = [run_id for run_id, (_, state) in latest.items() if state not in (None, states[run_id])]
    hold(not wrong, "a run's state is not what its latest word says")


def hold_complete(world):
    """After all is delivered nothing waits, nothing is missing but what is told, and who is silent is called lost."""
    hold(not world.waiting(), "records wait, and nobody sends them")
    numbers = dict(world.server.rows("SELECT writer_id, next_seq FROM writers"))
    told, stored, may_go, missing = told_missing(world), stored_points(world), world.may_go, Counter()
    for writer_id, writer in world.writers.items():
        unsent = range(numbers.get(writer_id, 0), len(writer.records))
        hold(all((writer_id, seq) in may_go for seq in unsent), "what was logged is not on the server")
        due = {seq for seq, *_ in points_of(writer.records)} - set(unsent)
        missing[writer.run_id] += len(due - {seq for (seq, *_), _ in stored.get(writer.number, [])})
        gaps = enumerate(record if isinstance(record, int) else 0 for record in writer.records)
        missing[writer.run_id] += sum(dropped for seq, dropped in gaps if (writer_id, seq) not in may_go)
    hold(missing <= told, "records are missing without a word")
    for run_id, state in world.server.rows("SELECT run_id, state FROM runs"):
        is_lost = state == RUNNING and run_id in world.server.silent
        hold(world.server.state(run_id) == (LOST if is_lost else state), "readers are told another state")


# the suites


@pytest.fixture
def histories(app, database_url, tmp_path, monkeypatch):
    """Let so many histories happen, counting in `tally`; a spool's pieces and a sender's batches are small."""
    monkeypatch.setattr("prevue.spool.SEGMENT_BYTES", 700)
    monkeypatch.setattr("prevue.spool.BATCH_BYTES", 400)
    monkeypatch.setattr("prevue.delivery.MAX_RECORDS", 5)
    # Hypothesis sets the seed: the same history has the same ids.
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=getrandbits(128), version=4))
    disk = Disk()
    monkeypatch.setattr("prevue.spool.check_room", disk.check)
    monkeypatch.setattr("prevue.spool.check_free", disk.check)
    monkeypatch.setattr("prevue.spool.FULL_S", 0.0)
    connection.connect("sqlite:///:memory:").connect()

    def histories(count, tally, **how):
        run_state_machine_as_test(
            lambda: Histories(World(app, empty, tmp_path / "world", disk, tally)),
            settings=settings(
                max_examples=count,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                **how,
            ),
        )

    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as empty:
        yield histories
    connection.db.close()
    connection.db.initialize(None)


def test_no_history_loses_or_doubles_a_record(histories, whole, tell):
    tally = Counter()
    for _ in range(20 if whole else 1):  # of 5,000 at once hypothesis remembers most of a GB
        histories(250 if whole else 60, tally, derandomize=not whole, phases=[Phase.generate, Phase.shrink])
    tell(
        f"{tally['histories']:,} histories: {tally['records']:,} records, {tally['requests']:,} requests, "
        f"{tally['faults']:,} faults, {tally['kills']:,} kills, {tally['restores']:,} restores: violations 0"
    )


# seeded bugs


def store_again(monkeypatch):
    monkeypatch.setattr(applying, "bisect_right", lambda records, number, key: 0)


def answer_before_the_commit(monkeypatch):
    """The server dies between the answer and the commit, now and then."""
    answers = count(1)

    def in_transaction(function):
        with connection.db.atomic() as transaction:
            answer = function()
            if next(answers) % 7 == 0:
                transaction.rollback()
        return answer

    monkeypatch.setattr(applying, "in_transaction", in_transaction)


def tell_a_gap_instead_of_what_is_kept(monkeypatch):
    monkeypatch.setattr(kept, "recall", lambda folder, run_id, seq, oldest: [])


def lose_the_line_before_a_torn_one(monkeypatch):
    checked_lines = leftovers._checked_lines

    def lose(data, first, following):
        is_torn = following is None and not data.endswith(b"\n")
        return checked_lines(data.rpartition(b"\n")[0] if is_torn else data, first, following)

    monkeypatch.setattr(leftovers, "_checked_lines", lose)


def go_on_as_the_same_writer(monkeypatch):
    """A resumed run has the writer's id of before."""
    init = Spool.__init__

    def same(self, folder, run_id, start, *bounds):
        writer_id = uuid.uuid5(uuid.UUID(run_id), str(start["rank"]))
        is_free = not (folder / str(writer_id)).exists()
        with monkeypatch.context() as patch:
            if is_free:
                patch.setattr(uuid, "uuid4", lambda: writer_id)
            init(self, folder, run_id, start, *bounds)

    monkeypatch.setattr(Spool, "__init__", same)


def leave_a_restored_server_as_it_is(monkeypatch):
    monkeypatch.setattr(refill, "check_all", lambda folder, transport, store_id: iter(()))


def come_again_at_once(monkeypatch):
    monkeypatch.setattr(Delivery, "_try_later", lambda self, error, retry_after_s=None: 0.2)


BUGS = [
    store_again,
    answer_before_the_commit,
    tell_a_gap_instead_of_what_is_kept,
    lose_the_line_before_a_torn_one,
    go_on_as_the_same_writer,
    leave_a_restored_server_as_it_is,
    come_again_at_once,
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_seeded_bug_is_caught(bug, histories, monkeypatch, tell):
    tally = Counter()
    bug(monkeypatch)
    with pytest.raises(Violation) as caught:
        histories(500, tally, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)
    tell(f"control, {bug.__name__.replace('_', ' ')}: {caught.value}, in history {tally['histories']}")
