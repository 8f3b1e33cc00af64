"""How often somebody may try to log in: counted in the database, so that all of a team's servers count together.

An attempt is counted before it is judged: many at once gain nothing. Nobody is locked out for good.
"""

import datetime
from typing import Any

from prevue_core.db.connection import is_sqlite, writing
from prevue_core.db.models import Attempts, utc_now
from prevue_core.errors import TooManyAttempts

FREE_ATTEMPTS = 5  # of an account; then it waits 1, 2, 4 ... seconds
LONGEST_WAIT_S = 900
PER_WINDOW, WINDOW_S = 20, 60  # of an address
FORGOTTEN_AFTER_S = 24 * 3600


def count_address(address: str) -> None:
    """Count an attempt from an IP address. Raises TooManyAttempts where it has to wait."""
    now = utc_now()
    with writing():
        row = _row(f"address {address}", now)
        if _age_s(row.since, now) >= WINDOW_S:
            row.count, row.since = 0, now
        if row.count >= PER_WINDOW:
            raise TooManyAttempts(WINDOW_S - _age_s(row.since, now))
        row.count += 1
        row.save()
        Attempts.delete().where(Attempts.since < now - datetime.timedelta(seconds=FORGOTTEN_AFTER_S)).execute()


def count_account(name: str) -> None:
    """Count an attempt to log in as `name`, whether or not there is such a user. Raises TooManyAttempts."""
    now = utc_now()
    with writing():
        row = _row(_account(name), now)
        if row.until is not None and row.until > now:
            raise TooManyAttempts(-_age_s(row.until, now))
        row.count += 1
        row.since, row.until = now, now + datetime.timedelta(seconds=_wait_s(row.count))
        row.save()


def forgive_account(name: str) -> None:
    """Forget the attempts to log in as `name`: one was right."""
    with writing():
        Attempts.delete().where(Attempts.subject == _account(name)).execute()


def _account(name: str) -> str:
    return f"account {name}"[:255]


def _wait_s(count: int) -> float:
    return 0 if count < FREE_ATTEMPTS else min(2 ** min(count - FREE_ATTEMPTS, 20), LONGEST_WAIT_S)


def _row(subject: str, now: datetime.datetime) -> Any:
    Attempts.insert(subject=subject, since=now).on_conflict_ignore().execute()
    query = Attempts.select().where(Attempts.subject == subject)
    return (query if is_sqlite() else query.for_update()).get()


def _age_s(moment: datetime.datetime, now: datetime.datetime) -> float:
    return (now - moment).total_seconds()
