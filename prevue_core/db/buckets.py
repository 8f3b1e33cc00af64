"""Points of a series, and buckets of them: what a stretch of steps is summed up to.

Counts and extremes are exact, the mean is rounded once for each time that buckets are merged. NaN and infinities are
counted, but are part of no mean and no extreme. A bucket's edges are multiples of a power of two steps.
"""

import datetime
import math
import operator
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from prevue_core.contract import MIN_INT64

Time = datetime.datetime | str  # as the database gives it: UTC, text on SQLite

Point = tuple[int, float, Time, int | None]  # step, value, time, epoch


class Bucket(NamedTuple):
    """Some points of a series. Fields are the columns of `rollups` behind its key."""

    count: int  # type: ignore[assignment]  # of all values; nobody needs the method of tuples
    nan_count: int
    inf_count: int
    ninf_count: int
    mean: float | None  # of the finite values, as low and high; None: there is none
    low_step: int | None
    low_value: float | None
    high_step: int | None
    high_value: float | None
    first_step: int
    first_value: float
    last_step: int
    last_value: float
    last_time: Time
    last_epoch: int | None


def bucket_of(points: Sequence[Point]) -> Bucket:
    """Return the bucket of one or more points, given in order of step, each step once."""
    values = [point[1] for point in points]
    finite, others = points, (0, 0, 0)
    if not math.isfinite(sum(values)):  # as a rule they are finite
        finite = [point for point in points if math.isfinite(point[1])]
        others = (sum(map(math.isnan, values)), values.count(math.inf), values.count(-math.inf))
        values = [point[1] for point in finite]
    sums: tuple[float | None, ...] = (None,) * 5
    if values:
        low, high = min(values), max(values)
        # Of equal extremes the one of the lower step.
        sums = (_mean(values, low, high), finite[values.index(low)][0], low, finite[values.index(high)][0], high)
    return Bucket._make((len(points), *others, *sums, *points[0][:2], *points[-1]))


def merged(buckets: Sequence[Bucket]) -> Bucket:
    """Return one bucket for several that have no step in common, given in any order."""
    if len(buckets) == 1:
        return buckets[0]
    of: Any = Bucket._make(zip(*buckets, strict=True))  # of each field all values
    first = buckets[of.first_step.index(min(of.first_step))]
    last = buckets[of.last_step.index(max(of.last_step))]
    counts = [sum(numbers) for numbers in of[:4]]
    sums: tuple[float | None, ...] = (None,) * 5
    if None in of.mean and (finite := [bucket for bucket in buckets if bucket.mean is not None]):
        of = Bucket._make(zip(*finite, strict=True))
    if None not in of.mean:
        low, high = min(of.low_value), max(of.high_value)
        weights = of.count
        if any(counts[1:]):
            weights = [count - sum(others) for count, *others in zip(*of[:4], strict=True)]
        steps = _step_of(low, of.low_value, of.low_step), _step_of(high, of.high_value, of.high_step)
        sums = (_mean(of.mean, low, high, weights), steps[0], low, steps[1], high)
    return Bucket._make((*counts, *sums, *first[9:11], *last[11:]))


def _step_of(extreme: float, values: Sequence[float], steps: Sequence[int]) -> int:
    """Return the step at which an extreme lies, of several the lowest."""
    if values.count(extreme) == 1:
        return steps[values.index(extreme)]
    return min(step for step, value in zip(steps, values, strict=True) if value == extreme)


def cut(points: Sequence[Point], shift: int) -> Iterator[tuple[int, Sequence[Point]]]:
    """Yield the number and the points of each bucket of 2**`shift` steps (up to 64), in order, as the points are."""
    steps, start = [point[0] for point in points], 0
    while start < len(steps):
        number = number_of(steps[start], shift)
        end = bisect_left(steps, first_step_of(number + 1, shift), start)
        yield number, points[start:end]
        start = end


def fitted(buckets: Sequence[Bucket], budget: int) -> Sequence[Bucket]:
    """Return buckets in order, merged where they are more than `budget`."""
    if len(buckets) <= budget:
        return buckets
    shift = shift_within(buckets[0].first_step, buckets[-1].last_step, budget)
    parts = groupby(buckets, key=lambda bucket: number_of(bucket.first_step, shift))
    return [merged(list(part)) for _, part in parts]


def shift_within(first_step: int, last_step: int, budget: int) -> int:
    """Return the smallest power of two whose multiples cut the range into at most `budget` buckets, by its exponent."""
    shift = max(0, ((last_step - first_step) // budget).bit_length() - 1)
    while number_of(last_step, shift) - number_of(first_step, shift) >= budget:
        shift += 1
    return shift


def number_of(step: int, shift: int) -> int:
    """Return the number of the bucket of 2**`shift` steps to which `step` belongs; buckets below step 0 are below 0.

    Only the widest, of all 2**64 steps, holds steps on both sides of 0.
    """
    return step >> shift if shift < 64 else 0


def first_step_of(number: int, shift: int) -> int:
    """Return the first step that a bucket may hold."""
    return number << shift if shift < 64 else MIN_INT64 + (number << shift)


def _mean(values: Sequence[float], low: float, high: float, weights: Sequence[int] | None = None) -> float:
    scale = 1.0 if max(-low, high) < 1e280 else 2.0**-64  # the sum of larger values may be no float
    parts = values if scale == 1.0 else [value * scale for value in values]
    if weights is None:
        mean = math.fsum(parts) / len(parts) / scale
    else:
        mean = math.fsum(map(operator.mul, parts, weights)) / sum(weights) / scale
    return min(max(mean, low), high)  # rounding may lead out: a constant stays that constant
