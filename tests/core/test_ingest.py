"""A writer's records are stored once each, in order, whatever happens on the way."""

import uuid
from datetime import timedelta

import pytest

from core.stream import Stream, end, event, gap, metrics, start, started
from prevue_core.db.ingest import MAX_REJECTED_LISTED
from prevue_core.db.models import Event, Metric, Project, Series, TrainingRun, User, Writer, utc_now
from prevue_core.errors import RecordRefused, SequenceGap

pytestmark = pytest.mark.usefixtures("database")


def logged(*steps):
    return [metrics(step, {"loss": step / 10}) for step in steps]


def stored_steps(stream):
    return [row.step for row in Metric.select().where(Metric.run_id == stream.run_id).order_by(Metric.metric_id)]


def events(stream):
    return [
        (row.kind, row.text) for row in Event.select().where(Event.run_id == stream.run_id).order_by(Event.event_id)
    ]


def test_the_answer_is_the_number_to_go_on_with():
    stream = Stream()
    assert stream.send_from(0, start(), *logged(0, 1)).next_seq == 3
    assert stream.send_from(3, *logged(2)).next_seq == 4
    assert Writer.get().next_seq == 4


def test_same_batch_twice_is_stored_once():
    stream = started()
    first, again = stream.send_from(1, *logged(0, 1)), stream.send_from(1, *logged(0, 1))
    assert first.next_seq == again.next_seq == 3
    assert stored_steps(stream) == [0, 1]


def test_the_first_batch_may_come_twice_too():
    stream = Stream()
    stream.send_from(0, start(), *logged(0))
    assert stream.send_from(0, start(), *logged(0)).next_seq == 2
    assert stored_steps(stream) == [0]


def test_of_a_batch_that_overlaps_only_what_is_new_is_stored():
    stream = started()
    stream.send_from(1, *logged(0, 1, 2))
    assert stream.send_from(2, *logged(1, 2, 3, 4)).next_seq == 6
    assert stored_steps(stream) == [0, 1, 2, 3, 4]


def test_an_older_batch_does_not_turn_the_numbering_back():
    stream = started()
    stream.send(*logged(0, 1, 2))
    assert stream.send_from(1, *logged(0)).next_seq == 4


def test_records_behind_a_gap_are_sent_back_with_the_expected_number():
    stream = started()
    stream.send(*logged(0))
    with pytest.raises(SequenceGap) as gap:
        stream.send_from(3, *logged(2))
    assert gap.value.expected == 2
    assert stored_steps(stream) == [0]


@pytest.mark.parametrize("first", [logged(0)[0], end(), {}])
def test_a_writer_begins_with_a_start(first):
    with pytest.raises(SequenceGap) as gap:
        Stream().send_from(0, first)
    assert gap.value.expected == 0


def test_a_writer_that_is_not_known_begins_at_zero():
    with pytest.raises(SequenceGap) as gap:
        Stream().send_from(5, start())
    assert gap.value.expected == 0


def test_an_empty_batch_of_an_unknown_writer_makes_no_run():
    with pytest.raises(SequenceGap):
        Stream().send()
    assert TrainingRun.select().count() == 0


def test_a_second_start_is_rejected_and_the_run_goes_on():
    stream = started()
    applied = stream.send(start(), *logged(0))
    assert applied.rejected == [
        {"seq": 1, "reason": "a start record opens a writer and stands at number 0 only; use a new writer"}
    ]
    assert stored_steps(stream) == [0]


@pytest.mark.parametrize("seqs", [(1, 3), (1, 1), (2, 3), (0, 1), ("1", 2), (1, None), (1.0, 2), (True, 2), (1, [2])])
def test_of_a_batch_whose_numbers_are_not_consecutive_nothing_is_stored(seqs):
    stream = started()
    with pytest.raises(RecordRefused, match="stands where"):
        stream.send_from(1, *({**record, "seq": seq} for record, seq in zip(logged(0, 1), seqs, strict=True)))
    assert stored_steps(stream) == []
    assert Writer.get().next_seq == 1


def test_numbers_may_be_left_out_or_given():
    stream = started()
    first, second, third = logged(0, 1, 2)
    assert stream.send(first, {**second, "seq": 2}, third).next_seq == 4
    assert stored_steps(stream) == [0, 1, 2]


def test_the_last_number_is_that_of_64_bits():
    stream = started()
    stream.send(gap(1, 2**63 - 2))
    with pytest.raises(RecordRefused, match="9223372036854775807"):
        stream.send(*logged(0))
    assert stored_steps(stream) == []


def test_a_rejected_record_uses_its_number_and_the_others_are_stored():
    stream = started()
    good, bad, also_good = metrics(0, {"loss": 1}), metrics(1, {"loss": "low"}), metrics(2, {"loss": 2})
    applied = stream.send(good, bad, also_good)
    assert (applied.next_seq, applied.rejected_count) == (4, 1)
    assert applied.rejected[0]["seq"] == 2
    assert "value 'low' is not a number" in applied.rejected[0]["reason"]
    assert stored_steps(stream) == [0, 2]


def test_of_many_rejected_records_the_first_are_listed_and_all_counted():
    stream = started()
    applied = stream.send(*(metrics(step, {}) for step in range(MAX_REJECTED_LISTED + 50)))
    assert [rejected["seq"] for rejected in applied.rejected] == list(range(1, 1 + MAX_REJECTED_LISTED))
    assert applied.rejected_count == MAX_REJECTED_LISTED + 50


DEEP = None
for _ in range(1_020):  # orjson reads up to 1 024
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "record type None is not stored by this version; use one of start, metrics"),
        ({"type": "result"}, "result kind None is not known; use histogram, table"),
        ({"type": "evaluation"}, "task None is not known; use binary"),
        ({"type": ["metrics"]}, "record type ['metrics'] is not stored"),
        ({"type": {}}, "record type {} is not stored"),
        ({"type": "metrics", "step": 0}, "values None is not an object"),
        (metrics(0, {}), "values {} is not an object of names and numbers"),
        (metrics(0, [1]), "values [1] is not an object"),
        (metrics("1", {"loss": 1}), "step '1' is not a whole number"),
        (metrics(2**63, {"loss": 1}), "step 9223372036854775808 is not a whole number of 64 bits"),
        (metrics(0, {"loss": 1}, epoch=1.5), "epoch 1.5 is not a whole number"),
        (metrics(0, {"loss": 1}, batch="x"), "batch 'x' is not a whole number"),
        (metrics(0, {"loss": 1}, split="Val"), "split 'Val' is not a lower-case name"),
        (metrics(0, {"": 1}), "metric name '' has 0 bytes"),
        (metrics(0, {"a\0": 1}), r"metric name 'a\x00' has a control character"),
        (metrics(0, {"loss": True}), "value True is not a number"),
        (metrics(0, {"loss": None}), "value None is not a number"),
        (metrics(0, {"loss": 1}, time="now"), "time 'now' is not a UNIX time in seconds"),
        (metrics(0, {"loss": 1}, time=1e300), "time 1e+300 is not a UNIX time"),
        (metrics(0, {"loss": DEEP}), "value [[[[[[[...]]]]]]] is not a number"),
        ({"type": DEEP}, "nested deeper than 20 levels"),
        ({"type": "model", "connector_name": "keras"}, "model_name None is of type NoneType"),
        ({"type": "model", "model_name": "m", "connector_name": " "}, "connector_name '' has 0 characters"),
        ({"type": "config"}, "config None is not an object"),
        ({"type": "config", "config": []}, "config [] is not an object"),
        ({"type": "event", "kind": "note"}, "text None is of type NoneType"),
        ({"type": "event", "text": "x"}, "kind None is of type NoneType"),
        ({"type": "gap", "reason": 7}, "reason 7 is of type int"),
        ({"type": "gap", "count": "many"}, "count 'many' is not a whole number"),
        (end(state="paused"), "state 'paused' does not end a run; use 'finished' or 'failed'"),
        (end(state=["failed"]), "state ['failed'] does not end a run"),
        (end(state="failed", message=1), "message 1 is of type int"),
        (end(time="late"), "time 'late' is not a UNIX time"),
    ],
)
def test_a_rejected_record_is_quoted_and_leaves_nothing(record, reason):
    stream = started()
    applied = stream.send(record)
    assert reason in applied.rejected[0]["reason"]
    assert (applied.next_seq, applied.rejected_count) == (2, 1)
    run = TrainingRun.get_by_id(stream.run_id)
    assert (stored_steps(stream), events(stream), run.state, run.model_id) == ([], [], "running", None)


def test_a_reason_quotes_no_more_than_a_person_reads():
    applied = started().send(metrics(0, {"loss": "x" * 100_000}))
    assert len(applied.rejected[0]["reason"]) < 1_000


def test_a_gap_record_stands_for_what_is_missing():
    stream = started()
    assert stream.send(gap(1, 7, reason="damaged"), *logged(8)).next_seq == 9
    assert events(stream) == [("gap", "7 records are missing: damaged")]
    assert stored_steps(stream) == [8]


def test_a_gap_record_may_tell_what_never_had_a_number():
    stream = started()
    assert stream.send(gap(1, 1, count=250, reason="disk full")).next_seq == 2
    assert events(stream) == [("gap", "250 records are missing: disk full")]


def test_a_gap_of_which_a_part_was_seen_moves_the_numbering_to_its_end():
    stream = started()
    stream.send(*logged(0, 1))
    assert stream.send_from(1, gap(1, 5), *logged(6)).next_seq == 7
    assert events(stream) == [("gap", "5 records are missing: not told")]
    assert stored_steps(stream) == [0, 1, 6]


def counts(stream):
    writer = Writer.get(Writer.writer_id == stream.writer_id)
    return {"stored": writer.stored, "missing": writer.missing, "rejected": writer.rejected}


def test_a_writer_counts_what_is_stored_missing_and_rejected():
    stream = started()
    stream.send(*logged(0, 1), metrics(2, {"loss": "x"}), gap(4, 4, count=250), gap(5, 9, reason="damaged"))
    stream.send_from(4, gap(4, 4, count=250))  # again: its answer was lost
    assert counts(stream) == {"stored": 3, "missing": 255, "rejected": 1}


def test_no_count_of_what_is_missing_is_too_large_for_the_sum():
    stream = started()
    stream.send(*(gap(seq, seq, count=2**63 - 1) for seq in range(1, 4)), gap(4, 4, count=-5))
    assert counts(stream) == {"stored": 1, "missing": 3 * 10**12, "rejected": 0}


def test_a_sign_of_life_is_when_a_writer_was_heard_of():
    stream, other = started(), started()
    Writer.update(heard_at=utc_now() - timedelta(hours=1)).execute()
    stream.send()
    heard = {str(writer.writer_id): writer.heard_at for writer in Writer.select()}
    assert heard[stream.writer_id] - heard[other.writer_id] > timedelta(minutes=59)


def test_the_same_gap_twice_is_one_event():
    stream = started()
    stream.send_from(1, gap(1, 5))
    stream.send_from(1, gap(1, 5))
    assert len(events(stream)) == 1


@pytest.mark.parametrize("until", [0, "9", 2**63 - 1, None, True, 1.5])
def test_a_gap_that_ends_nowhere_is_refused_with_its_batch(until):
    stream = started()
    with pytest.raises(RecordRefused, match="gap until"):
        stream.send_from(1, *logged(0), gap(2, until))
    assert stored_steps(stream) == []


def test_a_writer_of_one_run_is_unknown_to_another():
    stream = started()
    other = Stream()
    other.writer_id = stream.writer_id
    with pytest.raises(SequenceGap) as caught:
        other.send_from(1, *logged(0))
    assert caught.value.expected == 0
    other.send(start(), *logged(7))
    assert (stored_steps(stream), stored_steps(other)) == ([], [7])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"project": None}, "project_name None is of type NoneType"),
        ({"project": "a/b/c"}, "project_name 'a/b/c'"),
        ({"uid": ""}, "uid '' has 0 characters"),
        ({"run_name": 7}, "run_name 7 is of type int"),
        ({"rank": "0"}, "rank '0' is not a whole number"),
        ({"rank": -1}, "rank -1"),
        ({"rank": 2**31}, "rank 2147483648"),
        ({"config": []}, r"config \[\] is not an object"),
        ({"config": DEEP}, "nested deeper than 20 levels"),
        ({"tags": "a"}, "tags 'a' is not a list"),
        ({"tags": [1]}, "tag 1 is of type int"),
        ({"notes": ["a"]}, r"notes \['a'\] is of type list"),
        ({"host": 3}, "host 3 is of type int"),
        ({"pid": 2**63}, "pid 9223372036854775808 is not a whole number"),
        ({"time": "then"}, "time 'then' is not a UNIX time"),
    ],
)
def test_a_start_that_cannot_be_accepted_refuses_its_batch_and_leaves_nothing(fields, reason):
    with pytest.raises(RecordRefused, match=f"the start record cannot be accepted: .*{reason}"):
        started(**fields)
    assert [table.select().count() for table in (User, Project, TrainingRun, Writer, Event, Series)] == [0] * 6


def test_what_was_refused_can_be_sent_again_once_it_is_right():
    stream = Stream()
    with pytest.raises(RecordRefused):
        stream.send(start(uid=""))
    assert stream.send(start(uid="alice"), event()).next_seq == 2
    assert events(stream) == [("note", "hello")]


def test_a_run_and_its_writers_are_told_apart_by_their_uuids():
    run_id = str(uuid.uuid4())
    first, second = started(run_id), started(run_id)
    first.send(*logged(0))
    second.send(*logged(1))
    assert stored_steps(first) == [0, 1]
    assert Writer.select().where(Writer.run_id == run_id).count() == 2
