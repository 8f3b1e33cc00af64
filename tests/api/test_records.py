"""The one way in over HTTP: bodies, limits, answers. What becomes of records is said by tests/core/test_ingest*.py."""

import gzip
import uuid

import orjson
import pytest

from api.posting import NDJSON, lines, post, post_body
from core.stream import Stream, metrics, start
from prevue_core import contract
from prevue_core.db import queries, schema
from prevue_core.db.accounts import OPEN
from prevue_core.db.models import Metric, TrainingRun, utc_now

JSON = "application/json"
LOSS = metrics(0, {"loss": 0.5})


def stored(stream):
    return [part.columns.last for part in queries.series([stream.run_id])]


def test_the_answer_says_where_to_go_on_and_which_database_it_is(client):
    answer = post(client, Stream(), start(), LOSS)
    assert answer.json == {
        "next_seq": 2,
        "user": None,
        "store_id": schema.store_id(),
        "rejected": [],
        "rejected_count": 0,
    }


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, orjson.dumps({"records": [start(), LOSS]})),
        (f"{JSON}; charset=utf-8", orjson.dumps({"records": [start(), LOSS]})),
        (NDJSON, lines(start(), LOSS)),
        (NDJSON, lines(start(), LOSS).rstrip(b"\n")),
        (NDJSON, lines(start(), LOSS).replace(b"\n", b"\r\n")),
    ],
)
@pytest.mark.parametrize(
    ("encoding", "encode"), [("identity", bytes), ("gzip", gzip.compress), ("GZIP", gzip.compress)]
)
def test_records_come_as_json_or_as_lines_gzipped_or_not(client, content_type, body, encoding, encode):
    stream = Stream()
    answer = post_body(client, stream, encode(body), content_type, Content_Encoding=encoding)
    assert answer.json["next_seq"] == 2
    assert stored(stream) == [[0.5]]


def test_numbers_may_be_left_out(client):
    stream = Stream()
    assert post(client, stream, start(), LOSS).json["next_seq"] == 2
    assert post(client, stream, metrics(1, {"loss": 1})).json["next_seq"] == 3
    assert stored(stream) == [[0.5, 1.0]]


def test_numbers_may_be_given(client):
    stream = Stream()
    answer = post(client, stream, {**start(), "seq": 0}, {**LOSS, "seq": 1}, metrics(1, {"loss": 1}))
    assert answer.json["next_seq"] == 3


def test_same_batch_twice_is_stored_once(client, stream):
    first, again = (post(client, stream, LOSS, metrics(1, {"loss": 1}), first_seq=1) for _ in range(2))
    assert first.json == again.json
    assert Metric.select().count() == 2


def test_rejected_records_are_listed_with_their_reasons(client, stream):
    answer = post(client, stream, {"type": "result"}, LOSS, metrics(0, {"loss": [1]})).json
    assert (answer["next_seq"], answer["rejected_count"]) == (4, 2)
    assert [rejected["seq"] for rejected in answer["rejected"]] == [1, 3]
    assert "value [1] is not a number" in answer["rejected"][1]["reason"]
    assert stored(stream) == [[0.5]]


@pytest.mark.parametrize(("content_type", "body"), [(JSON, b'{"records": []}'), (NDJSON, b"")])
def test_an_empty_batch_keeps_the_run_alive(client, stream, content_type, body):
    TrainingRun.update(heard_at=utc_now().replace(year=2020)).execute()
    assert queries.run(OPEN, stream.run_id)["state"] == "lost"
    assert post_body(client, stream, body, content_type).json["next_seq"] == 1
    assert queries.run(OPEN, stream.run_id)["state"] == "running"


def test_the_ids_of_run_and_writer_may_be_written_in_capitals(client, stream):
    stream.run_id, stream.writer_id = stream.run_id.upper(), stream.writer_id.upper()
    assert post(client, stream, LOSS).json["next_seq"] == 2


# what is no batch


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        (JSON, b"", "is not JSON"),
        (JSON, b"{", "is not JSON"),
        (JSON, b"[]", 'the body is not {"records": [...]}'),
        (JSON, b"{}", 'the body is not {"records": [...]}'),
        (JSON, b'{"records": {}}', 'the body is not {"records": [...]}'),
        (JSON, b'{"records": [1]}', "record 1 is not an object"),
        (JSON, b'{"records": [[]]}', "record [] is not an object"),
        (JSON, b'{"records": []} {}', "is not JSON"),
        (JSON, b'{"records": [{"values": {"loss": NaN}}]}', "NaN and infinities are sent as text"),
        (JSON, b'{"records": [{"values": {"loss": -Infinity}}]}', "NaN and infinities are sent as text"),
        (JSON, b'{"records": [{"values": {"loss": 1e999}}]}', "is not JSON"),
        (JSON, b'{"records": [{"type": "\xff"}]}', "is not JSON"),
        (JSON, b'{"records": [{"type": "\\ud800"}]}', "is not JSON"),
        (NDJSON, b"\n", "is not JSON"),
        (NDJSON, b"{}\n\n{}\n", "is not JSON"),
        (NDJSON, b'{"type": "metrics"\n', "is not JSON"),
        (NDJSON, b'{"a": 1} {"b": 2}\n', "is not JSON"),
        (NDJSON, b"1\n", "record 1 is not an object"),
        (NDJSON, b'{"values": {"loss": NaN}}\n', "NaN and infinities are sent as text"),
    ],
)
def test_a_batch_with_a_broken_line_is_refused_whole(client, problem_of, stream, content_type, body, told):
    good = lines(LOSS) if content_type == NDJSON else b""
    problem = problem_of(post_body(client, stream, good + body, content_type), 400)
    assert problem["type"] == contract.PROBLEM_REFUSED
    assert told in problem["detail"]
    assert stored(stream) == []


def nested(levels):
    return b'{"a": ' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize(("levels", "rejected"), [(20, 0), (21, 1), (1_000, 1)])
def test_objects_deeper_than_20_are_rejected(client, stream, levels, rejected):
    body = b'{"type": "config", "config": %s}\n' % nested(levels)
    answer = post_body(client, stream, body).json
    assert (answer["next_seq"], answer["rejected_count"]) == (2, rejected)


@pytest.mark.parametrize(
    "body", [b'{"records": [%s]}' % (b"[" * 1_000 + b"]" * 1_000), b'{"records": %s}' % nested(1_023), nested(1_100)]
)
def test_a_body_of_nothing_but_depth_is_refused(client, problem_of, stream, body):
    problem_of(post_body(client, stream, body, JSON), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"no gzip at all",
        b"",
        gzip.compress(lines(LOSS))[:-1],
        gzip.compress(lines(LOSS))[:-8] + bytes(8),
        gzip.compress(lines(LOSS)) + b"more",
        gzip.compress(lines(LOSS)) + gzip.compress(lines(LOSS)),
    ],
    ids=["no gzip", "nothing", "cut off", "wrong checksum", "trailing data", "two members"],
)
def test_a_gzipped_body_that_is_not_one_whole_stream_is_refused(client, problem_of, stream, body):
    problem = problem_of(post_body(client, stream, body, Content_Encoding="gzip"), 400)
    assert problem["type"] == contract.PROBLEM_REFUSED
    assert stored(stream) == []


# limits


@pytest.mark.parametrize("content_type", [JSON, NDJSON])
@pytest.mark.parametrize(("count", "status"), [(contract.MAX_RECORDS, 200), (contract.MAX_RECORDS + 1, 413)])
def test_a_batch_has_up_to_5000_records(client, stream, content_type, count, status):
    records = [metrics(step, {"loss": 1}) for step in range(count)]
    body = lines(*records) if content_type == NDJSON else orjson.dumps({"records": records})
    answer = post_body(client, stream, body, content_type)
    assert answer.status_code == status
    assert Metric.select().count() == (count if status == 200 else 0)


def padded(size):
    """Return a batch with one metrics record, as long as asked."""
    body = lines({**LOSS, "padding": ""})
    return lines({**LOSS, "padding": "x" * (size - len(body))})


@pytest.mark.parametrize(
    ("size", "status"), [(contract.MAX_BODY_BYTES, 200), (contract.MAX_BODY_BYTES + 1, 413), (1 << 25, 413)]
)
def test_a_body_has_up_to_1_mib(client, stream, size, status):
    answer = post_body(client, stream, padded(size))
    assert answer.status_code == status
    assert stored(stream) == ([[0.5]] if status == 200 else [])


@pytest.mark.parametrize(
    ("size", "status"),
    [
        (contract.MAX_INFLATED_BYTES, 200),
        (contract.MAX_INFLATED_BYTES + 1, 413),
        (contract.MAX_INFLATED_BYTES * 4, 413),
    ],
)
def test_a_body_has_up_to_8_mib_when_it_is_inflated(client, stream, size, status):
    answer = post_body(client, stream, gzip.compress(padded(size)), Content_Encoding="gzip")
    assert answer.status_code == status
    assert stored(stream) == ([[0.5]] if status == 200 else [])


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b"1\n"])
def test_a_small_body_with_millions_of_lines_is_too_large(client, problem_of, stream, line):
    bomb = gzip.compress(line * (contract.MAX_INFLATED_BYTES // len(line)))
    problem = problem_of(post_body(client, stream, bomb, Content_Encoding="gzip"), 413)
    assert "records are too many" in problem["detail"]


def test_a_gzip_bomb_is_told_how_much_may_come(client, problem_of, stream):
    bomb = gzip.compress(bytes(contract.MAX_INFLATED_BYTES + 1))
    problem = problem_of(post_body(client, stream, bomb, Content_Encoding="gzip"), 413)
    assert f"the inflated body is larger than {contract.MAX_INFLATED_BYTES} bytes" in problem["detail"]


def test_a_body_that_is_too_large_is_413(client, problem_of, stream):
    problem_of(post_body(client, stream, padded(contract.MAX_BODY_BYTES + 1)), 413)


@pytest.mark.parametrize(("name", "rejected"), [("x" * 512, 0), ("x" * 513, 1), ("é" * 256, 0), ("é" * 257, 1)])
def test_a_name_has_up_to_512_bytes(client, stream, name, rejected):
    answer = post(client, stream, metrics(0, {name: 0.5})).json
    assert answer["rejected_count"] == rejected
    assert stored(stream) == [[0.5]] * (1 - rejected)


def test_an_unknown_run_begins_with_its_start(client, problem_of):
    stream = Stream(str(uuid.uuid4()))
    assert problem_of(post(client, stream, LOSS), 409)["expected"] == 0
    assert post(client, stream, start(), LOSS).status_code == 200
