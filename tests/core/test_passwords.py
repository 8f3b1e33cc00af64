import threading
from concurrent.futures import ThreadPoolExecutor

import argon2
import pytest

from prevue_core.db import passwords
from prevue_core.errors import InvalidValue, TooManyAttempts

PASSWORD = "correct horse battery"


def test_a_hash_is_argon2id_with_the_documented_parameters():
    parameters = argon2.extract_parameters(passwords.hash_password(PASSWORD))
    assert (parameters.type, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (
        argon2.Type.ID, 19 * 1024, 2, 1,
    )  # fmt: skip


def test_only_the_password_fits_its_hash():
    known = passwords.hash_password(PASSWORD)
    assert passwords.fits(PASSWORD, known)
    assert not passwords.fits(PASSWORD + ".", known)
    assert not passwords.fits(PASSWORD, None)


def test_letters_typed_in_two_ways_are_one_password():
    assert passwords.fits("Pa\u0308sse sind lang", passwords.hash_password("P\u00e4sse sind lang"))


@pytest.mark.parametrize("password", ["123456789", "x" * 1_025, "\u00e9" * 513])
def test_a_password_too_short_or_long_is_refused_without_being_quoted(password):
    with pytest.raises(InvalidValue, match="use 10 to 1024") as refusal:
        passwords.hash_password(password)
    assert password not in str(refusal.value)


def test_a_hash_of_weaker_parameters_is_outdated():
    assert passwords.is_outdated(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD))
    assert not passwords.is_outdated(passwords.hash_password(PASSWORD))


def test_who_comes_while_enough_wait_is_sent_away(monkeypatch):
    begun, go_on = threading.Semaphore(0), threading.Event()

    class Slow:
        def hash(self, text):
            begun.release()
            go_on.wait(30)
            return "hash"

    monkeypatch.setattr(passwords, "_hasher", Slow())
    with ThreadPoolExecutor() as pool:
        working = [pool.submit(passwords.hash_password, PASSWORD) for _ in range(passwords.AT_ONCE)]
        for _ in working:
            assert begun.acquire(timeout=30)
        waiting = [pool.submit(passwords.hash_password, PASSWORD) for _ in range(passwords.WAITING)]
        while passwords._places._value:  # until all places are taken
            continue
        with pytest.raises(TooManyAttempts):
            passwords.hash_password(PASSWORD)
        assert not begun.acquire(blocking=False)  # no more than AT_ONCE work
        go_on.set()
        assert [done.result(30) for done in working + waiting] == ["hash"] * 4
