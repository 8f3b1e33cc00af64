"""Runs, projects and models: how they begin, change and end."""

import datetime
import uuid

import orjson
import pytest

from core.stream import Stream, end, event, metrics, model, start, started
from prevue_core.contract import LOST_AFTER_S
from prevue_core.db.accounts import OPEN
from prevue_core.db.ingest import apply_records
from prevue_core.db.models import Event, ModelDescription, Project, TrainingRun, User, Writer, utc_now

pytestmark = pytest.mark.usefixtures("database")

NOON = 1_700_000_000.0  # a moment, in UNIX seconds


def run_of(stream):
    return TrainingRun.get_by_id(stream.run_id)


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)


def state_of(stream):
    run = run_of(stream)
    return run.state, None if run.finished_at is None else (run.finished_at - moment(NOON)).total_seconds()


# start


def test_a_start_keeps_what_it_tells():
    stream = started(
        run_name="first try",
        connector_name="keras",
        config={"lr": 0.1},
        environment={"python": "3.11"},
        tags=["a", "b"],
        notes="a\0b",
        group="sweep",
        time=NOON,
        rank=2,
        host="gpu1",
        pid=4711,
    )
    run, writer = run_of(stream), Writer.get()
    assert (run.run_name, run.notes, run.run_group, run.started_at) == ("first try", "ab", "sweep", moment(NOON))
    assert (run.state, run.finished_at) == ("running", None)
    assert [orjson.loads(text) for text in (run.config, run.environment, run.tags)] == [
        {"lr": 0.1},
        {"python": "3.11", "connector_name": "keras"},
        ["a", "b"],
    ]
    assert (writer.rank, writer.host, writer.pid) == (2, "gpu1", 4711)


def test_a_run_without_a_name_has_the_end_of_its_id():
    stream = started()
    assert run_of(stream).run_name == stream.run_id[-12:]


def test_the_first_writer_tells_what_the_run_is():
    first = started(run_name="first", config={"lr": 1})
    started(first.run_id, run_name="second", config={"lr": 2})
    assert (run_of(first).run_name, run_of(first).config) == ("first", '{"lr":1}')


@pytest.mark.parametrize(
    ("uid", "project", "owner", "name"),
    [
        ("alice", "test", "alice", "test"),
        ("alice", "bob/test", "bob", "test"),
        ("alice", "alice/test", "alice", "test"),
    ],
)
def test_a_project_is_ones_own_unless_it_names_an_owner(uid, project, owner, name):
    run = run_of(started(uid=uid, project=project))
    assert (run.project.user.username, run.project.project_name, run.user.username) == (owner, name, uid)


def test_equal_names_of_two_users_are_two_projects():
    alice, bob = started(uid="alice"), started(uid="bob")
    assert run_of(alice).project_id != run_of(bob).project_id


def test_runs_of_one_project_share_it_and_its_user():
    first, second = started(), started()
    assert run_of(first).project_id == run_of(second).project_id
    assert [User.select().count(), Project.select().count()] == [1, 1]


def test_runs_of_a_project_have_colors_in_order_whatever_a_further_writer_or_another_project_does():
    first = started()
    started(project="other")
    second = started()
    started(first.run_id)
    assert [run_of(stream).color for stream in (first, second, started())] == [0, 1, 2]


def test_a_user_made_by_a_start_has_no_password():
    started(uid="alice")
    user = User.get()
    assert (user.username, user.password, user.email, user.is_admin) == ("alice", None, None, False)


# model, config, event


def test_equal_architectures_are_one_model():
    first, second = started(), started()
    first.send(model("net", layers=[{"units": 3}], framework="keras"))
    second.send(model("net", framework="keras", layers=[{"units": 3}]))
    assert ModelDescription.select().count() == 1
    assert run_of(first).model_id == run_of(second).model_id


@pytest.mark.parametrize(
    "other",
    [model("net", layers=[2]), model("net2", layers=[1]), {**model("net", layers=[1]), "connector_name": "torch"}],
)
def test_another_name_connector_or_architecture_is_another_model(other):
    started().send(model("net", layers=[1]), other)
    assert ModelDescription.select().count() == 2


def test_a_models_architecture_is_kept_whole():
    started().send(model("net", layers=[{"name": "é", "shape": [None, 3]}]))
    assert orjson.loads(ModelDescription.get().architecture) == {"layers": [{"name": "é", "shape": [None, 3]}]}


def test_the_projects_model_is_that_of_the_run_described_last():
    first, second = started(), started()
    first.send(model("one"))
    second.send(model("two"))
    assert Project.get().model.model_name == "two"
    first.send(model("three"))
    assert Project.get().model.model_name == "three"
    assert run_of(second).model.model_name == "two"


def test_config_records_are_merged():
    stream = started(config={"lr": 1, "optimizer": {"name": "adam", "beta": 0.9}})
    stream.send({"type": "config", "config": {"lr": 2}}, {"type": "config", "config": {"epochs": 3}})
    stream.send({"type": "config", "config": {"optimizer": {"name": "sgd"}}})
    assert orjson.loads(run_of(stream).config) == {"lr": 2, "epochs": 3, "optimizer": {"name": "sgd"}}


def nested(levels):
    value = "core"
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "record",
    [
        lambda levels: {"type": "config", "config": nested(levels)},
        lambda levels: {**model("net"), "architecture": nested(levels)},
    ],
)
def test_objects_are_taken_up_to_a_depth_of_20(record):
    stream = started()
    applied = stream.send(record(20), record(21))
    assert [
        (rejected["seq"], "nested deeper than 20 levels" in rejected["reason"]) for rejected in applied.rejected
    ] == [(2, True)]


def test_an_event_is_kept_with_its_step_and_time():
    stream = started()
    stream.send({**event("learning rate halved\0"), "step": 7, "time": NOON})
    row = Event.get()
    assert (row.kind, row.text, row.step, row.time) == ("note", "learning rate halved", 7, moment(NOON))
    assert str(row.run_id) == stream.run_id


# end


def test_a_run_ends_when_its_first_process_has_finished():
    stream = started(time=NOON)
    stream.send(end(time=NOON + 60))
    assert state_of(stream) == ("finished", 60)


def test_a_further_process_that_finishes_does_not_end_the_run():
    first = started(time=NOON, rank=0)
    started(first.run_id, time=NOON, rank=1).send(end(time=NOON + 60))
    assert state_of(first) == ("running", None)


@pytest.mark.parametrize("rank", [0, 1])
def test_whichever_process_fails_fails_the_run(rank):
    first = started(time=NOON)
    started(first.run_id, time=NOON, rank=rank).send(end(state="failed", message="ValueError: no", time=NOON + 60))
    assert state_of(first) == ("failed", 60)
    assert [(row.kind, row.text) for row in Event.select()] == [("failed", "ValueError: no")]


def test_a_start_after_the_end_goes_on_with_the_run():
    first = started(time=NOON, host="first", pid=1)
    first.send(end(time=NOON + 60))
    again = started(first.run_id, time=NOON + 120, host="first", pid=1)
    assert (state_of(first), Event.select().count()) == (("running", None), 0)  # the same process
    again.send(end(time=NOON + 120))
    started(first.run_id, time=NOON + 120, host="second", pid=1)
    assert state_of(first) == ("running", None)
    event = Event.get()
    assert (event.kind, event.text, event.step, event.time) == ("resumed", "on second", None, moment(NOON + 120))


def test_a_start_of_a_run_that_was_lost_is_marked_and_that_of_a_further_process_is_not():
    first = started()
    started(first.run_id, rank=1, host="second")
    assert Event.select().count() == 0
    TrainingRun.update(heard_at=utc_now() - datetime.timedelta(seconds=LOST_AFTER_S + 1)).execute()
    for rank in (0, 1):
        started(first.run_id, rank=rank, host="third")
    assert [(event.kind, event.text) for event in Event.select()] == [("resumed", "on third")]


@pytest.mark.parametrize("state", ["finished", "failed"])
def test_a_start_from_before_the_end_that_arrives_late_leaves_the_run_ended(state):
    first = started(time=NOON)
    first.send(end(state=state, time=NOON + 60))
    late = started(first.run_id, time=NOON + 59, rank=1)
    assert state_of(first) == (state, 60)
    late.send(metrics(0, {"loss": 1}), end(time=NOON + 61))
    assert state_of(first) == (state, 60)


def test_an_end_from_before_the_end_that_arrives_late_changes_nothing():
    first = started(time=NOON)
    late = started(first.run_id, time=NOON)
    first.send(end(time=NOON + 60))
    late.send(end(state="failed", message="out of memory", time=NOON + 30))
    assert state_of(first) == ("finished", 60)
    assert Event.get().text == "out of memory"


def test_a_later_end_counts():
    first = started(time=NOON)
    second = started(first.run_id, time=NOON)
    first.send(end(time=NOON + 60))
    second.send(end(state="failed", time=NOON + 61))
    assert state_of(first) == ("failed", 61)


def test_a_whole_leftover_leaves_the_run_ended():
    first = started(time=NOON)
    first.send(end(time=NOON + 60))
    Stream(first.run_id).send(start(time=NOON + 10), metrics(0, {"loss": 1}), end(time=NOON + 20))
    assert state_of(first) == ("finished", 60)


def test_records_alone_do_not_revive_a_run():
    stream = started(time=NOON)
    stream.send(end(time=NOON + 60))
    stream.send(metrics(0, {"loss": 1}))
    assert state_of(stream) == ("finished", 60)


def test_a_word_of_any_writer_is_heard():
    stream = started()
    long_ago = moment(NOON)
    TrainingRun.update(heard_at=long_ago).execute()
    stream.send()
    assert run_of(stream).heard_at > long_ago


def test_a_word_about_one_run_says_nothing_of_another():
    started(str(uuid.uuid4()))
    other = started()
    TrainingRun.update(heard_at=moment(NOON)).execute()
    other.send()
    assert TrainingRun.select().where(TrainingRun.heard_at == moment(NOON)).count() == 1


def test_an_end_that_is_older_than_the_newest_start_does_not_end_the_run():
    run_id, first, second = (str(uuid.uuid4()) for _ in range(3))
    apply_records(OPEN, run_id, first, 0, [{"type": "start", "project": "test", "uid": "test", "time": 100}])
    apply_records(OPEN, run_id, second, 0, [{"type": "start", "project": "test", "uid": "test", "time": 300}])
    apply_records(OPEN, run_id, first, 1, [{"type": "end", "state": "failed", "message": "killed", "time": 200}])
    assert TrainingRun.get_by_id(run_id).state == "running"


# environment


def environment_of(stream):
    return orjson.loads(run_of(stream).environment)


def more(**environment):
    return {"type": "environment", "environment": environment}


FAILURE = {"exit_code": 1, "exception": {"type": "ValueError", "message": "no", "where": "train.py:3"}}


def test_what_is_known_later_is_added_and_what_is_known_stays():
    stream = started(environment={"python": "3.11", "packages": {"torch": "2.13"}})
    stream.send(more(python="3.12", git_dirty=True, packages={"torch": "2.0", "numpy": "2.4"}))
    packages = {"torch": "2.13", "numpy": "2.4"}
    assert environment_of(stream) == {"python": "3.11", "packages": packages, "git_dirty": True}


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_an_environment_that_is_no_object_is_rejected(value):
    stream = started()
    assert stream.send({"type": "environment", "environment": value}).rejected_count == 1
    assert stream.send(end(environment=value)).rejected_count == 1
    assert (state_of(stream)[0], Event.select().count()) == ("running", 0)


def test_how_a_run_ended_is_in_its_environment():
    stream = started(environment={"python": "3.11"})
    stream.send(end(state="failed", environment={**FAILURE, "packages": {"pandas": "3.0"}}))
    assert environment_of(stream) == {"python": "3.11", "packages": {"pandas": "3.0"}, **FAILURE}


def test_the_last_end_says_how_a_run_ended():
    stream = started(time=NOON)
    stream.send(end(state="failed", environment=FAILURE, time=NOON + 60))
    stream.send(end(environment={"exit_code": 0}, time=NOON + 61))
    assert environment_of(stream) == {"exit_code": 0}
    stream.send(end(state="failed", environment=FAILURE, time=NOON + 30))
    assert environment_of(stream) == {"exit_code": 0}


def test_a_run_that_goes_on_has_not_failed():
    first = started(time=NOON, environment={"python": "3.11"})
    first.send(end(state="failed", environment=FAILURE, time=NOON + 60))
    second = started(first.run_id, time=NOON + 120)
    assert environment_of(first) == {"python": "3.11"}
    second.send(more(git_dirty=False, **FAILURE))
    assert environment_of(first) == {"python": "3.11", "git_dirty": False}


def test_an_evaluation_of_a_finished_run_finishes_it_again():
    training = started(time=NOON)
    training.send(metrics(0, {"loss": 1}), end(time=NOON + 60))
    evaluation = started(training.run_id, time=NOON + 900)
    evaluation.send(metrics(0, {"test_accuracy": 0.9}))
    assert state_of(training) == ("running", None)
    evaluation.send(end(time=NOON + 960))
    assert state_of(training) == ("finished", 960)
