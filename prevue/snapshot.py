"""A picture of a run's curves as SVG, without any library: small charts in a row, on light and dark grounds."""

import math
from collections.abc import Sequence
from html import escape

from prevue.api import StoredRun
from prevue.series import Series
from prevue_core.contract import SYSTEM_SPLIT

WIDTH, HEIGHT = 300, 150  # of a chart, CSS pixels
LEFT, TOP, BOTTOM = 52, 22, 18  # for texts
BUDGET = 250  # points or buckets of a line
CHARTS = 12  # that are drawn
COLORS = {"train": "#1774f6", "val": "#c96a25", "test": "#17a96e"}
OTHER = "#8b96a5"


def picture(run: StoredRun) -> str:
    """Return the curves of the first process, those of one name in one chart, with a line that says what they are."""
    told = f"{escape(f'{run.user}/{run.project_name}')}: <b>{escape(run.run_name)}</b> ({run.state})"
    series = [one for one in run.series(budget=BUDGET) if one.split != SYSTEM_SPLIT]
    least = min((one.rank for one in series), default=0)
    names: dict[str, list[Series]] = {}
    for one in series:
        if one.rank == least:
            names.setdefault(one.name, []).append(one)
    charts = "".join(_chart(name, own) for name, own in list(names.items())[:CHARTS])
    more = f"; {len(names) - CHARTS} more names are not shown" if len(names) > CHARTS else ""
    nothing = "" if names else " has logged no metric yet"
    head = f'<p style="margin:4px 0">{told}{nothing}{more}</p>'
    return f'{head}<div style="display:flex;flex-wrap:wrap;gap:10px">{charts}</div>'


def _chart(name: str, lines: Sequence[Series]) -> str:
    points = {one.split: [point for point in zip(one.steps, one.columns["mean"], strict=True) if _is_finite(point)]
              for one in lines}  # fmt: skip
    x0, x1 = _ends([step for own in points.values() for step, _ in own])
    y0, y1 = _ends([end for one in lines for name in ("low", "high") for end in one.columns[name]])

    def place(x: float, y: float) -> str:
        across = LEFT + (x - x0) / (x1 - x0) * (WIDTH - LEFT - 8)
        down = TOP + (y1 - y) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)
        return f"{across:.1f},{down:.1f}"

    drawn = "".join(
        f'<polyline fill="none" stroke="{COLORS.get(split, OTHER)}" stroke-width="1.6" stroke-linejoin="round" '
        f'points="{" ".join(place(x, y) for x, y in own)}"/>'
        for split, own in points.items()
        if own
    )
    bottom = HEIGHT - BOTTOM
    splits = " ".join(f'<tspan fill="{COLORS.get(split, OTHER)}">{escape(split)}</tspan>' for split in points)
    texts = (
        _text(LEFT, 13, name, weight=600)
        + f'<text x="{WIDTH - 8}" y="13" text-anchor="end">{splits}</text>'
        + (_text(LEFT - 5, TOP + 8, f"{y1:.3g}", OTHER, "end") + _text(LEFT - 5, bottom, f"{y0:.3g}", OTHER, "end"))
        + (_text(LEFT, HEIGHT - 4, f"{x0:g}", OTHER) + _text(WIDTH - 8, HEIGHT - 4, f"step {x1:g}", OTHER, "end"))
    )
    frame = f'<path d="M{LEFT} {TOP}V{bottom}H{WIDTH - 8}" fill="none" stroke="{OTHER}" stroke-opacity=".4"/>'
    return (
        f'<svg role="img" aria-label="{escape(name)}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui,sans-serif" font-size="11" fill="currentColor">{frame}{drawn}{texts}</svg>'
    )


def _is_finite(point: tuple[float, float | None]) -> bool:
    return point[1] is not None and math.isfinite(point[1])


def _ends(values: Sequence[float | None]) -> tuple[float, float]:
    """Return the least and the greatest of what is finite, which differ."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    return (low, high) if low < high else (low, low + (abs(low) or 1.0))


def _text(x: float, y: float, text: str, color: str = "currentColor", anchor: str = "start", weight: int = 400) -> str:
    return f'<text x="{x}" y="{y}" fill="{color}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
