import datetime

import argon2
import pytest

from core.stream import started
from prevue_core.db import logins, throttle
from prevue_core.db.accounts import OPEN, identify
from prevue_core.db.models import Attempts, AuditEntry, Code, User, utc_now
from prevue_core.errors import AlreadyExists, InvalidValue, LoginRefused, Missing, TooManyAttempts

pytestmark = pytest.mark.usefixtures("database")
PASSWORD, NEW = "correct horse battery", "staple after staple"


@pytest.fixture
def alice():
    """A user with a password."""
    logins.use_code(logins.add_user(OPEN, "alice", "a@x.example", False).code, None, PASSWORD, "here")
    return User.get(User.username == "alice")


def wait_over(subject):
    Attempts.update(until=utc_now()).where(Attempts.subject == subject).execute()


# the first admin


def test_the_first_code_makes_an_admin_once():
    code = logins.first_code()
    login = logins.use_code(code, "alice", PASSWORD, "here")
    assert (login.username, login.is_admin) == ("alice", True)
    assert identify(login.session).is_admin
    assert logins.log_in("alice", PASSWORD, "here").is_admin
    with pytest.raises(LoginRefused):
        logins.use_code(code, "mallory", PASSWORD, "here")
    assert logins.first_code() is None


def test_of_the_codes_that_several_servers_told_one_is_used():
    first, second = logins.first_code(), logins.first_code()
    logins.use_code(second, "alice", PASSWORD, "here")
    with pytest.raises(LoginRefused):
        logins.use_code(first, "mallory", PASSWORD, "here")


def test_a_user_whom_a_client_made_can_become_the_first_admin_and_keeps_what_is_logged():
    started(uid="alice", project="net")
    login = logins.use_code(logins.first_code(), "alice", PASSWORD, "here")
    assert User.select().count() == 1
    assert login.is_admin


def test_the_first_code_is_over_after_a_while_and_then_a_new_one_is_due():
    code = logins.first_code()
    assert not logins.needs_first_code()
    Code.update(expires_at=utc_now()).execute()
    with pytest.raises(LoginRefused):
        logins.use_code(code, "alice", PASSWORD, "here")
    assert logins.needs_first_code()


@pytest.mark.parametrize(("name", "password"), [("alice", "short"), ("", PASSWORD), (None, PASSWORD)])
def test_a_name_or_password_that_cannot_be_used_leaves_the_code_good(name, password):
    code = logins.first_code()
    with pytest.raises(InvalidValue):
        logins.use_code(code, name, password, "here")
    assert logins.use_code(code, "alice", PASSWORD, "here").is_admin


def test_the_settings_password_makes_the_first_admin_once():
    assert logins.set_first_password(PASSWORD)
    assert not logins.set_first_password(NEW)
    assert logins.log_in("admin", PASSWORD, "here").is_admin
    assert logins.first_code() is None


# users


def test_an_added_user_sets_a_password_with_the_code(alice):
    assert (alice.email, alice.is_admin) == ("a@x.example", False)
    assert logins.log_in("alice", PASSWORD, "here").username == "alice"


def test_a_user_who_can_log_in_is_not_added_again(alice):
    with pytest.raises(AlreadyExists, match="'alice' exists"):
        logins.add_user(OPEN, "alice", None, True)


def test_a_code_is_for_its_user_alone(alice):
    code = logins.add_user(OPEN, "bob", None, False).code
    with pytest.raises(LoginRefused, match="'alice'"):
        logins.use_code(code, "alice", NEW, "here")


def test_a_new_password_ends_the_sessions_and_the_old_password(alice):
    session = logins.log_in("alice", PASSWORD, "here").session
    old, code = logins.new_code(OPEN, "alice").code, logins.new_code(OPEN, "alice").code
    with pytest.raises(LoginRefused):
        logins.use_code(old, None, NEW, "here")
    logins.use_code(code, "alice", NEW, "here")
    assert identify(session) is None
    with pytest.raises(LoginRefused):
        logins.log_in("alice", PASSWORD, "here")
    assert logins.log_in("alice", NEW, "here")


def test_a_code_for_nobody_is_missing():
    with pytest.raises(Missing, match="'nobody'"):
        logins.new_code(OPEN, "nobody")


# logging in


@pytest.mark.parametrize(("name", "password"), [("alice", NEW), ("nobody", PASSWORD), ("made by uid", PASSWORD)])
def test_a_login_that_is_wrong_is_refused_in_the_same_words(alice, name, password):
    started(uid="made by uid")
    with pytest.raises(LoginRefused, match=r"^the user name or the password is wrong$"):
        logins.log_in(name, password, "here")


def test_an_outdated_hash_is_made_anew(alice):
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    User.update(password=weak).execute()
    logins.log_in("alice", PASSWORD, "here")
    assert argon2.extract_parameters(User.get().password).memory_cost == 19 * 1024


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_after_five_failures_an_account_waits_longer_and_longer(alice, name):
    waits = []
    for attempt in range(throttle.FREE_ATTEMPTS + 3):
        with pytest.raises(LoginRefused):
            logins.log_in(name, NEW, f"address {attempt}")
        row = Attempts.get(Attempts.subject == f"account {name}")
        waits.append((row.until - row.since).total_seconds())
        if waits[-1]:
            with pytest.raises(TooManyAttempts, match="wait"):
                logins.log_in(name, PASSWORD, "elsewhere")
        wait_over(row.subject)
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8]


def test_nobody_waits_longer_than_a_quarter_of_an_hour(alice):
    Attempts.create(subject="account alice", count=10**6, since=utc_now())
    with pytest.raises(LoginRefused):
        logins.log_in("alice", NEW, "here")
    row = Attempts.get(Attempts.subject == "account alice")
    assert (row.until - row.since).total_seconds() == 900


def test_a_right_password_begins_the_count_again(alice):
    for _ in range(3):
        for _ in range(throttle.FREE_ATTEMPTS - 1):
            with pytest.raises(LoginRefused):
                logins.log_in("alice", NEW, "there")
        logins.log_in("alice", PASSWORD, "there")
        Attempts.delete().where(Attempts.subject == "address there").execute()


def test_an_address_has_twenty_attempts_a_minute(alice):
    for number in range(throttle.PER_WINDOW):
        with pytest.raises(LoginRefused):
            logins.log_in(f"user {number}", NEW, "there")
    with pytest.raises(TooManyAttempts) as refusal:
        logins.log_in("alice", PASSWORD, "there")
    assert 1 <= refusal.value.wait_s <= 60
    assert logins.log_in("alice", PASSWORD, "elsewhere")
    Attempts.update(since=utc_now() - datetime.timedelta(seconds=60)).execute()
    assert logins.log_in("alice", PASSWORD, "there")


def test_what_matters_is_noted_without_a_secret(alice):
    with pytest.raises(LoginRefused):
        logins.log_in("alice", NEW, "10.0.0.1")
    notes = [(row.user_id, row.action, row.subject) for row in AuditEntry.select().order_by(AuditEntry.audit_id)]
    assert notes == [
        (None, "user added", "alice"),
        (alice.user_id, "password set", "alice"),
        (alice.user_id, "login", "alice"),
        (alice.user_id, "login refused", "10.0.0.1"),
    ]
