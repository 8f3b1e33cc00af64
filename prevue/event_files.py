"""TensorBoard's event files as the records of a writer. The package `tensorboard` reads them.

What is made of a file depends on its content only, and what is added to its end adds records at the end: so records
keep their numbers, and the server stores each once, however often a file is imported.
"""

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from prevue import payloads
from prevue.json_values import json_value
from prevue.tensorboard_forms import TRAIN, Tags, rising_buckets, split_of_folder
from prevue_core.contract import RESUMED, check_name, encode_number
from prevue_core.errors import InvalidValue, PrevueError
from prevue_core.result_kinds import check_payload

HEAD_BYTES = 16  # of a record beside its content: length and two checksums
_HPARAMS_FOLDER = re.compile(r"\d{9,}\.\d+")  # where PyTorch's add_hparams writes: the time

Record = dict[str, Any]


@dataclass
class LoggedRun:
    """The event files of a run, in the order in which they were begun, each with the split that its folder tells."""

    name: str
    files: list[tuple[Path, str | None]] = field(default_factory=list)


def find_runs(logdir: Path) -> list[LoggedRun]:
    """Return the runs below a folder: a folder with event files is one, named by its path.

    Folders `train`, `validation` and the like belong to the run that they are in, and so do those of add_hparams.
    """
    found: dict[Path, LoggedRun] = {}
    for path in sorted(logdir.rglob("*tfevents*"), key=lambda path: (_in_order(path.name), path)):
        if not path.is_file():
            continue
        folder, split = path.parent, split_of_folder(path.parent.name) if path.parent != logdir else None
        if folder != logdir and (split or _HPARAMS_FOLDER.fullmatch(folder.name)):
            folder = folder.parent
        name = str(folder.relative_to(logdir)) if folder != logdir else logdir.resolve().name
        found.setdefault(folder, LoggedRun(name)).files.append((path, split))
    return sorted(found.values(), key=lambda run: run.name)


def _in_order(name: str) -> list[str | int]:
    """Return what sorts names by the numbers in them: the time when a file was begun, and its number in the process."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


class EventFile:
    """One file. `records` yields what it holds; `left_out` then counts what has no place, by what it is."""

    def __init__(self, path: Path, split: str | None = None) -> None:
        self.path = path
        self.left_out: Counter[str] = Counter()
        self.first_time: float | None = None
        self.last_time = 0.0
        self._split = split
        self._tags = Tags()
        self._plugins: dict[str, str] = {}  # by tag: only its first value tells

    def identity(self) -> str:
        """Return what tells the file from all others, wherever it lies: its name and its first event."""
        first = next(self._contents(), b"")
        return f"{self.path.name} {hashlib.sha256(first).hexdigest()}"

    def records(self) -> Iterator[Record]:
        """Yield records without numbers, in the file's order."""
        event_of = _tensorboard("compat.proto.event_pb2").Event.FromString
        read = 0
        for content in self._contents():
            read += len(content) + HEAD_BYTES
            event = event_of(content)
            if self.first_time is None:
                self.first_time = event.wall_time
            self.last_time = max(self.last_time, event.wall_time)
            yield from self._of_event(event)
        if read < self.path.stat().st_size:  # killed while it wrote, still writing, or damaged
            self.left_out["bytes at the end that are no event"] += self.path.stat().st_size - read

    def _contents(self) -> Iterator[bytes]:
        yield from _tensorboard("backend.event_processing.event_file_loader").RawEventFileLoader(str(self.path)).Load()

    def _of_event(self, event: Any) -> Iterator[Record]:
        what = event.WhichOneof("what")
        moment = {"time": event.wall_time, "step": event.step}
        if what == "summary":
            for value in event.summary.value:
                yield from self._of_value(value, moment)
        elif what == "session_log" and event.session_log.status == event.session_log.START and event.step:
            yield {"type": "event", **moment, "kind": RESUMED, "text": f"goes on at step {event.step}"}
        elif what in ("graph_def", "meta_graph_def", "tagged_run_metadata"):
            self.left_out["graphs"] += 1

    def _of_value(self, value: Any, moment: Record) -> Iterator[Record]:
        kind = value.WhichOneof("value")
        plugin = self._plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
        kind = plugin or kind if kind in ("tensor", None) else kind
        if kind not in _READERS:
            self.left_out[str(kind)] += 1
            return
        try:
            split, name = self._tags.place(check_name(value.tag))
            split = self._split or split if split == TRAIN else split
            yield from _READERS[kind](value, {"split": split, **moment}, name)
        except (InvalidValue, ValueError, IndexError, TypeError):
            self.left_out[f"{kind}, too large or damaged"] += 1


# What is made of a value, by its kind or the plugin that wrote it.


def _scalar(value: Any, place: Record, name: str) -> Iterator[Record]:
    number = value.simple_value if value.WhichOneof("value") == "simple_value" else _array(value).item()
    yield {"type": "metrics", **place, "values": {name: encode_number(float(number))}}


def _old_histogram(value: Any, place: Record, name: str) -> Iterator[Record]:
    low, high = value.histo.min, value.histo.max
    limits = [min(max(limit, low), high) for limit in value.histo.bucket_limit]  # the last may be the largest float
    yield _histogram([low, *limits], list(value.histo.bucket), place, name)


def _new_histogram(value: Any, place: Record, name: str) -> Iterator[Record]:
    buckets = _array(value).tolist()  # left, right and count of each
    if any(left[1] != right[0] for left, right in pairwise(buckets)):
        raise InvalidValue("the buckets of a histogram do not touch")
    yield _histogram([buckets[0][0], *(right for _, right, _ in buckets)], [one[2] for one in buckets], place, name)


def _histogram(edges: list[float], counts: list[float], place: Record, name: str) -> Record:
    edges, counts = rising_buckets(edges, counts)
    return _result("histogram", {"counts": counts, "edges": edges}, place, name)


def _old_image(value: Any, place: Record, name: str) -> Iterator[Record]:
    yield _result("image", payloads.image(value.image.encoded_image_string), place, name)


def _new_images(value: Any, place: Record, name: str) -> Iterator[Record]:
    images = _array(value).tolist()[2:]  # behind width and height
    for number, image in enumerate(images):
        yield _result("image", payloads.image(image), place, name if len(images) == 1 else f"{name}/{number}")


def _text(value: Any, place: Record, name: str) -> Iterator[Record]:
    parts = [part.decode("utf-8", "replace") for part in _array(value).ravel().tolist()]
    yield _result("text", payloads.text("\n".join(parts)), place, name.removesuffix("/text_summary"))  # PyTorch adds it


def _pr_curve(value: Any, place: Record, name: str) -> Iterator[Record]:
    *_, precision, recall = _array(value).tolist()
    thresholds = [number / max(1, len(recall) - 1) for number in range(len(recall))]
    payload = {"precision": precision, "recall": recall, "thresholds": thresholds}
    yield _result("pr_curve", payload, place, name)


def _hparams(value: Any, place: Record, name: str) -> Iterator[Record]:
    data = _tensorboard("plugins.hparams.plugin_data_pb2").HParamsPluginData.FromString(
        value.metadata.plugin_data.content
    )
    if data.WhichOneof("data") == "session_start_info":
        given = {name: getattr(one, one.WhichOneof("kind")) for name, one in data.session_start_info.hparams.items()}
        yield {"type": "config", "time": place["time"], "config": json_value(given)}


_READERS: dict[str, Callable[[Any, Record, str], Iterator[Record]]] = {
    "simple_value": _scalar,
    "scalars": _scalar,
    "histo": _old_histogram,
    "histograms": _new_histogram,
    "image": _old_image,
    "images": _new_images,
    "text": _text,
    "pr_curves": _pr_curve,
    "hparams": _hparams,
}


def _result(kind: str, payload: Record, place: Record, name: str) -> Record:
    return {"type": "result", **place, "kind": kind, "name": name, "payload": check_payload(kind, payload)}


def _array(value: Any) -> Any:
    return _tensorboard("util.tensor_util").make_ndarray(value.tensor)


def _tensorboard(module: str) -> Any:
    """Return a module of `tensorboard`. Raises PrevueError with the pip command."""
    from importlib import import_module

    if "tensorflow" not in sys.modules:  # TensorBoard's own word for doing without: TensorFlow takes seconds to import
        sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
    try:
        return import_module(f"tensorboard.{module}")
    except ModuleNotFoundError as error:
        if error.name != "tensorboard":
            raise
        raise PrevueError("the package tensorboard reads its files: pip install 'prevue[tensorboard]'") from error
