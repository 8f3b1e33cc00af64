import shutil
from collections import namedtuple

import pytest

from client.records import RUN_ID, START, body, everything, log
from prevue.kept import pieces
from prevue.room import MIB, Bounds, check_free
from prevue.spool import Spool

Disk = namedtuple("Disk", "total used free")


@pytest.mark.parametrize(
    ("total_mb", "free_mb", "is_enough"),
    [
        (1_000_000, 257, True),
        (1_000_000, 255, False),
        (64, 2, True),  # a small tmpfs can be used nearly whole
        (64, 1, False),
        (12_800, 257, True),
        (10_000, 201, True),
        (10_000, 199, False),
    ],
)
def test_256_mib_or_2_percent_stay_free(tmp_path, monkeypatch, total_mb, free_mb, is_enough):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(total_mb * MIB, 0, free_mb * MIB))
    if is_enough:
        check_free(tmp_path)
    else:
        with pytest.raises(OSError, match=f"has {free_mb} MB left, which are left to others"):
            check_free(tmp_path)


@pytest.fixture
def new_bounded(tmp_path, monkeypatch):
    """Open spools in one root that may take 2 MiB, in pieces of 256 KiB."""
    monkeypatch.setattr("prevue.spool.SEGMENT_BYTES", MIB // 4)
    monkeypatch.setattr("prevue.spool.FULL_S", 0.0)
    opened = []

    def new_bounded(server: str = "server", **bounds: int) -> Spool:
        bounds = {"spool_bytes": 2 * MIB, **bounds}
        opened.append(Spool(tmp_path / server, RUN_ID, START, Bounds(**bounds)))
        return opened[-1]

    yield new_bounded
    for spool in opened:
        spool.close(is_delivered=False)


def fill(spool: Spool) -> int:
    """Log until there is no room, and return how many records that were."""
    for step in range(40_000):
        if not spool.append(body(step, note="x" * 1_000)):
            return step
    raise AssertionError("there is no bound")


def size_of(root) -> int:
    return sum(path.stat().st_size for path in root.rglob("*.ndjson"))


def test_a_root_is_filled_to_its_bound_and_the_newest_dropped(new_bounded, tmp_path):
    spool = new_bounded()
    fitted = fill(spool)
    assert 1.7 * MIB < size_of(tmp_path) <= 2 * MIB + 2_000  # a piece may be a record larger
    assert not spool.append(body(0))
    assert [record.get("step") for record in everything(spool)[1:]] == list(range(fitted))


def test_all_writers_of_all_servers_share_the_bound(new_bounded, tmp_path):
    spools = [new_bounded(server) for server in ("one", "one", "two", "two")]
    for spool in spools:
        fill(spool)
    assert size_of(tmp_path) <= 2 * MIB + len(spools) * MIB // 4 + 8_000


def test_in_a_full_root_no_writer_opens(new_bounded, tmp_path):
    fill(new_bounded())
    with pytest.raises(OSError, match="has 1 MB of records, the bound that PREVUE_SPOOL_MAX_MB sets"):
        new_bounded(spool_bytes=MIB)
    assert len(list((tmp_path / "server").iterdir())) == 1


def test_what_the_server_has_gives_way_to_what_waits(new_bounded, tmp_path):
    for _ in range(3):
        spool = new_bounded()
        log(spool, 5_000)
        spool.close(is_delivered=True)
    kept = len(pieces(tmp_path / "server"))
    waiting = new_bounded()
    assert fill(waiting) > 1_600
    assert len(pieces(tmp_path / "server")) < kept
    assert size_of(waiting.folder) > 1.7 * MIB


def test_no_more_gives_way_than_has_to(new_bounded, tmp_path):
    for _ in range(3):
        spool = new_bounded()
        log(spool, 2_500)
        spool.close(is_delivered=True)
    before = len(pieces(tmp_path / "server"))
    waiting = new_bounded()
    for step in range(2_000):
        waiting.append(body(step, note="x" * 1_000))
        if len(pieces(tmp_path / "server")) < before:
            break
    assert before - len(pieces(tmp_path / "server")) <= 2


def test_what_was_delivered_makes_room(new_bounded):
    spool = new_bounded()
    fitted = fill(spool)
    spool.acknowledge(spool.next_seq, "store")
    assert spool.append(body(1))
    told = everything(spool, fitted + 1)[0]
    assert (told["type"], told["count"]) == ("gap", 1)
