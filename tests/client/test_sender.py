import logging
import uuid

import pytest

from client.records import AWAY, log, stored, tiled
from prevue.delivery import Answer, Delivery
from prevue.folder import claim, release
from prevue.sender import Sender, deliver_leftover
from prevue.spool import MemorySpool, Spool
from prevue_core.errors import InvalidValue

# leftovers


def test_what_a_dead_process_left_is_sent_and_removed(new_spool, transport):
    spool = new_spool(9)
    spool.close(is_delivered=False)
    list(deliver_leftover(spool.folder, transport))
    assert tiled(stored(transport)) == list(range(10))
    assert not spool.folder.exists()


def test_what_a_living_process_writes_is_left_to_it(new_spool, transport):
    spool = new_spool(9)
    assert list(deliver_leftover(spool.folder, transport)) == []
    assert transport.requests == []


def test_only_what_is_missing_is_sent(new_spool, transport):
    spool = new_spool(9)
    transport.accept(spool.writer_id, 0, spool.read(0).lines)
    spool.acknowledge(7, "store")
    spool.close(is_delivered=False)
    list(deliver_leftover(spool.folder, transport))
    assert [first_seq for _, first_seq, _ in transport.requests] == [7]


@pytest.mark.parametrize("cursor", [b"", b"junk", b"3", b"10", b"99", b"-1"])
def test_what_was_noted_is_a_hint_only(new_spool, transport, cursor):
    """Only the server knows what it has: nothing is removed on the word of a file."""
    spool = new_spool(9)
    (spool.folder / "cursor").write_bytes(cursor)
    spool.close(is_delivered=False)
    list(deliver_leftover(spool.folder, transport))
    assert tiled(stored(transport)) == list(range(10))
    assert not spool.folder.exists()


def test_the_lock_is_free_after_a_failure(new_spool, transport):
    spool = new_spool(9)
    spool.close(is_delivered=False)
    transport.faults.append(AWAY)
    steps = deliver_leftover(spool.folder, transport)
    assert next(steps).is_failing
    steps.close()
    lock = claim(spool.folder)
    assert lock is not None
    release(spool.folder, lock)


def test_a_gap_on_disk_is_told_to_the_server(new_spool, transport):
    spool = new_spool(9)
    path = spool.folder / "0.ndjson"
    path.write_bytes(path.read_bytes().replace(b'"step":4', b'"step":\0'))
    spool.close(is_delivered=False)
    list(deliver_leftover(spool.folder, transport))
    records = stored(transport)
    assert tiled(records) == list(range(10))
    assert records[4] == {"seq": 4, "type": "gap", "until": 4, "reason": "damaged on disk"}


def test_a_folder_without_records_is_passed_over(tmp_path, transport):
    folder = tmp_path / "server" / "just begun"
    folder.mkdir(parents=True)
    assert list(deliver_leftover(folder, transport)) == []
    assert list(deliver_leftover(tmp_path / "gone", transport)) == []


def test_a_folder_whose_run_is_not_known_raises(tmp_path, transport):
    folder = tmp_path / "server" / "damaged"
    folder.mkdir(parents=True)
    (folder / "0.ndjson").write_bytes(b"\0" * 100)
    with pytest.raises(InvalidValue, match="no readable start record"):
        list(deliver_leftover(folder, transport))


# the thread


@pytest.fixture
def sender_of(backend, tmp_path):
    """Start a sender to the backend; it is drained at the end."""
    started = []

    def sender_of(source: Spool | MemorySpool) -> Sender:
        sender = Sender(source, backend.url, lambda: None, tmp_path / "server")
        started.append(sender)
        sender.start()
        sender.notify()
        return sender

    yield sender_of
    for sender in started:
        assert sender.flush(None, None)
        sender.join()


def test_flushing_waits_until_all_is_stored(new_spool, sender_of, backend):
    spool = new_spool(99)
    assert sender_of(spool).flush(None, None)
    assert tiled(backend.records) == list(range(100))
    assert not spool.folder.exists()


def test_the_thread_ends_when_all_is_stored(new_spool, sender_of):
    sender = sender_of(new_spool(9))
    sender.flush(None, None)
    sender.join(30)
    assert not sender.is_alive()
    assert sender.flush(None, None)  # asked again, it still says so


def test_what_is_logged_is_sent_while_the_run_goes_on(new_spool, sender_of, backend):
    spool = new_spool(1)
    sender = sender_of(spool)
    backend.wait_for(lambda: backend.steps() == [1])
    log(spool, 1)
    sender.notify()
    backend.wait_for(lambda: backend.steps() == [1, 2])


def test_flushing_does_not_wait_for_a_failing_server(new_spool, sender_of, backend):
    backend.recording.faults += [Answer(401)] * 9
    sender = sender_of(new_spool(9))
    backend.wait_for(lambda: backend.recording.requests)
    assert not sender.flush(3_600, 0.0)
    backend.recording.faults.clear()


def test_a_flush_in_vain_goes_on_behind(new_spool, sender_of, backend):
    """What `finish` could not wait for is sent as long as the program runs, and its folder removed."""
    spool = new_spool(9)
    backend.recording.faults += [Answer(503, retry_after_s=0.0)] * 3
    sender = sender_of(spool)
    sender.flush(0.0, 0.0)
    sender.join(30)
    assert tiled(backend.records) == list(range(10))
    assert not spool.folder.exists()


def test_leftovers_are_sent_while_the_run_is_silent(new_spool, sender_of, backend):
    spool = new_spool(9)
    spool.close(is_delivered=False)
    sender_of(new_spool())
    backend.wait_for(lambda: len(backend.records) == 11)
    assert len(backend.recording.records[spool.writer_id]) == 10


def test_leftovers_are_sent_while_the_run_logs_without_a_pause(new_spool, sender_of, backend):
    left = [new_spool(9) for _ in range(3)]
    for spool in left:
        spool.close(is_delivered=False)
    spool = new_spool()
    sender = sender_of(spool)

    def log_on(*_: object) -> None:
        log(spool, 1)
        sender.notify()

    backend.recording.faults += [log_on] * 1_000  # whenever the server is asked, there is more to send
    backend.wait_for(lambda: all(len(backend.recording.records.get(one.writer_id, [])) == 10 for one in left))
    backend.recording.faults.clear()


def test_a_silent_training_is_heard_while_many_leftovers_are_sent(new_spool, transport, tmp_path):
    for spool in [new_spool(9) for _ in range(5)]:
        spool.close(is_delivered=False)
    spool, clock = new_spool(), [0.0]

    def take_20_s(lines: bytes) -> None:
        clock[0] += 20.0

    transport.faults += [take_20_s] * 9
    sender = Sender(spool, transport.url, lambda: None, tmp_path / "server")
    sender.notify()
    turns = sender.turns(Delivery(spool, transport, now=lambda: clock[0]), transport)
    assert [next(turns) for _ in range(3)] == [None, 0.0, 0.0]
    own = [at for at, request in enumerate(transport.requests) if request[0] == spool.writer_id]
    assert own == [0, 3]
    assert transport.requests[3] == (spool.writer_id, 1, b"")


def test_databases_that_take_turns_are_not_refilled_more_and_more(new_spool, transport, tmp_path):
    for spool in [new_spool(2) for _ in range(3)]:
        spool.close(is_delivered=False)
        list(deliver_leftover(spool.folder, transport))
    spool = new_spool()
    sender = Sender(spool, transport.url, lambda: None, tmp_path / "server")
    turns = sender.turns(Delivery(spool, transport), transport)

    def log_on(lines: bytes) -> None:
        transport.store_id = str(uuid.uuid4())
        log(spool, 1)
        sender.notify()

    transport.faults += [log_on] * 80
    while transport.faults:
        next(turns)
    sender.hasten()
    assert sum(1 for _ in turns) < 12


def test_a_leftover_that_cannot_be_read_stops_nobody(new_spool, sender_of, backend, tmp_path, caplog):
    damaged = tmp_path / "server" / "damaged"
    damaged.mkdir(parents=True)
    (damaged / "0.ndjson").write_bytes(b"\0" * 100)
    odd = new_spool(2)
    (odd.folder / "cursor").write_bytes(b"junk")
    odd.close(is_delivered=False)
    sender_of(new_spool(1))
    backend.wait_for(lambda: len(backend.records) == 5)
    assert [message for message in caplog.messages if "stopped" in message] == []
    assert f"what waits in {damaged} cannot be sent" in caplog.text


def test_a_leftover_that_the_server_does_not_take_stops_nobody(new_spool, sender_of, backend):
    """Its project may have become another's."""
    left = [new_spool(9) for _ in range(3)]
    for spool in left:
        spool.close(is_delivered=False)
    refused = []

    def refuse(lines: bytes) -> Answer | None:
        if b'"seq":9,' in lines and not refused:
            refused.append(Answer(404))
            return refused[0]
        return None

    backend.recording.faults += [refuse] * 9
    sender_of(new_spool(1))
    backend.wait_for(lambda: len(backend.records) == 22)
    assert sorted(len(backend.recording.records.get(one.writer_id, [])) for one in left) == [0, 10, 10]
    backend.recording.faults.clear()


def test_a_leftover_that_went_meanwhile_is_not_worth_a_word(new_spool, sender_of, backend, tmp_path, caplog):
    just_begun = tmp_path / "server" / "just begun"
    just_begun.mkdir(parents=True)
    sender_of(new_spool(1)).flush(None, None)
    assert caplog.messages == []


def test_a_fault_of_ours_is_told_and_ends_the_thread_only(new_spool, backend, tmp_path, caplog):
    spool = new_spool(3)
    spool._reader.close()
    spool.read = None  # a fault of ours
    sender = Sender(spool, backend.url, lambda: None, tmp_path / "server")
    sender.start()
    assert not sender.flush(None, None)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "training goes on, and `prevue sync` sends what waits" in caplog.text
