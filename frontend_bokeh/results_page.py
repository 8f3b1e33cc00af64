"""The results of a run: their names on a page, and each drawn by its panel when somebody looks at it."""

import json
from typing import Any

from tornado.web import HTTPError

from frontend_bokeh.auth import Gate
from frontend_bokeh.drawing import Panels
from frontend_bokeh.panel import Step
from frontend_bokeh.run_page import RunPart
from frontend_bokeh.texts import in_script
from prevue.api import Api, StoredRun
from prevue_core.errors import NotFound

STEPS_SHOWN = 5_000  # of one result, that a slider goes through
STEPS_DRAWN = 500  # of one result that is drawn over its steps: so many, evenly spread

Key = dict[str, Any]  # kind, split, name and rank of a result


class Drawn(RunPart):
    """What a page's script is given of results."""

    def initialize(self, gate: Gate, panels: Panels) -> None:  # type: ignore[override] # Tornado gives what a route has
        """Take what the server was started with."""
        super().initialize(gate)
        self._panels = panels

    def key(self) -> Key:
        """Return which result is asked for. Raises HTTPError where the address does not say it."""
        rank = self.get_query_argument("rank", "0")
        if not (rank.isascii() and rank.isdigit() and len(rank) < 9):
            raise HTTPError(400, "rank %r is no number", rank)
        return {**{name: self.get_query_argument(name) for name in ("kind", "split", "name")}, "rank": int(rank)}

    def answer(self, drawn: dict[str, Any]) -> None:
        """Answer with what is drawn."""
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps(drawn, allow_nan=False))


class ResultsPage(Drawn):
    """What a run logged beside numbers."""

    async def get(self, owner: str, name: str, run_id: str) -> None:
        """Show the names; the page's script asks for what comes into view."""
        run, names = await self.found(owner, name, run_id, lambda api, run: api.result_names(run.run_id))
        for one in names:
            one["is_whole"] = self._panels.of(one["kind"], one["name"]).panel.over_steps is not None
        text = in_script(sorted(names, key=lambda one: (one["name"], one["split"], one["rank"])))
        self.show_part("results.html", run, owner, name, part="results", names=text)


class DrawnResult(Drawn):
    """One result."""

    async def get(self, owner: str, name: str, run_id: str, result_id: str) -> None:
        """Draw it."""

        def question(api: Api, run: StoredRun) -> dict[str, Any]:
            result = api.result(run.run_id, int(result_id))
            return self._panels.draw(result["kind"], result["name"], result["payload"])

        self.answer((await self.found(owner, name, run_id, question))[1])


class ResultSteps(Drawn):
    """The steps of a result."""

    async def get(self, owner: str, name: str, run_id: str) -> None:
        """List each step with the number of the result, the first step first."""
        key = self.key()

        def question(api: Api, run: StoredRun) -> list[list[int | None]]:
            found = api.result_steps(run.run_id, **key, limit=STEPS_SHOWN)
            return [[one["step"], one["result_id"]] for one in found]

        self.answer({"steps": (await self.found(owner, name, run_id, question))[1]})


class DrawnSteps(Drawn):
    """A result over all its steps."""

    async def get(self, owner: str, name: str, run_id: str) -> None:
        """Draw it."""
        key = self.key()

        def question(api: Api, run: StoredRun) -> dict[str, Any]:
            found = api.result_steps(run.run_id, **key, payload=True, limit=STEPS_SHOWN)
            if not found:
                raise NotFound("there is no such result")
            apart = -(-len(found) // STEPS_DRAWN)
            kept = [one for place, one in enumerate(reversed(found)) if place % apart == 0][::-1]
            return self._panels.draw_steps(
                key["kind"], key["name"], [Step(one["step"], one["payload"]) for one in kept]
            )

        self.answer((await self.found(owner, name, run_id, question))[1])
