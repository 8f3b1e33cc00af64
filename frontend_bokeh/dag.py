"""Where the boxes and lines of a graph go: layers from top to bottom, few crossings, lines as straight as they can be.

Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures" (1981): break cycles,
put boxes into ranks, lead long edges through places of their own in each rank, order the ranks by barycentres and by
medians of neighbours, then choose x. The same graph gives the same picture. Lengths are in CSS pixels, y grows
downwards.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

GAP_X, GAP_Y = 24.0, 34.0  # between boxes of a rank, and between ranks
LANE = 8.0  # the width of a place that a long edge goes through
SWEEPS = 12  # over the ranks, for their order
PLACINGS = 10  # the same, for x
LONELY = 6  # boxes without edges in a row
BEND = 10  # points of a line's bend from rank to rank

Points = list[tuple[float, float]]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Layout:
    """`x` and `y`: the centres of the boxes. `lines`: the points of each edge, from the one box to the other."""

    x: list[float]
    y: list[float]
    lines: list[Points]
    width: float
    height: float


def layout(count: int, edges: Sequence[tuple[int, int]], box_width: float, box_height: float) -> Layout:
    """Return a layout of boxes 0 to `count` - 1. Edges from a box to itself have lines without points."""
    down = [(b, a) if is_back else (a, b) for (a, b), is_back in zip(edges, _back(count, edges), strict=True)]
    rank = _ranks(count, down)
    paths, rank = _through_ranks(down, rank)
    graph = _Ranked(rank, [pair for path in paths for pair in pairwise(path)], count)
    graph.order_ranks()
    x = graph.place(box_width)
    y = np.asarray(rank) * (box_height + GAP_Y) + box_height / 2
    lines = []
    for edge, pair, path in zip(edges, down, paths, strict=True):
        line = list(_line(path, x, y, box_height)) if len(path) > 1 else []
        lines.append(line[::-1] if edge != pair else line)
    return Layout(
        x[:count].tolist(),
        y[:count].tolist(),
        lines,
        float(x[:count].max() + box_width / 2) if count else 0.0,
        float(y.max() + box_height / 2) if count else 0.0,
    )


# ranks


def _back(count: int, edges: Sequence[tuple[int, int]]) -> list[bool]:
    """Return which edges lead back to a box that they come from: without them there are no cycles."""
    after: list[list[int]] = [[] for _ in range(count)]
    for number, (a, b) in enumerate(edges):
        if a != b:
            after[a].append(number)
    state = [0] * count  # 1: on the way, 2: done
    back = [False] * len(edges)
    for root in range(count):
        way = [(root, iter(after[root]))] if state[root] == 0 else []
        state[root] = state[root] or 1
        while way:
            box, ahead = way[-1]
            number = next(ahead, -1)
            if number < 0:
                state[box] = 2
                way.pop()
            elif state[other := edges[number][1]] == 1:
                back[number] = True
            elif state[other] == 0:
                state[other] = 1
                way.append((other, iter(after[other])))
    return back


def _ranks(count: int, down: Iterable[tuple[int, int]]) -> list[int]:
    """Return each box's rank: under all it comes from, and not further above what it leads to than it must."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for a, b in down:
        if a != b:
            before[b].append(a)
            after[a].append(b)
    order = [box for box in range(count) if not before[box]]
    missing = [len(one) for one in before]
    for box in order:  # grows
        for other in after[box]:
            missing[other] -= 1
            if missing[other] == 0:
                order.append(other)
    rank = [0] * count
    for box in order:
        rank[box] = max((rank[one] + 1 for one in before[box]), default=0)
    for box in reversed(order):
        if after[box] and not before[box]:
            rank[box] = min(rank[one] for one in after[box]) - 1
    lonely = [box for box in range(count) if not before[box] and not after[box]]
    first = max((rank[box] + 1 for box in range(count) if before[box] or after[box]), default=0)
    for place, box in enumerate(lonely):
        rank[box] = first + place // LONELY
    return rank


def _through_ranks(down: Iterable[tuple[int, int]], rank: list[int]) -> tuple[list[list[int]], list[int]]:
    """Return the way of each edge through the ranks, and the ranks with the places that this takes."""
    paths, rank = [], list(rank)
    for a, b in down:
        places = range(len(rank), len(rank) + max(0, rank[b] - rank[a] - 1))
        rank += range(rank[a] + 1, rank[b])
        paths.append([a, *places, b] if a != b else [a])
    return paths, rank


# order and x


class _Ranked:
    """Boxes and places in ranks, and the steps between neighbouring ranks."""

    def __init__(self, rank: Sequence[int], steps: Iterable[tuple[int, int]], boxes: int) -> None:
        self._boxes = boxes
        size = max(rank, default=-1) + 1
        self._ranks: list[Array] = [np.flatnonzero(np.asarray(rank) == number) for number in range(size)]
        pairs = np.array(sorted(set(steps)), dtype=int).reshape(-1, 2)
        ranks = np.asarray(rank, dtype=int)
        upper = ranks[pairs[:, 0]] if len(pairs) else np.zeros(0, int)
        self._steps = [pairs[upper == number] for number in range(max(0, size - 1))]  # from each rank to the next
        self._position = np.zeros(len(rank))
        for members in self._ranks:
            self._position[members] = np.arange(len(members))

    def order_ranks(self) -> None:
        """Sort each rank so that few steps cross, going down and up; keep the best that was seen."""
        best, fewest = self._position.copy(), self._crossings()
        for sweep in range(SWEEPS):
            if fewest == 0:
                break
            middle = _medians if sweep % 4 >= 2 else _means
            for number, steps in self._sweep(is_down=sweep % 2 == 0):
                self._sort(number, middle(steps, self._position, np.ones(len(self._position))))
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = self._position.copy(), crossings
        self._position = best
        self._ranks = [members[np.argsort(best[members], kind="stable")] for members in self._ranks]

    def place(self, box_width: float) -> Array:
        """Return x: each box as near to the middle of its neighbours as those beside it allow."""
        width = np.where(np.arange(len(self._position)) < self._boxes, box_width, LANE)
        x = np.zeros(len(width))
        for members in self._ranks:
            offsets = _offsets(width[members])
            x[members] = offsets - offsets[-1] / 2
        weight = np.where(np.arange(len(width)) < self._boxes, 1.0, 4.0)  # a long line is straight before boxes are
        for placing in range(PLACINGS):
            for number, steps in self._sweep(is_down=placing % 2 == 0):
                members = self._ranks[number]
                # Weighted as they are where they stand: or else a row of blocks would lean further with each block.
                wanted = _means(steps, x, weight)[members]
                wanted = np.where(np.isnan(wanted), x[members], wanted)
                offsets = _offsets(width[members])
                x[members] = _rising(wanted - offsets, weight[members]) + offsets
        boxes = x[: self._boxes]
        left = min(boxes.min() - box_width / 2, x.min() - LANE / 2) if len(x) else 0.0
        return x - left

    def _sweep(self, *, is_down: bool) -> Iterator[tuple[int, Array]]:
        """Yield the number of each rank but the first, and pairs (box of it, neighbour in the rank before)."""
        for number in range(len(self._steps)) if is_down else range(len(self._steps) - 1, -1, -1):
            yield (number + 1, self._steps[number][:, ::-1]) if is_down else (number, self._steps[number])

    def _sort(self, number: int, wanted: Array) -> None:
        members = self._ranks[number]
        keys = np.where(np.isnan(wanted[members]), self._position[members], wanted[members])
        for place, index in enumerate(np.lexsort((self._position[members], keys))):
            self._position[members[index]] = place

    def _crossings(self) -> int:
        return sum(_crossings(self._position[steps]) for steps in self._steps)


def _crossings(places: Array) -> int:
    """Return how many pairs of steps cross; `places` (n, 2): from and to."""
    rising = places[:, None, :] < places[None, :, :]
    return int(np.sum(rising[..., 0] & rising[..., 1].T))


def _means(steps: Array, values: Array, weights: Array) -> Array:
    """Return the mean of each box's neighbours' values; NaN for one without. `steps` (n, 2): box, neighbour."""
    boxes, others = steps.T
    sums = np.bincount(boxes, weights=(values * weights)[others], minlength=len(values))
    total = np.bincount(boxes, weights=weights[others], minlength=len(values))
    return np.divide(sums, total, out=np.full(len(values), np.nan), where=total > 0)


def _medians(steps: Array, values: Array, weights: Array) -> Array:
    """Return the lower median of each box's neighbours' values, whatever they weigh."""
    found = np.full(len(values), np.nan)
    if len(steps):
        ordered = steps[np.lexsort((values[steps[:, 1]], steps[:, 0]))]
        boxes, first, counts = np.unique(ordered[:, 0], return_index=True, return_counts=True)
        found[boxes] = values[ordered[first + (counts - 1) // 2, 1]]
    return found


def _offsets(widths: Array) -> Array:
    """Return where boxes of these widths stand when they stand as close as they may."""
    return np.concatenate([[0.0], np.cumsum((widths[:-1] + widths[1:]) / 2 + GAP_X)])


def _rising(wanted: Array, weights: Array) -> Array:
    """Return the values nearest to `wanted` that never fall: pool adjacent violators (Ayer and others, 1955)."""
    pools: list[tuple[float, float, int]] = []  # value, weight, how many
    for value, weight in zip(wanted.tolist(), weights.tolist(), strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            other = pools.pop()
            both = other[1] + pool[1]
            pool = ((other[0] * other[1] + pool[0] * pool[1]) / both, both, other[2] + pool[2])
        pools.append(pool)
    return np.repeat([pool[0] for pool in pools], [pool[2] for pool in pools])


# lines


def _line(path: Sequence[int], x: Array, y: Array, box_height: float) -> Iterator[tuple[float, float]]:
    """Yield the points of a line: it bends between the ranks only, so it never goes through a box."""
    half = box_height / 2
    for a, b in pairwise(path):
        (x0, y0), (x1, y1) = (float(x[a]), float(y[a]) + half), (float(x[b]), float(y[b]) - half)
        for t in np.linspace(0, 1, BEND if abs(x1 - x0) > 0.5 else 2).tolist():
            yield x0 + (x1 - x0) * t * t * (3 - 2 * t), y0 + (y1 - y0) * t
