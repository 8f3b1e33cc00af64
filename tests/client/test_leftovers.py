import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client.records import everything, left_behind, tiled
from prevue.leftovers import Leftover
from prevue.spool import Spool
from prevue_core.errors import InvalidValue


def test_what_is_acknowledged_is_known_to_the_next_process(new_spool):
    spool = new_spool(9)
    spool.acknowledge(6, "store")
    assert left_behind(spool).acknowledged == 6


@pytest.mark.parametrize(
    ("cursor", "acknowledged"),
    [(b"", 0), (b"six", 0), (b"-5", 0), (b"\xff\x00", 0), (b"9" * 5_000, 0), (b"1e3", 0), (b"900", 10), (b" 6\n", 6)],
)
def test_a_cursor_that_is_damaged_stops_nobody(new_spool, cursor, acknowledged):
    spool = new_spool(9)
    (spool.folder / "cursor").write_bytes(cursor)
    assert left_behind(spool).acknowledged == acknowledged


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


def test_a_number_of_another_piece_is_damage(new_spool, small_pieces):
    spool = new_spool(40)
    last = sorted(int(path.stem) for path in spool.folder.glob("*.ndjson"))[1] - 1
    damage(spool, last, b'"seq":%d' % last, b'"seq":%d' % (last + 10))
    records = everything(left_behind(spool))
    assert tiled(records) == list(range(41))
    assert [record["seq"] for record in records if record["type"] == "gap"] == [last]


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
