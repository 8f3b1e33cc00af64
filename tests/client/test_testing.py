import pytest

from prevue.delivery import Answer
from prevue.testing import RecordingTransport
from prevue_core.errors import Unreachable

FIRST, SECOND = b'{"seq":0,"type":"start"}\n', b'{"seq":1,"type":"metrics"}\n'


@pytest.fixture
def transport() -> RecordingTransport:
    return RecordingTransport()


def post(transport: RecordingTransport, first_seq: int, lines: bytes) -> Answer:
    return transport.post_records("run", "writer", first_seq, lines)


def test_a_batch_that_comes_twice_is_stored_once(transport):
    for _ in range(2):
        assert post(transport, 0, FIRST + SECOND).document["next_seq"] == 2
    assert [record["seq"] for record in transport.records["writer"]] == [0, 1]


def test_a_batch_that_comes_too_early_is_asked_back(transport):
    answer = post(transport, 1, SECOND)
    assert (answer.status, answer.document["expected"]) == (409, 0)
    assert transport.records == {}


def test_a_gap_uses_its_numbers(transport):
    post(transport, 0, FIRST)
    assert post(transport, 1, b'{"seq":1,"type":"gap","until":4}\n').document["next_seq"] == 5


def test_faults_come_first_and_one_by_one(transport):
    transport.faults += [Answer(503), Unreachable("away"), lambda lines: None]
    assert post(transport, 0, FIRST).status == 503
    with pytest.raises(Unreachable, match="away"):
        post(transport, 0, FIRST)
    assert post(transport, 0, FIRST).status == 200
    assert len(transport.requests) == 3


def test_a_store_that_forgot_asks_for_everything(transport):
    post(transport, 0, FIRST)
    transport.forget()
    assert post(transport, 1, SECOND).document["expected"] == 0


def test_a_store_that_is_restored_has_what_it_had_and_another_identity(transport):
    before = post(transport, 0, FIRST).document["store_id"]
    restore = transport.backup()
    post(transport, 1, SECOND)
    restore()
    assert post(transport, 2, b"").document["expected"] == 1
    after = post(transport, 1, SECOND).document
    assert (after["next_seq"], after["store_id"] != before) == (2, True)
