"""Reading what runs logged beside numbers: the part of `prevue.Api` that is about results and events."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any


class ReadsResults(ABC):
    """Lists are read page by page; `limit` ends them early."""

    @abstractmethod
    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return an answer."""

    @abstractmethod
    def _items(self, path: str, params: dict[str, Any], limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the items of a list."""

    def results(
        self,
        run_id: str,
        *,
        kind: str | None = None,
        name: str | None = None,
        split: str | None = None,
        step: int | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return a run's results without their payloads, those that came last first. Raises NotFound.

        Each has `result_id`, `rank`, `split`, `kind`, `name`, `step`, `time` (UNIX seconds) and `payload_bytes`.
        """
        asked = {"kind": kind, "name": name, "split": split, "step": step}
        return list(islice(self._items(f"/api/v1/runs/{run_id}/results", asked, limit), limit))

    def result(self, run_id: str, result_id: int) -> dict[str, Any]:
        """Return one result with its `payload`: the fields of its kind, see docs/reference/results.md."""
        return self._get(f"/api/v1/runs/{run_id}/results/{result_id}")

    def result_names(self, run_id: str) -> list[dict[str, Any]]:
        """Return each `kind`, `split`, `name` and `rank` of a run's results once, those that changed last first.

        With `count`, `first_step`, `last_step` and `last_result_id`.
        """
        return list(self._items(f"/api/v1/runs/{run_id}/results/names", {}))

    def result_steps(
        self,
        run_id: str,
        kind: str,
        split: str,
        name: str,
        *,
        rank: int = 0,
        payload: bool = False,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return one result over its steps, rising; of a step that was logged again the later one.

        As `results` has them, with `payload` also what they hold.
        """
        asked = {"kind": kind, "split": split, "name": name, "rank": rank, "payload": payload}
        return list(islice(self._items(f"/api/v1/runs/{run_id}/results/steps", asked, limit), limit))

    def events(
        self, run_ids: Sequence[str], kinds: Sequence[str] | None = None, *, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return what is marked on the curves of up to 100 runs, of some kinds (None: all), the latest first.

        Each has `event_id`, `run_id`, `step` (None: it has none), `time` (UNIX seconds), `kind`, `level` (of an alert),
        `cause` (of an alert that the server raised) and `text`.
        """
        asked = {"run_id": list(run_ids), "kind": None if kinds is None else list(kinds)}
        return list(islice(self._items("/api/v1/events", asked, limit), limit))
