"""Alerts that the server raises by itself: each once, whatever comes again; and what others are told of a run."""

import datetime
import logging
import math
import threading

import pytest

from core.stream import Stream, end, metrics, start, started
from prevue_core.db import patrol as patrolling
from prevue_core.db.accounts import OPEN
from prevue_core.db.connection import db, is_sqlite
from prevue_core.db.editing import silence_in_project, silence_in_run
from prevue_core.db.ingest import apply_records
from prevue_core.db.models import Event, TrainingRun, utc_now
from prevue_core.db.patrol import OLD_S, Patrol, keep_looking
from prevue_core.db.stored import to_unix

pytestmark = pytest.mark.usefixtures("database")

STALL_S = 600.0
NAN, INFINITE = "NaN", "-Infinity"


def alerts():
    return [(one.cause, one.level, one.step, one.text) for one in Event.select().order_by(Event.event_id)]


def happened(applied):
    return [(one.kind, one.text) for one in applied.happened]


def losses(values, name="loss"):
    return [metrics(step, {name: value}) for step, value in enumerate(values)]


# not finite


def test_the_first_value_that_is_not_finite_is_told_once():
    stream = started()
    assert stream.send(*losses([0.5, 0.4])).happened == []
    told = stream.send(metrics(2, {"loss": 0.3}), metrics(3, {"loss": NAN}), metrics(4, {"loss": NAN}))
    assert happened(told) == [("alert", "train/loss is NaN at step 3")]
    assert stream.send(metrics(5, {"loss": NAN})).happened == []
    assert alerts() == [("non_finite", "error", 3, "train/loss is NaN at step 3")]


def test_a_batch_that_comes_again_raises_nothing():
    stream = started()
    batch = losses([0.5, INFINITE])
    stream.send_from(1, *batch)
    assert stream.send_from(1, *batch).happened == []
    assert [text for *_, text in alerts()] == ["train/loss is infinite at step 1"]


def test_losses_that_break_together_are_one_alert():
    values = {"loss": NAN, "kl_loss": 1.0, "a/loss": NAN, "b/loss": NAN, "c/loss": NAN, "accuracy": NAN}
    started().send(metrics(0, {"loss": 1.0, "kl_loss": 1.0}), metrics(1, values))
    text = "train/a/loss, train/b/loss, train/c/loss and 1 more are NaN or infinite, train/a/loss first: NaN at step 1"
    assert [text for *_, text in alerts()] == [text]


def test_a_metric_that_is_not_a_loss_may_be_nan():
    started().send(metrics(0, {"auc": NAN, "loss": 0.1}))
    assert alerts() == []


def test_of_several_processes_one_tells():
    stream = started()
    stream.send(*losses([NAN]))
    other = started(stream.run_id, rank=1)
    other.send(*losses([NAN]))
    other.send(metrics(1, {"val_loss": NAN}))
    assert [text for *_, text in alerts()] == ["train/loss is NaN at step 0", "val/loss is NaN at step 1"]


def test_alerts_that_are_not_wanted_are_not_raised():
    stream = started()
    apply_records(stream.identity, stream.run_id, stream.writer_id, 1, losses([math.nan]), causes=["stalled"])
    assert alerts() == []


def test_alerts_are_silenced_as_method_checks_are_for_a_run_or_a_project():
    run, other = started(), started()
    silence_in_run(OPEN, run.run_id, ["alert.non_finite", "alert.diverged"])
    fallen = losses([2.3 / (1 + step / 20) if step < 200 else 2.3 for step in range(240)])
    run.send(metrics(0, {"val_loss": NAN}), *fallen)
    assert patrol(now := to_unix(utc_now())).look(now) == []
    silence_in_project(OPEN, TrainingRun.get_by_id(other.run_id).project_id, ["alert.non_finite"])
    other.send(metrics(0, {"val_loss": NAN}), *fallen)
    assert [one.cause for one in patrol(now).look(now)] == ["diverged"]
    silence_in_run(OPEN, run.run_id, [], ["alert.diverged"])
    assert [(one.run_id, one.cause) for one in patrol(now).look(now)] == [(run.run_id, "diverged")]


# states


def test_a_run_that_begins_ends_and_goes_on_is_told():
    stream = Stream()
    assert happened(stream.send(start(time=100.0))) == [("running", "")]
    assert happened(stream.send(metrics(0, {"loss": 1.0}), end(time=200.0))) == [("finished", "")]
    other = Stream(stream.run_id)
    assert happened(other.send(start(time=300.0))) == [("running", "")]
    assert happened(Stream(stream.run_id).send(start(time=300.0, rank=1))) == []
    assert happened(other.send(end(time=400.0, state="failed", message="no memory"))) == [("failed", "no memory")]
    assert happened(other.send(end(time=401.0, state="failed", message="again"))) == []


def test_an_alert_of_the_training_is_told():
    stream = started()
    told = stream.send(
        {"type": "event", "kind": "alert", "text": "hot", "level": "warn", "step": 7},
        {"type": "event", "kind": "note", "text": "hello"},
    )
    assert [(one.kind, one.text, one.level, one.step, one.cause) for one in told.happened] == [
        ("alert", "hot", "warn", 7, None)
    ]


# lost


def silent(stream, seconds):
    """Let a run be heard of last so long ago, and return the time now."""
    heard_at = TrainingRun.get_by_id(stream.run_id).heard_at
    return to_unix(heard_at) + seconds


def set_back(row, seconds):
    name = "heard_at" if isinstance(row, TrainingRun) else "time"
    setattr(row, name, getattr(row, name) - datetime.timedelta(seconds=seconds))
    row.save()


def patrol(now, **settings):
    """Return one that has been there for long."""
    return Patrol(STALL_S, began_at=now - 2 * OLD_S, **settings)


def test_a_run_that_falls_silent_is_told_once_and_its_return_too():
    stream = started()
    now = silent(stream, 119)
    look = patrol(now).look
    assert look(now) == []
    [lost] = look(now + 2)
    assert (lost.kind, lost.run_id) == ("lost", stream.run_id)
    assert look(now + 10) == []
    assert patrol(now).look(now + 10) == []  # after a restart
    for row in (TrainingRun.get_by_id(stream.run_id), Event.get()):  # now it was some minutes ago
        set_back(row, seconds=200)
    assert happened(stream.send(*losses([1.0]))) == [("running", "")]
    assert stream.send(*losses([1.0])).happened == []


def test_runs_whose_loss_is_known_cost_no_further_statements(caplog):
    runs = [started() for _ in range(9)]
    now = silent(runs[-1], 300)
    assert len(patrol(now).look(now)) == 9
    with caplog.at_level(logging.DEBUG, "peewee"):
        assert patrol(now).look(now) == []
    assert 0 < len(caplog.messages) < 9


def test_a_look_reads_no_run_that_is_over(caplog):
    if not is_sqlite():
        pytest.skip("PostgreSQL reads so small a table whole")
    started()
    with caplog.at_level(logging.DEBUG, "peewee"):
        patrol(now := to_unix(utc_now())).look(now)
    asked = [record.msg for record in caplog.records if 'FROM "runs"' in record.msg[0]]
    plans = [db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()[0][-1] for sql, values in asked]
    assert len(plans) == 2
    assert all("USING INDEX runs_running" in plan for plan in plans)


def test_a_server_that_was_away_finds_nobody_lost():
    stream = started()
    now = silent(stream, 3_600)
    assert Patrol(STALL_S, began_at=now - 60).look(now) == []
    assert patrol(now).look(now + OLD_S) == []  # too long ago to be news
    stream.send(end())
    assert patrol(now).look(now) == []


# stalled


def keep_alive(stream, now):
    """Let a run be heard of at this moment."""
    at = datetime.datetime.fromtimestamp(now, datetime.UTC).replace(tzinfo=None)
    TrainingRun.update(heard_at=at).where(TrainingRun.run_id == stream.run_id).execute()


def test_a_training_that_is_alive_and_logs_nothing_has_stalled():
    stream = started(time=(now := to_unix(utc_now())) - 100)
    stream.send(*losses([1.0] * 10))
    watch = patrol(now)
    assert watch.look(now) == []
    keep_alive(stream, now + STALL_S)
    assert watch.look(now + STALL_S - 1) == []
    assert [(one.cause, one.step) for one in watch.look(now + STALL_S)] == [("stalled", 9)]
    assert watch.look(now + STALL_S + 60) == []
    stream.send(metrics(10, {"loss": 1.0}))
    keep_alive(stream, now + STALL_S + 70)
    assert watch.look(now + STALL_S + 70) == []
    keep_alive(stream, now + 3 * STALL_S)
    [again] = watch.look(now + 3 * STALL_S)
    assert again.text == "nothing was logged for 19 minutes behind step 10, though its process is alive"
    assert [cause for cause, *_ in alerts()] == ["stalled", "stalled"]


def test_a_training_that_logs_rarely_has_time():
    stream = started(time=(now := to_unix(utc_now())) - 3_600)
    stream.send(*losses([1.0, 1.0]))
    watch = patrol(now)
    watch.look(now)
    keep_alive(stream, now + 10 * STALL_S)
    assert watch.look(now + 10 * STALL_S) == []  # it logs each half an hour


def test_runs_are_looked_at_in_parts_when_there_are_many(monkeypatch):
    monkeypatch.setattr(patrolling, "RUNS_AT_ONCE", 2)
    streams = [started(time=(now := to_unix(utc_now())) - 100) for _ in range(5)]
    for stream in streams:
        stream.send(*losses([2.3 / (1 + step / 20) if step < 200 else 2.3 for step in range(240)]))
    watch = patrol(now)
    assert {one.run_id for one in watch.look(now)} == {stream.run_id for stream in streams}
    for stream in streams:
        keep_alive(stream, now + STALL_S)
    assert [one.cause for one in watch.look(now + STALL_S)] == ["stalled"] * 5


def test_a_run_that_never_logged_has_not_stalled():
    stream = started()
    watch = patrol(now := to_unix(utc_now()))
    watch.look(now)
    keep_alive(stream, now + 10 * STALL_S)
    assert watch.look(now + 10 * STALL_S) == []


# diverged


def test_a_loss_that_comes_back_up_is_told_once():
    stream = started()
    stream.send(*losses([2.3 / (1 + step / 20) for step in range(200)]))
    watch = patrol(now := to_unix(utc_now()))
    assert watch.look(now) == []
    stream.send(*[metrics(step, {"loss": 2.3, "val_loss": 2.3}) for step in range(200, 240)])
    [found] = watch.look(now)
    assert found.text == "train/loss has diverged: 2.3 at step 239, after 0.21 at step 199"
    stream.send(*[metrics(step, {"loss": 2.3}) for step in range(240, 300)])
    assert watch.look(now) == patrol(now).look(now) == []
    assert [(cause, level) for cause, level, *_ in alerts()] == [("diverged", "error")]


def test_a_long_loss_is_judged_by_its_rollups():
    stream = started()
    values = [2.3 / (1 + step / 500) if step < 9_000 else 2.3 for step in range(10_000)]
    for begin in range(0, 10_000, 2_000):
        stream.send(*[metrics(step, {"loss": values[step]}) for step in range(begin, begin + 2_000)])
    now = to_unix(utc_now())
    assert [one.cause for one in patrol(now).look(now)] == ["diverged"]


def test_causes_that_are_not_wanted_are_not_looked_for():
    stream = started()
    stream.send(*losses([2.3 / (1 + step / 20) for step in range(200)]), *losses([2.3] * 240)[200:])
    assert patrol(now := to_unix(utc_now()), causes=["non_finite"]).look(now) == []


def test_a_look_that_fails_is_told_of_and_not_the_last(database, monkeypatch, caplog):
    class Stumbling:
        looks = 0

        def look(self, now):
            self.looks += 1
            if self.looks == 1:
                raise ValueError("a run went while it was read")
            return ["a happening"]

    stop, told = threading.Event(), []

    def tell(found):
        told.append(found)
        stop.set()

    monkeypatch.setattr("prevue_core.db.patrol.LOOK_S", 0)
    database.close()  # the thread opens it by itself
    keep_looking(Stumbling(), tell, stop)
    assert told == [["a happening"]]
    assert "a run went while it was read" in caplog.text
