"""Layouts of graphs: what a picture must never show, for graphs of every kind."""

import random
from itertools import combinations, pairwise

import pytest

from frontend_bokeh.dag import GAP_X, GAP_Y, layout

WIDTH, HEIGHT = 140.0, 44.0


def random_graph(seed, *, is_cyclic=False):
    """Return a number of boxes and edges, most of them to boxes nearby."""
    chance = random.Random(seed)
    count = chance.randint(2, 60)
    edges = set()
    for _ in range(int(count * chance.uniform(0.5, 2))):
        a = chance.randrange(count)
        b = min(count - 1, a + chance.choice([1, 1, 1, 2, 3, 10, 30]))
        edges.add((b, a) if is_cyclic and chance.random() < 0.2 else (a, b))
    return count, sorted(edges)


CHAIN = (5, [(0, 1), (1, 2), (2, 3), (3, 4)])
SKIP = (5, [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (1, 4)])
GRAPHS = [
    *(CHAIN, SKIP, (1, []), (0, []), (40, [])),
    (9, [(0, number) for number in range(1, 9)]),
    (3, [(0, 1), (1, 2), (2, 0), (1, 1)]),
    *(random_graph(seed) for seed in range(20)),
    *(random_graph(seed, is_cyclic=True) for seed in range(20)),
]


@pytest.mark.parametrize(("count", "edges"), GRAPHS)
def test_no_two_boxes_overlap_and_all_are_inside(count, edges):
    placed = layout(count, edges, WIDTH, HEIGHT)
    centres = list(zip(placed.x, placed.y, strict=True))
    assert len(centres) == count
    for (x0, y0), (x1, y1) in combinations(centres, 2):
        assert abs(x0 - x1) > WIDTH + GAP_X - 1e-6 or abs(y0 - y1) > HEIGHT + GAP_Y - 1e-6
    assert all(WIDTH / 2 - 1e-6 <= x <= placed.width - WIDTH / 2 + 1e-6 for x, _ in centres)
    assert all(HEIGHT / 2 - 1e-6 <= y <= placed.height - HEIGHT / 2 + 1e-6 for _, y in centres)


@pytest.mark.parametrize(("count", "edges"), GRAPHS)
def test_lines_go_from_box_to_box_and_through_none(count, edges):
    placed = layout(count, edges, WIDTH, HEIGHT)
    centres = list(zip(placed.x, placed.y, strict=True))
    for (a, b), line in zip(edges, placed.lines, strict=True):
        if a == b:
            assert line == []
            continue
        for end, box in ((line[0], a), (line[-1], b)):
            assert end[0] == pytest.approx(centres[box][0])
            assert abs(end[1] - centres[box][1]) == pytest.approx(HEIGHT / 2)
        for (x0, y0), (x1, y1) in pairwise(line):
            middle = (x0 + x1) / 2, (y0 + y1) / 2
            inside = [(x, y) for x, y in centres if abs(x - middle[0]) < WIDTH / 2 and abs(y - middle[1]) < HEIGHT / 2]
            assert inside == []


@pytest.mark.parametrize("seed", range(20))
def test_without_cycles_everything_flows_downwards(seed):
    count, edges = random_graph(seed)
    placed = layout(count, edges, WIDTH, HEIGHT)
    assert all(placed.y[a] < placed.y[b] for a, b in edges if a != b)


@pytest.mark.parametrize("graph", [CHAIN, SKIP, random_graph(7)])
def test_the_same_graph_gives_the_same_picture(graph):
    assert layout(*graph, WIDTH, HEIGHT) == layout(*graph, WIDTH, HEIGHT)


def test_a_chain_is_straight():
    placed = layout(*CHAIN, WIDTH, HEIGHT)
    assert placed.x == [WIDTH / 2] * 5
    assert placed.y == [HEIGHT / 2 + number * (HEIGHT + GAP_Y) for number in range(5)]
    assert placed.width == WIDTH


def test_a_row_of_residual_blocks_does_not_lean():
    """Each block: in -> a -> b -> sum, and in -> sum."""
    edges = []
    for block in range(40):
        first = 3 * block
        edges += [(first, first + 1), (first + 1, first + 2), (first + 2, first + 3), (first, first + 3)]
    placed = layout(121, edges, WIDTH, HEIGHT)
    assert placed.width < 2 * WIDTH


def crossings(placed, edges):
    """Count the pairs of lines that cross, rank by rank: those that begin left of each other and end right."""
    found = 0
    for (a, b), (c, d) in combinations(edges, 2):
        if placed.y[a] == placed.y[c] and placed.y[b] == placed.y[d]:
            found += (placed.x[a] - placed.x[c]) * (placed.x[b] - placed.x[d]) < 0
    return found


def test_crossings_that_can_be_avoided_are():
    # Two trees, given in an order in which every one of their lines crosses others.
    edges = [(0, 3), (0, 5), (1, 2), (1, 4), (2, 6), (3, 7), (4, 8), (5, 9)]
    assert crossings(layout(10, edges, WIDTH, HEIGHT), edges) == 0


def test_boxes_without_edges_stand_in_short_rows():
    placed = layout(40, [(0, 1)], WIDTH, HEIGHT)
    assert placed.width < 7 * (WIDTH + GAP_X)
