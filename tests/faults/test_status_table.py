"""Each status from 200 to 599, at each place of a delivery, and poison records: the queue never blocks."""

import random
from collections import Counter

import pytest

from prevue.delivery import Answer, Delivery
from prevue.notices import Notices
from prevue.spool import MemorySpool, encode
from prevue.testing import RecordingTransport
from prevue_core.contract import PROBLEM_REFUSED

RECORDS = 60
# What `delivery.md` C6 says of an answer without one of our problem types.
HELP, LATER, HALVE = "wait for help", "try later", "halve the batch"


def action_of(status):
    if status == 413:
        return HALVE
    return HELP if 400 <= status < 500 and status not in (408, 421, 425, 429) else LATER


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def log(records, seed):
    spool = MemorySpool("00000000-0000-0000-0000-00000000000a", {"type": "start", "run_id": "r", "uid": "u"})
    draw = random.Random(seed)
    for step in range(records - 1):
        spool.append(encode({"type": "metrics", "step": step, "values": {"loss": draw.random()}}))
    return spool


def deliver(spool, transport):
    """Let a delivery run to its end by its own clock; return it with the seconds that it took."""
    clock = Clock()
    delivery = Delivery(spool, transport, now=clock, notices=Notices(now=clock), draw=lambda low, high: high)
    for _ in range(10_000):
        if delivery.is_drained:
            break
        clock.now += delivery.step() or 0.0
    return delivery, clock.now


def stored(transport, spool):
    return [record["seq"] for record in transport.records[spool.writer_id] if record["type"] != "gap"]


def test_each_status_has_its_action_and_costs_no_record(tell):
    actions = Counter()
    for status in range(200, 600):
        for times in (1, 3):
            spool, transport = log(RECORDS, status), RecordingTransport(faults=[Answer(status)] * times)
            _, seconds = deliver(spool, transport)
            expected = action_of(status)
            actions[expected] += 1
            assert stored(transport, spool) == list(range(RECORDS)), status
            assert (seconds >= 60 * times) == (expected == HELP), status
            assert (seconds < 0.5) == (expected == HALVE), status
    tell("statuses 200 to 599, once and thrice: " + ", ".join(f"{name} {count}" for name, count in actions.items()))


@pytest.mark.parametrize("status", [400, 415, 422])
def test_poison_records_are_put_aside_and_block_nobody(tell, status):
    draw, put_aside = random.Random(status), 0
    for _ in range(100):
        poison = set(draw.sample(range(1, RECORDS), draw.randint(1, 5)))
        spool, transport = log(RECORDS, 0), RecordingTransport()
        transport.faults = Poisoned(poison, status)
        delivery, _ = deliver(spool, transport)
        assert stored(transport, spool) == [seq for seq in range(RECORDS) if seq not in poison]
        assert delivery.state.rejected == len(poison)
        put_aside += len(poison)
    tell(f"{put_aside} poison records answered with {status}: put aside, {100 * RECORDS - put_aside:,} others stored")


class Poisoned(list):
    """Refuses each batch that has one of some records."""

    def __init__(self, poison, status):
        marks = [b'"seq":%d,' % seq for seq in poison]
        refusal = Answer(status, {"type": PROBLEM_REFUSED})
        super().__init__([lambda lines: refusal if any(m in lines and b'"metrics"' in lines for m in marks) else None])

    def pop(self, index=-1):
        """Stay for all requests."""
        return self[index]


def test_a_client_that_drops_what_is_refused_is_caught(monkeypatch, tell):
    def drop(self, answer):
        return self._advance(
            Answer(200, {"next_seq": self.state.acknowledged + 1, "store_id": ""}),
            self._source.read(self.state.acknowledged, 1),
        )

    monkeypatch.setattr(Delivery, "_wait_for_help", drop)
    spool, transport = log(RECORDS, 0), RecordingTransport(faults=[Answer(403)] * 3)
    monkeypatch.setattr(Delivery, "_go_back", lambda self, answer, batch: 0.0)
    delivery, _ = deliver(spool, transport)
    tell(f"control, a client that drops what is refused: {delivery.waiting} of {RECORDS} never arrive")
    assert delivery.waiting > 0
