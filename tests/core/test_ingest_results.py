"""Results, configuration and events in the tables: checked by what they are, stored as they came."""

import base64
import re
import struct

import orjson
import pytest

from core.stream import metrics, started
from prevue_core import contract
from prevue_core.db import queries
from prevue_core.db.accounts import OPEN
from prevue_core.db.models import Event, Metric, Result
from prevue_core.result_kinds import MAX_BUCKETS, MAX_CELLS, MAX_PNG_BYTES, MAX_POINTS, MAX_TEXT_CHARS

pytestmark = pytest.mark.usefixtures("database")


def result(kind, payload, name="r", **fields):
    return {"type": "result", "kind": kind, "name": name, "payload": payload, **fields}


def text(name="note", words="hello", **fields):
    return result("text", {"text": words}, name, **fields)


def event(kind="note", words="hello", **fields):
    return {"type": "event", "kind": kind, "text": words, **fields}


def png(width=2, height=2, size_bytes=100):
    """Return what begins as a PNG of that size does, in base64: only browsers read on."""
    begin = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII5BI", 13, b"IHDR", width, height, 8, 0, 0, 0, 0, 0)
    return base64.b64encode(begin + bytes(size_bytes - len(begin))).decode()


def stored(stream):
    return list(Result.select().where(Result.run_id == stream.run_id).order_by(Result.result_id))


def payloads(stream):
    return [orjson.loads(row.payload) for row in stored(stream)]


def reasons(applied):
    return [rejected["reason"] for rejected in applied.rejected]


def test_a_result_is_stored_with_where_and_when():
    stream = started(rank=3)
    stream.send(result("curve", {"x": [1, 2], "y": [0.5, "NaN"]}, "lr", step=7, split="val", time=1_700_000_000))
    (row,) = stored(stream)
    assert (row.rank, row.split, row.kind, row.name, row.step) == (3, "val", "curve", "lr", 7)
    assert (row.time.year, row.payload_bytes) == (2023, len(row.payload))
    assert orjson.loads(row.payload) == {"x": [1.0, 2.0], "y": [0.5, "NaN"]}


@pytest.mark.parametrize(
    ("name", "split", "place"),
    [
        ("val_note", None, ("val", "note")),
        ("note", None, ("train", "note")),
        ("val_note", "test", ("test", "val_note")),
    ],
)
def test_a_prefix_names_the_split_as_of_a_metric(name, split, place):
    stream = started()
    stream.send(text(name) if split is None else text(name, split=split))
    assert [(row.split, row.name) for row in stored(stream)] == [place]


def test_a_result_that_comes_twice_is_stored_once():
    stream = started()
    first, again = stream.send_from(1, text()), stream.send_from(1, text())
    assert (first.next_seq, again.next_seq) == (2, 2)
    assert len(stored(stream)) == 1


def test_a_result_that_cannot_be_accepted_costs_nothing_but_itself():
    stream = started()
    applied = stream.send(metrics(0, {"loss": 1}), result("histogram", {"counts": [1], "edges": [0]}), text())
    assert (applied.next_seq, applied.rejected_count) == (4, 1)
    assert reasons(applied) == ["edges of the histogram has 1 values; use 2 to 1025"]
    assert (len(stored(stream)), Metric.select().count()) == (1, 1)


def test_many_results_of_one_batch_are_stored_in_their_order():
    stream = started()
    stream.send(*(text(words=str(number)) for number in range(700)))
    assert [payload["text"] for payload in payloads(stream)] == [str(number) for number in range(700)]


TABLE = {"columns": [{"name": "b", "values": [1, "x", None, True, "NaN"]}, {"name": "a", "values": [1.5] * 5}]}
MATRIX = {"values": [[1, 2], [3, 4]], "rows": ["cat", "dog"], "columns": ["cat", "dog"], "x_name": "predicted"}


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("histogram", {"counts": [1, 2.5], "edges": [0, 1, 2], "nan_count": 3}),
        ("table", {**TABLE, "row_count": 9}),
        ("text", {"text": "é\n<script>"}),
        ("image", {"png": png(3, 2), "width": 3, "height": 2}),
        ("curve", {"x": ["a", "b"], "y": [1, "Infinity"], "low": [0, 1], "high": [2, 3], "x_name": "C", "y_name": "s"}),
        ("roc_curve", {"fpr": [0, 1], "tpr": [0, 1], "thresholds": ["Infinity", 0], "auc": 0.5, "label": "cat"}),
        ("pr_curve", {"recall": [1, 0], "precision": [0.5, 1], "thresholds": [0, 1], "average_precision": 0.7}),
        ("matrix", MATRIX),
        ("prevue_keras.attention", {"heads": [[1, 2], {"deep": [None]}]}),
    ],
)
def test_each_kind_is_stored_with_all_its_fields(kind, payload):
    stream = started()
    assert stream.send(result(kind, payload)).rejected == []
    assert payloads(stream) == [payload]


def test_what_follows_from_a_payload_is_filled_in():
    stream = started()
    stream.send(result("table", TABLE), result("image", {"png": png(3, 2), "width": 99}))
    table, image = payloads(stream)
    assert (table["row_count"], image["width"], image["height"]) == (5, 3, 2)


LISTS = {"x": [1, 2], "y": [1]}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (result("hologram", {}), "result kind 'hologram' is not known; use histogram, table"),
        (result("prevue.", {}), "result kind 'prevue.' is not known"),
        (result("text", "hello"), "the payload of a text is 'hello'; use a dict with its fields"),
        (result("text", {}), "the text needs text: shown as it is"),
        (result("text", {"text": 5}), "text of the text is 5 of type int; use text"),
        (result("text", {"text": "x", "size": 3}), "the text has no 'size'; use text"),
        (text(""), "result name '' has 0 bytes"),
        (text(split="Val"), "split 'Val' is not a lower-case name"),
        (text(step=1.5), "step 1.5 is not a whole number"),
        (text(time="now"), "time 'now' is not a UNIX time"),
        (result("histogram", {"counts": [1], "edges": [0, 0]}), "the edges of the histogram do not rise"),
        (result("histogram", {"counts": [1], "edges": [0, "NaN"]}), "edges of the histogram: NaN is not finite"),
        (result("histogram", {"counts": [-1], "edges": [0, 1]}), "counts of the histogram: -1 is less than nothing"),
        (result("histogram", {"counts": [1, 2], "edges": [0, 1]}), "the histogram has 2 edges for 2 counts"),
        (result("histogram", {"counts": "12", "edges": [0, 1]}), "counts of the histogram is '12'; use a list"),
        (result("curve", LISTS), "the curve has different numbers of values: 2 in x, 1 in y"),
        (result("curve", {"x": [1], "y": [1], "low": [0, 0]}), "1 in x, 1 in y, 2 in low"),
        (result("pr_curve", {"recall": [1, 0], "precision": [1, 0], "thresholds": [0]}), "1 in thresholds"),
        (result("curve", {"x": [1, "a"], "y": [1, 2]}), "x of the curve is 1 of type int; use text"),
        (result("curve", {"x": [], "y": []}), "x of the curve has 0 values; use 1 to 10000"),
        (result("table", {"columns": [{"name": "a"}]}), "columns of the table: {'name': 'a'} is not a column"),
        (result("table", {"columns": [{"name": "a", "values": [1]}] * 2}), "the name 'a' stands 2 times"),
        (result("table", {"columns": [{"name": "a", "values": [[1]]}]}), "column 'a': value [1] is not a number"),
        (result("matrix", {"values": [[1], [2, 3]]}), "its rows are of different lengths"),
        (result("matrix", {**MATRIX, "rows": ["cat"]}), "the matrix has 2 rows and 1 names for them"),
        (result("image", {"png": "@@"}), "png of the image: '@@' is not base64"),
        (result("image", {"png": "aGVsbG8="}), "the image begins with b'hello' and is no PNG"),
        (result("my.kind", {"a": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}), "nested deeper than 20 levels"),
    ],
)
def test_a_result_that_is_none_is_quoted(record, reason):
    stream = started()
    (told,) = reasons(stream.send(record))
    assert reason in told
    assert stored(stream) == []


def at_limit(kind, count):
    return {
        "buckets": lambda: result("histogram", {"counts": [1] * count, "edges": list(range(count + 1))}),
        "points": lambda: result("curve", {"x": [1] * count, "y": [1] * count}),
        "cells": lambda: result("table", {"columns": [{"name": "a", "values": [1] * count}]}),
        "matrix": lambda: result("matrix", {"values": [[1] * count]}),
        "text": lambda: text(words="x" * count),
        "png": lambda: result("image", {"png": png(size_bytes=count)}),
        "pixels": lambda: result("image", {"png": png(4096, 4096 + count)}),
    }[kind]()


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("buckets", MAX_BUCKETS),
        ("points", MAX_POINTS),
        ("cells", MAX_CELLS),
        ("matrix", MAX_CELLS),
        ("text", MAX_TEXT_CHARS),
        ("png", MAX_PNG_BYTES),
        ("pixels", 0),
    ],
)
def test_a_result_is_taken_up_to_its_bound_and_not_one_more(kind, most):
    stream = started()
    applied = stream.send(at_limit(kind, most), at_limit(kind, most + 1))
    assert [rejected["seq"] for rejected in applied.rejected] == [2]
    assert re.search(rf"use at most|use \d to {most}", reasons(applied)[0])


# configuration


def config(stream):
    return queries.run(OPEN, stream.run_id)["config"]


def test_of_a_configuration_the_later_value_counts_whole():
    stream = started(config={"lr": 0.1, "optimizer": {"name": "sgd", "momentum": 0.9}})
    stream.send({"type": "config", "config": {"lr": 0.01, "depth": 3}})
    stream.send(
        {"type": "config", "config": {"optimizer": {"name": "adam"}}}, {"type": "config", "config": {"depth": 4}}
    )
    assert config(stream) == {"lr": 0.01, "depth": 4, "optimizer": {"name": "adam"}}


def test_a_configuration_grows_up_to_its_bound_and_not_one_byte_more():
    stream = started()
    room = contract.MAX_CONFIG_BYTES - len(orjson.dumps({"a": ""}))
    assert stream.send({"type": "config", "config": {"a": "x" * room}}).rejected == []
    applied = stream.send({"type": "config", "config": {"a": "x" * (room + 1)}})
    assert "config would have 262145 bytes with ['a']; use at most 262144" in reasons(applied)[0]
    assert len(config(stream)["a"]) == room


# events


def test_an_event_is_stored_with_its_step_and_an_alert_with_its_level():
    stream = started()
    stream.send(event("checkpoint", "weights-7.pt", step=7), event("alert", "loss is NaN", level="error"))
    rows = Event.select().where(Event.run_id == stream.run_id).order_by(Event.event_id)
    assert [(row.kind, row.text, row.step, row.level) for row in rows] == [
        ("checkpoint", "weights-7.pt", 7, None),
        ("alert", "loss is NaN", None, "error"),
    ]


def test_an_events_text_has_a_bound_and_its_level_is_known():
    most = contract.MAX_EVENT_CHARS
    applied = started().send(event(words="x" * most), event(words="x" * (most + 1)), event(level="loud"))
    assert reasons(applied) == [
        "text of an event has 10001 characters; use at most 10000",
        "level 'loud' is not one of an alert; use info, warn, error",
    ]
