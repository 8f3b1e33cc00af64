"""Smoothing is an average of all points, wherever one looks and however few of them are drawn."""

import random

import pytest

import prevue
from serving import finished

POINTS, SIGMA = 20_000, 0.05


@pytest.fixture(scope="module")
def noise(backend) -> list[float]:
    """The values of a series of a project of that name."""
    dice = random.Random(1)
    values = [2.0 ** (-step / 4_000) + dice.gauss(0, SIGMA) for step in range(POINTS)]
    run = prevue.init("noise", "long", url=backend, uid="tester")
    for step, value in enumerate(values):
        run.log({"loss": value}, step)
    finished(run)
    return values


def average(values: list[float], weight: float) -> list[float]:
    """The average of all points, without the pull of its start to zero."""
    total, bias, found = 0.0, 0.0, []
    for value in values:
        total, bias = weight * total + (1 - weight) * value, weight * bias + 1 - weight
        found.append(total / bias)
    return found


@pytest.mark.parametrize(
    ("weight", "low", "high", "tolerance"),
    [
        (0.6, 12_000, 12_300, 0.005),  # points, of which the first would be up to 0.014 off
        (0.9, 12_000, 12_300, 0.005),  # 0.03
        (0.99, 12_000, 12_300, 0.005),  # 0.04
        (0.999, 12_000, 12_300, 0.005),  # 0.07
        (0.99, 8_000, 18_000, 0.1 * SIGMA),  # buckets
        (0.999, 8_000, 18_000, 0.1 * SIGMA),
        (0.99, None, None, 0.1 * SIGMA),
    ],
)
def test_a_part_is_smoothed_as_the_whole_is(open_project, noise, weight, low, high, tolerance):
    zoom = "" if low is None else f"&zoom=train/loss~{low}~{high}"
    page = open_project("noise", charts=1, query=f"?smooth={weight}{zoom}")
    page.wait_chart("loss", f"(chart.window !== null) === {'true' if zoom else 'false'}")
    expected = average(noise, weight)
    steps = page.chart("loss", "[...chart.sources.lines.data.xs[0]]")
    inside = [i for i, step in enumerate(steps) if low is None or low <= step <= high]
    assert len(inside) > 100
    drawn = page.lines("loss")[0]
    skipped = 20 if low is None else 0  # buckets at the very start have no past that evens out their order
    assert max(abs(drawn[i] - expected[int(steps[i])]) for i in inside[skipped:]) < tolerance
