"""How a log call becomes rows of `metrics`."""

import datetime
import math

import pytest

from core.stream import metrics, model, started
from prevue_core.db import queries
from prevue_core.db.connection import is_sqlite
from prevue_core.db.models import Metric, ModelDescription, Series

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def stream():
    return started()


def rows(stream, *columns):
    """Return the rows of a run in the order in which they were stored."""
    asked = [getattr(Metric, column) for column in columns]
    return list(Metric.select(*asked).where(Metric.run_id == stream.run_id).order_by(Metric.metric_id).tuples())


def halves(stream):
    return rows(stream, "split", "loss_name", "loss_value", "metric_name", "metric_value")


def test_a_log_call_has_a_row_for_each_split(stream):
    stream.send(metrics(0, {"loss": 0.3, "accuracy": 0.9, "val_loss": 0.4, "val_accuracy": 0.8, "lr": 1e-3}))
    assert halves(stream) == [
        ("train", "loss", 0.3, "accuracy", 0.9),
        ("train", None, None, "lr", 1e-3),
        ("val", "loss", 0.4, "accuracy", 0.8),
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"loss": 1}, [("loss", 1.0, None, None)]),
        ({"accuracy": 1}, [(None, None, "accuracy", 1.0)]),
        ({"accuracy": 1, "loss": 2}, [("loss", 2.0, "accuracy", 1.0)]),
        (
            {"g_loss": 1, "d_loss": 2, "psnr": 3},
            [("g_loss", 1.0, "psnr", 3.0), ("d_loss", 2.0, None, None)],
        ),
        (
            {"a": 1, "b": 2, "loss": 3, "c": 4},
            [("loss", 3.0, "a", 1.0), (None, None, "b", 2.0), (None, None, "c", 4.0)],
        ),
    ],
)
def test_the_nth_loss_shares_a_row_with_the_nth_metric(stream, values, expected):
    stream.send(metrics(0, values))
    assert [row[1:] for row in halves(stream)] == expected


def test_an_explicit_split_keeps_the_names_as_they_are(stream):
    stream.send(metrics(0, {"val_loss": 1, "test/acc": 2}, split="fold1"))
    assert halves(stream) == [("fold1", "val_loss", 1.0, "test/acc", 2.0)]


def test_two_spellings_of_one_split_are_two_values_of_one_series(stream):
    stream.send(metrics(0, {"val_loss": 1, "validation/loss": 2}))
    assert [row[:3] for row in halves(stream)] == [("val", "loss", 1.0), ("val", "loss", 2.0)]
    assert Series.get().last_value == 2.0


def test_axes_and_times_stand_in_each_row(stream):
    stream.send(metrics(7, {"loss": 1, "val_loss": 2}, epoch=2, batch=3, time=1_700_000_000.25))
    time = datetime.datetime(2023, 11, 14, 22, 13, 20, 250_000)
    assert rows(stream, "step", "epoch", "batch", "timestamp") == [(7, 2, 3, time)] * 2


def test_what_is_not_told_stays_empty(stream):
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    stream.send(metrics(0, {"loss": 1}))
    after = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    ((epoch, batch, time),) = rows(stream, "epoch", "batch", "timestamp")
    assert (epoch, batch) == (None, None)
    assert before <= time <= after


@pytest.mark.parametrize("step", [-(2**63), -1, 0, 2**63 - 1])
def test_steps_have_64_bits(stream, step):
    stream.send(metrics(step, {"loss": 1}))
    assert rows(stream, "step") == [(step,)]


@pytest.mark.parametrize("value", [1e308, -1e-308, 5e-324, 0.1, 2**53])
def test_a_value_is_stored_to_its_last_bit(stream, value):
    stream.send(metrics(0, {"loss": value}))
    assert halves(stream)[0][2].hex() == float(value).hex()


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("Infinity", math.inf), ("-Infinity", -math.inf)],
)
def test_infinities_are_stored_as_they_are(stream, sent, stored):
    stream.send(metrics(0, {"loss": sent}))
    assert halves(stream)[0][1:3] == ("loss", stored)


def test_nan_has_its_name_set_and_is_null_on_sqlite_and_nan_on_postgresql(stream):
    stream.send(metrics(0, {"loss": "NaN"}))
    ((_, name, value, *_),) = halves(stream)
    assert name == "loss"
    assert value is None if is_sqlite() else math.isnan(value)


def test_nan_is_read_back_as_nan(stream):
    stream.send(metrics(0, {"loss": "NaN", "accuracy": 1}))
    ((loss, accuracy),) = [queries.series([stream.run_id])]
    assert math.isnan(loss.columns.last[0])
    assert accuracy.columns.last == [1.0]


@pytest.mark.parametrize("name", ["back\\slash", "\\N", '"quoted"', "a,b", "損失", "naïve 😀", "x" * 512])
@pytest.mark.parametrize("others", [{}, {"epoch": 1}, {"batch": 2}, {"epoch": 1, "batch": 2}])
def test_any_name_and_any_axes_are_stored_as_they_are(stream, name, others):
    stream.send(metrics(1, {name: 0.5, "loss": 1.5, "a_loss": 2.5}, **others))
    stored = rows(stream, "epoch", "batch", "loss_name", "loss_value", "metric_name", "metric_value")
    axes = (others.get("epoch"), others.get("batch"))
    assert stored == [(*axes, "loss", 1.5, name, 0.5), (*axes, "a_loss", 2.5, None, None)]


def test_rows_carry_the_model_in_use_and_the_rank():
    stream = started(rank=3)
    stream.send(metrics(0, {"loss": 1}), model("net"), metrics(1, {"loss": 1}), model("other"), metrics(2, {"loss": 1}))
    net, other = (ModelDescription.get(ModelDescription.model_name == name).model_id for name in ("net", "other"))
    assert rows(stream, "step", "model", "rank") == [(0, None, 3), (1, net, 3), (2, other, 3)]


def test_a_later_batch_knows_the_model_of_an_earlier_one(stream):
    stream.send(model("net"))
    stream.send(metrics(0, {"loss": 1}))
    assert rows(stream, "model") == [(ModelDescription.get().model_id,)]


def test_every_row_stays_though_a_later_one_wins(stream):
    stream.send(metrics(0, {"loss": 1}), metrics(0, {"loss": 2}))
    stream.send(metrics(0, {"loss": 3}))
    assert [row[2] for row in halves(stream)] == [1.0, 2.0, 3.0]
