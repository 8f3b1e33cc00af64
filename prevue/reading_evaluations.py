"""Reading what tests came to: the part of `prevue.Api` that is about evaluations."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any


class ReadsEvaluations(ABC):
    """An evaluation is named by its run and its number there. All raise NotFound where there is no such."""

    @abstractmethod
    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return an answer."""

    @abstractmethod
    def _items(self, path: str, params: dict[str, Any], limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the items of a list."""

    def evaluations(
        self, run_id: str, *, name: str | None = None, split: str | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return a run's evaluations, those that came last first.

        Each has `evaluation_id`, `name`, `split`, `task`, `step`, `labels`, how many samples it has, and what is known
        of each.
        """
        asked = {"name": name, "split": split}
        return list(islice(self._items(f"/api/v1/runs/{run_id}/evaluations", asked, limit), limit))

    def project_evaluations(
        self, project_id: int, *, evaluation_id: int | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the evaluations of a project's runs with `run_name`, those that came last first; or only one."""
        path = f"/api/v1/projects/{project_id}/evaluations"
        return list(islice(self._items(path, {"evaluation_id": evaluation_id}, limit), limit))

    def report(
        self,
        run_id: str,
        evaluation_id: int,
        *,
        label: int | None = None,
        beta: float = 1.0,
        bins: int = 10,
        normalise: str | None = None,
    ) -> dict[str, Any]:
        """Return scores, matrix, curves, calibration and what else an evaluation's task has.

        `label`: the class whose curves are wanted, a number; None: the positive, else the first. `beta`: of F-beta.
        `bins`: of calibration. `normalise`: the matrix has shares of each class that is `true` (rows sum to 1) or
        `predicted` (columns), or of `all` samples.
        """
        asked = {"label": label, "beta": beta, "bins": bins, "normalise": normalise}
        return self._get(_path(run_id, evaluation_id, "report"), asked)

    def curves(self, run_id: str, evaluation_id: int, labels: Sequence[int] = ()) -> list[dict[str, Any]]:
        """Return ROC and precision-recall: of several classes the means, `micro` and `macro`, then each of `labels`.

        Each has `of` (micro, macro or label), `label`, `roc` and `precision_recall` with `x`, `y` and `threshold`, and
        the areas `roc_auc` and `average_precision`.
        """
        asked = {"label": list(labels)}
        curves: list[dict[str, Any]] = self._get(_path(run_id, evaluation_id, "curves"), asked)["curves"]
        return curves

    def costs(
        self,
        run_id: str,
        evaluation_id: int,
        *,
        label: int | None = None,
        true_positive: float = 0.0,
        false_positive: float = 1.0,
        false_negative: float = 1.0,
        true_negative: float = 0.0,
    ) -> dict[str, Any]:
        """Return the mean cost of a sample at each threshold, and the `best`: that of the lowest cost, with its counts.

        From what one sample of each outcome costs; below 0 it earns. Raises Refused without scores.
        """
        prices = {"true_positive": true_positive, "false_positive": false_positive}
        prices |= {"false_negative": false_negative, "true_negative": true_negative}
        return self._get(_path(run_id, evaluation_id, "costs"), {"label": label, **prices})

    def intervals(self, run_id: str, evaluation_id: int, *, beta: float = 1.0) -> dict[str, dict[str, Any]]:
        """Return the 95% bootstrap interval of each score that has one: low, high, level, repeats."""
        intervals: dict[str, dict[str, Any]] = self._get(_path(run_id, evaluation_id, "intervals"), {"beta": beta})[
            "intervals"
        ]
        return intervals

    def slices(self, run_id: str, evaluation_id: int, *, beta: float = 1.0) -> list[dict[str, Any]]:
        """Return the scores of each group of samples, with their intervals."""
        slices: list[dict[str, Any]] = self._get(_path(run_id, evaluation_id, "slices"), {"beta": beta})["slices"]
        return slices

    def samples(
        self,
        run_id: str,
        evaluation_id: int,
        *,
        order: str = "logged",
        limit: int = 100,
        offset: int = 0,
        **wanted: Any,
    ) -> dict[str, Any]:
        """Return a page of samples, `items`, and how many there are in all, `total`.

        `order`: `logged`, `worst`, `surest` (wrong ones that the model was sure of first) or `unsure`. `wanted`:
        `target` and `prediction`, numbers of classes; `is_wrong`; `slice_name` and `slice_value`; `by`, such as
        `score:1`, `feature:age` or `error`, with `low` <= value < `high`.
        """
        asked = {"order": order, "limit": limit, "offset": offset, **wanted}
        return self._get(_path(run_id, evaluation_id, "samples"), asked)

    def sample_columns(self, run_id: str, evaluation_id: int) -> dict[str, Any]:
        """Return samples as columns: all, or of more than 5,000 the worst and a fair picture of the rest."""
        return self._get(_path(run_id, evaluation_id, "columns"))

    def compare_evaluations(
        self, a: tuple[str, int], b: tuple[str, int], *, beta: float = 1.0, group: str | None = None, limit: int = 100
    ) -> dict[str, Any]:
        """Return how two evaluations on the same samples differ; each by its run's id and its number.

        `scores` (a, b, their difference b - a and its interval), `agreement`, `mcnemar`; with a `group` (`both`,
        `only_a`, `only_b`, `neither`: who is right) its samples as `items`. Raises Refused where they have no samples
        in common.
        """
        of = {"run_a": a[0], "evaluation_a": a[1], "run_b": b[0], "evaluation_b": b[1]}
        return self._get("/api/v1/evaluations/compare", {**of, "beta": beta, "group": group, "limit": limit})

    def compare_groups(
        self, project_id: int, a: str, b: str, *, name: str = "test", split: str = "test", beta: float = 1.0
    ) -> dict[str, Any]:
        """Return how two groups of runs (`run_group`) differ whose runs differ in their seeds.

        Of each run the last whole evaluation of the name counts: `runs_a`, `runs_b`, `left_out` (those whose samples
        are missing, or that are too many), and `scores` with the mean and the spread of each group, the difference of
        the means b - a and its interval. Raises Refused where a group has none.
        """
        asked = {"project_id": project_id, "group_a": a, "group_b": b, "name": name, "split": split, "beta": beta}
        return self._get("/api/v1/evaluations/compare-groups", asked)


def _path(run_id: str, evaluation_id: int, what: str) -> str:
    return f"/api/v1/runs/{run_id}/evaluations/{evaluation_id}/{what}"
