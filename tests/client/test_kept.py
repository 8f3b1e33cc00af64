import os
import time

import pytest

from client.records import RUN_ID, START, body, everything, log, stored, tiled
from prevue.folder import DELIVERED, writer_folders
from prevue.kept import PRUNE_EACH_S, drop, pieces, put_away, recall
from prevue.leftovers import Leftover
from prevue.room import KEPT_S, Bounds
from prevue.sender import deliver_leftover
from prevue.spool import Spool


@pytest.fixture
def server(tmp_path):
    return tmp_path / "server"


def numbers(server) -> list[tuple[int, int]]:
    return [(piece.first_seq, piece.next_seq) for piece in pieces(server)]


def grow_old(server, seconds: float = KEPT_S + 60) -> None:
    for path in (server / DELIVERED).iterdir():
        os.utime(path, (time.time() - seconds,) * 2)


# what is kept


def test_what_was_delivered_is_kept_in_one_file(new_spool, server):
    spool = new_spool(9)
    lines = (spool.folder / "0.ndjson").read_bytes()
    spool.close(is_delivered=True)
    (kept,) = pieces(server)
    assert (kept.run_id, kept.writer_id, kept.first_seq, kept.next_seq) == (RUN_ID, spool.writer_id, 0, 10)
    assert kept.path.read_bytes() == lines
    assert not spool.folder.exists()
    assert writer_folders(server) == []


def test_what_is_kept_is_for_its_owner_only(new_spool, server):
    new_spool(9).close(is_delivered=True)
    (kept,) = pieces(server)
    assert (server / DELIVERED).stat().st_mode & 0o777 == 0o700
    assert kept.path.stat().st_mode & 0o777 == 0o600


def test_pieces_of_a_living_writer_are_kept_as_they_are_acknowledged(new_spool, small_pieces, server):
    spool = new_spool(40)
    spool.acknowledge(25, "store")
    kept = numbers(server)
    assert kept[0][0] == 0
    assert [end for _, end in kept[:-1]] == [first for first, _ in kept[1:]]
    assert kept[-1][1] == spool.recall(25) <= 25


@pytest.mark.parametrize("as_leftover", [False, True])
def test_nothing_is_kept_where_nobody_wants_it(tmp_path, small_pieces, transport, as_leftover):
    spool = Spool(tmp_path / "server", RUN_ID, START, Bounds(kept_bytes=0))
    log(spool, 40)
    spool.close(is_delivered=not as_leftover)
    if as_leftover:
        list(deliver_leftover(spool.folder, transport, Bounds(kept_bytes=0)))
    assert list((tmp_path / "server").iterdir()) == []


def test_what_was_put_aside_stays_and_the_rest_is_kept(new_spool, server):
    spool = new_spool(3)
    spool.quarantine(spool.read(2, 1), "no such type")
    spool.close(is_delivered=True)
    assert numbers(server) == [(0, 4)]
    assert (spool.folder / "quarantine.ndjson").exists()


def test_a_run_id_that_is_no_name_of_a_file_is_not_kept(new_spool, server):
    spool = new_spool(3)
    spool.close(is_delivered=False)
    put_away(spool.folder, "../../run", spool.start, [0, 4], "store", Bounds())
    assert pieces(server) == []
    assert not spool.folder.exists()


def test_a_deleted_run_is_not_kept(new_spool, small_pieces, server):
    spool = new_spool(40)
    other = new_spool(40)
    other.close(is_delivered=True)
    spool.acknowledge(30, "store")
    spool.forget()
    spool.close(is_delivered=True)
    assert pieces(server) == []
    assert list((server / DELIVERED).glob("*.start")) == []


# what goes


def test_what_is_older_than_a_day_goes_with_the_next_program(new_spool, server):
    new_spool(9).close(is_delivered=True)
    grow_old(server)
    spool = new_spool(3)
    spool.close(is_delivered=True)
    assert {piece.writer_id for piece in pieces(server)} == {spool.writer_id}


def test_its_day_begins_with_the_delivery(new_spool, server):
    """An offline training may lie for weeks before it is sent."""
    spool = new_spool(9)
    os.utime(spool.folder / "0.ndjson", (1_000, 1_000))
    spool.close(is_delivered=True)
    grow_old(server, PRUNE_EACH_S + 60)
    new_spool(1).close(is_delivered=True)
    assert len(pieces(server)) == 2


def test_the_oldest_goes_where_it_is_too_much(tmp_path, server):
    spools = []
    for _ in range(10):
        spools.append(Spool(server, RUN_ID, START, Bounds(kept_bytes=25_000)))
        log(spools[-1], 99)  # 8 KB each
        if (stamp := server / DELIVERED / "pruned").exists():
            os.utime(stamp, (time.time() - PRUNE_EACH_S - 1,) * 2)
        spools[-1].close(is_delivered=True)
    kept = {piece.writer_id for piece in pieces(server)}
    assert kept == {spool.writer_id for spool in spools[-len(kept) :]}
    assert 1 < sum(piece.path.stat().st_size for piece in pieces(server)) <= 25_000


def test_a_start_record_goes_with_the_last_piece_of_its_writer(new_spool, small_pieces, server):
    new_spool(40).close(is_delivered=True)
    assert len(list((server / DELIVERED).glob("*.start"))) == 1
    grow_old(server)
    new_spool(1).close(is_delivered=True)
    assert list((server / DELIVERED).glob("*.start")) == []


def test_dropping_a_run_leaves_the_others(new_spool, server):
    new_spool(9).close(is_delivered=True)
    drop(server, "another")
    assert len(pieces(server)) == 1


# what comes back


@pytest.mark.parametrize("lost", [None, 0, 3])
def test_a_recalled_writer_is_a_leftover_as_it_was(new_spool, small_pieces, server, lost):
    spool = new_spool(40)
    spool.close(is_delivered=True)
    if lost is not None:
        pieces(server)[lost].path.unlink()
    oldest = pieces(server)[lost].first_seq if lost is not None else 0
    spool.folder.mkdir()
    back = recall(spool.folder, RUN_ID, 0, 41)
    assert back[0] == oldest
    assert tiled(everything(Leftover(spool.folder), oldest)) == list(range(oldest, 41))


def test_only_what_is_asked_for_comes_back(new_spool, small_pieces, server):
    spool = new_spool(40)
    spool.acknowledge(41, "store")
    before = numbers(server)
    assert spool.recall(before[-1][0]) == before[-1][0]
    assert numbers(server) == before[:-1]


def test_another_writers_pieces_are_left_alone(new_spool, server):
    one, other = new_spool(5), new_spool(5)
    one.close(is_delivered=True)
    other.close(is_delivered=True)
    one.folder.mkdir()
    recall(one.folder, RUN_ID, 0, 6)
    assert [piece.writer_id for piece in pieces(server)] == [other.writer_id]


def test_a_recalled_spool_is_read_acknowledged_and_kept_again(new_spool, small_pieces, server):
    spool = new_spool(40)
    spool.acknowledge(41, "store")
    assert spool.recall(0) == 1
    assert [record["seq"] for record in everything(spool)] == list(range(41))
    spool.append(body(41))
    spool.acknowledge(42, "store")
    assert numbers(server)[0][0] == 0
    assert everything(spool, 41)[0]["step"] == 41


def test_what_a_dead_writer_left_is_kept_when_it_is_delivered(new_spool, small_pieces, transport, server):
    spool = new_spool(40)
    spool.acknowledge(20, "store")
    spool.close(is_delivered=False)
    list(deliver_leftover(spool.folder, transport))
    assert tiled(stored(transport)) == list(range(41))
    assert (numbers(server)[0][0], numbers(server)[-1][1]) == (0, 41)
