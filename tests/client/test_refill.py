import time

import pytest

from client.conftest import PATIENCE_S
from client.records import AWAY, RUN_ID, log, stored, tiled
from prevue.delivery import Answer
from prevue.kept import pieces
from prevue.refill import Check, check, writers
from prevue.sender import Sender, deliver_leftover
from prevue.spool import Spool
from prevue.testing import RecordingTransport
from prevue_core.contract import PROBLEM_DELETED
from prevue_core.errors import Unreachable


@pytest.fixture
def server(tmp_path):
    return tmp_path / "server"


@pytest.fixture
def delivered(new_spool, transport):
    """Deliver a writer's records and leave it to what is kept; the transport has a backup of a part of them."""

    def delivered(records: int = 40, in_backup: int = 10) -> tuple[Spool, object]:
        spool = new_spool(records)
        lines = b"".join((spool.folder / f"{first}.ndjson").read_bytes() for first in spool._segments)
        some = b"".join(lines.splitlines(keepends=True)[:in_backup])
        transport.accept(spool.writer_id, 0, some) if in_backup else None
        restore = transport.backup()
        transport.accept(spool.writer_id, in_backup, lines.removeprefix(some))
        spool.acknowledge(records + 1, transport.store_id)
        spool.close(is_delivered=True)
        return spool, restore

    return delivered


def check_one(server, transport: RecordingTransport) -> Check:
    (one,) = writers(server)
    return check(server, one, transport)


def test_a_server_that_has_everything_is_asked_and_nothing_sent(delivered, server, transport):
    spool, _ = delivered()
    assert check_one(server, transport) == Check(RUN_ID, spool.writer_id, 41)
    assert transport.requests == [(spool.writer_id, 41, b"")]
    assert not spool.folder.exists()


@pytest.mark.parametrize("in_backup", [0, 1, 10, 40])
def test_what_a_restored_server_lacks_waits_again_and_is_sent(delivered, server, transport, small_pieces, in_backup):
    spool, restore = delivered(in_backup=in_backup)
    restore()
    found = check_one(server, transport)
    assert (found.missing, found.lost) == (41 - in_backup, 0)
    list(deliver_leftover(found.folder, transport))
    assert [record["seq"] for record in stored(transport)] == list(range(41))
    assert not spool.folder.exists()
    assert check_one(server, transport).missing == 0  # it is kept for the next time, too


def test_what_is_not_kept_any_more_is_counted_and_told_as_a_gap(delivered, server, transport, small_pieces):
    _, restore = delivered(in_backup=0)
    pieces(server)[0].path.unlink()
    oldest = pieces(server)[0].first_seq
    restore()
    found = check_one(server, transport)
    assert (found.missing, found.lost) == (41 - oldest, oldest - 1)
    list(deliver_leftover(found.folder, transport))
    records = stored(transport)
    assert tiled(records) == list(range(41))
    assert [record["type"] for record in records[:3]] == ["start", "gap", "metrics"]


def test_a_deleted_run_is_not_kept_any_longer(delivered, server, transport):
    delivered()
    transport.faults.append(Answer(410, {"type": PROBLEM_DELETED}))
    assert check_one(server, transport).problem is None
    assert pieces(server) == []


@pytest.mark.parametrize("answer", [Answer(401, {"detail": "no"}), Answer(404), Answer(409, {})])
def test_an_answer_that_says_nothing_is_a_problem(delivered, server, transport, answer):
    delivered()
    transport.faults.append(answer)
    assert check_one(server, transport).problem.startswith(f"http://recording answers status {answer.status}")
    assert len(pieces(server)) == 1


@pytest.mark.parametrize("answer", [Answer(503), Answer(429), Answer(200, {"login": "please"})])
def test_an_answer_that_passes_is_none(delivered, server, transport, answer):
    delivered()
    transport.faults.append(answer)
    with pytest.raises(Unreachable, match=f"answers status {answer.status}"):
        check_one(server, transport)


def test_a_writer_that_lives_is_left_to_itself(new_spool, server, transport, small_pieces):
    spool = new_spool(40)
    spool.acknowledge(30, "store")
    before = len(pieces(server))
    assert check_one(server, transport).folder is None
    assert len(pieces(server)) == before


def test_writers_of_one_run_are_told_from_the_others(delivered, server, tmp_path):
    delivered()
    delivered()
    assert [len(writers(server, run_id)) for run_id in (None, RUN_ID, "another")] == [2, 2, 0]


# by the next program


def stores(server) -> set[str]:
    """The databases that have what is kept."""
    return {piece.store_id for piece in pieces(server)}


@pytest.fixture
def program(backend, server, new_spool):
    """Run the sender of a program that logs a little, until its low priority work is done."""

    def program(is_done) -> None:
        spool = new_spool(2)
        sender = Sender(spool, backend.url, lambda: None, server)
        sender.start()
        sender.notify()
        until(is_done)
        assert sender.flush(None, None)
        sender.join()

    return program


def until(is_so) -> None:
    """Wait for what a sender does when it has been answered."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def transport(backend) -> RecordingTransport:
    return backend.recording


def test_the_next_program_refills_a_restored_server(delivered, program, backend, server):
    spool, restore = delivered()
    other, _ = delivered(in_backup=0)
    restore()
    program(lambda: stores(server) == {backend.recording.store_id})
    assert [len(backend.recording.records[one.writer_id]) for one in (spool, other)] == [41, 41]
    for records in backend.recording.records.values():
        assert tiled(records) == list(range(len(records)))


def test_a_program_that_ends_at_once_refills_it_too(delivered, program, backend):
    spool, restore = delivered()
    restore()
    program(lambda: True)
    assert [record["seq"] for record in backend.recording.records[spool.writer_id]] == list(range(41))


def test_a_server_that_stays_the_same_is_not_asked_again(delivered, program, backend, server):
    delivered()
    program(lambda: len(backend.recording.records) == 2)
    assert {lines for _, _, lines in backend.recording.requests if not lines} == set()


@pytest.mark.parametrize("answer", [None, Answer(503)])
def test_a_server_that_fails_meanwhile_is_refilled_by_the_program_after(delivered, program, backend, server, answer):
    spool, restore = delivered()
    restore()
    failed = []

    def fail(lines: bytes) -> Answer | None:
        if lines:
            return None
        failed.append(answer)
        if answer is None:
            raise AWAY
        return answer

    backend.recording.faults += [fail] * 3
    program(lambda: failed)
    assert len(backend.recording.records[spool.writer_id]) == 10
    backend.recording.faults.clear()
    program(lambda: len(backend.recording.records[spool.writer_id]) == 41)


def test_what_is_put_away_unaware_of_a_restore_is_refilled_later(delivered, new_spool, program, backend, server):
    """A rank that ends without a word may have heard the server last before the restore, unlike others."""
    _, restore = delivered()
    rank = new_spool()
    old_store = backend.recording.store_id
    restore()
    program(lambda: stores(server) == {backend.recording.store_id})
    rank.acknowledge(1, old_store)
    rank.close(is_delivered=True)
    program(lambda: stores(server) == {backend.recording.store_id})
    assert [record["seq"] for record in backend.recording.records[rank.writer_id]] == [0]


def test_a_living_training_notices_the_restore_and_refills(new_spool, backend, server):
    """The store changes under a program that runs: it fills its own gap by the 409, and that of earlier ones."""
    earlier = new_spool(5)
    backend.recording.accept(earlier.writer_id, 0, earlier.read(0).lines)
    spool = new_spool(2)
    sender = Sender(spool, backend.url, lambda: None, server)
    sender.start()
    sender.notify()
    earlier.acknowledge(6, backend.recording.store_id)
    earlier.close(is_delivered=True)
    backend.wait_for(lambda: spool.writer_id in backend.recording.records)
    backend.recording.backup()()
    backend.recording.records.clear()
    backend.recording._next.clear()
    log(spool, 1)
    sender.notify()
    backend.wait_for(lambda: len(backend.recording.records.get(earlier.writer_id, [])) == 6)
    assert sender.flush(None, None)
    assert tiled(backend.recording.records[spool.writer_id]) == [0, 1, 2, 3]
