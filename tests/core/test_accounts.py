"""Who may what: the same rule for a question and for every list."""

import dataclasses
import datetime

import pytest

from core.stream import Stream, metrics, model, start, started
from prevue_core.contract import SCOPES
from prevue_core.db import logins, queries, tokens
from prevue_core.db.accounts import ADMIN, INGEST, NOBODY, OPEN, READ, WRITE, Identity, identify, may
from prevue_core.db.models import Project, Session, Token, User, utc_now
from prevue_core.errors import InvalidValue, Missing

pytestmark = pytest.mark.usefixtures("database")
PASSWORD = "correct horse battery"


def user(name, **fields):
    return User.create(username=name, **fields)


def identity(name, scopes=SCOPES, **fields):
    row = User.get_or_none(User.username == name) or user(name)
    return Identity(row.user_id, name, frozenset(scopes) - {ADMIN}, **fields)


def admin():
    return Identity(user("root", is_admin=True).user_id, "root", frozenset(SCOPES), is_admin=True)


@pytest.fixture
def projects():
    """Alice's and Bob's project `net`, each with a run that has a model and a series."""
    made = {}
    for name in ("alice", "bob"):
        stream = started(identity=identity(name), project="net", run_name=name)
        stream.send(model(f"{name}'s"), metrics(0, {"loss": 1.0}))
        made[name] = queries.run(OPEN, stream.run_id)
    return made


def seen_by(who):
    """Return whose objects a list of each kind holds, and a question for each single one finds."""
    return {
        "projects": {row["user"] for row in queries.projects(who, 9).items},
        "runs": {row["run_name"] for row in queries.runs(who, 9).items},
        "models": {row["model_name"].removesuffix("'s") for row in queries.models(who, 9).items},
        "project": {row["user"] for row in queries.projects(OPEN, 9).items if queries.project(who, row["project_id"])},
        "run": {row["run_name"] for row in queries.runs(OPEN, 9).items if queries.run(who, row["run_id"])},
        "in reach": {
            queries.run(OPEN, one)["run_name"]
            for one in queries.runs_in_reach(who, [row["run_id"] for row in queries.runs(OPEN, 9).items])
        },
        "model": {
            row["model_name"].removesuffix("'s")
            for row in queries.models(OPEN, 9).items
            if queries.model(who, row["model_id"])
        },
        "may": {row["user"] for row in queries.projects(OPEN, 9).items if may(who, READ, row["project_id"])},
    }


def test_each_sees_what_is_theirs_in_every_way_of_looking(projects):
    everything = {"alice", "bob"}
    for who, expected in [
        (identity("alice"), {"alice"}),
        (identity("carol"), set()),
        (NOBODY, set()),
        (OPEN, everything),
        (admin(), everything),
        (identity("alice", project_id=projects["alice"]["project_id"]), {"alice"}),
        (identity("alice", project_id=projects["bob"]["project_id"]), set()),
    ]:
        seen = seen_by(who)
        if READ not in who.scopes:
            assert seen.pop("may") == set()
        assert all(found == expected for found in seen.values()), (who, seen)


def test_a_scope_that_was_not_given_is_refused(projects):
    project_id = projects["alice"]["project_id"]
    for scope in (INGEST, READ, WRITE):
        who = identity("alice", scopes=[scope])
        assert [action for action in SCOPES if may(who, action, project_id)] == [scope]


def test_users_are_cared_for_by_admins_with_that_scope_alone():
    root = admin()
    assert may(root, ADMIN)
    assert not may(dataclasses.replace(root, scopes=frozenset((READ,))), ADMIN)
    assert not may(dataclasses.replace(identity("alice"), scopes=frozenset(SCOPES)), ADMIN)
    assert not may(OPEN, ADMIN)


# logging


def test_a_run_belongs_to_the_token_whatever_the_start_record_says():
    stream = started(identity=identity("alice"), uid="mallory", project="net")
    run = queries.run(OPEN, stream.run_id)
    assert (run["user"], queries.project(OPEN, run["project_id"])["user"]) == ("alice", "alice")
    assert User.get_or_none(User.username == "mallory") is None


@pytest.mark.parametrize("project", ["bob/net", "bob/new", "nobody/net"])
def test_nobody_logs_into_anothers_project(projects, project):
    count = Project.select().count()
    stream = Stream(identity=identity("alice"))
    with pytest.raises(Missing, match=f"project {project} does not exist"):
        stream.send(start(project=project))
    assert Project.select().count() == count


def test_nobody_goes_on_with_anothers_run_or_writer(projects):
    theirs = projects["bob"]["run_id"]
    with pytest.raises(Missing, match=f"run {theirs} does not exist"):
        Stream(theirs, identity("alice")).send(start(project="net"))
    stream = started(identity=identity("bob"))
    stream.identity = identity("alice")
    with pytest.raises(Missing):
        stream.send(metrics(0, {"loss": 1}))


def test_a_token_for_one_project_makes_no_other(projects):
    who = identity("alice", project_id=projects["alice"]["project_id"])
    assert Stream(identity=who).send(start(project="net")).next_seq == 1
    with pytest.raises(Missing):
        Stream(identity=who).send(start(project="other"))


# sessions and tokens


def logged_in(name):
    code = logins.add_user(OPEN, name, None, False).code
    return logins.use_code(code, None, PASSWORD, "here").session


def test_a_session_is_its_user_until_it_is_logged_out_of():
    session = logged_in("alice")
    who = identify(session)
    assert (who.username, who.scopes) == ("alice", {INGEST, READ, WRITE})
    logins.log_out(session)
    assert identify(session) is None


@pytest.mark.parametrize(
    ("column", "hours"), [(Session.used_at, 12), (Session.expires_at, 0)], ids=["idle for 12 h", "14 days old"]
)
def test_a_session_ends_by_itself(column, hours):
    session = logged_in("alice")
    moment = utc_now() - datetime.timedelta(hours=hours)
    Session.update({column: moment + datetime.timedelta(minutes=1)}).execute()
    assert identify(session) is not None
    Session.update({column: moment}).execute()
    assert identify(session) is None


def test_use_keeps_a_session_alive():
    session = logged_in("alice")
    Session.update(used_at=utc_now() - datetime.timedelta(hours=11)).execute()
    assert identify(session) is not None
    assert utc_now() - Session.get().used_at < datetime.timedelta(minutes=1)


def test_a_token_is_what_it_was_made_for(projects):
    alice, project_id = identity("alice"), projects["alice"]["project_id"]
    text, row = tokens.create_token(alice, "cluster", [INGEST], project_id)
    who = identify(text)
    assert (who.username, who.scopes, who.project_id) == ("alice", {INGEST}, project_id)
    assert datetime.timedelta(days=89) < row.expires_at - utc_now() < datetime.timedelta(days=90)
    assert row.public_id == text[4:12]
    assert text not in str(Token.select().dicts().get())
    assert Token.get().used_at is not None


def test_a_token_ends_when_it_is_over_or_revoked():
    alice = identity("alice")
    text, row = tokens.create_token(alice, "a", [READ])
    Token.update(expires_at=utc_now()).execute()
    assert identify(text) is None
    text, row = tokens.create_token(alice, "b", [READ])
    tokens.revoke_token(alice, row.public_id)
    assert identify(text) is None


def test_a_token_made_with_a_token_can_do_no_more_and_lives_no_longer(projects):
    alice = identity("alice")
    parent, _ = tokens.create_token(alice, "parent", [READ, WRITE], projects["alice"]["project_id"], days=1)
    for scopes in ([INGEST], [READ, ADMIN], []):
        with pytest.raises(InvalidValue, match="use some of read, write"):
            tokens.create_token(identify(parent), "child", scopes)
    _, row = tokens.create_token(identify(parent), "child", [READ], days=90)
    assert (row.project_id, row.expires_at) == (projects["alice"]["project_id"], identify(parent).ends_at)
    with pytest.raises(Missing):
        tokens.create_token(identify(parent), "child", [READ], projects["bob"]["project_id"])


def test_one_revokes_ones_own_tokens_and_an_admin_anybodys():
    _, row = tokens.create_token(identity("alice"), "a", [READ])
    with pytest.raises(Missing):
        tokens.revoke_token(identity("bob"), row.public_id)
    tokens.revoke_token(admin(), row.public_id)
    assert tokens.tokens_of(identity("alice")) == []
