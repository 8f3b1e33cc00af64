"""How busy a run's machine was, beside the losses: charts over the time since the run began."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from frontend_bokeh.figures import curves
from frontend_bokeh.run_page import RunPart
from frontend_bokeh.texts import in_script
from prevue.api import Api, StoredRun
from prevue.series import Series
from prevue_core.contract import SYSTEM_SPLIT

BUDGET = 400  # points or buckets of a line
LOSSES_SHOWN = 6
RANK = re.compile(r"\d{1,8}")


class Chart(NamedTuple):
    """A chart: its title, its unit, and a pattern of the samples that it has, whose group is what a line is called."""

    title: str
    unit: str
    names: str


# The first chart that fits a name has it; others have one of their own.
CHARTS = (
    Chart("CPU", "%", r"(cpu)_percent|(process)_cpu_percent"),
    Chart("Memory", "%", r"(memory)_percent"),
    Chart("Memory of the process", "MB", r"(process)_memory_mb"),
    Chart("GPU", "%", r"(gpu\d+)_percent"),
    Chart("GPU memory", "%", r"(gpu\d+)_memory_percent"),
    Chart("GPU memory held", "MB", r"(gpu\d+)_memory_mb"),
    Chart("GPU temperature", "°C", r"(gpu\d+)_temperature_c"),
    Chart("GPU power", "W", r"(gpu\d+)_power_w"),
    Chart("Disk", "MB/s", r"disk_(read|write)_mb_s"),
    Chart("Network", "MB/s", r"network_(received|sent)_mb_s"),
)


class SystemPage(RunPart):
    """The charts of one process of a run."""

    async def get(self, owner: str, name: str, run_id: str) -> None:
        """Show the page; its script asks for what it draws."""
        run, ranks = await self.found(owner, name, run_id, _ranks)
        rank = _chosen(self.get_query_argument("rank", ""), ranks)
        data = in_script({"spec": curves.spec(), "rank": rank})
        self.show_part("system.html", run, owner, name, part="system", ranks=ranks, rank=rank, data=data)


class SystemCharts(RunPart):
    """What the script draws."""

    async def get(self, owner: str, name: str, run_id: str) -> None:
        """Tell the lines of each chart."""
        rank = self.get_query_argument("rank", "")

        def question(api: Api, run: StoredRun) -> list[dict[str, Any]]:
            return charts_of(run, _chosen(rank, _ranks(api, run)))

        run, charts = await self.found(owner, name, run_id, question)
        self.write(json.dumps({"charts": charts, "is_live": run.state == "running"}))


def _ranks(api: Api, run: StoredRun) -> list[int]:
    """Return the processes that looked at their machine."""
    return sorted({one["rank"] for one in run.summary() if one["split"] == SYSTEM_SPLIT})


def _chosen(asked: str, ranks: list[int]) -> int:
    rank = int(asked) if RANK.fullmatch(asked) else -1
    return rank if rank in ranks else ranks[0] if ranks else 0


def charts_of(run: StoredRun, rank: int) -> list[dict[str, Any]]:
    """Return the charts of one process: first the losses, then what its machine did; without samples none."""
    asked: dict[str, Any] = {"x": "relative", "budget": BUDGET, "columns": ("x", "mean", "low", "high")}
    samples = run.series(None, [SYSTEM_SPLIT], ranks=[rank], **asked)
    if not samples:
        return []
    losses = [one for one in run.summary() if one["kind"] == "loss" and one["split"] != SYSTEM_SPLIT]
    losses = sorted((one for one in losses if one["rank"] == rank), key=lambda one: (one["name"], one["split"]))
    found = [(one["name"], one["split"]) for one in losses[:LOSSES_SHOWN]]
    drawn = list(_losses(run, found, rank, asked)) if found else []
    return [{"title": "Losses", "unit": "", "lines": drawn}] * bool(drawn) + list(_charts(samples))


def _losses(run: StoredRun, found: list[tuple[str, str]], rank: int, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    names, splits = ({part for part, _ in found}, {part for _, part in found})
    for one in run.series(sorted(names), sorted(splits), ranks=[rank], **asked):
        if (one.name, one.split) in found:
            yield _line(f"{one.split}/{one.name}", one)


def _charts(samples: Iterable[Series]) -> Iterator[dict[str, Any]]:
    """Yield the charts of samples in the order of `CHARTS`, then those that have none."""
    placed = sorted(((*_place(one.name), one) for one in samples), key=lambda one: one[:3])
    for (at, title), inside in groupby(placed, key=lambda one: (one[0], one[1])):
        unit = CHARTS[at].unit if at < len(CHARTS) else ""
        yield {"title": title, "unit": unit, "lines": [_line(name, one) for _, _, name, one in inside]}


def _place(name: str) -> tuple[int, str, str]:
    """Return the place and title of the chart that a sample belongs to, and what its line is called there."""
    for at, chart in enumerate(CHARTS):
        if match := re.fullmatch(chart.names, name):
            return at, chart.title, next(part for part in match.groups() if part)
    return len(CHARTS), name, name


def _line(name: str, series: Series) -> dict[str, Any]:
    return {"name": name, **{column: series.columns[column] for column in ("x", "mean", "low", "high")}}
