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
    first = min(buckets, key=lambda bucket: bucket.first_step)
    last = max(buckets, key=lambda bucket: bucket.last_step)
    counts = [sum(numbers) for numbers in zip(*(bucket[:4] for bucket in buckets), strict=True)]
    finite: list[Any] = [bucket for bucket in buckets if bucket.mean is not None]
    sums: tuple[float | None, ...] = (None,) * 5
    if finite:
        low, low_step = min((bucket.low_value, bucket.low_step) for bucket in finite)
        high, high_step = max((bucket.high_value, -bucket.high_step) for bucket in finite)
        weights = [bucket.count - sum(bucket[1:4]) for bucket in finite]
        sums = (_mean([bucket.mean for bucket in finite], low, high, weights), low_step, low, -high_step, high)
    return Bucket._make((*counts, *sums, *first[9:11], *last[11:]))


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
