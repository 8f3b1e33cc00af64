import orjson
import pytest

from client.records import AWAY, RUN_ID, START, log, stored, tiled
from prevue.delivery import BACKOFF_S, EACH_S, GATHER_S, LONGEST_WAIT_S, PATIENCE_S, PROBE_S, Answer, Delivery
from prevue.kept import drop
from prevue.notices import QUIET_S, Notices
from prevue.sender import Sender, deliver_leftover
from prevue.spool import MemorySpool, Spool, encode
from prevue.testing import RecordingTransport
from prevue_core.contract import HEARTBEAT_S, PROBLEM_DELETED, PROBLEM_GAP, PROBLEM_REFUSED


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deliver(transport, clock):
    """Make the delivery of a source; its backoff is the highest that may be drawn."""

    def deliver(source: Spool | MemorySpool, **more: object) -> Delivery:
        seams = {"now": clock, "notices": Notices(now=clock), "draw": lambda low, high: high}
        return Delivery(source, transport, **{**seams, **more})

    return deliver


def drain(delivery: Delivery) -> None:
    for _ in range(1_000):
        if delivery.is_drained:
            return
        delivery.step()
    raise AssertionError(f"not drained: {delivery.state}")


def refused(status: int = 400) -> Answer:
    return Answer(status, {"type": PROBLEM_REFUSED, "detail": "no such type"})


# what is sent


def test_everything_arrives_once_in_order(new_spool, deliver, transport):
    spool = new_spool(9)
    drain(deliver(spool))
    assert [record["seq"] for record in transport.records[spool.writer_id]] == list(range(10))


def test_lines_are_forwarded_as_they_stand_on_disk(new_spool, deliver, transport):
    spool = new_spool(3)
    drain(deliver(spool))
    assert transport.requests == [(spool.writer_id, 0, (spool.folder / "0.ndjson").read_bytes())]


def test_a_batch_has_at_most_5_000_records(deliver, transport):
    ring = MemorySpool(RUN_ID, START)
    log(ring, 9_999)
    drain(deliver(ring))
    assert [lines.count(b"\n") for _, _, lines in transport.requests] == [5_000, 5_000]


def test_with_nothing_to_send_no_request_is_made(new_spool, deliver, transport):
    delivery = deliver(new_spool())
    drain(delivery)
    assert delivery.step() is None
    assert delivery.step(heartbeat=True) is None
    assert len(transport.requests) == 1


def test_a_silent_writer_says_after_30_s_that_it_lives(new_spool, deliver, transport, clock):
    spool = new_spool()
    delivery = deliver(spool)
    drain(delivery)
    clock.time += HEARTBEAT_S
    delivery.step(heartbeat=True)
    delivery.step(heartbeat=True)  # not twice
    assert transport.requests[1:] == [(spool.writer_id, 1, b"")]


def test_a_sign_of_life_finds_a_server_that_forgot(new_spool, deliver, transport, clock):
    delivery = deliver(new_spool(3))
    drain(delivery)
    transport.forget()
    clock.time += HEARTBEAT_S
    delivery.step(heartbeat=True)
    drain(delivery)
    assert tiled(stored(transport)) == [0, 1, 2, 3]


def test_while_more_waits_the_next_request_comes_soon(new_spool, deliver, small_pieces):
    """A small batch is not the end: pieces end where they are full."""
    delivery = deliver(new_spool(20))
    waits = []
    while not delivery.is_drained:
        waits.append(delivery.step())
    assert waits == [*[EACH_S] * (len(waits) - 1), None]


def test_a_writer_asks_four_times_a_second_at_most(new_spool, deliver, clock):
    delivery = deliver(new_spool(1))
    drain(delivery)
    assert delivery.gather_s == EACH_S
    clock.time += 0.04
    assert round(delivery.gather_s, 6) == 0.21
    clock.time += 10
    assert delivery.gather_s == GATHER_S


def test_a_backlog_is_sent_without_a_pause(deliver):
    ring = MemorySpool(RUN_ID, START)
    log(ring, 9_999)
    delivery = deliver(ring)
    assert [delivery.step(), delivery.step()] == [0.0, None]


# answers


def expected_action(status: int) -> str:
    """Delivery's table, C6, for answers without one of our problem types."""
    if status in (408, 421, 425, 429) or status >= 500 or status < 400:
        return "try later"
    return "halve" if status == 413 else "wait for help"


@pytest.mark.parametrize("status", range(200, 600))
def test_each_status_has_its_action(deliver, transport, status):
    ring = MemorySpool(RUN_ID, START)
    log(ring, 9)
    transport.faults.append(Answer(status, {"type": "about:blank", "detail": "so it is"}))
    delivery = deliver(ring)
    wait_s = delivery.step()
    action = {BACKOFF_S[0]: "try later", PROBE_S: "wait for help", 0.0: "halve"}[wait_s]
    assert action == expected_action(status)
    assert delivery.needs_help == (action == "wait for help")
    drain(delivery)
    assert tiled(stored(transport)) == list(range(10))


@pytest.mark.parametrize("status", [400, 409, 410])
def test_a_problem_that_is_not_ours_is_no_command(deliver, transport, status):
    """A proxy may answer so as well: nothing is thrown away."""
    ring = MemorySpool(RUN_ID, START)
    transport.faults.append(Answer(status, {"expected": 7}))
    delivery = deliver(ring)
    assert delivery.step() == PROBE_S
    assert not delivery.state.is_deleted


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"next_seq": 10},
        {"next_seq": "10", "store_id": "x"},
        {"next_seq": None, "store_id": "x"},
        {"next_seq": 0, "store_id": "x"},
        {"store_id": "x"},
        {"login": "please"},
    ],
)
def test_a_200_that_is_not_prevues_is_passing(new_spool, deliver, transport, document):
    transport.faults.append(Answer(200, document))
    delivery = deliver(new_spool(9))
    assert delivery.step() == BACKOFF_S[0]
    assert delivery.state.last_error == "http://recording does not answer as Prevue's backend does"
    drain(delivery)
    assert tiled(stored(transport)) == list(range(10))


def test_a_batch_that_is_stored_in_part_goes_on_behind_it(new_spool, deliver, transport):
    spool = new_spool(9)
    half = b"".join(spool.read(0).lines.splitlines(keepends=True)[:4])
    transport.faults.append(lambda lines: transport.accept(spool.writer_id, 0, half))
    drain(deliver(spool))
    assert [first_seq for _, first_seq, _ in transport.requests] == [0, 4]
    assert tiled(stored(transport)) == list(range(10))


def test_an_answer_that_is_lost_stores_nothing_twice(new_spool, deliver, transport):
    def store_and_die(lines: bytes) -> None:
        transport.accept(spool.writer_id, 0, lines)
        raise AWAY

    spool = new_spool(9)
    transport.faults.append(store_and_die)
    delivery = deliver(spool)
    drain(delivery)
    assert len(transport.requests) == 2
    assert tiled(stored(transport)) == list(range(10))


def test_rejected_records_are_final_counted_and_told_once(new_spool, deliver, transport, caplog):
    def reject(lines: bytes) -> Answer:
        answer = transport.accept(spool.writer_id, 0, lines)
        rejected = [{"seq": 3, "reason": "step 'x' is not a whole number"}]
        return Answer(200, {**answer.document, "rejected": rejected, "rejected_count": 2})

    spool = new_spool(9)
    transport.faults.append(reject)
    delivery = deliver(spool)
    drain(delivery)
    assert delivery.state.rejected == 2
    assert caplog.messages == [
        "the server did not accept 2 records; the first: step 'x' is not a whole number",
    ]


# later


def test_the_wait_doubles_to_a_minute(new_spool, deliver, transport):
    drawn = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    transport.faults += [AWAY] * 10
    delivery = deliver(new_spool(), draw=draw)
    for _ in range(10):
        assert delivery.step() == 0.0
    assert drawn == [(0.0, bound) for bound in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0)]


def test_after_a_success_the_wait_begins_anew(new_spool, deliver, transport):
    spool = new_spool()
    transport.faults += [AWAY, AWAY]
    delivery = deliver(spool)
    drain(delivery)
    log(spool, 1)
    transport.faults.append(AWAY)
    assert delivery.step() == 0.5


@pytest.mark.parametrize(
    ("retry_after_s", "wait_s"), [(0.0, 0.0), (7.0, 7.0), (90.0, 90.0), (1e9, LONGEST_WAIT_S), (float("inf"), 3600.0)]
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_says_when_is_asked_then(new_spool, deliver, transport, status, retry_after_s, wait_s):
    transport.faults.append(Answer(status, retry_after_s=retry_after_s))
    assert deliver(new_spool()).step() == wait_s


def test_a_server_that_restarts_is_not_worth_a_word(new_spool, deliver, transport, clock, caplog):
    transport.faults += [AWAY] * 3
    delivery = deliver(new_spool(4))
    for _ in range(3):
        delivery.step()
        clock.time += PATIENCE_S / 4
    drain(delivery)
    assert caplog.messages == []


def test_five_seconds_of_failing_are_told_once(new_spool, deliver, transport, clock, caplog):
    transport.faults += [AWAY] * 20
    delivery = deliver(new_spool(4))
    for _ in range(20):
        delivery.step()
        clock.time += PATIENCE_S
    assert caplog.messages == [
        "cannot reach http://recording: Connection refused. Nothing is lost: 5 records wait on this machine; "
        "this program sends them when the server is back, or the next one, or `prevue sync`"
    ]


def test_after_ten_minutes_it_is_told_again_with_a_count(new_spool, deliver, transport, clock, caplog):
    transport.faults += [AWAY] * 5
    delivery = deliver(new_spool(4))
    for wait_s in (PATIENCE_S, 1.0, 1.0, QUIET_S, 0.0):
        delivery.step()
        clock.time += wait_s
    assert len(caplog.messages) == 2
    assert caplog.messages[1].endswith("(and 2 times more since the last word on it)")


def test_at_the_end_one_line_says_how_many_wait(new_spool, deliver, transport, caplog):
    transport.faults.append(AWAY)
    delivery = deliver(new_spool(4))
    delivery.step()
    delivery.say_waiting()
    assert len(caplog.messages) == 1
    assert "5 records wait on this machine" in caplog.messages[0]


@pytest.mark.parametrize("fault", [AWAY, Answer(401)])
def test_at_the_end_it_is_not_told_again_why(new_spool, deliver, transport, clock, caplog, fault):
    transport.faults += [fault] * 2
    delivery = deliver(new_spool(4))
    for _ in range(2):
        delivery.step()
        clock.time += PATIENCE_S
    delivery.say_waiting()
    why, waiting = caplog.messages
    assert why.startswith(delivery.state.last_error)
    assert waiting.startswith("Nothing is lost: 5 records wait on this machine")


def test_at_the_end_nothing_is_said_where_nothing_waits(new_spool, deliver, caplog):
    delivery = deliver(new_spool(4))
    drain(delivery)
    delivery.say_waiting()
    assert caplog.messages == []


def test_records_in_memory_are_not_promised_to_stay(deliver, transport, caplog):
    ring = MemorySpool(RUN_ID, START)
    log(ring, 4)
    transport.faults.append(AWAY)
    delivery = deliver(ring)
    delivery.step()
    delivery.say_waiting()
    assert "5 records wait in this program's memory and are lost when it ends" in caplog.text
    assert "Nothing is lost" not in caplog.text


# help


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "`prevue login http://recording` gets a token"),
        (403, "`prevue login http://recording` gets a token"),
        (404, "check the url and the project"),
        (405, "check the url and the project"),
        (400, "check the url and the project"),
    ],
)
def test_what_a_person_must_change_is_told_once_and_probed_each_minute(
    new_spool, deliver, transport, clock, caplog, status, hint
):
    transport.faults += [Answer(status, {"detail": "no"})] * 3
    delivery = deliver(new_spool(4))
    for _ in range(3):
        assert delivery.step() == PROBE_S
        clock.time += PROBE_S
    assert caplog.messages == [
        f"http://recording answers status {status}: no; {hint}. Training goes on and every record is kept"
    ]
    drain(delivery)
    assert tiled(stored(transport)) == list(range(5))


def test_help_that_came_is_noticed(new_spool, deliver, transport):
    transport.faults.append(Answer(401))
    delivery = deliver(new_spool())
    delivery.step()
    assert delivery.needs_help
    assert delivery.is_failing
    drain(delivery)
    assert not delivery.needs_help
    assert not delivery.is_failing


# back


def test_a_server_restored_from_a_backup_is_refilled(new_spool, deliver, transport):
    spool = new_spool(4)
    delivery = deliver(spool)
    drain(delivery)
    restore = transport.backup()
    log(spool, 4)
    drain(delivery)
    restore()
    log(spool, 1)
    drain(delivery)
    assert tiled(stored(transport)) == list(range(10))


def test_a_server_that_lost_everything_is_refilled(new_spool, deliver, transport):
    spool = new_spool(4)
    delivery = deliver(spool)
    drain(delivery)
    transport.forget()
    log(spool, 1)
    drain(delivery)
    assert tiled(stored(transport)) == list(range(6))
    assert stored(transport)[0]["type"] == "start"


@pytest.mark.parametrize("as_leftover", [False, True])
def test_what_was_acknowledged_is_kept_and_sent_again(new_spool, deliver, transport, small_pieces, as_leftover):
    spool = new_spool(40)
    delivery = deliver(spool)
    drain(delivery)
    assert not (spool.folder / "0.ndjson").exists()
    transport.forget()
    log(spool, 1)
    if as_leftover:
        spool.close(is_delivered=False)
        list(deliver_leftover(spool.folder, transport))
    else:
        drain(delivery)
    assert [record["seq"] for record in stored(transport)] == list(range(42))
    assert "gap" not in {record["type"] for record in stored(transport)}


@pytest.mark.parametrize("as_leftover", [False, True])
def test_what_is_no_more_here_is_told_as_a_gap_behind_the_start(
    new_spool, deliver, transport, small_pieces, as_leftover
):
    spool = new_spool(40)
    delivery = deliver(spool)
    drain(delivery)
    oldest = spool.recall(spool.next_seq)
    assert oldest > 1
    drop(spool.folder.parent, RUN_ID)
    transport.forget()
    log(spool, 1)
    if as_leftover:
        spool.close(is_delivered=False)
        list(deliver_leftover(spool.folder, transport))
    else:
        drain(delivery)
    records = stored(transport)
    assert tiled(records) == list(range(42))
    assert [record["type"] for record in records[:3]] == ["start", "gap", "metrics"]
    assert (records[1]["seq"], records[1]["until"]) == (1, oldest - 1)


def test_what_the_ring_has_no_more_is_told_as_a_gap_behind_the_start(deliver, transport):
    ring = MemorySpool(RUN_ID, START)
    log(ring, 9)
    delivery = deliver(ring)
    drain(delivery)
    transport.forget()
    log(ring, 1)
    drain(delivery)
    records = stored(transport)
    assert tiled(records) == list(range(11))
    assert [record["type"] for record in records] == ["start", "gap", "metrics"]


@pytest.mark.parametrize("expected", [None, "0", -1, 5, 900])
def test_a_number_that_was_not_sent_is_not_gone_back_to(new_spool, deliver, transport, expected):
    spool = new_spool(4)
    delivery = deliver(spool, acknowledged=5)
    log(spool, 4)
    transport.faults.append(Answer(409, {"type": PROBLEM_GAP, "expected": expected}))
    assert delivery.step() == BACKOFF_S[0]
    assert delivery.state.acknowledged == 5


def test_servers_that_contradict_each_other_are_not_asked_without_a_pause(new_spool, deliver, transport):
    delivery = deliver(new_spool(4), acknowledged=5)
    transport.faults.append(Answer(409, {"type": PROBLEM_GAP, "expected": 0}))
    log(delivery._source, 1)
    assert delivery.step() == GATHER_S


class InTurn:
    """Two servers behind one address, each with a database of its own."""

    url = "http://recording"

    def __init__(self) -> None:
        self._servers = [RecordingTransport(), RecordingTransport()]

    def post_records(self, *request: object) -> Answer:
        self._servers.reverse()
        return self._servers[0].post_records(*request)


def test_databases_that_answer_in_turn_are_asked_ever_more_seldom(new_spool, deliver, monkeypatch, caplog):
    monkeypatch.setattr("prevue.delivery.MAX_RECORDS", 10)
    delivery = deliver(new_spool(99))
    delivery._transport = InTurn()
    waits = [delivery.step() for _ in range(15)][1::2]
    assert waits == [GATHER_S, GATHER_S, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert caplog.text.count("several databases answer there in turn") == 1


def test_a_leftover_between_databases_is_left_to_the_next_program(new_spool, monkeypatch, tmp_path):
    monkeypatch.setattr("prevue.delivery.MAX_RECORDS", 10)
    left, transport = [new_spool(99) for _ in range(2)], InTurn()
    for spool in left:
        spool.close(is_delivered=False)
    sender = Sender(new_spool(), transport.url, lambda: None, tmp_path / "server")
    requests = sum(1 for _ in sender._leftovers(transport))
    assert requests < 10
    assert all(spool.folder.exists() for spool in left)


def test_after_progress_a_server_may_be_restored_again(new_spool, deliver, transport):
    spool = new_spool(4)
    delivery = deliver(spool)
    for _ in range(4):
        drain(delivery)
        transport.forget()
        log(spool, 1)
        assert delivery.step() == GATHER_S


# deleted


def test_a_deleted_run_is_forgotten_and_told_once(new_spool, deliver, transport, caplog):
    spool = new_spool(4)
    transport.faults.append(Answer(410, {"type": PROBLEM_DELETED}))
    delivery = deliver(spool)
    delivery.step()
    assert delivery.is_drained
    assert delivery.waiting == 0
    assert not spool.folder.exists()
    assert caplog.messages == [f"run {RUN_ID} was deleted on the server; nothing more is logged to it"]


def test_a_deleted_run_takes_nothing_more(new_spool, deliver, transport):
    spool = new_spool(4)
    transport.faults.append(Answer(410, {"type": PROBLEM_DELETED}))
    delivery = deliver(spool)
    delivery.step()
    assert spool.append(encode({"type": "metrics", "step": 9}))
    assert delivery.step(heartbeat=True) is None
    assert len(transport.requests) == 1


# refused


@pytest.mark.parametrize("status", [400, 415, 422])
@pytest.mark.parametrize("bad", [1, 37, 99, 100])
def test_one_refused_record_is_found_and_put_aside(new_spool, deliver, transport, status, bad):
    spool = new_spool(100)
    line = spool.read(bad, 1).lines
    transport.faults += [lambda lines: refused(status) if line in lines else None] * 50
    delivery = deliver(spool)
    drain(delivery)
    records = stored(transport)
    assert tiled(records) == list(range(101))
    assert records[bad] == {
        "seq": bad,
        "type": "gap",
        "until": bad,
        "reason": f"refused: status {status}: no such type",
    }
    assert delivery.state.rejected == 1
    assert orjson.loads((spool.folder / "quarantine.ndjson").read_bytes())["record"] == line.decode()


def test_several_refused_records_are_put_aside_one_by_one(new_spool, deliver, transport, caplog):
    spool = new_spool(100)
    bad = {7, 8, 50}
    lines_of = [spool.read(seq, 1).lines for seq in bad]
    transport.faults += [lambda lines: refused() if any(line in lines for line in lines_of) else None] * 100
    delivery = deliver(spool)
    drain(delivery)
    assert {record["seq"] for record in stored(transport) if record["type"] == "gap"} == bad
    assert tiled(stored(transport)) == list(range(101))
    assert caplog.messages == ["the server refused a record, which was put aside: status 400: no such type"]


def test_after_a_refused_record_batches_grow_again(new_spool, deliver, transport):
    spool = new_spool(3_000)
    line = spool.read(5, 1).lines
    transport.faults += [lambda lines: refused() if line in lines else None] * 100
    drain(deliver(spool))
    assert len(transport.requests) < 45


def test_a_refused_start_waits_for_help(new_spool, deliver, transport):
    """Nothing could stand in its place, and without it the others have none."""
    spool = new_spool(4)
    transport.faults += [refused()] * 3
    delivery = deliver(spool)
    waits = [delivery.step() for _ in range(3)]
    assert waits == [0.0, 0.0, PROBE_S]
    drain(delivery)
    assert tiled(stored(transport)) == list(range(5))


def test_a_refused_sign_of_life_waits_for_help(new_spool, deliver, transport, clock):
    delivery = deliver(new_spool())
    drain(delivery)
    clock.time += HEARTBEAT_S
    transport.faults.append(refused())
    assert delivery.step(heartbeat=True) == PROBE_S


def test_a_refused_gap_waits_for_help(new_spool, deliver, transport):
    spool = new_spool(1)
    delivery = deliver(spool)
    drain(delivery)
    log(spool, 1)
    transport.faults += [refused(), refused()]
    assert [delivery.step(), delivery.step()] == [0.0, PROBE_S]
    drain(delivery)
    assert stored(transport)[-1]["type"] == "gap"


def test_a_refused_record_that_cannot_be_put_aside_is_kept(new_spool, deliver, transport):
    spool = new_spool(1)
    delivery = deliver(spool)
    drain(delivery)
    log(spool, 1)
    (spool.folder / "quarantine.ndjson").mkdir()  # as a full disk
    transport.faults.append(refused())
    assert delivery.step() == BACKOFF_S[0]
    assert "cannot be put aside" in delivery.state.last_error


def test_a_body_that_is_too_large_is_halved(new_spool, deliver, transport):
    spool = new_spool(99)
    transport.faults += [lambda lines: Answer(413) if lines.count(b"\n") > 30 else None] * 10
    drain(deliver(spool))
    assert [lines.count(b"\n") for _, _, lines in transport.requests][:3] == [100, 50, 25]
    assert tiled(stored(transport)) == list(range(100))


def test_a_record_that_a_proxy_finds_too_large_is_kept_and_told(new_spool, deliver, transport, caplog):
    spool = new_spool(9)
    line = spool.read(5, 1).lines
    delivery = deliver(spool)
    transport.faults += [lambda lines: Answer(413) if line in lines else None] * 10
    assert [delivery.step() for _ in range(9)][-1] == PROBE_S
    (message,) = caplog.messages
    assert "answers status 413; let the proxy before it take requests of 1 MiB. Training goes on" in message
    transport.faults.clear()
    drain(delivery)
    assert "gap" not in {record["type"] for record in stored(transport)}
    assert tiled(stored(transport)) == list(range(10))


def test_a_record_that_the_server_finds_too_large_is_put_aside(new_spool, deliver, transport):
    spool = new_spool(9)
    line = spool.read(5, 1).lines
    transport.faults += [lambda lines: refused(413) if line in lines else None] * 10
    drain(deliver(spool))
    assert [record["type"] for record in stored(transport)].index("gap") == 5


def test_a_full_disk_does_not_stop_the_sending(new_spool, deliver, transport):
    spool = new_spool(4)
    (spool.folder / "cursor").mkdir()  # cannot be written
    delivery = deliver(spool)
    drain(delivery)
    assert tiled(stored(transport)) == list(range(5))
    assert delivery.state.last_error
