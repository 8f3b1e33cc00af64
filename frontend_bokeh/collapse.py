"""Which layers of a big model are drawn as one box: those of a module, told by the beginning of their names."""

import heapq
import re
from collections.abc import Sequence
from itertools import groupby

LIMIT = 150  # boxes that are drawn
FEWEST = 10  # of a big model; where names would leave fewer, they say nothing of modules
PART = re.compile(r"[/_.]*[^/_.]+")

Edges = Sequence[tuple[int, int]]
Group = tuple[str, list[int]]  # a name and the numbers of layers


def groups(names: Sequence[str], edges: Edges, limit: int = LIMIT) -> list[Group]:
    """Return at most `limit` groups of layers: each alone if there are no more of them.

    A group has layers that follow each other and share the beginning of their names, as long a one as will do. Where
    names tell no modules it has so many layers in a row, and is called after the first and the last.
    """
    order = _topological(len(names), edges)
    if len(order) <= limit:
        return [(names[number], [number]) for number in range(len(names))]
    parts = [PART.findall(name) or [name] for name in names]
    for length in range(max(map(len, parts)) - 1, 0, -1):
        found = [list(run) for _, run in groupby(order, key=lambda number: parts[number][:length])]
        if FEWEST <= len(found) <= limit:
            return [(_shared(parts, run, length) if len(run) > 1 else names[run[0]], run) for run in found]
    size = -(-len(order) // limit)
    runs = [order[begin : begin + size] for begin in range(0, len(order), size)]
    return [(f"{names[run[0]]} … {names[run[-1]]}", run) for run in runs]


def between(found: Sequence[Group], edges: Edges) -> list[tuple[int, int]]:
    """Return the edges between groups."""
    group = {number: place for place, (_, members) in enumerate(found) for number in members}
    return sorted({(group[a], group[b]) for a, b in edges if group[a] != group[b]})


def _shared(parts: Sequence[list[str]], run: Sequence[int], length: int) -> str:
    return "".join(parts[run[0]][:length])


def _topological(count: int, edges: Edges) -> list[int]:
    """Return layers so that each follows what it takes, near to the order that they have; cycles as they come."""
    after: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for a, b in edges:
        if a != b:
            after[a].append(b)
            missing[b] += 1
    ready = [number for number in range(count) if not missing[number]]
    order: list[int] = []
    while ready:
        number = heapq.heappop(ready)
        order.append(number)
        for other in after[number]:
            missing[other] -= 1
            if missing[other] == 0:
                heapq.heappush(ready, other)
    return order + [number for number in range(count) if missing[number]]
