"""A histogram; and one that was logged again and again, as quantiles over its steps."""

import math
from itertools import accumulate, pairwise
from operator import mul
from typing import Any

from bokeh.models import ColumnDataSource

from frontend_bokeh.figures.plots import COLORS, hover, plot
from frontend_bokeh.panel import Drawing, Panel, Payload, Step, Text
from frontend_bokeh.texts import count

BANDS = ((0.0, 1.0, 0.10), (0.05, 0.95, 0.14), (0.25, 0.75, 0.22))  # from, to, alpha
ODD = {"nan_count": "NaN", "inf_count": "∞", "ninf_count": "−∞"}


def histogram(payload: Payload) -> list[Drawing]:
    """Draw how many values each bucket has, and tell of those that are in none."""
    edges, counts = payload["edges"], payload["counts"]
    made = plot("", "values")
    source = ColumnDataSource({"left": edges[:-1], "right": edges[1:], "top": counts})
    bars = made.quad(
        left="left", right="right", bottom=0, top="top", source=source,
        fill_color=COLORS[0], fill_alpha=0.55, line_color=COLORS[0], line_width=0.6,
    )  # fmt: skip
    made.y_range.start = 0
    hover(made, [bars], [("from", "@left"), ("to", "@right"), ("values", "@top")])
    odd = [f"{count(payload[field])} {name}" for field, name in ODD.items() if payload.get(field)]
    return [made, Text(f"in no bucket: {', '.join(odd)}")] if odd else [made]


def over_steps(steps: list[Step]) -> Drawing | list[Drawing]:
    """Draw the median and, around it, the half and nine tenths of the values and all of them, over the steps."""
    found = [(one.step or 0, one.payload) for one in steps if sum(one.payload["counts"])]
    if len(found) < 2:
        return histogram(steps[-1].payload)
    means, stds = zip(*(moments(payload) for _, payload in found), strict=True)
    columns: dict[str, list[Any]] = {"step": [step for step, _ in found], "mean": list(means), "std": list(stds)}
    for share in sorted({0.5, *(end for low, high, _ in BANDS for end in (low, high))}):
        columns[f"q{share}"] = [quantile(payload, share) for _, payload in found]
    source = ColumnDataSource(columns)
    made = plot("step", "")
    for low, high, alpha in BANDS:
        made.varea("step", f"q{low}", f"q{high}", source=source, fill_color=COLORS[0], fill_alpha=alpha)
    made.line("step", "mean", source=source, line_color=COLORS[1], line_width=1.2, line_dash="dashed")
    median = made.line("step", "q0.5", source=source, line_color=COLORS[0], line_width=1.8)
    told = [("step", "@step"), ("median", "@{q0.5}"), ("mean", "@mean ± @std"), ("half", "@{q0.25} … @{q0.75}")]
    hover(made, [median], [*told, ("90 %", "@{q0.05} … @{q0.95}"), ("all", "@{q0.0} … @{q1.0}")], "vline")
    return made


def quantile(payload: Payload, share: float) -> float:
    """Return where `share` (0 to 1) of a histogram's values lie below, as if they were even inside of each bucket."""
    counts, edges = payload["counts"], payload["edges"]
    wanted = share * sum(counts)
    below = 0.0
    for (left, right), inside, up_to in zip(pairwise(edges), counts, accumulate(counts), strict=True):
        if inside and up_to >= wanted:
            return float(left + (right - left) * max(0.0, wanted - below) / inside)
        below = up_to
    return float(edges[-1])


def moments(payload: Payload) -> tuple[float, float]:
    """Return mean and standard deviation of a histogram's values, each taken for the middle of its bucket."""
    middles = [(left + right) / 2 for left, right in pairwise(payload["edges"])]
    counts = payload["counts"]
    mean = sum(map(mul, middles, counts)) / sum(counts)
    return mean, math.sqrt(
        sum((one - mean) ** 2 * inside for one, inside in zip(middles, counts, strict=True)) / sum(counts)
    )


PANEL = Panel("histogram", "histogram", histogram, over_steps=over_steps)
