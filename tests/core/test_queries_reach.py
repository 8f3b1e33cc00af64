"""Nobody finds, sorts, counts or completes what is another's, or what lies in the trash."""

import pytest

from core.stream import metrics, started
from prevue_core.contract import SCOPES
from prevue_core.db import queries
from prevue_core.db.accounts import ADMIN, OPEN, Identity
from prevue_core.db.models import Project, TrainingRun, User, utc_now

pytestmark = pytest.mark.usefixtures("database")

ACC = "metrics.train.acc.max"


def identity(name, **fields):
    return Identity(User.get(username=name).user_id, name, frozenset(SCOPES) - {ADMIN}, **fields)


def project_of(user, name="test"):
    return Project.select().join(User).where(User.username == user, Project.project_name == name).get().project_id


@pytest.fixture(autouse=True)
def runs_of_two(database):
    for user, project in (("alice", "test"), ("alice", "other"), ("bob", "test")):
        stream = started(uid=user, project=project, run_name=f"{user}'s", config={f"of_{user}": 1}, tags=[f"by {user}"])
        stream.send(metrics(0, {"acc": 1, f"acc of {user}": 1}))


@pytest.mark.parametrize("text", ["name != null", "not name = 'x'", f"{ACC} = 1 or true_or = 1", "tag ~ 'by'"])
def test_a_filter_reaches_ones_own_runs_only(text):
    text = text.replace("true_or", "config.of_alice")
    found = queries.runs(identity("bob"), 9, filter=text, sort=[f"-{ACC}"], summary=[ACC])
    assert [run["run_name"] for run in found.items] == ["bob's"]
    assert [len(queries.runs(who, 9, filter=text).items) for who in (identity("alice"), OPEN)] == [2, 3]


def test_groups_count_ones_own_runs_only():
    for who, counts in ((identity("bob"), {"bob": 1}), (identity("alice"), {"alice": 2})):
        found = queries.groups(who, 9, by=["user"], summary=[ACC]).items
        assert {group["by"]["user"]: group["count"] for group in found} == counts
        assert [group["summaries"][ACC]["count"] for group in found] == list(counts.values())


def test_a_token_for_one_project_reaches_that_one_only():
    who = identity("alice", project_id=project_of("alice"))
    assert [run["project_name"] for run in queries.runs(who, 9, filter="name != null").items] == ["test"]
    assert [group["by"] for group in queries.groups(who, 9, by=["project"]).items] == [{"project": "test"}]
    assert queries.run_fields(who, project_of("alice", "other"))["series"] == []


def test_nothing_of_anothers_project_is_completed():
    theirs = queries.run_fields(identity("bob"), project_of("alice"))
    assert theirs["series"] == []
    assert not any(field["run_count"] for field in theirs["fields"])
    assert {field["field"] for field in theirs["fields"]} == set(queries.single_fields())
    own = {field["field"] for field in queries.run_fields(identity("bob"), project_of("bob"))["fields"]}
    assert "config.of_bob" in own
    assert "config.of_alice" not in own


def test_what_lies_in_the_trash_is_neither_found_nor_grouped_nor_completed():
    TrainingRun.update(deleted_at=utc_now()).where(TrainingRun.run_name == "bob's").execute()
    assert queries.runs(identity("bob"), 9, filter="name != null").items == []
    assert queries.groups(identity("bob"), 9, by=["user"]).items == []
    assert queries.run_fields(identity("bob"), project_of("bob"))["series"] == []
    assert len(queries.runs(identity("bob"), 9, filter="name != null", shelf="trash").items) == 1
