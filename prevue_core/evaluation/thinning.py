"""Fewer points for a curve that looks the same."""

import numpy as np

from prevue_core.evaluation.arrays import Floats, Ints

_MANY = 50_000  # points
HALF_PIXEL = 0.5 / 1000  # of a plot that is 1 000 pixels wide and high, and shows 0 to 1


def kept_points(x: Floats, y: Floats, tolerance: float = HALF_PIXEL) -> Ints:
    """Return the places of the points to keep: none of the others is farther than `tolerance` from the line drawn.

    The first and the last point stay. Ramer (1972), Douglas and Peucker (1973), with the distance to the segment. Of
    very many points `spaced_points` leaves out some first.
    """
    if len(x) <= _MANY:
        return _kept(x, y, tolerance)
    near = spaced_points(x, y, tolerance / 10)
    return near[_kept(x[near], y[near], tolerance * 0.9)]


def spaced_points(x: Floats, y: Floats, distance: float) -> Ints:
    """Return the places of points that are at least `distance` apart, along the curve: of the others none is farther
    from one of them. All of them where they are not very many.
    """
    if len(x) <= _MANY:
        return np.arange(len(x))
    way = np.zeros(len(x))
    np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)), out=way[1:])
    stretch = (way / distance).astype(int)
    return np.concatenate([[0], np.flatnonzero(stretch[1:-1] > stretch[:-2]) + 1, [len(x) - 1]])


def _kept(x: Floats, y: Floats, tolerance: float) -> Ints:
    keep = np.zeros(len(x), bool)
    keep[[0, -1]] = True
    stretches = [(0, len(x) - 1)]
    while stretches:
        start, end = stretches.pop()
        if end - start < 2:
            continue
        distance = _distances(x[start : end + 1], y[start : end + 1])
        farthest = int(distance.argmax())
        if distance[farthest] > tolerance:
            keep[start + farthest] = True
            stretches += [(start, start + farthest), (start + farthest, end)]
    return np.flatnonzero(keep)


def _distances(x: Floats, y: Floats) -> Floats:
    # How far each point is from the segment between the first and the last.
    dx, dy = x[-1] - x[0], y[-1] - y[0]
    square = dx * dx + dy * dy
    along = ((x - x[0]) * dx + (y - y[0]) * dy) / square if square else np.zeros(len(x))
    along = along.clip(0, 1)
    return np.hypot(x - x[0] - along * dx, y - y[0] - along * dy)
