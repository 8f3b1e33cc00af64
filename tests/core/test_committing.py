"""Work handed to SQLite's writer thread, or done in one's own transaction: stored whole, or not at all."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from typing import Any

import peewee
import pytest

from prevue_core.db import committing
from prevue_core.db.connection import is_sqlite
from prevue_core.db.models import User

OTHERS = 4


def add(name: str) -> Callable[[], str]:
    """Return work that stores a user."""
    return lambda: User.create(username=name).username


def names() -> set[str]:
    return {user.username for user in User.select()}


@pytest.fixture
def hand_in(database):
    """Run `committing.in_transaction` in threads of their own, beside a writer thread."""

    def run(work: Callable[[], Any]) -> Any:
        with database.connection_context():
            return committing.in_transaction(work)

    with committing.one_writer(), ThreadPoolExecutor(OTHERS + 1) as threads:
        yield lambda work: threads.submit(run, work)


@pytest.fixture
def together(hand_in):
    """Hand in several pieces of work that all wait for the same transaction, and return what comes of each."""

    def together(*all_work: Callable[[], Any]) -> list[Future]:
        is_busy, is_free = threading.Event(), threading.Event()

        def block() -> None:
            is_busy.set()
            is_free.wait()

        first = hand_in(block)
        is_busy.wait()
        outcomes = [hand_in(work) for work in all_work]
        while is_sqlite() and committing._waiting.qsize() < len(all_work):
            continue
        is_free.set()
        first.result()
        return outcomes

    return together


def test_work_is_committed_before_its_answer(hand_in):
    assert hand_in(add("alice")).result() == "alice"
    assert names() == {"alice"}


def test_work_that_is_refused_changes_nothing_and_leaves_the_others_alone(together):
    def refuse() -> None:
        User.create(username="nobody")
        raise ZeroDivisionError

    before, refused, behind = together(add("alice"), refuse, add("bob"))
    assert (before.result(), behind.result()) == ("alice", "bob")
    assert isinstance(refused.exception(), ZeroDivisionError)
    assert names() == {"alice", "bob"}


def test_a_failure_of_the_database_is_that_of_one_work_only(together):
    def fail() -> None:
        User.create(username="nobody")
        User.raw("SELECT nothing FROM nowhere").execute()

    before, failed, behind = together(add("alice"), fail, add("bob"))
    assert (before.result(), behind.result()) == ("alice", "bob")
    assert isinstance(failed.exception(), peewee.PeeweeException)
    assert names() == {"alice", "bob"}


def test_work_that_waits_together_is_committed_together(together, database):
    seen = []

    def look() -> None:
        with closing(sqlite3.connect(database.database)) as other:
            seen.append((names(), other.execute("SELECT count(*) FROM users").fetchone()[0]))

    if is_sqlite():
        for outcome in together(add("alice"), add("bob"), look):
            outcome.result()
        assert seen == [({"alice", "bob"}, 0)]


def test_without_the_databases_lock_work_fails_and_later_goes_on(hand_in, database):
    if is_sqlite():
        hand_in(lambda: database.execute_sql("PRAGMA busy_timeout = 1")).result()
        with closing(sqlite3.connect(database.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            errors = [outcome.exception() for outcome in [hand_in(add("alice")), hand_in(add("bob"))]]
        assert {type(error) for error in errors} == {peewee.OperationalError}
        assert hand_in(add("carol")).result() == "carol"
        assert names() == {"carol"}


def test_what_waits_is_stored_before_the_end(database):
    def add_slowly() -> None:
        User.create(username="alice")

    with ThreadPoolExecutor(1) as threads:
        with committing.one_writer():
            outcome = threads.submit(committing.in_transaction, add_slowly)
            while not outcome.running() and not outcome.done():
                continue
        outcome.result()
    assert names() == {"alice"}


@pytest.mark.postgresql
def test_a_transaction_given_up_for_anothers_sake_is_tried_again(database):
    alice, bob = User.create(username="alice"), User.create(username="bob")
    both_hold_one = threading.Barrier(2)
    tries = []

    def lock(first: User, second: User) -> None:
        tries.append(first)
        database.execute_sql("SET LOCAL deadlock_timeout = '10ms'")
        User.update(email="x").where(User.user_id == first.user_id).execute()
        if len(tries) <= 2:
            both_hold_one.wait()
        User.update(email="x").where(User.user_id == second.user_id).execute()

    def run(first: User, second: User) -> None:
        with database.connection_context():
            committing.in_transaction(lambda: lock(first, second))

    with ThreadPoolExecutor(2) as threads:
        for outcome in [threads.submit(run, alice, bob), threads.submit(run, bob, alice)]:
            outcome.result()
    assert len(tries) == 3


@pytest.mark.postgresql
@pytest.mark.parametrize(("failures", "is_done"), [(3, True), (4, False)])
def test_a_transaction_is_tried_again_thrice(database, failures, is_done):
    tries = []

    def work() -> None:
        User.create(username=f"user {len(tries)}")
        tries.append(1)
        if len(tries) <= failures:
            database.execute_sql("DO $$ BEGIN RAISE EXCEPTION 'given up' USING ERRCODE = '40001'; END $$")

    with nullcontext() if is_done else pytest.raises(peewee.OperationalError, match="given up"):
        committing.in_transaction(work)
    assert names() == ({f"user {failures}"} if is_done else set())
