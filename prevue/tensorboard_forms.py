"""What TensorBoard's tags and histograms are here: for scripts that were written for it, and for its files."""

import re
from collections.abc import Sequence

from prevue_core.contract import place_of
from prevue_core.result_kinds import MAX_BUCKETS

_SPLIT_WORDS = "train|training|val|valid|validation|eval|test|testing"
_SPLIT_SUFFIX = re.compile(f"(.+)/({_SPLIT_WORDS})", re.DOTALL)
_SPLITS = {"training": "train", "valid": "val", "validation": "val", "eval": "val", "testing": "test"}
TRAIN = "train"


class Tags:
    """Gives each tag a place of its own: a split and a name. `Loss/test` and `test/Loss` are `Loss` in `test`."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[str, str]] = {}
        self._tags: dict[tuple[str, str], str] = {}

    def place(self, tag: str) -> tuple[str, str]:
        """Return split and name. Where another tag has the place already, the name is the whole tag."""
        if tag not in self._places:
            place = _place(tag)
            if self._tags.setdefault(place, tag) != tag:
                place = (TRAIN, tag)
                self._tags.setdefault(place, tag)
            self._places[tag] = place
        return self._places[tag]


def _place(tag: str) -> tuple[str, str]:
    split, name, _ = place_of(tag)
    if name == tag and (match := _SPLIT_SUFFIX.fullmatch(tag)):
        name, split = match.groups()
        split = _SPLITS.get(split, split)
    return split, name


def split_of_folder(name: str) -> str | None:
    """Return the split that a folder's name tells, as Keras's `validation` does."""
    return _SPLITS.get(name, name) if re.fullmatch(_SPLIT_WORDS, name) else None


def rising_buckets(edges: Sequence[float], counts: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return edges that rise, and counts, of buckets that may be empty, have no width, or be too many.

    Empty buckets at both ends are left out; where there are too many, neighbours become one.
    """
    filled = [place for place, count in enumerate(counts) if count] or [0]
    edges, counts = list(edges[filled[0] : filled[-1] + 2]), list(counts[filled[0] : filled[-1] + 1])
    if edges[0] >= edges[-1]:  # one value, however often
        return [edges[0] - 0.5, edges[0] + 0.5], [sum(counts)]
    kept_edges, kept_counts, waiting = [edges[0]], [], 0.0
    for right, count in zip(edges[1:], counts, strict=True):
        waiting += count
        if right > kept_edges[-1]:
            kept_edges.append(right)
            kept_counts.append(waiting)
            waiting = 0.0
    kept_counts[-1] += waiting
    together = -(-len(kept_counts) // MAX_BUCKETS)
    counts = [sum(kept_counts[start : start + together]) for start in range(0, len(kept_counts), together)]
    return [*kept_edges[:-1:together], kept_edges[-1]], counts
