"""Many writers at once: nothing is lost, nothing doubled, nobody is turned away."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from core.stream import Stream, metrics, model, start, started
from prevue_core.db import queries
from prevue_core.db.accounts import OPEN
from prevue_core.db.connection import db
from prevue_core.db.editing import silence_in_run
from prevue_core.db.ingest.starting import open_writer
from prevue_core.db.models import Metric, ModelDescription, Project, Series, TrainingRun, User, Writer
from prevue_core.db.queries.facts import silenced_in_run

WRITERS, BATCHES, RECORDS = 8, 4, 10


@pytest.fixture
def at_once(database):
    """Call functions in a thread each, all together, and return their answers."""

    def at_once(*functions: Callable[[], Any]) -> list[Any]:
        together = Barrier(len(functions))

        def call(function: Callable[[], Any]) -> Any:
            with database.connection_context():
                together.wait()
                return function()

        with ThreadPoolExecutor(len(functions)) as threads:
            return list(threads.map(call, functions))

    return at_once


def train(stream: Stream, **fields: Any) -> None:
    """Send a whole training, with a name of its own among the names that all share."""
    stream.send(start(**fields), model(stream.writer_id))
    for batch in range(BATCHES):
        steps = range(batch * RECORDS, (batch + 1) * RECORDS)
        stream.send(*(metrics(step, {"loss": step, "val_loss": step, f"my/{stream.writer_id}": 1}) for step in steps))


def test_writers_of_one_run_lose_and_double_nothing(at_once):
    first = started()
    streams = [Stream(first.run_id) for _ in range(WRITERS)]
    at_once(*(lambda stream=stream, rank=rank: train(stream, rank=rank) for rank, stream in enumerate(streams)))
    rows = Metric.select(Metric.rank, Metric.step).where(Metric.loss_name == "loss", Metric.split == "train").tuples()
    assert sorted(rows) == [(rank, step) for rank in range(WRITERS) for step in range(BATCHES * RECORDS)]
    assert {row.next_seq for row in Writer.select() if row.rank} == {2 + BATCHES * RECORDS}


def test_a_start_that_comes_several_times_at_once_is_told_once(at_once):
    stream = Stream()
    applied = at_once(*(lambda: stream.send_from(0, start()) for _ in range(WRITERS)))
    assert [one.kind for told in applied for one in told.happened] == ["running"]
    with db.atomic():  # as if one came while the other had not been committed
        assert open_writer(OPEN, stream.run_id, stream.writer_id, start()) is False


def test_series_that_begin_at_once_are_numbered_without_doubles(at_once):
    first = started()
    at_once(*(lambda rank=rank: train(Stream(first.run_id), rank=rank) for rank in range(WRITERS)))
    found = list(Series.select())
    assert sorted(row.series_no for row in found) == list(range(3 * WRITERS))
    assert {(row.count, row.last_step, row.rewritten) for row in found} == {
        (BATCHES * RECORDS, BATCHES * RECORDS - 1, False)
    }


def test_writers_that_share_series_rewrite_each_others_steps(at_once):
    first = started()
    at_once(*(lambda: train(Stream(first.run_id)) for _ in range(WRITERS)))
    loss = Series.get(Series.name == "loss", Series.split == "train")
    assert (loss.count, loss.rewritten) == (BATCHES * RECORDS, True)
    assert Metric.select().where(Metric.loss_name == "loss").count() == 2 * WRITERS * BATCHES * RECORDS


def test_runs_that_begin_at_once_share_one_project_of_one_user(at_once, database):
    streams = [Stream() for _ in range(WRITERS)]
    at_once(*(lambda stream=stream: train(stream) for stream in streams))
    assert [table.select().count() for table in (User, Project, TrainingRun)] == [1, 1, WRITERS]
    assert {row.count for row in Series.select()} == {BATCHES * RECORDS}


def test_equal_models_described_at_once_are_one(at_once):
    streams = [started() for _ in range(WRITERS)]
    at_once(*(lambda stream=stream: stream.send(model(layers=[1])) for stream in streams))
    assert ModelDescription.select().count() == 1


def test_a_batch_sent_by_many_at_once_is_stored_once(at_once):
    stream = started()
    batch = [metrics(step, {"loss": step}) for step in range(RECORDS)]
    answers = at_once(*[lambda: stream.send_from(1, *batch)] * WRITERS)
    assert {answer.next_seq for answer in answers} == {1 + RECORDS}
    assert Metric.select().count() == RECORDS


def test_a_first_batch_sent_by_many_at_once_is_stored_once(at_once):
    stream = Stream()
    answers = at_once(*[lambda: stream.send_from(0, start(), metrics(0, {"loss": 1}))] * WRITERS)
    assert {answer.next_seq for answer in answers} == {2}
    assert [table.select().count() for table in (Writer, TrainingRun, Metric)] == [1, 1, 1]


def test_readers_are_served_while_writers_write(at_once):
    streams = [started() for _ in range(4)]

    def read() -> None:
        for _ in range(10):
            assert len(queries.runs(OPEN, 10).items) == 4
            queries.series([stream.run_id for stream in streams])

    at_once(*(lambda stream=stream: train(stream) for stream in map(Stream, [s.run_id for s in streams])), *[read] * 4)
    assert Metric.select().where(Metric.loss_name == "loss", Metric.split == "val").count() == 4 * BATCHES * RECORDS


def test_checks_that_several_people_silence_at_once_are_all_silent(at_once):
    run_id = started().run_id
    codes = [f"check_{number}" for number in range(WRITERS)]
    at_once(*(partial(silence_in_run, OPEN, run_id, [code]) for code in codes))
    assert silenced_in_run(run_id) == codes
