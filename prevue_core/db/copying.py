"""Rows by PostgreSQL's COPY, the fastest way in, in its binary format: no text to escape or parse.

Source: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". A value is its length in bytes and the
bytes, big endian; NULL is the length -1. Times are microseconds since 2000.
"""

import datetime
import io
import struct
import uuid
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

import peewee

from prevue_core.db.buckets import Bucket
from prevue_core.db.connection import db

_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # signature, no flags, no extension
_END = struct.pack("!h", -1)
_NULL = struct.pack("!i", -1)
_BUFFER_BYTES = 1 << 20
_EPOCH = datetime.datetime(2000, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)

# What many rows have in common comes first, then what the rows of a record have, so that it is made once.
_COMMON = ("run_id", "model_id", "rank", "split", "loss_name", "metric_name")
_AXES = ("step", "epoch", "batch", "timestamp")
_COLUMNS = (*_COMMON, *_AXES, "loss_value", "metric_value")

ROLLUP_COLUMNS = ("run_id", "series_no", "width", "bucket", *Bucket._fields)
_ROLLUP_TYPES = ["16s", "i", "q", "q", *("d" if name.endswith(("mean", "value")) else "q" for name in Bucket._fields)]
_ROLLUP_SIZES = [struct.calcsize(f"!{kind}") for kind in _ROLLUP_TYPES]

_NO_NUMBER = (-1,)
_AXES_FORMATS = {  # by whether epoch and batch are NULL
    (False, False): struct.Struct("!iqiqiqiq"),
    (False, True): struct.Struct("!iqiqiiq"),
    (True, False): struct.Struct("!iqiiqiq"),
    (True, True): struct.Struct("!iqiiiq"),
}
_LOSS_AND_METRIC, _LOSS, _METRIC = struct.Struct("!idid"), struct.Struct("!idi"), struct.Struct("!iid")


def copy_metrics(rows: Iterable[tuple[Any, ...]]) -> None:
    """Append rows in the order given, each with its values in the order of `ingest.values.COLUMNS`."""
    source = io.BytesIO(b"".join((_HEAD, *_packed(rows), _END)))
    statement = f"COPY metrics ({', '.join(_COLUMNS)}) FROM STDIN WITH (FORMAT binary)"
    with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
        db.cursor().copy_expert(statement, source, _BUFFER_BYTES)


def copy_rollups(rows: Iterable[tuple[Any, ...]]) -> None:
    """Append rows, each with its values in the order of `ROLLUP_COLUMNS`."""
    source = io.BytesIO(b"".join((_HEAD, *map(_packed_rollup, rows), _END)))
    statement = f"COPY rollups ({', '.join(ROLLUP_COLUMNS)}) FROM STDIN WITH (FORMAT binary)"
    with peewee.__exception_wrapper__:  # type: ignore[attr-defined]
        db.cursor().copy_expert(statement, source, _BUFFER_BYTES)


def _packed_rollup(row: tuple[Any, ...]) -> bytes:
    run_id, *numbers, time, epoch = row
    values = [_id_bytes(run_id), *numbers, _microseconds(time), epoch]
    sized: Iterable[tuple[Any, ...]] = zip(_ROLLUP_SIZES, values, strict=True)
    if None not in values:
        return _rollup_format().pack(len(row), *chain.from_iterable(sized))
    sized = (_NO_NUMBER if value is None else (size, value) for size, value in sized)
    return _rollup_format(*(value is None for value in values)).pack(len(row), *chain.from_iterable(sized))


@lru_cache  # there are few: without an epoch, and where no value is finite
def _rollup_format(*are_null: bool) -> struct.Struct:
    nulls = are_null or [False] * len(_ROLLUP_TYPES)
    parts = ("i" if is_null else f"i{kind}" for kind, is_null in zip(_ROLLUP_TYPES, nulls, strict=True))
    return struct.Struct(f"!h{''.join(parts)}")


@lru_cache
def _id_bytes(run_id: str) -> bytes:
    return uuid.UUID(run_id).bytes


@lru_cache(8_192)  # series that are logged together share their times
def _microseconds(time: datetime.datetime | str) -> int:
    moment = datetime.datetime.fromisoformat(time) if isinstance(time, str) else time
    return (moment - _EPOCH) // _MICROSECOND


def _packed(rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    commons: dict[tuple[Any, ...], bytes] = {}
    packed_axes: tuple[Any, ...] | None = None
    for run_id, model_id, rank, split, step, epoch, batch, loss, loss_value, metric, metric_value, time in rows:
        key = (run_id, model_id, rank, split, loss, metric)
        if (common := commons.get(key)) is None:
            common = commons[key] = _packed_common(*key)
        if packed_axes != (step, epoch, batch, time):
            packed_axes = (step, epoch, batch, time)
            axes = _packed_axes(*packed_axes)
        if metric is None:
            yield common + axes + _LOSS.pack(8, loss_value, -1)
        elif loss is None:
            yield common + axes + _METRIC.pack(-1, 8, metric_value)
        else:
            yield common + axes + _LOSS_AND_METRIC.pack(8, loss_value, 8, metric_value)


def _packed_common(
    run_id: str, model_id: int | None, rank: int, split: str, loss: str | None, metric: str | None
) -> bytes:
    """Return the beginning of a row: how many values it has, and the first of them."""
    names = (name if name is None else name.encode() for name in (split, loss, metric))
    numbers = (number if number is None else struct.pack("!i", number) for number in (model_id, rank))
    values = (_id_bytes(run_id), *numbers, *names)
    return struct.pack("!h", len(_COLUMNS)) + b"".join(map(_packed_value, values))


def _packed_axes(step: int, epoch: int | None, batch: int | None, time: str) -> bytes:
    axes = [8, step, *(_NO_NUMBER if epoch is None else (8, epoch)), *(_NO_NUMBER if batch is None else (8, batch))]
    return _AXES_FORMATS[epoch is None, batch is None].pack(*axes, 8, _microseconds(time))


def _packed_value(value: bytes | None) -> bytes:
    return _NULL if value is None else struct.pack("!i", len(value)) + value
