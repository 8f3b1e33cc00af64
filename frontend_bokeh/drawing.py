"""Drawing results: which panel draws what, and what a page is given of it. A panel that fails costs its box only."""

import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pluggy
from bokeh.embed import json_item
from bokeh.model import Model
from bokeh.models import LayoutDOM, Plot

from frontend_bokeh.panel import Drawing, Image, Panel, Payload, Step, Table, Text, Tree
from frontend_bokeh.panels import fallback
from frontend_bokeh.texts import count
from prevue_core.contract import encode_number
from prevue_core.errors import InvalidValue, PluginError

ROWS_SHOWN = 500  # of a table
CODE = ("CustomJS", "CustomLabelingPolicy", "CanvasTexture")  # how models are called whose code browsers compile
WIDGETS = "bokeh.models.widgets"
SCRIPTLESS = (f"{WIDGETS}.tables", "bokeh.models.ui.icons")  # what needs more than the scripts that we serve
OWN = "prevue"  # the distribution whose panels others may take the place of

log = logging.getLogger("prevue.dashboard")


@dataclass(frozen=True)
class Owned:
    """A panel, and the distribution that brought it."""

    owner: str
    panel: Panel

    @property
    def place(self) -> tuple[str, str]:
        """What it draws: no two plugins may draw the same."""
        return self.panel.kind, self.panel.name


class Panels:
    """All panels of this process. Where several fit a result, one for its name counts most, then a plugin's."""

    def __init__(self, found: Iterable[Owned]) -> None:
        self._found = sorted(found, key=lambda one: (not one.panel.name, one.owner == OWN))

    def of(self, kind: str, name: str) -> Owned:
        """Return the panel that draws a result; one that shows any payload, where there is none."""
        for one in self._found:
            if one.panel.kind == kind and (not one.panel.name or re.fullmatch(one.panel.name, name)):
                return one
        return Owned(OWN, fallback.PANEL)

    def draw(self, kind: str, name: str, payload: Payload) -> dict[str, Any]:
        """Return what a page shows of a result: the `title` of its panel, and `parts` or the `error`."""
        owned = self.of(kind, name)
        return _drawn(owned, lambda: owned.panel.build(payload))

    def draw_steps(self, kind: str, name: str, steps: list[Step]) -> dict[str, Any]:
        """Return the same of a result over all its steps; its last one, where the panel draws no more."""
        owned = self.of(kind, name)
        whole = owned.panel.over_steps
        return _drawn(owned, lambda: owned.panel.build(steps[-1].payload) if whole is None else whole(steps))


def registered(manager: pluggy.PluginManager) -> Panels:
    """Return the panels that plugins register. Raises PluginError with the distribution's name and the cause."""
    found: list[Owned] = []
    for hook in manager.hook.prevue_register_panels.get_hookimpls():
        owner = hook.plugin_name.partition(":")[0]
        try:
            panels: list[Panel] = hook.function()  # type: ignore[assignment] # pluggy knows no signatures
            for panel in panels:
                re.compile(panel.name)
                found.append(Owned(owner, panel))
        except Exception as error:
            raise PluginError(f"the panels of distribution {owner!r} cannot be had: {_told(error)}") from error
    _check_once([one for one in found if one.owner != OWN])
    return Panels(found)


def _check_once(found: list[Owned]) -> None:
    owners: dict[tuple[str, str], str] = {}
    for one in found:
        if (other := owners.setdefault(one.place, one.owner)) != one.owner:
            what = f"{one.panel.kind!r}" + (f" called {one.panel.name!r}" if one.panel.name else "")
            raise PluginError(f"distributions {other!r} and {one.owner!r} both have a panel for results {what}")


def _drawn(owned: Owned, build: Callable[[], Drawing | Sequence[Drawing]]) -> dict[str, Any]:
    shown: dict[str, Any] = {"title": owned.panel.title, "owner": owned.owner}
    try:
        drawings = build()
        drawings = drawings if isinstance(drawings, Sequence) else [drawings]
        return {**shown, "parts": [_part(drawing) for drawing in drawings]}
    except Exception as error:  # a plugin's code may raise anything; it costs this box
        log.warning("panel %r of %s failed", owned.panel.title, owned.owner, exc_info=error)
        return {**shown, "error": _told(error)}


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _part(drawing: Any) -> dict[str, Any]:
    """Return a drawing as JSON for `static/panels.js`."""
    match drawing:
        case Model():
            _check(drawing)
            return {"framed" if _is_framed(drawing) else "figure": json_item(_fitted(drawing))["doc"]}
        case Table(columns, note):
            return _table({str(name): list(values) for name, values in columns.items()}, note)
        case Text(text):
            return {"text": str(text)}
        case Image(png):
            return {"image": str(png)}
        case Tree(value):
            json.dumps(value, allow_nan=False)
            return {"tree": value}
    raise InvalidValue(f"a panel returned a {type(drawing).__name__}; use a model of Bokeh, Table, Text, Image or Tree")


def _table(columns: dict[str, list[Any]], note: str) -> dict[str, Any]:
    rows = max(map(len, columns.values()), default=0)
    if rows > ROWS_SHOWN:
        note = f"the first {ROWS_SHOWN} of {count(rows)} rows" + (f"; {note}" if note else "")
    return {"table": {name: [_cell(value) for value in values[:ROWS_SHOWN]] for name, values in columns.items()},
            "note": note}  # fmt: skip


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return encode_number(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _check(figure: Model) -> None:
    """Refuse what would not work anywhere: pages have no scripts but Bokeh's, and nobody calls Python."""
    for model in figure.references():
        kind, home = type(model).__name__, type(model).__module__
        if not home.startswith("bokeh.") or home.startswith(SCRIPTLESS):
            raise InvalidValue(f"it has a {kind}, of {home}, whose script pages don't load; use plots, Table or Text")
        if model._callbacks or model._event_callbacks:
            raise InvalidValue(f"its {kind} has a callback in Python, which nobody would call; use CustomJS")


def _is_framed(figure: Model) -> bool:
    """Return whether a figure brings code or widgets: it is drawn in a frame then (`framed.py`)."""
    return any(
        type(model).__name__.startswith(CODE) or type(model).__module__.startswith(WIDGETS)
        for model in figure.references()
    )


def _fitted(figure: Model) -> Model:
    """Let plots fill their box, without the toolbar that would take a part of it, unless they say otherwise."""
    for model in figure.references():
        if isinstance(model, Plot):
            model.toolbar_location = None
            model.output_backend = "canvas"
        if isinstance(model, LayoutDOM) and (model is figure or not _is_sized(model)):
            model.sizing_mode = "stretch_width" if type(model).__module__.startswith(WIDGETS) else "stretch_both"
    return figure


def _is_sized(model: LayoutDOM) -> bool:
    return not {"sizing_mode", "width", "height"}.isdisjoint(model.properties_with_values(include_defaults=False))
