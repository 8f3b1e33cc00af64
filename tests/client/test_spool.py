import os
import stat
import threading

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prevue import spool as spool_module
from prevue.folder import claim, release, writer_folders
from prevue.leftovers import Leftover
from prevue.spool import BATCH_BYTES, RING_RECORDS, MemorySpool, Spool, encode, gap
from prevue_core.contract import MAX_RECORD_BYTES
from prevue_core.errors import InvalidValue

RUN_ID = "019ab1c2-0000-7000-8000-000000000001"
START = {"type": "start", "run_id": RUN_ID, "url": "http://recording"}
BODY = encode({"type": "metrics", "step": 1, "values": {"loss": 0.5}})


@pytest.fixture
def new_spool(tmp_path):
    """Open a writer's spool with some metrics behind its start; it is closed with the test."""
    opened = []

    def new_spool(records: int = 0) -> Spool:
        spool = Spool(tmp_path / "server", RUN_ID, START)
        opened.append(spool)
        for step in range(1, records + 1):
            assert spool.append(body(step))
        return spool

    yield new_spool
    for spool in opened:
        spool.close(is_delivered=False)


@pytest.fixture
def small_pieces(monkeypatch) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 500)


def body(step: int, **more: object) -> bytes:
    return encode({"type": "metrics", "step": step, "values": {"loss": step / 8}, **more})


def left_behind(spool: Spool) -> Leftover:
    """What the spool looks like to the next process."""
    spool.close(is_delivered=False)
    return Leftover(spool.folder)


def everything(source: Spool | Leftover | MemorySpool, seq: int = 0, max_records: int = 5_000) -> list[dict]:
    """Read a source as a sender does, to its end; each batch must begin where the last one ended."""
    records = []
    while (batch := source.read(seq, max_records)) is not None:
        assert batch.first_seq == seq
        lines = batch.lines.removesuffix(b"\n").split(b"\n")
        assert len(lines) == batch.count <= max_records
        records += map(orjson.loads, lines)
        seq = batch.next_seq
    assert seq == source.next_seq
    return records


def tiled(records: list[dict]) -> list[int]:
    """Return all numbers that records use, in their order."""
    return [seq for record in records for seq in range(record["seq"], record.get("until", record["seq"]) + 1)]


# files


def test_folder_and_files_are_for_their_owner_only(new_spool):
    spool = new_spool(3)
    spool.acknowledge(2)
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


def test_acknowledged_pieces_are_removed_and_the_start_stays(new_spool, small_pieces):
    spool = new_spool(40)
    spool.acknowledge(25)
    assert 1 < spool.oldest <= 25
    assert not (spool.folder / "0.ndjson").exists()
    assert orjson.loads((spool.folder / "start").read_bytes())["run_id"] == RUN_ID
    assert [record["seq"] for record in everything(spool, 25)] == list(range(25, 41))


def test_the_last_piece_stays_while_the_writer_lives(new_spool, small_pieces):
    spool = new_spool(40)
    spool.acknowledge(41)
    assert len(list(spool.folder.glob("*.ndjson"))) == 1
    spool.append(BODY)
    assert [record["seq"] for record in everything(spool, 41)] == [41]


def test_what_is_acknowledged_is_known_to_the_next_process(new_spool):
    spool = new_spool(9)
    spool.acknowledge(6)
    assert left_behind(spool).acknowledged == 6


@pytest.mark.parametrize(
    ("cursor", "acknowledged"),
    [(b"", 0), (b"six", 0), (b"-5", 0), (b"\xff\x00", 0), (b"9" * 5_000, 0), (b"1e3", 0), (b"900", 10), (b" 6\n", 6)],
)
def test_a_cursor_that_is_damaged_stops_nobody(new_spool, cursor, acknowledged):
    spool = new_spool(9)
    (spool.folder / "cursor").write_bytes(cursor)
    assert left_behind(spool).acknowledged == acknowledged


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
    ring.acknowledge(100)
    assert ring.append(body(0))
    told, after = everything(ring, 100)[-2:]
    assert (told["seq"], told["type"], told["count"]) == (RING_RECORDS, "gap", 51)
    assert after["seq"] == RING_RECORDS + 1


def test_the_ring_takes_nothing_more_of_a_deleted_run():
    ring = MemorySpool(RUN_ID, START)
    ring.forget()
    assert ring.append(BODY)
    assert (ring.next_seq, ring.dropped) == (1, 0)


# locks


def test_a_writer_of_this_process_is_not_claimed(new_spool):
    spool = new_spool(1)
    assert claim(spool.folder) is None
    assert claim(spool.folder) is None  # asking has not freed its lock


def test_a_writer_of_a_living_process_is_not_claimed_by_another(new_spool, python):
    folder = new_spool(1).folder
    source = f"from pathlib import Path\nfrom prevue.folder import claim\nprint(claim(Path({str(folder)!r})))"
    assert python(source).stdout == "None\n"


def test_a_writer_whose_process_is_gone_is_claimed_once(new_spool, python):
    spool = new_spool(1)
    spool.close(is_delivered=False)
    lock = claim(spool.folder)
    assert lock is not None
    assert claim(spool.folder) is None
    release(spool.folder, lock)


def test_what_was_released_can_be_claimed_again(new_spool):
    spool = new_spool(1)
    spool.close(is_delivered=False)
    for _ in range(2):
        release(spool.folder, claim(spool.folder))


def test_a_writer_that_is_no_more_is_not_claimed(tmp_path):
    assert claim(tmp_path / "gone") is None


def test_folders_come_the_oldest_first(tmp_path, new_spool):
    folders = [new_spool().folder for _ in range(3)]
    for age, folder in enumerate(folders):
        os.utime(folder, (1_000 - age, 1_000 - age))
    (tmp_path / "server" / "a file").touch()
    assert writer_folders(tmp_path / "server") == folders[::-1]


def test_a_server_without_a_folder_has_no_writers(tmp_path):
    assert writer_folders(tmp_path / "none") == []


# damage


def test_a_torn_last_line_is_cut_off(new_spool):
    spool = new_spool(3)
    with (spool.folder / "0.ndjson").open("ab") as file:
        file.write(b'{"seq":4,"type":"metr')
    records = everything(left_behind(spool))
    assert [record["seq"] for record in records] == [0, 1, 2, 3]


def damage(spool: Spool, seq: int, old: bytes, new: bytes) -> None:
    """Change something in the line of one record."""
    path = max(
        (path for path in spool.folder.glob("*.ndjson") if int(path.stem) <= seq), key=lambda path: int(path.stem)
    )
    lines = path.read_bytes().splitlines(keepends=True)
    at = seq - int(path.stem)
    assert old in lines[at]
    lines[at] = lines[at].replace(old, new)
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    ("seq", "old", "new", "missing"),
    [
        (5, b"{", b"\0", [5]),
        (5, b'"type"', b'"ty\npe"', [5]),
        (5, b"\n", b" ", [5, 6]),
        (5, b'"seq":5', b'"seq":6', [5]),
        (5, b'"seq":5', b'"seq":4', [5]),
        (5, b'"seq":5', b'"seq":9', [5]),
        (5, b'"seq":5', b'"seq":99999999', [5]),
        (5, b'"seq":5', b'"seq":-5', [5]),
        (5, b'"seq":5', b'"sea":5', [5]),
        (5, b'"seq":5', b'"seq":"5"', [5]),
        (5, b'{"seq":5', b"5", [5]),
        (19, b"{", b"\0", [19]),
        (20, b"{", b"\0", [20]),
        (20, b'"seq":20', b'"seq":10', [20]),
    ],
)
def test_a_damaged_line_becomes_a_gap_of_its_number(new_spool, seq, old, new, missing):
    spool = new_spool(20)
    damage(spool, seq, old, new)
    records = everything(left_behind(spool))
    gaps = [record for record in records if record["type"] == "gap"]
    assert [(record["seq"], record["until"]) for record in gaps] == [(missing[0], missing[-1])]
    assert [record["step"] for record in records if record["type"] == "metrics"] == [
        step for step in range(1, 21) if step not in missing
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_lost_piece_becomes_a_gap(new_spool, small_pieces, place):
    spool = new_spool(40)
    pieces = sorted(int(path.stem) for path in spool.folder.glob("*.ndjson"))
    (spool.folder / f"{pieces[place]}.ndjson").unlink()
    records = everything(left_behind(spool), pieces[1] if place == 0 else 0)
    assert tiled(records) == list(range(pieces[1] if place == 0 else 0, 41))


def test_a_damaged_start_is_read_from_the_first_line(new_spool):
    spool = new_spool(2)
    (spool.folder / "start").write_bytes(b'{"seq":0,"ty')
    assert [record["type"] for record in everything(left_behind(spool))] == ["start", "metrics", "metrics"]


def test_a_damaged_first_line_is_read_from_the_start(new_spool):
    spool = new_spool(2)
    damage(spool, 0, b"run_id", b"\0\0\0\0\0\0")
    records = everything(left_behind(spool))
    assert [(record["seq"], record["type"]) for record in records] == [(0, "start"), (1, "metrics"), (2, "metrics")]


@pytest.mark.parametrize("start", [b"", b"[]", b"7", b"{}", b'{"seq":0', b"\xff"])
def test_a_writer_whose_run_is_not_known_is_told_of(new_spool, start):
    spool = new_spool(2)
    (spool.folder / "start").write_bytes(start)
    damage(spool, 0, b"run_id", b"\0\0\0\0\0\0")
    with pytest.raises(InvalidValue, match="has no readable start record"):
        left_behind(spool)


def test_a_folder_without_records_is_no_leftover(tmp_path):
    with pytest.raises(FileNotFoundError):
        Leftover(tmp_path)


ANY_BYTE = st.integers(0, 255)
# A number that damage made another one may stand for that one; any other damage is found.
NO_DIGIT = ANY_BYTE.filter(lambda byte: not chr(byte).isdigit() and byte not in b"\n-")


def damages(byte: st.SearchStrategy[int]) -> st.SearchStrategy[list[tuple[float, int]]]:
    """Where, as a part of the file, and what is written over it."""
    return st.lists(st.tuples(st.floats(0, 1, exclude_max=True), byte), max_size=30)


@pytest.fixture
def written_over(new_spool):
    """Write bytes over the pieces of a spool, not its last line; return the leftover and which numbers were hit."""

    def write_over(damage: list[tuple[float, int]]) -> tuple[Leftover, set[int]]:
        spool = new_spool(60)
        paths = sorted(spool.folder.glob("*.ndjson"), key=lambda path: int(path.stem))
        pieces = [bytearray(path.read_bytes()) for path in paths]
        numbers = [  # by byte: whose line it is in
            [seq for seq, line in enumerate(piece.splitlines(keepends=True), int(path.stem)) for _ in line]
            for path, piece in zip(paths, pieces, strict=True)
        ]
        sizes = sum(len(piece) for piece in pieces) - len(pieces[-1].splitlines()[-1]) - 2
        hit = set()
        for part, byte in damage:
            at, piece = int(part * sizes), 0
            while at >= len(pieces[piece]):
                at -= len(pieces[piece])
                piece += 1
            if pieces[piece][at] != byte:
                is_newline = pieces[piece][at] == ord("\n")
                hit |= {numbers[piece][at], *([numbers[piece][at] + 1] if is_newline else [])}
                pieces[piece][at] = byte
        for path, piece in zip(paths, pieces, strict=True):
            path.write_bytes(piece)
        return left_behind(spool), hit

    return write_over


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=damages(NO_DIGIT))
def test_any_damage_costs_only_the_lines_that_it_hit(written_over, small_pieces, damage):
    leftover, hit = written_over(damage)
    records = everything(leftover)
    assert tiled(records) == list(range(61))
    whole = {seq: seq for seq in range(1, 61) if seq not in hit}
    steps = {record["seq"]: record.get("step") for record in records}
    assert whole.items() <= steps.items()
    assert {seq for record in records if record.get("type") == "gap" for seq in tiled([record])} <= hit


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=damages(ANY_BYTE))
def test_no_damage_stops_the_reading_or_the_numbering(written_over, small_pieces, damage):
    leftover, _ = written_over(damage)
    assert tiled(everything(leftover)) == list(range(leftover.next_seq))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=300))
def test_junk_behind_the_last_line_stops_nothing(new_spool, junk):
    spool = new_spool(3)
    with (spool.folder / "0.ndjson").open("ab") as file:
        file.write(junk)
    records = everything(left_behind(spool))
    assert tiled(records)[:4] == [0, 1, 2, 3]
    assert [record["step"] for record in records[1:4]] == [1, 2, 3]


def test_a_gap_stands_for_the_numbers_from_to():
    assert orjson.loads(gap(7, 9, "damaged")) == {"seq": 7, "type": "gap", "until": 9, "reason": "damaged"}
