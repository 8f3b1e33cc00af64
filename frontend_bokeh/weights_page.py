"""How the weights and gradients of a model's layers were spread, for the table of layers."""

from typing import Any

from frontend_bokeh import architecture, weights
from frontend_bokeh.run_page import RunPart
from prevue.api import Api, StoredRun

MAX_HISTOGRAMS = 200  # each is a request


class WeightsPage(RunPart):
    """The mean and the standard deviation of each layer's weights and gradients, as a run logged them last."""

    async def get(self, owner: str, name: str, run_id: str) -> None:
        """Tell for each layer `[weights, gradients]`, each `[mean, deviation]` or null; of many layers the first."""
        _, told = await self.found(owner, name, run_id, _spreads)
        self.write({"layers": told})


def _spreads(api: Api, run: StoredRun) -> list[list[tuple[float, float] | None]]:
    model = run.model()
    layers = [layer.name for layer in architecture.read(model["architecture"]).layers] if model else []
    names = [one for one in api.result_names(run.run_id) if one["kind"] == "histogram"]
    latest = {(one["split"], one["name"], one["rank"]): one["last_result_id"] for one in names}
    asked = 0
    told = []
    for own in weights.by_layer(layers, names):
        asked += len(own)
        if asked > MAX_HISTOGRAMS:
            break  # a part of a layer's would not be its spread
        kinds: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
        for one in own:
            payload = api.result(run.run_id, latest[one["split"], one["name"], one["rank"]])["payload"]
            kinds[one["label"].endswith(weights.GRADIENTS)].append(payload)
        told.append([weights.spread(kind) for kind in kinds])
    return told
