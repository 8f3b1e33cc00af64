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


# what the smoother itself promises, over a million points

ERRORS = """async ([points, bucket, sigma, weights]) => {
  const {smooth} = await import("/assets/now/series.js");
  let seed = 7;
  const chance = () => ((seed = (seed * 1664525 + 1013904223) % 4294967296) + 0.5) / 4294967296;
  const values = Float64Array.from({length: points}, () =>
    1 + sigma * Math.sqrt(-2 * Math.log(chance())) * Math.cos(2 * Math.PI * chance()));
  const rows = Math.ceil(points / bucket);
  const count = Uint32Array.from({length: rows}, (_, i) => Math.min(bucket, points - i * bucket));
  const sum = (i) => values.subarray(i * bucket, (i + 1) * bucket).reduce((a, b) => a + b);
  const mean = Float64Array.from(count, (n, i) => sum(i) / n);
  return weights.map((weight) => {
    const smoothed = smooth(mean, count, weight);
    let sum = 0, bias = 0, worst = 0;
    for (let i = 0; i < points; i++) {
      [sum, bias] = [weight * sum + (1 - weight) * values[i], weight * bias + 1 - weight];
      const isLast = (i + 1) % bucket === 0 || i + 1 === points;
      if (isLast) worst = Math.max(worst, Math.abs(smoothed[Math.floor(i / bucket)] - sum / bias));
    }
    return worst;
  });
}"""


def test_over_buckets_of_a_million_points_the_error_is_as_small_as_was_measured(page, dashboard):
    page.goto(dashboard)
    weights = [0.9, 0.99, 0.999, 0.9999]
    # The figures of the design, with half as much again for other noise than theirs.
    errors = page.evaluate(ERRORS, [1_000_000, 1_250, 0.12, weights])
    assert [error < 1.5 * told for error, told in zip(errors, (0.083, 0.022, 0.003, 0.0002), strict=True)] == [
        True
    ] * 4, errors


CONSTANTS = """async (cases) => {
  const {smooth} = await import("/assets/now/series.js");
  return cases.filter(([value, counts, weight]) =>
    smooth(Float64Array.from(counts, () => value), Uint32Array.from(counts), weight).some((one) => one !== value));
}"""


def test_a_constant_stays_exactly_that_constant(page, dashboard):
    dice = random.Random(2)
    values = [0.1, 1 / 3, -0.7, 1e-300, 5e-324, 1.7e308, -1.7e308, 0.0]
    cases = [
        [
            dice.choice([*values, dice.uniform(-1, 1)]),
            [dice.choice([1, 2, 7, 64, 100_000]) for _ in range(dice.randint(1, 40))],
            dice.choice([0.1, 0.6, 0.9, 0.99, 0.9999, dice.random()]),
        ]
        for _ in range(500)
    ]
    page.goto(dashboard)
    assert page.evaluate(CONSTANTS, cases) == []
