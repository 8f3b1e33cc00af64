"""What a run logs beside numbers, as it stands in the spool: results, configuration, events."""

import argparse
import base64
import enum
import math
import pathlib
import struct
import zlib
from datetime import UTC, datetime

import orjson
import pytest

import prevue
from prevue.png import encode
from prevue_core.contract import MAX_CONFIG_BYTES, MAX_EVENT_CHARS
from prevue_core.result_kinds import MAX_CELLS, MAX_TEXT_CHARS

PNG = encode(2, 1, 1, b"\0\xff")


@pytest.fixture
def run(new_run):
    return new_run(mode="offline")


@pytest.fixture
def kept(spooled):
    """Return the records of a type, without type, number and time."""

    def kept(kind="result"):
        common = ("type", "seq", "time")
        return [
            {name: value for name, value in record.items() if name not in common}
            for record in spooled()
            if record["type"] == kind
        ]

    return kept


# where a result goes


def test_a_result_stands_at_the_step_of_the_last_log_or_at_its_own(run, kept):
    run.log_text("note", "before any log")
    run.log({"loss": 1.0}, 7)
    run.log_text("note", "behind it")
    run.log_text("note", "at its own", step=3, split="val")
    assert kept() == [
        {"kind": "text", "name": "note", "payload": {"text": "before any log"}},
        {"step": 7, "kind": "text", "name": "note", "payload": {"text": "behind it"}},
        {"step": 3, "kind": "text", "name": "note", "payload": {"text": "at its own"}, "split": "val"},
    ]


def test_a_result_uses_no_step_of_log(run, spooled):
    run.log({"loss": 1.0})
    run.log_text("note", "x")
    run.log_text("note", "x", step=99)
    run.log({"loss": 0.5})
    assert [record["step"] for record in spooled() if record["type"] == "metrics"] == [0, 1]


def test_a_run_that_goes_on_stands_at_its_last_step(new_run, kept):
    run_id = "019ab1c2-0000-7000-8000-000000000001"
    first = new_run(run_id=run_id, mode="offline")
    first.log({"loss": 1.0}, 41)
    first.finish()
    new_run(run_id=run_id, mode="offline").add_event("resume")
    assert kept("event") == [{"step": 41, "kind": "resume", "text": ""}]


@pytest.mark.parametrize(
    ("call", "arguments", "kind"),
    [
        ("log_histogram", ("h", [1, 2]), "result"),
        ("log_table", ("t", {"a": [1]}), "result"),
        ("log_text", ("t", "x"), "result"),
        ("log_image", ("i", PNG), "result"),
        ("log_result", ("curve", "c", {"x": [1], "y": [2]}), "result"),
        ("add_event", ("checkpoint", "7.pt"), "event"),
        ("alert", ("loss is NaN",), "event"),
    ],
)
def test_each_is_a_function_for_the_run_opened_last_too(run, kept, call, arguments, kind):
    getattr(run, call)(*arguments)
    getattr(prevue, call)(*arguments)
    of_run, of_module = kept(kind)
    assert of_run == of_module


@pytest.mark.parametrize("call", ["log_text", "alert"])
def test_without_a_run_a_function_warns(monkeypatch, caplog, call):
    monkeypatch.setattr("prevue.current._latest", None)
    getattr(prevue, call)("a", "b")
    assert "there is no run to log to" in caplog.text


def test_a_disabled_run_keeps_nothing_and_says_nothing(new_run, spooled, caplog):
    run = new_run(mode="disabled")
    run.log_text("note", "x")
    run.log_histogram("h", "nonsense")
    run.add_event("note")
    run.config["lr"] = 0.1
    assert (spooled(), caplog.text, run.config["lr"]) == ([], "", 0.1)


def test_what_comes_after_the_end_is_left_out(run, kept, caplog):
    run.finish()
    run.log_text("note", "late")
    run.config["lr"] = 0.1
    assert (kept(), kept("config")) == ([], [])
    assert "is finished; what is logged now is left out" in caplog.text


# histograms


def test_a_histogram_counts_each_value_once(run, kept):
    values = [[number / 100 for number in range(100)], [1.0, 1.0, math.nan, math.inf, -math.inf]]
    run.log_histogram("weights", values)
    (payload,) = (record["payload"] for record in kept())
    assert (len(payload["counts"]), sum(payload["counts"])) == (64, 102)
    assert (payload["edges"][0], payload["edges"][-1], payload["counts"][-1]) == (0.0, 1.0, 3)
    assert [payload[name] for name in ("nan_count", "inf_count", "ninf_count")] == [1, 1, 1]


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [3] * 5,
        [1e300, 1e300],
        [-1.7e308, 1.7e308],
        [1.7976931348623157e308] * 2,
        [1.0, math.nextafter(1.0, 2.0)],
        [5e-324, 1e-323],
        [0, True],
        range(1_000_000, 1_000_010),
    ],
)
def test_any_finite_values_make_a_histogram(run, kept, caplog, values):
    run.log_histogram("h", values)
    (payload,) = (record["payload"] for record in kept())
    assert sum(payload["counts"]) == len(values)
    assert payload["edges"][0] <= min(values) <= max(values) <= payload["edges"][-1]
    assert caplog.text == ""


def test_a_histogram_of_ones_own_buckets_stays_what_it_is(run, kept):
    run.log_histogram("h", counts=[1, 2], edges=(0, 1, 4))
    assert kept()[0]["payload"] == {"counts": [1, 2], "edges": [0, 1, 4]}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"values": []}, "result 'h': a histogram was given no finite value"),
        ({"values": [math.nan]}, "a histogram was given no finite value"),
        ({"values": ["a"]}, "value 'a' is not a number"),
        ({"values": "abc"}, "value 'abc' is not a number"),
        ({"values": {"a": 1}}, "value {'a': 1} is not a number"),
        ({}, "a histogram needs values, or counts and edges"),
        ({"values": [1], "counts": [1], "edges": [0, 1]}, "give one or the other"),
        ({"counts": [1]}, "give one or the other"),
        ({"counts": [1], "edges": [1, 0]}, "the edges of the histogram do not rise"),
        ({"counts": [1, 1], "edges": [1, 0]}, "the histogram has 2 edges for 2 counts"),
    ],
)
def test_no_histogram_can_be_made_of_it(run, kept, caplog, arguments, told):
    run.log_histogram("h", **arguments)
    assert kept() == []
    assert told in caplog.text
    assert run.status().left_out == 1


# tables, text, images


class Colour(enum.Enum):
    RED = "red"


def test_a_table_keeps_numbers_and_texts_and_tells_anything_else(run, kept):
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    run.log_table(
        "t",
        {
            "number": [1, 2.5, True, None, math.nan],
            "other": ["x", 2**70, pathlib.Path("a/b"), Colour.RED, noon],
            "nested": [[1, 2], {"a": 1}, (), {3}, b"x"],
        },
    )
    (payload,) = (record["payload"] for record in kept())
    columns = {column["name"]: column["values"] for column in payload["columns"]}
    assert columns["number"] == [1, 2.5, True, None, "NaN"]
    assert columns["other"] == ["x", str(2**70), "a/b", "red", "2026-01-01 12:00:00+00:00"]
    assert columns["nested"] == ["[1, 2]", "{'a': 1}", "()", "{3}", "b'x'"]
    assert payload["row_count"] == 5


def test_of_a_table_that_is_too_long_the_first_rows_are_kept_and_all_are_counted(run, kept, caplog):
    run.log_table("t", {"a": range(MAX_CELLS), "b": range(MAX_CELLS)})
    (payload,) = (record["payload"] for record in kept())
    assert [len(column["values"]) for column in payload["columns"]] == [MAX_CELLS // 2] * 2
    assert payload["row_count"] == MAX_CELLS
    assert "a table has 10000 rows of 2 columns; the first 5000 are kept" in caplog.text


def test_of_a_text_that_is_too_long_the_beginning_is_kept(run, kept, caplog):
    run.log_text("t", "x" * MAX_TEXT_CHARS)
    assert caplog.text == ""
    run.log_text("t", "x" * (MAX_TEXT_CHARS + 1))
    whole, cut = (record["payload"]["text"] for record in kept())
    assert (len(whole), len(cut), cut[-5:]) == (MAX_TEXT_CHARS, MAX_TEXT_CHARS, "x ...")
    assert "a text has 100001 characters; the first 100000 are kept" in caplog.text


def pixels(png):
    """Read a PNG as the standard has it and return its size, its colour type and its rows."""
    size, place, data, header = struct.unpack(">II", png[16:24]), 8, b"", b""
    while place < len(png):
        length, name = struct.unpack(">I4s", png[place : place + 8])
        body = png[place + 8 : place + 8 + length]
        assert struct.unpack(">I", png[place + 8 + length : place + 12 + length]) == (zlib.crc32(name + body),)
        header, data = (body, data) if name == b"IHDR" else (header, data + body)
        place += 12 + length
    assert header[8:] == bytes([8, header[9], 0, 0, 0])
    raw, stride, rows = zlib.decompress(data), 0, []
    stride = len(raw) // size[1]
    for number in range(size[1]):
        kind, *row = raw[number * stride : (number + 1) * stride]
        above = rows[-1] if rows else [0] * len(row)
        assert kind == 2
        rows.append([(one + other) & 0xFF for one, other in zip(row, above, strict=True)])
    return size, header[9], rows


@pytest.mark.parametrize(
    ("image", "size", "colour", "rows"),
    [
        ([[0, 128, 255], [255, 128, 0]], (3, 2), 0, [[0, 128, 255], [255, 128, 0]]),
        ([[0.0, 0.5, 1.0, 7.0, math.nan]], (5, 1), 0, [[0, 128, 255, 255, 0]]),
        ([[[1, 2, 3]], [[4, 5, 6]]], (1, 2), 2, [[1, 2, 3], [4, 5, 6]]),
        ([[[1, 2, 3, 4]]], (1, 1), 6, [[1, 2, 3, 4]]),
        ([[[9], [8]]], (2, 1), 0, [[9, 8]]),
    ],
)
def test_an_image_of_lists_is_a_png_of_its_pixels(run, kept, image, size, colour, rows):
    run.log_image("i", image)
    (payload,) = (record["payload"] for record in kept())
    assert pixels(base64.b64decode(payload["png"])) == (size, colour, rows)
    assert (payload["width"], payload["height"]) == size


def test_the_bytes_of_a_png_are_kept_as_they_are(run, kept):
    run.log_image("i", PNG)
    assert base64.b64decode(kept()[0]["payload"]["png"]) == PNG


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (b"GIF89a" + bytes(40), "the image begins with b'GIF89a"),
        (PNG + bytes(600_000), "has 600068 bytes as PNG; use at most 524288"),
        ([[256]], "an image has values from 256 to 256; use 0 to 255"),
        ([[1, 2], [3]], "the rows of an image are not equally long"),
        ([["a"]], "an image has values that are no numbers"),
        ([1, 2], "an image of shape (2,) is not one"),
        ([[[1, 2]]], "an image of shape (1, 1, 2) is not one"),
        ([], "an image of shape () is not one"),
        ([[0] * 4097], "an image has 1 x 4097 pixels; use at most 4096 a side"),
        (None, "an image of shape () is not one"),
    ],
)
def test_what_is_no_image_is_told(run, kept, caplog, image, told):
    run.log_image("i", image)
    assert kept() == []
    assert told in caplog.text


# any result, and what is wrong with it


def test_a_result_of_a_plugins_own_kind_is_kept_as_it_is(run, kept):
    run.log_result("mine.heads", "h", {"a": [1, (2, math.inf)], "b": {"c": pathlib.Path("x")}, "none": None})
    assert kept() == [{"kind": "mine.heads", "name": "h", "payload": {"a": [1, [2, "Infinity"]], "b": {"c": "x"}}}]


class Loud:
    """Breaks whatever touches it."""

    def __getattr__(self, name):
        raise RuntimeError("do not touch")

    def __str__(self):
        raise RuntimeError("do not look")

    __iter__ = __len__ = __bool__ = __repr__ = __str__

    def __eq__(self, other):
        raise RuntimeError("do not compare")

    __hash__ = object.__hash__


LOOP: list = []
LOOP.append(LOOP)
HOSTILE = [
    None,
    7,
    "text",
    b"bytes",
    [],
    {},
    object(),
    Loud(),
    LOOP,
    {Loud(): 1},
    {"a": LOOP},
    float("nan"),
    lambda: 0,
    "\ud800",
]


@pytest.mark.parametrize("given", HOSTILE, ids=[type(one).__name__ + str(no) for no, one in enumerate(HOSTILE)])
def test_nothing_that_is_given_is_raised_to_the_training(run, spooled, given):
    for call in (
        lambda: run.log_histogram("n", given),
        lambda: run.log_histogram("n", counts=given, edges=given),
        lambda: run.log_table("n", given),
        lambda: run.log_table("n", {"a": given}),
        lambda: run.log_table("n", {"a": [given]}),
        lambda: run.log_text("n", given),
        lambda: run.log_image("n", given),
        lambda: run.log_image("n", [[given]]),
        lambda: run.log_result("curve", "n", given),
        lambda: run.log_result("mine.kind", "n", {"a": given}),
        lambda: run.log_result(given, "n", {}),
        lambda: run.log_text(given, "x"),
        lambda: run.log_text("n", "x", step=given),
        lambda: run.log_text("n", "x", split=given),
        lambda: run.add_event(given, given, step=given),
        lambda: run.alert(given, given, given),
        lambda: run.config.update(given),
        lambda: run.config.update({"a": given}),
    ):
        call()
    run.log({"loss": 1.0})
    assert spooled()[-1]["values"] == {"loss": 1.0}


def test_one_bad_result_costs_one_warning_with_its_value_and_nothing_else(run, kept, caplog):
    for number in range(5):
        run.log_result("curve", "c", {"x": [number], "y": "no"})
    run.log_result("curve", "c", {"x": [1], "y": [2]})
    assert len(kept()) == 1
    (warning,) = caplog.records
    assert "result 'c': y of the curve is 'no'; use a list. It is left out; the rest is logged" in warning.message
    assert run.status().left_out == 5


def test_a_result_that_does_not_fit_a_record_is_left_out(run, kept, caplog):
    run.log_result("mine.kind", "n", {"a": "x" * 1_000_000})
    run.log_text("n", "x")
    assert len(kept()) == 1
    assert "a result record has" in caplog.text


# configuration


def test_a_configuration_can_be_added_to_and_read(new_run, kept):
    run = new_run(mode="offline", config={"lr": 0.1, "layers": (64, 10)})
    run.config["lr"] = 0.01
    run.config.update({"device": pathlib.Path("cuda:0")}, seed=3)
    assert dict(run.config) == {"lr": 0.01, "layers": [64, 10], "device": "cuda:0", "seed": 3}
    assert (len(run.config), "seed" in run.config, next(iter(run.config))) == (4, True, "lr")
    assert kept("config") == [{"config": {"lr": 0.01}}, {"config": {"device": "cuda:0", "seed": 3}}]


def test_what_argparse_found_is_a_configuration(run, kept):
    run.config.update(argparse.Namespace(lr=0.1, name="net"))
    assert kept("config") == [{"config": {"lr": 0.1, "name": "net"}}]


def test_what_cannot_be_stored_of_a_configuration_is_left_out_alone(run, kept, caplog):
    run.config.update({"model": object(), "nan": math.nan, 7: {"a": {1}}})
    assert kept("config") == [{"config": {"nan": "NaN", "7": {"a": [1]}}}]
    assert "config 'model': <object object" in caplog.text


def test_a_configuration_grows_up_to_its_bound(run, kept, caplog):
    room = MAX_CONFIG_BYTES - len(orjson.dumps({"a": ""}))
    run.config["a"] = "x" * room
    assert caplog.text == ""
    run.config["b"] = 1
    assert ("b" in run.config, len(kept("config"))) == (False, 1)
    assert "config has 262150 bytes with ['b']; use at most 262144" in caplog.text


def test_a_process_that_joins_the_run_tells_what_was_added(run, kept):
    run.config["lr"] = 0.01
    run._detach()  # as a fork does
    run.log({"loss": 1.0})
    assert {"lr": 0.01} in [record["config"] for record in kept("start")]


# events


def test_an_alert_has_a_level_and_a_title_above_its_text(run, kept):
    run.alert("loss is NaN", "since step 7", level="error")
    run.alert("slow")
    assert kept("event") == [
        {"kind": "alert", "text": "loss is NaN\nsince step 7", "level": "error"},
        {"kind": "alert", "text": "slow", "level": "warn"},
    ]


def test_each_evaluation_that_is_refused_says_why(run, caplog):
    for split, step in (("A", 1), ("test", "x"), ("A", 1)):
        run.log_evaluation([0, 1], [0, 1], split=split, step=step)
    first, second = (record.message for record in caplog.records)
    assert "split 'A'" in first
    assert "step 'x' is not a whole number" in second


def test_an_alert_of_no_level_is_a_warning(run, kept, caplog):
    run.alert("slow", level="loud")
    assert kept("event")[0]["level"] == "warn"
    assert "level 'loud' is not one of info, warn, error" in caplog.text


@pytest.mark.parametrize(("length", "kept_length"), [(MAX_EVENT_CHARS, MAX_EVENT_CHARS), (10_001, MAX_EVENT_CHARS)])
def test_of_an_events_text_the_beginning_is_kept(run, kept, length, kept_length):
    run.add_event("note", "x" * length)
    assert len(kept("event")[0]["text"]) == kept_length


def test_events_and_results_have_their_share_of_our_time(run):
    before = run._inside
    run.log_table("t", {"a": range(5_000)})
    assert run._inside > before
