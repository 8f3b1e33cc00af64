"""Archive, trash and purge of runs and projects."""

import datetime
import threading
import time

import pytest

from core.stream import Stream, event, metrics, model, start, started
from prevue_core.contract import ACTIVE, ARCHIVE, SCOPES, TRASH
from prevue_core.db import queries, retention
from prevue_core.db.accounts import ADMIN, OPEN, Identity
from prevue_core.db.models import (
    AuditEntry,
    Event,
    Metric,
    Project,
    Result,
    Rollup,
    Series,
    Token,
    Tombstone,
    TrainingRun,
    User,
    Writer,
    utc_now,
)
from prevue_core.errors import Missing, RunDeleted

PATIENCE_S = 30
pytestmark = pytest.mark.usefixtures("database")
OF_A_RUN = (TrainingRun, Writer, Metric, Rollup, Series, Event)


def names(shelf=ACTIVE, who=OPEN):
    return [row["run_name"] for row in queries.runs(who, 99, shelf=shelf).items]


def shelves():
    return {shelf: names(shelf) for shelf in (ACTIVE, ARCHIVE, TRASH)}


def projects(shelf=ACTIVE):
    return [row["project_name"] for row in queries.projects(OPEN, 99, shelf=shelf).items]


def project_of(stream):
    return TrainingRun.get_by_id(stream.run_id).project_id


def purge(days=0.0):
    return list(retention.purge(days))


def identity(name):
    row = User.get_or_none(User.username == name) or User.create(username=name)
    return Identity(row.user_id, name, frozenset(SCOPES) - {ADMIN})


def test_an_archived_run_is_in_no_list_but_the_archive_and_goes_on():
    stream = started(run_name="old")
    started(run_name="new")
    retention.archive_run(OPEN, stream.run_id)
    assert shelves() == {ACTIVE: ["new"], ARCHIVE: ["old"], TRASH: []}
    stream.send(metrics(0, {"loss": 1.0}))
    assert queries.run(OPEN, stream.run_id)["last_step"] == 0


def test_a_deleted_run_is_hidden_everywhere_at_once():
    stream = started(run_name="bad")
    stream.send(metrics(0, {"loss": 1.0}))
    retention.delete_run(OPEN, stream.run_id)
    assert shelves() == {ACTIVE: [], ARCHIVE: [], TRASH: ["bad"]}
    assert queries.run(OPEN, stream.run_id) is None
    assert queries.runs_in_reach(OPEN, [stream.run_id]) == []
    with pytest.raises(Missing):
        retention.delete_run(OPEN, stream.run_id)


@pytest.mark.parametrize("away", [retention.archive_run, retention.delete_run])
def test_a_restored_run_is_as_it_was(away):
    stream = started(run_name="one")
    stream.send(metrics(0, {"loss": 1.0}))
    before = queries.run(OPEN, stream.run_id)
    away(OPEN, stream.run_id)
    retention.restore_run(OPEN, stream.run_id)
    assert queries.run(OPEN, stream.run_id) == before
    assert names() == ["one"]
    stream.send(metrics(1, {"loss": 1.0}))
    assert queries.run(OPEN, stream.run_id)["last_step"] == 1


def test_what_is_not_put_away_cannot_be_restored():
    with pytest.raises(Missing):
        retention.restore_run(OPEN, started().run_id)


@pytest.mark.parametrize("is_purged", [False, True])
def test_late_writers_of_a_deleted_run_are_refused(is_purged):
    stream = started()
    retention.delete_run(OPEN, stream.run_id)
    if is_purged:
        purge()
    for late in (stream, Stream(stream.run_id)):
        with pytest.raises(RunDeleted):
            late.send_from(late.next_seq, *([] if late.next_seq else [start()]), metrics(0, {"loss": 1.0}))
    assert Metric.select().count() == 0


def test_a_purge_takes_what_is_old_and_leaves_a_tombstone():
    old, young, kept = (started(run_name=name) for name in ("old", "young", "kept"))
    for stream in (old, young, kept):
        stream.send(model(), event(), *(metrics(step, {"loss": step, "accuracy": 0.5}) for step in range(4_100)))
    retention.delete_run(OPEN, old.run_id)
    retention.delete_run(OPEN, young.run_id)
    TrainingRun.update(deleted_at=utc_now() - datetime.timedelta(days=31)).where(
        TrainingRun.run_id == old.run_id
    ).execute()
    purge(30)
    left = {str(row.run_id) for table in OF_A_RUN for row in table.select(table.run_id).distinct()}
    assert left == {young.run_id, kept.run_id}
    assert [str(row.run_id) for row in Tombstone] == [old.run_id]
    assert queries.run(OPEN, kept.run_id)["last_step"] == 4_099


def test_a_purge_removes_a_part_in_each_transaction(monkeypatch):
    monkeypatch.setattr(retention, "PURGE_ROWS", 7)
    stream = started()
    stream.send(*(metrics(step, {"loss": step}) for step in range(30)))
    retention.delete_run(OPEN, stream.run_id)
    counts = purge()
    assert max(counts) == 7
    assert sum(counts) == 30 + 3  # rows of points, and the series, the writer and the run


def test_results_are_purged_in_smaller_parts(monkeypatch):
    monkeypatch.setattr(retention, "PURGE_RESULTS", 3)
    stream = started()
    stream.send(*({"type": "result", "kind": "text", "name": "n", "payload": {"text": "x"}} for _ in range(10)))
    stream.send({"type": "event", "kind": "note", "text": "x"})
    retention.delete_run(OPEN, stream.run_id)
    assert purge() == [1, 3, 3, 3, 1, 1, 1]  # the writer, results, the event and the run
    assert Result.select().count() == 0


def test_a_purge_that_was_broken_off_is_taken_up_and_cannot_be_restored(monkeypatch):
    monkeypatch.setattr(retention, "PURGE_ROWS", 5)
    stream = started()
    stream.send(*(metrics(step, {"loss": step}) for step in range(20)))
    retention.delete_run(OPEN, stream.run_id)
    for _ in zip(range(3), retention.purge(0), strict=False):
        pass
    assert 0 < Metric.select().count() < 20
    with pytest.raises(Missing):
        retention.restore_run(OPEN, stream.run_id)
    purge(30)  # however young it is
    assert (Metric.select().count(), TrainingRun.select().count()) == (0, 0)


def test_what_is_restored_meanwhile_is_not_purged(monkeypatch):
    stream = started()
    retention.delete_run(OPEN, stream.run_id)
    found = retention._due_runs(utc_now())
    monkeypatch.setattr(retention, "_due_runs", lambda before: found)
    retention.restore_run(OPEN, stream.run_id)
    purge()
    assert queries.run(OPEN, stream.run_id) is not None


def test_a_deleted_project_goes_and_comes_back_with_its_runs():
    first, second, third = (started(project="net", run_name=name) for name in ("first", "second", "third"))
    started(project="other", run_name="other")
    retention.delete_run(OPEN, first.run_id)
    project_id = project_of(second)
    retention.delete_project(OPEN, project_id)
    assert (projects(), projects(TRASH)) == (["other"], ["net"])
    assert queries.project(OPEN, project_id) is None
    assert names() == ["other"]
    with pytest.raises(RunDeleted):
        third.send(metrics(0, {"loss": 1.0}))
    retention.restore_project(OPEN, project_id)
    assert names() == ["other", "third", "second"]
    assert (sorted(projects()), names(TRASH)) == (["net", "other"], ["first"])


def test_a_new_run_brings_a_deleted_project_back_empty():
    old = started(project="net", run_name="old")
    retention.delete_project(OPEN, project_of(old))
    started(project="net", run_name="new")
    assert (projects(), names(), names(TRASH)) == (["net"], ["new"], ["old"])
    retention.restore_run(OPEN, old.run_id)
    assert names() == ["new", "old"]


def test_a_run_restored_from_a_deleted_project_brings_it_back():
    first = started(project="net", run_name="first")
    started(project="net", run_name="second")
    retention.delete_project(OPEN, project_of(first))
    retention.restore_run(OPEN, first.run_id)
    assert (projects(), names(), names(TRASH)) == (["net"], ["first"], ["second"])


def test_a_purged_project_is_gone_with_its_tokens_and_its_name_is_free():
    stream = started(project="net")
    project_id, user = project_of(stream), User.get()
    Token.create(
        public_id="12345678", token_hash="x", token_name="t", user=user, project=project_id, scopes="[]",
        expires_at=utc_now(),
    )  # fmt: skip
    retention.delete_project(OPEN, project_id)
    purge()
    assert (Project.select().count(), Token.select().count()) == (0, 0)
    with pytest.raises(RunDeleted):
        stream.send(metrics(0, {"loss": 1.0}))
    assert project_of(started(project="net")) != 0


def test_an_archived_project_is_in_the_archive_alone_and_its_runs_stay():
    stream = started(project="net", run_name="one")
    project_id = project_of(stream)
    retention.archive_project(OPEN, project_id)
    assert (projects(), projects(ARCHIVE), names()) == ([], ["net"], ["one"])
    retention.restore_project(OPEN, project_id)
    assert projects() == ["net"]


def test_nobody_puts_away_what_is_not_theirs():
    stream = started(identity=identity("alice"))
    project_id, bob = project_of(stream), identity("bob")
    for change, key in (
        (retention.archive_run, stream.run_id),
        (retention.delete_run, stream.run_id),
        (retention.archive_project, project_id),
        (retention.delete_project, project_id),
    ):
        with pytest.raises(Missing):
            change(bob, key)
    retention.delete_project(identity("alice"), project_id)
    with pytest.raises(Missing):
        retention.restore_run(bob, stream.run_id)
    with pytest.raises(Missing):
        retention.restore_project(bob, project_id)
    assert names(TRASH, bob) == []


def test_who_deleted_and_restored_what_is_noted():
    alice = identity("alice")
    stream = started(identity=alice)
    retention.delete_run(alice, stream.run_id)
    retention.restore_run(alice, stream.run_id)
    retention.delete_run(alice, stream.run_id)
    purge()
    noted = [(row.user_id, row.action, row.subject) for row in AuditEntry.select().order_by(AuditEntry.audit_id)]
    told = [(alice.user_id, f"run {what}", stream.run_id) for what in ("deleted", "restored", "deleted")]
    assert noted == [*told, (None, "run purged", stream.run_id)]


def test_the_server_purges_by_itself_until_it_stops(database):
    stream = started()
    retention.delete_run(OPEN, stream.run_id)
    stop = threading.Event()
    thread = threading.Thread(target=retention.keep_purging, args=(0.0, stop))
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while TrainingRun.select().count() and time.monotonic() < deadline:
        pass
    stop.set()
    thread.join()
    assert Tombstone.select().count() == 1


@pytest.mark.postgresql
def test_while_one_backend_purges_another_leaves_it_alone(database):
    stream = started()
    retention.delete_run(OPEN, stream.run_id)
    done = []

    def other():
        with database.connection_context():
            done.extend(retention.purge(0))

    with database.atomic():
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (retention._LOCK_KEY,))
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert done == []
    assert TrainingRun.select().count() == 1
