"""The fields of a record: what each may be, and how it is stored. All raise InvalidValue, calling the field by name."""

import datetime
from typing import Any

import orjson

from prevue_core import contract
from prevue_core.contract import check_int64, check_label
from prevue_core.errors import InvalidValue

MAX_REASON_CHARS = 600

Record = dict[str, Any]


def time_of(record: Record, now: datetime.datetime) -> datetime.datetime:
    """Return when a record was made, UTC; where it does not say, `now`."""
    seconds = record.get("time")
    if seconds is None:
        return now
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError, OSError):
        raise InvalidValue(f"time {seconds!r} is not a UNIX time in seconds; use a number such as 1763843.1") from None


def rank_of(value: object) -> int:
    """Return the number of a process."""
    rank = check_int64("rank", value)
    if not 0 <= rank < 2**31:  # its column has 32 bits
        raise InvalidValue(f"rank {rank} is not the number of a process; use 0, 1, 2 ...")
    return rank


def optional_int(what: str, value: object) -> int | None:
    """Return a whole number of 64 bits, or None."""
    return None if value is None else check_int64(what, value)


def text_of(what: str, value: object) -> str:
    """Return text of any length."""
    if not isinstance(value, str):
        raise InvalidValue(f"{what} {value!r} is of type {type(value).__name__}; use text")
    return value.replace("\0", "")  # PostgreSQL has no text with NUL


def tags_of(value: object) -> str:
    """Return a list of tags as JSON."""
    if not isinstance(value, list):
        raise InvalidValue(f"tags {value!r} is not a list; use a list of text")
    return orjson.dumps([check_label("tag", tag) for tag in value]).decode()


def json_object(what: str, value: object) -> str:
    """Return an object as JSON in one form, so that equal objects give equal text."""
    if not isinstance(value, dict):
        raise InvalidValue(f"{what} {value!r} is not an object; use names and values")
    if contract.depth_of(value) > contract.MAX_DEPTH:
        raise InvalidValue(f"{what} is nested deeper than {contract.MAX_DEPTH} levels; flatten it")
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    if r"\u0000" in text:  # PostgreSQL reads no JSON that has it: one run would spoil every filter
        text = orjson.dumps(_without_nul(value), option=orjson.OPT_SORT_KEYS).decode()
    return text


def _without_nul(value: Any) -> Any:
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_nul(inner) for inner in value]
    return value.replace("\0", "") if isinstance(value, str) else value


def reason_of(error: InvalidValue | RecursionError) -> str:
    """Return why a record is not accepted, short enough to be read: the text quotes a value of any size."""
    if isinstance(error, RecursionError):  # met in quoting: what is stored is looked at before
        return f"the record is nested deeper than {contract.MAX_DEPTH} levels; flatten it"
    text = str(error)
    return text if len(text) <= MAX_REASON_CHARS else f"{text[:400]} ... {text[-100:]}"
