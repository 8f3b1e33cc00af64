"""The figure of a model's graph."""

import json
import re

import pytest

from frontend.test_curves import models
from frontend_bokeh.architecture import read
from frontend_bokeh.collapse import LIMIT
from frontend_bokeh.figures.graph import HUES, drawing, kind, palette


def described(names, edges, **layer):
    layers = [{"name": name, "type": "Dense", "parameters": 10, "output_shape": [None, 4], **layer} for name in names]
    return read({"layers": layers, "edges": edges})


def source(drawn, name):
    """Return the columns of a source in the figure's JSON."""
    [found] = [one for one in models(drawn["spec"]) if one.get("attributes", {}).get("name") == name]
    return dict(found["attributes"]["data"]["entries"])


def test_each_layer_has_a_box_and_each_edge_a_line_with_a_head():
    drawn = json.loads(json.dumps(drawing(described(["a", "b", "c"], [[0, 1], [0, 2]], activation="relu"))))
    assert source(drawn, "boxes")["name"] == ["a", "b", "c"]
    assert source(drawn, "boxes")["note"] == ["Dense · relu · 4"] * 3
    assert [len(source(drawn, name)["xs"]) for name in ("lines", "heads")] == [2, 2]
    assert [(box["from"], box["to"]) for box in drawn["boxes"]] == [([], [1, 2]), ([0], []), ([0], [])]
    for (a, b), xs, ys in zip(drawn["lines"], *(source(drawn, "heads")[axis] for axis in ("xs", "ys")), strict=True):
        assert (xs[0], ys[0]) == (drawn["boxes"][b]["at"][0], drawn["boxes"][b]["at"][1] - drawn["box"][1] / 2)
        assert a == 0


def test_a_line_that_leads_back_points_upwards():
    drawn = drawing(described(["a", "b"], [[0, 1], [1, 0]]))
    (_, down), (_, up) = sorted(zip(drawn["lines"], source(drawn, "heads")["ys"], strict=True))
    assert down[0] > down[1]
    assert up[0] < up[1]


def test_a_big_model_has_no_more_boxes_than_can_be_read():
    names = [f"block/{number // 4}/{number % 4}" for number in range(4 * 120)]
    drawn = drawing(described(names, [[number, number + 1] for number in range(len(names) - 1)]))
    assert len(drawn["boxes"]) == len(source(drawn, "boxes")["name"]) == 120 <= LIMIT
    assert drawn["boxes"][1]["layers"] == [4, 5, 6, 7]
    assert source(drawn, "boxes")["note"][1] == "4 layers · 40"


def test_what_is_too_long_for_a_box_is_cut():
    drawn = drawing(described(["encoder/" + "very/" * 20 + "deep"], [], type="T" * 100))
    [name], [note] = source(drawn, "boxes")["name"], source(drawn, "boxes")["note"]
    assert (name[0], name[-10:], note[-1]) == ("…", "/very/deep", "…")
    assert max(len(name), len(note)) < 40


def test_the_figure_runs_no_code_of_its_own():
    spec = drawing(described(["a", "b"], [[0, 1]]))["spec"]
    assert not [model["name"] for model in models(spec) if model["name"].startswith("CustomJS")]


@pytest.mark.parametrize(
    ("type_name", "expected"),
    [
        *(
            ("InputLayer", "input"),
            ("Conv2DTranspose", "conv"),
            ("BatchNormalization", "norm"),
            ("StandardScaler", "norm"),
        ),
        *(("GlobalAveragePooling2D", "pool"), ("Dropout", "norm"), ("LeakyReLU", "activation"), ("relu", "activation")),
        *(("MultiHeadAttention", "attention"), ("LSTM", "recurrent"), ("Embedding", "embedding"), ("add", "merge")),
        *(("Concatenate", "merge"), ("Dense", "linear"), ("LogisticRegression", "linear"), ("Mystery", "other")),
    ],
)
def test_kinds_of_layers_have_a_colour(type_name, expected):
    [layer] = described(["a"], [], type=type_name).layers
    assert kind(layer) == expected


def contrast(one, other):
    """Return the contrast of two colours (WCAG 2.2)."""

    def luminance(color):
        parts = [int(part, 16) / 255 for part in re.findall("..", color[1:])]
        red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", HUES)
def test_texts_can_be_read_and_outlines_be_seen(theme):
    ground = {"light": "#ffffff", "dark": "#161b22"}[theme]
    for name, (fill, outline, ink) in palette(theme)["kinds"].items():
        assert contrast(ink, fill) >= 4.5, name
        assert contrast(outline, ground) >= 3, name
    assert min(contrast(line, ground) for line in palette(theme)["lines"]) >= 2.5
