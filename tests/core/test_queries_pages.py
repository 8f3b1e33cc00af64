"""Lists in pages, and single objects."""

import base64
import datetime
import uuid
from functools import partial

import pytest

from core.stream import end, metrics, model, started
from prevue_core.contract import LOST_AFTER_S
from prevue_core.db import queries
from prevue_core.db.accounts import OPEN
from prevue_core.db.models import TrainingRun, utc_now
from prevue_core.errors import InvalidValue

pytestmark = pytest.mark.usefixtures("database")

NOON = 1_700_000_000.0


def walk(list_page, limit):
    """Return all pages of a list, of which there are few."""
    pages = [list_page(limit)]
    while pages[-1].next is not None and len(pages) < 20:
        pages.append(list_page(limit, pages[-1].next))
    return pages


def names(pages, key="run_name"):
    return [item[key] for page in pages for item in page.items]


@pytest.fixture
def five_runs():
    for number in range(5):
        started(run_name=f"run {number}", time=NOON + number)


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (4, [4, 1]), (5, [5]), (6, [5])])
def test_pages_hold_each_item_once_and_the_last_has_no_next(five_runs, limit, sizes):
    pages = walk(partial(queries.runs, OPEN), limit)
    assert [len(page.items) for page in pages] == sizes
    assert names(pages) == ["run 4", "run 3", "run 2", "run 1", "run 0"]


def test_an_empty_list_is_one_empty_page():
    assert queries.runs(OPEN, 10) == queries.Page([], None)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_runs_that_started_at_once_come_once_each(limit):
    ids = {started(time=NOON).run_id for _ in range(7)}
    found = names(walk(partial(queries.runs, OPEN), limit), "run_id")
    assert found == sorted(ids, reverse=True)


def test_pages_stay_right_while_runs_begin(five_runs):
    first = queries.runs(OPEN, 2)
    started(run_name="newer", time=NOON + 100)
    started(run_name="older", time=NOON - 100)
    rest = walk(lambda limit, cursor=first.next: queries.runs(OPEN, limit, cursor), 2)
    assert names([first, *rest]) == ["run 4", "run 3", "run 2", "run 1", "run 0", "older"]


def test_pages_stay_right_while_their_last_run_goes(five_runs):
    first = queries.runs(OPEN, 2)
    TrainingRun.delete().where(TrainingRun.run_name == "run 3").execute()
    assert names([queries.runs(OPEN, 2, first.next)]) == ["run 2", "run 1"]


@pytest.mark.parametrize("fraction", [0.0, 0.000001, 0.5])
def test_a_cursor_knows_the_time_to_the_microsecond(fraction):
    for number in range(3):
        started(run_name=f"run {number}", time=NOON + fraction + number / 1_000_000)
    assert names(walk(partial(queries.runs, OPEN), 1)) == ["run 2", "run 1", "run 0"]


def encoded(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("list_page", [queries.runs, queries.projects, queries.models])
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "\0",
        "%%%",
        encoded("5"),
        encoded("[]"),
        encoded("{}"),
        encoded("null"),
        encoded('{"a": 1}'),
        encoded('["x"]'),
        encoded("[null]"),
        encoded("[true]"),
        encoded("[[1]]"),
        encoded("[1e300]"),
        encoded("[9223372036854775808]"),
        encoded("[1, 2]"),
        encoded("[null, null]"),
        encoded('["2024-01-01", "a"]'),
        encoded('["2024-01-01", 5]'),
        encoded('["now", "00000000-0000-0000-0000-000000000000"]'),
        encoded("[" * 1_000 + "]" * 1_000),
    ],
)
def test_a_cursor_that_is_none_of_ours_is_quoted(list_page, cursor):
    with pytest.raises(InvalidValue) as refusal:
        list_page(OPEN, 10, cursor)
    assert f"cursor {cursor!r} is not one that this server gave; leave it out" in str(refusal.value)


def test_runs_are_filtered_by_project_and_user():
    mine = started(uid="alice", project="one", run_name="mine")
    started(uid="alice", project="two", run_name="other project")
    started(uid="bob", project="alice/one", run_name="bob's")
    project_id = queries.run(OPEN, mine.run_id)["project_id"]
    assert names([queries.runs(OPEN, 9, project_id=project_id)]) == ["bob's", "mine"]
    assert names([queries.runs(OPEN, 9, project_id=project_id, user="alice")]) == ["mine"]
    assert names([queries.runs(OPEN, 9, project_name="two")]) == ["other project"]
    assert names([queries.runs(OPEN, 9, user="nobody")]) == []


def test_filters_hold_on_every_page():
    for number in range(6):
        started(project=f"p{number % 2}", run_name=f"run {number}", time=NOON + number)
    assert names(walk(partial(queries.runs, OPEN, project_name="p1"), 1)) == ["run 5", "run 3", "run 1"]


def test_projects_are_listed_newest_first_with_their_owner():
    for uid, project in (("alice", "one"), ("bob", "two"), ("alice", "two")):
        started(uid=uid, project=project)
    listed = [
        (item["user"], item["project_name"]) for page in walk(partial(queries.projects, OPEN), 2) for item in page.items
    ]
    assert listed == [("alice", "two"), ("bob", "two"), ("alice", "one")]
    assert [item["user"] for item in queries.projects(OPEN, 9, name="two", user="bob").items] == ["bob"]


def test_models_are_listed_newest_first_and_hold_their_architecture_when_asked_for():
    started().send(model("one", layers=[1]), model("two"), {**model("three"), "connector_name": "torch"})
    assert names(walk(partial(queries.models, OPEN), 2), "model_name") == ["three", "two", "one"]
    (listed,) = queries.models(OPEN, 1, connector_name="torch").items
    assert listed["model_name"] == "three"
    one = queries.models(OPEN, 9).items[-1]
    assert "architecture" not in one
    assert queries.model(OPEN, one["model_id"]) == {**one, "architecture": {"layers": [1]}}


@pytest.mark.parametrize(
    "look",
    [
        lambda: queries.run(OPEN, str(uuid.uuid4())),
        lambda: queries.project(OPEN, 10**9),
        lambda: queries.model(OPEN, 10**9),
    ],
)
def test_what_does_not_exist_is_none(look):
    assert look() is None


def test_a_run_tells_what_was_logged_of_it():
    stream = started(run_name="try", config={"lr": 0.1}, tags=["a"], group="g", notes="n", time=NOON)
    stream.send(metrics(5, {"loss": 1}), metrics(7, {"val_loss": 1}), end(time=NOON + 60))
    run = queries.run(OPEN, stream.run_id)
    assert run["run_id"] == stream.run_id
    assert (run["started_at"], run["finished_at"], run["state"]) == (NOON, NOON + 60, "finished")
    assert (run["config"], run["tags"], run["run_group"], run["notes"]) == ({"lr": 0.1}, ["a"], "g", "n")
    assert (run["project_name"], run["user"], run["last_step"]) == ("test", "alice", 7)


def test_a_run_without_metrics_has_no_last_step():
    assert queries.run(OPEN, started().run_id)["last_step"] is None


@pytest.mark.parametrize(("silence_s", "state"), [(0, "running"), (LOST_AFTER_S - 5, "running"), (125, "lost")])
def test_a_run_that_is_silent_for_two_minutes_is_lost(silence_s, state):
    stream = started()
    heard_at = utc_now() - datetime.timedelta(seconds=silence_s)
    TrainingRun.update(heard_at=heard_at).execute()
    assert queries.run(OPEN, stream.run_id)["state"] == state
    assert queries.runs(OPEN, 1).items[0]["state"] == state


def test_a_late_word_finds_a_lost_run_again():
    stream = started()
    TrainingRun.update(heard_at=utc_now() - datetime.timedelta(hours=1)).execute()
    stream.send()
    assert queries.run(OPEN, stream.run_id)["state"] == "running"


@pytest.mark.parametrize("state", ["finished", "failed"])
def test_a_run_that_ended_is_never_lost(state):
    stream = started()
    stream.send(end(state=state))
    TrainingRun.update(heard_at=utc_now() - datetime.timedelta(hours=1)).execute()
    assert queries.run(OPEN, stream.run_id)["state"] == state
