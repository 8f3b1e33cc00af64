"""Panels: which one draws a result, what a page is given, and that one that fails costs its box only."""

import json
import math
from collections.abc import Iterable
from types import SimpleNamespace

import pluggy
import pytest
from bokeh.layouts import column
from bokeh.models import Button, ColumnDataSource, CustomJS, DataTable, Slider
from bokeh.plotting import figure

from frontend_bokeh.drawing import OWN, Owned, Panels, registered
from frontend_bokeh.panel import Image, Panel, Step, Table, Text, Tree
from frontend_bokeh.panels import PANELS, histogram
from prevue_core import hookspecs
from prevue_core.errors import PluginError
from prevue_core.hookspecs import hookimpl
from prevue_core.result_kinds import KINDS, check_payload

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PAYLOADS = {
    "histogram": {"counts": [1, 0, 2.5], "edges": [0, 1, 2, 3], "nan_count": 7},
    "table": {"columns": [{"name": "a", "values": [1, None, "x"]}], "row_count": 9},
    "text": {"text": "<b>hello</b>"},
    "image": {"png": PNG},
    "curve": {"x": [1, 2, "NaN"], "y": [1, "Infinity", 3], "low": [0, 1, 2], "high": [2, 3, 4]},
    "roc_curve": {"fpr": [0, 1], "tpr": [0, 1], "thresholds": ["Infinity", 0.5], "auc": 0.5, "label": "cat"},
    "pr_curve": {"recall": [0, 1], "precision": [1, 0.5], "average_precision": "NaN"},
    "matrix": {"values": [[1, "NaN"], [0, 3]], "rows": ["cat", "cat"], "columns": ["cat", "dog"]},
}
OURS = Panels(Owned(OWN, panel) for panel in PANELS)


def panels(*found: Panel, owner: str = "prevue-mine") -> Panels:
    return Panels([Owned(OWN, panel) for panel in PANELS] + [Owned(owner, panel) for panel in found])


def models(part):
    """Return the models in the figure of a part, by the name of their type."""
    found: dict[str, list] = {}

    def walk(value):
        if isinstance(value, dict):
            if value.get("type") == "object":
                found.setdefault(value["name"], []).append(value.get("attributes", {}))
            value = list(value.values())
        for inner in value if isinstance(value, list) else []:
            walk(inner)

    walk(part["figure"])
    return found


def test_there_is_a_payload_here_for_each_kind():
    assert PAYLOADS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_drawn_by_a_panel_of_its_own(kind):
    shown = OURS.draw(kind, "one", check_payload(kind, PAYLOADS[kind]))
    assert "error" not in shown
    assert shown["title"] != "no panel"
    json.dumps(shown, allow_nan=False)


def test_what_a_panel_draws_is_what_was_logged():
    assert OURS.draw("text", "t", PAYLOADS["text"])["parts"] == [{"text": "<b>hello</b>"}]
    assert OURS.draw("image", "i", PAYLOADS["image"])["parts"] == [{"image": PNG}]
    shown = OURS.draw("table", "t", PAYLOADS["table"])["parts"]
    assert shown == [{"table": {"a": [1, None, "x"]}, "note": "9 rows were logged"}]
    bars, note = OURS.draw("histogram", "h", PAYLOADS["histogram"])["parts"]
    [source] = models(bars)["ColumnDataSource"]
    assert dict(source["data"]["entries"])["top"] == [1, 0, 2.5]
    assert note == {"text": "in no bucket: 7 NaN"}


def test_a_matrix_writes_its_values_and_tells_equal_names_apart():
    [cells] = OURS.draw("matrix", "m", PAYLOADS["matrix"])["parts"]
    sources = [dict(source["data"]["entries"]) for source in models(cells)["ColumnDataSource"]]
    assert sources[0]["row"] == ["0: cat", "0: cat", "1: cat", "1: cat"]
    assert sources[0]["text"] == ["1", "NaN", "0", "3"]
    assert sorted(text for source in sources[1:] for text in source["text"]) == ["0", "1", "3", "NaN"]


def test_a_kind_that_nobody_draws_is_shown_as_it_is():
    payload = {"words": ["a"], "deep": {"er": None}}
    assert OURS.draw("my_plugin.words", "w", payload)["parts"] == [{"tree": payload}]


def test_a_panel_for_a_name_counts_before_one_for_the_kind_and_a_plugins_before_ours():
    named = Panel("matrix", "folds", lambda payload: Text("folds"), name="search/.*")
    whole = Panel("matrix", "mine", lambda payload: Text("mine"))
    found = panels(whole, named)
    assert found.draw("matrix", "search/folds", {})["parts"] == [{"text": "folds"}]
    assert found.draw("matrix", "my/search/folds", {})["parts"] == [{"text": "mine"}]
    assert found.draw("text", "t", {"text": "ours"})["parts"] == [{"text": "ours"}]


def broken(payload):
    raise KeyError("weights")


def with_code(payload):
    made = figure()
    made.x_range.js_on_change("start", CustomJS(code="steal()"))
    return made


def with_widget(payload):
    return column(Slider(start=0, end=1, value=0), figure(), figure(width=100))


def with_callback(payload):
    source = ColumnDataSource({"x": [1]})
    source.on_change("data", lambda attr, old, new: None)
    made = figure()
    made.scatter("x", "x", source=source)
    return made


@pytest.mark.parametrize(
    ("build", "cause"),
    [
        (broken, "KeyError: 'weights'"),
        (with_callback, "ColumnDataSource has a callback in Python, which nobody would call; use CustomJS"),
        (
            lambda payload: DataTable(),
            "it has a DataTable, of bokeh.models.widgets.tables, whose script pages don't load",
        ),
        (lambda payload: 3, "a panel returned a int; use a model of Bokeh, Table, Text, Image or Tree"),
        (lambda payload: Tree({1, 2}), "not JSON serializable"),
    ],
)
def test_a_panel_that_fails_is_told_with_its_distribution_and_the_cause(build, cause):
    shown = panels(Panel("my.kind", "mine", build)).draw("my.kind", "x", {})
    assert (shown["title"], shown["owner"]) == ("mine", "prevue-mine")
    assert cause in shown["error"]
    assert "parts" not in shown


@pytest.mark.parametrize("build", [with_code, with_widget, lambda payload: Button()])
def test_a_figure_that_brings_code_or_widgets_is_drawn_in_a_frame(build):
    [part] = panels(Panel("my.kind", "mine", build)).draw("my.kind", "x", {})["parts"]
    assert part.keys() == {"framed"}


def test_plots_fill_their_box_unless_they_say_how_large_they_are():
    [part] = panels(Panel("my.kind", "mine", with_widget)).draw("my.kind", "x", {})["parts"]
    found = models({"figure": part["framed"]})
    assert found["Column"][0]["sizing_mode"] == "stretch_both"
    assert found["Slider"][0]["sizing_mode"] == "stretch_width"
    assert [one.get("sizing_mode") for one in found["Figure"]] == ["stretch_both", None]


def test_tables_and_images_of_plugins_have_any_values():
    columns = {"n": [1.5, math.nan, math.inf], "what": [None, True, [1]]}
    shown = panels(Panel("my.kind", "mine", lambda payload: [Table(columns, "note"), Image(PNG)])).draw(
        "my.kind", "x", {}
    )
    told = {"n": [1.5, "NaN", "Infinity"], "what": [None, True, "[1]"]}
    assert shown["parts"] == [{"table": told, "note": "note"}, {"image": PNG}]


def test_a_long_table_is_cut_and_says_so():
    [part] = panels(Panel("my.kind", "mine", lambda payload: Table({"n": list(range(2000))}))).draw("my.kind", "x", {})[
        "parts"
    ]
    assert len(part["table"]["n"]) == 500
    assert part["note"] == "the first 500 of 2,000 rows"


def test_quantiles_are_those_of_values_that_are_even_in_each_bucket():
    payload = {"counts": [0, 10, 0, 30, 0], "edges": [0, 1, 2, 3, 5, 6]}
    found = [histogram.quantile(payload, share) for share in (0, 0.125, 0.25, 0.5, 1)]
    assert found == [1, 1.5, 2, pytest.approx(3 + 2 / 3), 5]


def test_a_histogram_over_steps_has_its_quantiles_by_step():
    steps = [Step(step, {"counts": [2, 2], "edges": [step, step + 1, step + 2]}) for step in (10, 20)]
    [part] = OURS.draw_steps("histogram", "h", steps)["parts"]
    columns = dict(models(part)["ColumnDataSource"][0]["data"]["entries"])
    assert (columns["step"], columns["q0.5"], columns["mean"]) == ([10, 20], [11, 21], [11, 21])
    assert histogram.moments({"counts": [1, 0, 3], "edges": [0, 2, 4, 6]}) == (4, pytest.approx(math.sqrt(3)))
    [bars] = OURS.draw_steps("histogram", "h", steps[:1])["parts"]
    assert dict(models(bars)["ColumnDataSource"][0]["data"]["entries"])["top"] == [2, 2]
    assert OURS.draw_steps("text", "t", [Step(1, {"text": "a"}), Step(2, {"text": "b"})])["parts"] == [{"text": "b"}]


def manager_of(**owners: Iterable[Panel]) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("prevue")
    manager.add_hookspecs(hookspecs)
    for owner, found in owners.items():

        def prevue_register_panels(found=found):
            return list(found)

        manager.register(
            SimpleNamespace(prevue_register_panels=hookimpl(prevue_register_panels)), name=f"{owner}:plugin"
        )
    return manager


def test_panels_come_through_the_hook():
    found = registered(manager_of(prevue=PANELS, mine=[Panel("my.kind", "mine", Tree)]))
    assert found.of("my.kind", "x").owner == "mine"
    assert found.of("histogram", "x").owner == "prevue"


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ({"mine": (1 / 0 for _ in range(1))}, "the panels of distribution 'mine' cannot be had: ZeroDivisionError"),
        ({"mine": ["text"]}, "distribution 'mine' cannot be had: AttributeError"),
        ({"mine": [Panel("a.b", "t", Tree, name="(")]}, "distribution 'mine' cannot be had"),
        (
            {"mine": [Panel("a.b", "t", Tree)], "yours": [Panel("a.b", "u", Tree)]},
            "distributions 'mine' and 'yours' both have a panel for results 'a.b'",
        ),
    ],
)
def test_a_plugin_whose_panels_cannot_be_had_keeps_the_dashboard_from_starting(found, cause):
    with pytest.raises(PluginError) as raised:
        registered(manager_of(**found))
    assert cause in str(raised.value)
