"""Passwords: argon2id hashes, made a few at a time, because each takes 19 MiB and a core for a while."""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import argon2

from prevue_core.errors import InvalidValue, TooManyAttempts

MIN_BYTES, MAX_BYTES = 10, 1_024  # UTF-8, after normalisation
AT_ONCE = 2
WAITING = 2  # more would keep the server's threads from those who send records

# Parameters from OWASP's Password Storage Cheat Sheet (argon2id, second choice): 19 MiB, 2 passes, 1 lane.
_hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_turns = threading.Semaphore(AT_ONCE)
_places = threading.BoundedSemaphore(AT_ONCE + WAITING)


def hash_password(password: str) -> str:
    """Return the hash of a new password. Raises InvalidValue, which does not quote it, for one too short or long."""
    text = unicodedata.normalize("NFKC", password)
    size = len(text.encode("utf-8", "surrogatepass"))
    if not MIN_BYTES <= size <= MAX_BYTES:
        raise InvalidValue(f"the password has {size} bytes; use {MIN_BYTES} to {MAX_BYTES}, several words for instance")
    with _turn():
        return _hasher.hash(text.encode("utf-8", "surrogatepass"))


def fits(password: str, known: str | None) -> bool:
    """Return whether `password` has the hash `known`; without one it takes as long, and is False."""
    text = unicodedata.normalize("NFKC", password[:MAX_BYTES]).encode("utf-8", "surrogatepass")
    with _turn():
        try:
            _hasher.verify(known or _nobodys(), text)
        except argon2.exceptions.VerifyMismatchError:
            return False
    return known is not None


def is_outdated(known: str) -> bool:
    """Return whether a hash was made with other parameters than those of today."""
    return _hasher.check_needs_rehash(known)


@cache
def _nobodys() -> str:
    return _hasher.hash("the password of a user that does not exist")


@contextmanager
def _turn() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise TooManyAttempts(1)
    try:
        with _turns:
            yield
    finally:
        _places.release()
