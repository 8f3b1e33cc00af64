"""Reading what the method checks say: the part of `prevue.Api` that is about them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prevue.transport import HttpTransport


class ReadsChecks:
    """A check has a `code`, a `title`, and a `page` below the server that tells of it."""

    _transport: "HttpTransport"

    def known_checks(self) -> list[dict[str, Any]]:
        """Return all method checks of the server and its plugins; `about` says when each speaks, in Markdown."""
        return self._lines("/api/v1/checks")

    def checks(self, run_id: str, evaluation_id: int | None = None) -> list[dict[str, Any]]:
        """Return what each check says of a run's training, or of one of its evaluations.

        `state`: `found` (`why` says what, with the numbers), `quiet`, `silenced` or `failed`. Raises NotFound.
        """
        of = "" if evaluation_id is None else f"/evaluations/{evaluation_id}"
        return self._lines(f"/api/v1/runs/{run_id}{of}/checks")

    def silence_checks(
        self, codes: Sequence[str] = (), *, hear: Sequence[str] = (), run_id: str | None = None, project_id: int = 0
    ) -> list[str]:
        """Silence checks in a run, or in all runs of a project, and let those of `hear` speak again.

        Returns the codes that are silent there now. Raises NotFound and Refused.
        """
        of = f"projects/{project_id}" if run_id is None else f"runs/{run_id}"
        wanted = {"silence": list(codes), "hear": list(hear)}
        silenced: list[str] = self._transport.patch(f"/api/v1/{of}/checks", wanted)["silenced"]
        return silenced

    def _lines(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._transport.get(path)["items"]
        return items
