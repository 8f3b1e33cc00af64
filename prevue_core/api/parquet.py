"""A table as a Parquet file, row group by row group."""

import io
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet

from prevue_core.db.export import FLAG, NUMBER, TEXT, TIME, WHOLE, Table

GROUP_ROWS = 100_000  # smaller groups compress worse, and what is compressed waits for the end of its group
PART_BYTES = 1 << 20

_TYPES = {
    TEXT: DataType.utf8(),
    WHOLE: DataType.int64(),
    NUMBER: DataType.float64(),
    FLAG: DataType.bool(),
    TIME: DataType.timestamp("us", tz="UTC"),
}


def written(table: Table, to_text: Callable[[Any], str | None]) -> Generator[bytes, None, None]:
    """Yield `table` as a Parquet file; `to_text` turns its moments into ISO 8601."""
    schema = Schema([Field(name, _TYPES[kind], nullable=True) for name, kind in table.columns.items()])

    def batch(block: list[Any]) -> RecordBatch:
        columns = zip(table.columns.values(), zip(*block, strict=True), strict=True)
        return RecordBatch.from_arrays([_array(kind, column, to_text) for kind, column in columns], schema=schema)

    batches = RecordBatchReader.from_batches(schema, map(batch, table.blocks))
    return _pulled(lambda file: write_parquet(batches, file, compression="zstd(1)", max_row_group_size=GROUP_ROWS))


def _array(kind: str, column: Any, to_text: Callable[[Any], str | None]) -> Array:
    if kind == TIME:
        return Array(list(map(to_text, column)), _TYPES[TEXT]).cast(_TYPES[TIME])
    return Array(list(column), _TYPES[kind])


def _pulled(write: Callable[[Any], None]) -> Generator[bytes, None, None]:
    """Yield what `write` writes to a file: it works in a thread of its own, and waits while nobody takes it."""
    pipe, failures = _Pipe(), list[BaseException]()

    def run() -> None:
        try:
            with io.BufferedWriter(pipe, PART_BYTES) as file:
                write(file)
        except BaseException as error:  # noqa: BLE001 - raised again where parts are taken
            failures.append(error)
        finally:
            pipe.end()

    thread = threading.Thread(target=run, name="prevue-parquet", daemon=True)
    thread.start()
    try:
        yield from pipe.parts()
        if failures:
            raise failures[0]
    finally:
        pipe.leave()
        thread.join()


class _Pipe(io.RawIOBase):
    """A file whose writer waits until the part before is taken, and learns when nobody takes any more."""

    def __init__(self) -> None:
        self._parts: queue.Queue[bytes | None] = queue.Queue(maxsize=1)
        self._is_left = self._is_over = False

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        if self._is_left:
            raise BrokenPipeError("nobody reads any more")
        self._parts.put(bytes(part))
        return len(part)

    def end(self) -> None:
        self._parts.put(None)

    def parts(self) -> Iterator[bytes]:
        while (part := self._parts.get()) is not None:
            yield part
        self._is_over = True

    def leave(self) -> None:
        """Let the writer end: what it has still to say is dropped."""
        self._is_left = True
        while not self._is_over:
            self._is_over = self._parts.get() is None
