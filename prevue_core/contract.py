"""What crosses a process border: record types, limits, name rules, numbers, run states.

Client, server and plugins hold to this page; it does no I/O and imports nothing but the standard library.
"""

import math
import re
import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple

from prevue_core.errors import InvalidValue, shown

FORMAT = 1  # of records and spool files; told by each writer's `start` record

# What a writer may send.
RECORD_TYPES = (
    "start", "metrics", "model", "config", "environment", "result", "evaluation", "predictions",
    "event", "gap", "end",
)  # fmt: skip

MAX_BODY_BYTES = 1 << 20  # of a request as sent
MAX_INFLATED_BYTES = 8 << 20  # of a request after decompression
MAX_RECORD_BYTES = 1_000_000  # of one record's line: with its envelope it still fits a body
MAX_RECORDS = 5_000  # in a request
MAX_NAMES = 10_000  # series of a run
MAX_LAYERS = 2_000  # of a model's description: at 200 to 400 bytes each they fit a record
MAX_DEPTH = 20  # of nested objects in a record
MAX_NAME_BYTES = 512  # of a metric's name, UTF-8
MAX_CONFIG_BYTES = 256 << 10  # of a run's configuration, once what came later is added
MAX_EVENT_CHARS = 10_000  # of an event's text
MAX_LABEL_CHARS = 255  # of names of users, projects, models, connectors and runs
MIN_INT64, MAX_INT64 = -(2**63), 2**63 - 1

SYSTEM_SPLIT = "system"  # of samples of the machine; their steps are the seconds since the run began

HEARTBEAT_S = 30  # a writer with nothing to say says so this often
LOST_AFTER_S = 120  # a running run not heard of for so long is shown as lost

# `type` of the problem+json answers that steer a sender. Any other error answer means "keep the records and try later".
PROBLEM_GAP = "urn:prevue:problem:sequence-gap"
PROBLEM_REFUSED = "urn:prevue:problem:record-refused"
PROBLEM_DELETED = "urn:prevue:problem:run-deleted"

# What tokens and users may do, and how the one-time code begins with which the first admin comes in.
SCOPES = ("ingest", "read", "write", "admin")
FIRST_CODE_PREFIX = "pvf_"

ALERT_LEVELS = ("info", "warn", "error")
ALERT, RESUMED = "alert", "resumed"  # kinds of events
ALERT_CAUSES = NON_FINITE, DIVERGED, STALLED = "non_finite", "diverged", "stalled"  # of alerts that the server raises

RUNNING, LOST, FINISHED, FAILED = "running", "lost", "finished", "failed"
RUN_STATES = (RUNNING, LOST, FINISHED, FAILED)

# Where runs and projects lie: in every list; in lists that ask for the archive; deleted, until they are purged.
ACTIVE, ARCHIVE, TRASH = "active", "archive", "trash"
SHELVES = (ACTIVE, ARCHIVE, TRASH)

_SPLIT_PREFIX = re.compile(r"(train|val|valid|validation|eval|test)[_/](.+)", re.DOTALL)
_SPLIT_SYNONYMS = {"valid": "val", "validation": "val", "eval": "val"}
_SPLIT = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Place(NamedTuple):
    """Where a logged name goes: a split, the name inside it, and whether it is a loss."""

    split: str
    name: str
    is_loss: bool


@lru_cache(maxsize=65_536)
def place_of(name: str, split: str | None = None) -> Place:
    """Return where `name` goes. Without `split`, a prefix such as `val_` or `test/` names it, else it is `train`.

    A name is a loss if it is `loss` or has `loss` as a part between `_`, `/` and `.`, in any case.
    """
    if split is None:
        split = "train"
        if match := _SPLIT_PREFIX.fullmatch(name):
            split, name = match.groups()
            split = _SPLIT_SYNONYMS.get(split, split)
    return Place(split, name, "loss" in re.split(r"[_/.]", name.lower()))


def check_name(name: object, what: str = "metric name") -> str:
    """Return the name of a metric or a result in Unicode form NFC. Raises InvalidValue, calling it `what`."""
    if not isinstance(name, str):
        raise InvalidValue(f"{what} {shown(name)} is of type {type(name).__name__}; use text, such as 'val_loss'")
    return _check_name(name, what)


@lru_cache(maxsize=65_536)  # it looks at every character, and names are few
def _check_name(name: str, what: str) -> str:
    name = unicodedata.normalize("NFC", name)
    size = len(name.encode("utf-8", "surrogatepass"))
    if not 1 <= size <= MAX_NAME_BYTES:
        raise InvalidValue(f"{what} {name[:40]!r} has {size} bytes; use 1 to {MAX_NAME_BYTES}")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        raise InvalidValue(f"{what} {name!r} has a control character; use letters, digits, '_', '/', '.'")
    return name


def check_split(split: object) -> str:
    """Return `split`. Raises InvalidValue where it is no lower-case name of at most 64 characters."""
    if isinstance(split, str) and _SPLIT.fullmatch(split):
        return split
    raise InvalidValue(f"split {shown(split)} is not a lower-case name; use 'train', 'val', 'test' or the like")


def check_label(what: str, value: object) -> str:
    """Return the name of a user, project, model, connector or run. Raises InvalidValue, calling it `what`."""
    if not isinstance(value, str):
        raise InvalidValue(f"{what} {shown(value)} is of type {type(value).__name__}; use text")
    value = unicodedata.normalize("NFC", value).strip()
    if not 1 <= len(value) <= MAX_LABEL_CHARS:
        raise InvalidValue(f"{what} {value[:40]!r} has {len(value)} characters; use 1 to {MAX_LABEL_CHARS}")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        raise InvalidValue(f"{what} {value!r} has a control character; use printable text")
    return value


def check_project(value: object) -> str:
    """Return a project's name: `test` is one's own, `alice/test` another user's. Raises InvalidValue."""
    value = check_label("project_name", value)
    parts = value.split("/")
    if len(parts) > 2 or not all(part.strip() for part in parts):
        raise InvalidValue(f"project_name {value!r} has more than an owner and a name; use 'test' or 'alice/test'")
    if {".", ".."} & set(parts):
        raise InvalidValue(f"project_name {value!r} cannot be part of an address; use another, such as 'test'")
    return value


def check_int64(what: str, value: object) -> int:
    """Return a whole number that fits 64 bits. Raises InvalidValue, calling it `what`."""
    if isinstance(value, int) and not isinstance(value, bool) and MIN_INT64 <= value <= MAX_INT64:
        return value
    raise InvalidValue(f"{what} {shown(value)} is not a whole number of 64 bits; use an int such as 120")


def encode_number(value: float) -> float | str:
    """Return what stands for `value` in JSON, which has no NaN and no infinities: those are sent as text."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode_number(value: object) -> float:
    """Return the float that `encode_number` wrote. Raises InvalidValue for anything else."""
    if type(value) is float:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value in _NON_FINITE:
        return _NON_FINITE[value]
    raise InvalidValue(f"value {shown(value)} is not a number; use a number, 'NaN', 'Infinity' or '-Infinity'")


def depth_of(value: Any) -> int:
    """Return how deep lists and objects are nested in `value`; 0 for a plain value."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return depth
