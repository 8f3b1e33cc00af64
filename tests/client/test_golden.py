"""Spools that are committed: what an earlier Prevue has left on a disk must stay readable, and a later one's untouched.

Where a test here fails, `FORMAT` has to change, and the format of before still has to be read.
"""

import json
import shutil
from pathlib import Path

import pytest

from client.records import stored
from prevue.config import client_settings
from prevue.leftovers import Leftover
from prevue.sender import deliver_leftover
from prevue_core.errors import InvalidValue

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def laid_down(spool_dir):
    """Lay a golden spool down where records wait."""

    def lay_down(name: str) -> Path:
        (golden,) = (GOLDEN / name).iterdir()
        return Path(shutil.copytree(golden, client_settings().server_folder / golden.name))

    return lay_down


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def lines_of(name: str) -> list[dict]:
    pieces = sorted((GOLDEN / name).glob("*/*.ndjson"), key=lambda path: int(path.stem))
    return [json.loads(line) for path in pieces for line in path.read_text().splitlines(keepends=True) if "\n" in line]


def test_a_spool_of_format_1_is_read_and_delivered(laid_down, transport):
    folder = laid_down("format-1")
    leftover = Leftover(folder)
    assert (leftover.run_id, leftover.acknowledged, leftover.next_seq) == ("019ab1c2-0000-7000-8000-000000000001", 2, 8)
    list(deliver_leftover(folder, transport))
    records = stored(transport)
    assert records == lines_of("format-1")
    assert [record["type"] for record in records] == [
        "start",
        "model",
        "metrics",
        "metrics",
        "gap",
        "event",
        "metrics",
        "end",
    ]
    assert not folder.exists()


def test_sync_delivers_a_spool_of_format_1(laid_down, backend, command):
    folder = laid_down("format-1")
    start = (folder / "start").read_text()
    for name in ("start", "0.ndjson"):  # it was to go to another port
        path = folder / name
        path.write_text(path.read_text().replace("http://localhost:8080", backend.url))
    assert json.loads(command("sync", "--json").output)["failed"] == 0
    assert backend.records[1:] == lines_of("format-1")[1:]
    assert start.startswith('{"seq":0,"type":"start","format":1,')


def test_a_spool_of_a_newer_format_is_refused_in_words_and_left_alone(laid_down, transport):
    folder = laid_down("format-2")
    before = contents(folder)
    with pytest.raises(
        InvalidValue, match=r"has records of format 2, and this version of Prevue reads format 1; upgrade"
    ):
        list(deliver_leftover(folder, transport))
    assert contents(folder) == before
    assert transport.requests == []


def test_sync_tells_of_a_newer_format_and_sends_the_rest(laid_down, backend, command, left_behind):
    folder = laid_down("format-2")
    before = contents(folder)
    left_behind()
    result = command("sync", "--json")
    told = json.loads(result.output)
    assert (result.exit_code, told["sent"], told["failed"]) == (1, 7, 1)
    assert "reads format 1; upgrade it, and they are sent" in told["problems"][0]["problem"]
    assert contents(folder) == before
