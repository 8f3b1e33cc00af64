"""What a value in the tables stands for, on SQLite and on PostgreSQL."""

import datetime
import math
from functools import lru_cache

_EPOCH = datetime.datetime(1970, 1, 1)


@lru_cache(8_192)  # series that are logged together share their times
def to_unix(time: datetime.datetime | str | float) -> float:
    """Return UNIX seconds of a time as the tables hold it: SQLite has text. They may be worked out already."""
    if isinstance(time, float):
        return time
    if isinstance(time, str):
        time = datetime.datetime.fromisoformat(time)
    return (time - _EPOCH).total_seconds()


def to_float(value: float | None) -> float:
    """Return a value as it was logged: SQLite has NULL for NaN, PostgreSQL has NaN."""
    return math.nan if value is None else value
