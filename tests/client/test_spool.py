import errno
import os
import stat
import threading

import orjson
import pytest

from client.records import RUN_ID, START, body, everything, left_behind
from prevue.spool import BATCH_BYTES, FULL_S, RING_RECORDS, MemorySpool, Spool, encode, gap
from prevue_core.contract import MAX_RECORD_BYTES
from prevue_core.errors import InvalidValue

BODY = body(1)


# files


def test_folder_and_files_are_for_their_owner_only(new_spool):
    spool = new_spool(3)
    spool.acknowledge(2, "store")
    spool.quarantine(spool.read(1, 1), "refused")
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in spool.folder.iterdir()}
    names = ("lock", "start", "cursor", "0.ndjson", "quarantine.ndjson")
    assert modes == dict.fromkeys(names, 0o600)


def test_each_line_begins_with_its_number(new_spool):
    lines = (new_spool(2).folder / "0.ndjson").read_bytes().splitlines()
    assert [line.partition(b",")[0] for line in lines] == [b'{"seq":0', b'{"seq":1', b'{"seq":2']


def test_the_first_line_is_the_start_record_of_which_start_is_a_copy(new_spool):
    spool = new_spool(2)
    first = (spool.folder / "0.ndjson").read_bytes().splitlines(keepends=True)[0]
    assert (spool.folder / "start").read_bytes() == first
    assert orjson.loads(first) == {"seq": 0, **START}


def test_every_open_is_another_writer(new_spool):
    assert new_spool().writer_id != new_spool().writer_id


def test_a_full_piece_is_followed_by_another(new_spool, small_pieces):
    spool = new_spool(40)
    pieces = sorted(int(path.stem) for path in spool.folder.glob("*.ndjson"))
    assert len(pieces) > 3
    for piece in pieces:
        assert orjson.loads((spool.folder / f"{piece}.ndjson").read_bytes().splitlines()[0])["seq"] == piece


@pytest.mark.parametrize("max_records", [1, 3, 5_000])
@pytest.mark.parametrize("look", [lambda spool: spool, left_behind], ids=["living", "left behind"])
def test_numbering_goes_on_over_pieces(new_spool, small_pieces, look, max_records):
    records = everything(look(new_spool(40)), max_records=max_records)
    assert [record["seq"] for record in records] == list(range(41))
    assert [record["step"] for record in records[1:]] == list(range(1, 41))


@pytest.mark.parametrize("look", [lambda spool: spool, left_behind], ids=["living", "left behind"])
def test_reading_begins_at_any_number(new_spool, small_pieces, look):
    source = look(new_spool(40))
    for seq in (40, 7, 0, 23, 1):  # forth and back
        assert [record["seq"] for record in everything(source, seq)] == list(range(seq, 41))


def test_a_living_spool_is_read_while_it_grows(new_spool):
    spool = new_spool(1)
    assert len(everything(spool)) == 2
    spool.append(BODY)
    assert [record["seq"] for record in everything(spool, 2)] == [2]


def test_acknowledged_pieces_leave_the_folder_and_the_start_stays(new_spool, small_pieces):
    spool = new_spool(40)
    spool.acknowledge(25, "store")
    assert 1 < spool.recall(25) <= 25
    assert not (spool.folder / "0.ndjson").exists()
    assert orjson.loads((spool.folder / "start").read_bytes())["run_id"] == RUN_ID
    assert [record["seq"] for record in everything(spool, 25)] == list(range(25, 41))


def test_a_piece_goes_with_its_last_record(new_spool, small_pieces):
    spool = new_spool(40)
    second, third = sorted(int(path.stem) for path in spool.folder.glob("*.ndjson"))[1:3]
    spool.acknowledge(third - 1, "store")
    assert spool.recall(41) == second
    spool.acknowledge(third, "store")
    assert spool.recall(41) == third


def test_the_last_piece_stays_while_the_writer_lives(new_spool, small_pieces):
    spool = new_spool(40)
    spool.acknowledge(41, "store")
    assert len(list(spool.folder.glob("*.ndjson"))) == 1
    spool.append(BODY)
    assert [record["seq"] for record in everything(spool, 41)] == [41]


def test_a_delivered_spool_is_removed(new_spool):
    spool = new_spool(3)
    spool.close(is_delivered=True)
    assert not spool.folder.exists()


def test_what_was_put_aside_stays_with_its_reason(new_spool):
    spool = new_spool(3)
    spool.quarantine(spool.read(2, 1), "no such type")
    spool.close(is_delivered=True)
    aside = orjson.loads((spool.folder / "quarantine.ndjson").read_bytes())
    assert aside["reason"] == "no such type"
    assert orjson.loads(aside["record"])["seq"] == 2


@pytest.mark.parametrize("end", ["shut", "forget", "close"])
def test_a_spool_that_has_ended_takes_no_more_records(new_spool, end):
    spool = new_spool(3)
    spool.close(is_delivered=False) if end == "close" else getattr(spool, end)()
    assert spool.append(BODY)
    assert (spool.next_seq, spool.dropped) == (4, 0)


def test_closing_twice_closes_nothing_else(new_spool):
    spool = new_spool(1)
    spool.close(is_delivered=False)
    read_end, write_end = os.pipe()  # takes the file numbers that became free
    spool.close(is_delivered=False)
    os.write(write_end, b"open")
    assert os.read(read_end, 4) == b"open"
    os.close(read_end)
    os.close(write_end)


# batches


def test_a_batch_has_at_most_256_kib(new_spool):
    spool = new_spool()
    for step in range(600):
        spool.append(body(step, note="x" * 1_000))
    sizes = []
    seq = 0
    while (batch := spool.read(seq)) is not None:
        sizes.append(len(batch.lines))
        seq = batch.next_seq
    assert max(sizes) <= BATCH_BYTES
    assert len(sizes) == 3


@pytest.mark.parametrize("look", [lambda spool: spool, left_behind], ids=["living", "left behind"])
def test_a_record_above_256_kib_is_sent_alone(new_spool, look):
    spool = new_spool(1)
    spool.append(body(2, note="x" * (BATCH_BYTES + 1)))
    spool.append(body(3))
    source = look(spool)
    assert source.read(1, 5_000).next_seq == 2
    assert source.read(2, 5_000).next_seq == 3
    assert len(everything(source)) == 4


def test_a_record_above_the_limit_is_refused_with_its_size():
    with pytest.raises(InvalidValue, match=rf"a metrics record has \d+ bytes; at most {MAX_RECORD_BYTES} fit"):
        encode({"type": "metrics", "note": "x" * MAX_RECORD_BYTES})


def test_a_record_that_is_not_json_is_refused():
    with pytest.raises(InvalidValue, match=r"a config record cannot be written as JSON: .*object"):
        encode({"type": "config", "config": {"model": object()}})


def test_threads_number_without_holes(new_spool):
    spool = new_spool()
    threads = [threading.Thread(target=lambda: [spool.append(BODY) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record["seq"] for record in everything(spool)] == list(range(4_001))


def test_an_interrupt_behind_the_write_keeps_the_numbers(new_spool, monkeypatch):
    """Ctrl-C strikes when `os.write` has returned: the line stands there, and the number must not come again."""
    spool = new_spool(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", interrupted(os.write))
        with pytest.raises(KeyboardInterrupt):
            spool.append(BODY)
    spool.append(BODY)
    assert [record["seq"] for record in everything(spool)] == [0, 1, 2, 3]


def test_an_interrupt_before_the_write_keeps_the_numbers(new_spool, monkeypatch):
    spool = new_spool(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", interrupted(lambda fd, line: None))
        with pytest.raises(KeyboardInterrupt):
            spool.append(BODY)
    spool.append(BODY)
    assert [record["seq"] for record in everything(spool)] == [0, 1, 2]


def interrupted(write):
    def write_and_raise(fd: int, line: bytes) -> int:
        write(fd, line)
        raise KeyboardInterrupt

    return write_and_raise


# no room


def test_a_full_disk_drops_and_tells_before_the_next(new_spool, monkeypatch):
    """`os.write` is the seam here; test_processes has a disk that is truly full."""
    spool = new_spool(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, line: 0)
        assert [spool.append(body(step)) for step in (2, 3)] == [False, False]
    assert spool.append(body(4))
    records = everything(spool)
    assert records[2] == {"seq": 2, "type": "gap", "until": 2, "reason": "dropped: no room", "count": 2}
    assert [record.get("step") for record in records] == [None, 1, None, 4]
    assert spool.dropped == 2


@pytest.mark.parametrize(("failures", "is_kept"), [(1, True), (2, False)])
def test_a_write_that_fails_is_tried_once_more(new_spool, monkeypatch, failures, is_kept):
    write, left = os.write, iter(range(failures))
    spool = new_spool(1)

    def failing(fd, line):
        if next(left, None) is None:
            return write(fd, line)
        write(fd, line[:9])
        raise OSError(errno.EIO, "the disk does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing)
        assert spool.append(body(2)) is is_kept
    assert spool.append(body(3))
    assert [record["type"] for record in everything(spool)[2:]] == ["metrics" if is_kept else "gap", "metrics"]
    assert spool.dropped == (not is_kept)


def test_a_short_write_is_completed(new_spool, monkeypatch):
    write = os.write
    spool = new_spool(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, line: write(fd, line[:30]) if len(line) > 50 else write(fd, line))
        assert spool.append(body(2))
    assert [record.get("step") for record in everything(spool)] == [None, 1, 2]


def test_a_short_write_that_cannot_be_completed_leaves_no_trace(new_spool, monkeypatch):
    write = os.write
    spool = new_spool(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, line: write(fd, line[:5]))
        assert not spool.append(body(2))
    assert [record.get("step") for record in everything(spool)] == [None, 1]


def test_what_is_dropped_at_the_bound_is_told_with_the_end(new_spool, small_pieces, monkeypatch):
    """The bound holds for all but the last words: that the run ended, and how much is missing before."""
    spool = new_spool(3)
    monkeypatch.setattr("prevue.room.FREE_BYTES", 1 << 60)
    monkeypatch.setattr("prevue.room.FREE_PART", 1.0)
    kept = [spool.append(body(step)) for step in range(4, 40)]
    dropped = kept.count(False)
    assert kept == [True] * (36 - dropped) + [False] * dropped
    assert spool.append(encode({"type": "end", "state": "finished"}))
    told, end = everything(spool)[-2:]
    assert (told["type"], told["count"], end["type"]) == ("gap", dropped, "end")
    assert spool.dropped == dropped > 0


def test_an_end_that_comes_when_it_is_just_full_is_kept(new_spool, small_pieces, monkeypatch):
    spool = new_spool(3)
    while spool._size < 500:
        spool.append(BODY)
    monkeypatch.setattr("prevue.room.FREE_BYTES", 1 << 60)
    monkeypatch.setattr("prevue.room.FREE_PART", 1.0)
    assert spool.append(encode({"type": "end", "state": "finished"}))
    assert [record["type"] for record in everything(spool)[-2:]] == ["metrics", "end"]


def test_where_there_was_no_room_it_is_looked_for_again_later(new_spool, small_pieces, monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr("prevue.spool.time.monotonic", lambda: now[0])
    spool = new_spool(3)
    with monkeypatch.context() as patch:
        patch.setattr("prevue.room.FREE_BYTES", 1 << 60)
        patch.setattr("prevue.room.FREE_PART", 1.0)
        while spool.append(BODY):
            continue
    assert not spool.append(BODY)
    now[0] += FULL_S
    assert spool.append(BODY)
    assert [record["count"] for record in everything(spool) if record["type"] == "gap"] == [2]


def test_a_folder_that_cannot_be_made_raises_and_leaves_nothing(tmp_path):
    (tmp_path / "server").write_text("a file stands in the way")
    with pytest.raises(OSError, match="server"):
        Spool(tmp_path / "server", RUN_ID, START)


def test_a_spool_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "write", lambda fd, line: 0)
    with pytest.raises(OSError, match="cannot be written"):
        Spool(tmp_path / "server", RUN_ID, START)
    assert list((tmp_path / "server").iterdir()) == []


# the ring


def test_the_ring_keeps_10_000_and_drops_the_newest():
    ring = MemorySpool(RUN_ID, START)
    kept = [ring.append(body(step)) for step in range(RING_RECORDS + 50)]
    assert kept.count(False) == ring.dropped == 51  # the start record takes a place
    assert [record["seq"] for record in everything(ring)] == list(range(RING_RECORDS))


def test_the_ring_tells_of_the_dropped_when_there_is_room_again():
    ring = MemorySpool(RUN_ID, START)
    for step in range(RING_RECORDS + 50):
        ring.append(body(step))
    ring.acknowledge(100, "store")
    assert ring.append(body(0))
    told, after = everything(ring, 100)[-2:]
    assert (told["seq"], told["type"], told["count"]) == (RING_RECORDS, "gap", 51)
    assert after["seq"] == RING_RECORDS + 1


def test_a_full_ring_tells_how_much_it_dropped_and_that_the_run_ended():
    ring = MemorySpool(RUN_ID, START)
    for step in range(RING_RECORDS + 50):
        ring.append(body(step))
    assert ring.append(encode({"type": "end", "state": "finished"}))
    told, end = everything(ring)[-2:]
    assert (told["type"], told["count"], end["type"]) == ("gap", 51, "end")


def test_the_ring_takes_nothing_more_of_a_deleted_run():
    ring = MemorySpool(RUN_ID, START)
    ring.forget()
    assert ring.append(BODY)
    assert (ring.next_seq, ring.dropped) == (1, 0)


def test_a_gap_stands_for_the_numbers_from_to():
    assert orjson.loads(gap(7, 9, "damaged")) == {"seq": 7, "type": "gap", "until": 9, "reason": "damaged"}
