"""What method checks may ask for of a run: read when a check asks, and once for all of them."""

from functools import cache
from typing import Any

import orjson

from prevue_core.checks import Curve
from prevue_core.contract import SYSTEM_SPLIT
from prevue_core.db.models import Project, Result, TrainingRun
from prevue_core.db.queries.pages import Row
from prevue_core.db.queries.runs import series_of
from prevue_core.db.queries.series import series

CURVE_POINTS = 500  # of a longer one means of neighbours


class StoredRun:
    """The facts of a run, as `prevue_core.checks.RunFacts` says."""

    def __init__(self, run: Row) -> None:
        self.run = run
        self.series = cache(self._series)
        self.curve = cache(self._curve)
        self.table = cache(self._table)

    def _series(self) -> list[Row]:
        """Return the sums of the series of the first process, without those of its machine."""
        rows = [row for row in series_of(self.run["run_id"]) if row["split"] != SYSTEM_SPLIT]
        first = min((row["rank"] for row in rows), default=0)
        return [row for row in rows if row["rank"] == first]

    def _curve(self, name: str, split: str = "train") -> Curve | None:
        ranks = [row["rank"] for row in self.series() if (row["split"], row["name"]) == (split, name)]
        if not ranks:
            return None
        (part,) = series([self.run["run_id"]], [name], [split], ranks, budget=CURVE_POINTS)
        columns = part.columns
        finite = [(step, mean) for step, mean in zip(columns.step, columns.mean, strict=True) if mean is not None]
        counts = zip(columns.step, columns.nan_count, columns.inf_count, columns.ninf_count, strict=True)
        broken = {step: sum(more) for step, *more in counts if any(more)}
        steps, values = [step for step, _ in finite], [mean for _, mean in finite]
        return Curve(name, split, steps, values, sum(broken.values()), min(broken, default=None))

    def _table(self, name: str) -> dict[str, list[Any]] | None:
        of_name = (Result.run_id == self.run["run_id"]) & (Result.kind == "table") & (Result.name == name)
        row = Result.select(Result.payload).where(of_name).order_by(Result.result_id.desc()).first()
        if row is None:
            return None
        return {column["name"]: column["values"] for column in orjson.loads(row.payload)["columns"]}


def silenced_in_run(run_id: str) -> list[str]:
    """Return the codes of the method checks that are silenced in a run itself."""
    return _codes(TrainingRun.select(TrainingRun.silenced_checks).where(TrainingRun.run_id == run_id))


def silenced_in_project(project_id: int) -> list[str]:
    """Return the codes of those that are silenced in all runs of a project."""
    return _codes(Project.select(Project.silenced_checks).where(Project.project_id == project_id))


def _codes(stored: Any) -> list[str]:
    codes: list[str] = orjson.loads(stored.scalar() or "[]")
    return codes
