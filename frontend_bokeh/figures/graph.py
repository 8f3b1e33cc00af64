"""The graph of a model: a box for each layer, or for each module of a big model, and lines for what flows between."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from bokeh.core.properties import value
from bokeh.embed import json_item
from bokeh.models import ColumnDataSource, MultiLine, PanTool, Patches, Plot, Range1d, Rect, Text, WheelZoomTool

from frontend_bokeh.architecture import Architecture, Layer
from frontend_bokeh.collapse import Group, between, groups
from frontend_bokeh.dag import Layout, Points, layout

BOX_HEIGHT = 44.0  # CSS pixels, as all lengths here
NARROWEST, WIDEST = 116.0, 232.0
NAME_FONT, NOTE_FONT = 12, 10  # sizes
NAME_CHAR, NOTE_CHAR = 6.8, 6.1  # widths of a letter
PADDING = 20.0
BORDER = 3  # around the frame: what is cut off at its edge is painted beyond it by a pixel, and stays there
HEAD = (4.0, 6.0)  # of an arrow: half its width, its length

# A kind of layer has a colour; the name of its type begins with, ends with or contains ...
KINDS = {
    "input": r"^Input",
    "norm": r"Norm|Scal|Dropout|Noise",
    "pool": r"Pool|Flatten|Reshape|Permute|Upsampl|UpSampl|Padding|Cropping",
    "activation": r"ReLU|Activation|[Ss]oft|[Ss]igmoid|[Tt]anh|ELU|SiLU|Swish|Mish|^(relu|gelu|silu|elu|selu|mish|glu)",
    "recurrent": r"LSTM|GRU|RNN|Bidirectional",
    "attention": r"[Aa]ttention|Transformer",
    "embedding": r"Embedding|Vectoriz|Encod|Hash",
    "conv": r"Conv",
    "merge": r"^[a-z]|^(Add|Concat|Subtract|Multiply|Average$|Maximum|Minimum|Dot$)",
    "linear": r"Dense|Linear|Bilinear|Logistic|Ridge|Classifier|Regress|SV[CR]|MLP",
}
OTHER = "other"
HUES = {
    "light": {
        **{"input": "#4f46e5", "norm": "#566173", "pool": "#0b6e80", "activation": "#0b7350", "recurrent": "#855500"},
        **{"attention": "#a01e86", "embedding": "#386c1f", "conv": "#1b60b0", "merge": "#ad4018", "linear": "#7438ad"},
        OTHER: "#3d4756",
    },
    "dark": {
        **{"input": "#a5a0ff", "norm": "#a9b3c1", "pool": "#5cc9dd", "activation": "#4fd1a0", "recurrent": "#e3b765"},
        **{"attention": "#f08bd8", "embedding": "#93cf75", "conv": "#7db8ff", "merge": "#ff9a6b", "linear": "#c79bf2"},
        OTHER: "#b8c2cf",
    },
}
TINT = {"light": ("#ffffff", 0.11), "dark": ("#161b22", 0.17)}  # the ground, and how much of a hue a box has
LINES = {"light": ("#98a2b3", "#4f46e5"), "dark": ("#6b7684", "#8b86ff")}  # as they are, and chosen


class Box(NamedTuple):
    """What is written in a box, and whose it is."""

    name: str
    note: str
    kind: str
    layers: list[int]


def kind(layer: Layer) -> str:
    """Return the kind that a layer's colour stands for."""
    return next((name for name, pattern in KINDS.items() if re.search(pattern, layer.type)), OTHER)


def palette(theme: str) -> dict[str, Any]:
    """Return the colours of a theme, `light` or `dark`: by kind (fill, outline, text), and of lines (usual, chosen)."""
    ground, share = TINT[theme]
    kinds = {name: (_mixed(hue, ground, share), _mixed(hue, ground, 0.7), hue) for name, hue in HUES[theme].items()}
    return {"kinds": kinds, "lines": LINES[theme]}


@lru_cache(maxsize=32)
def drawing(architecture: Architecture) -> dict[str, Any]:
    """Return what a page needs to draw a model that has edges: `spec` (the figure's JSON), `boxes`, `size`, `palette`.

    A box has its `layers`, its place `at` (centre x and y) and the numbers of the boxes `from` and `to` which it is
    connected. The sources of the figure are called `boxes`, `lines` and `heads`, with a row for each box and each line.
    """
    assert architecture.edges is not None  # noqa: S101 - the caller has asked
    found = groups([layer.name for layer in architecture.layers], architecture.edges)
    edges = between(found, architecture.edges)
    boxes = [_box(group, architecture) for group in found]
    width = _width(boxes)
    placed = layout(len(boxes), edges, width, BOX_HEIGHT)
    return {
        "spec": json_item(figure(boxes, placed, width))["doc"],
        "boxes": [
            {
                "name": box.name,
                "layers": box.layers,
                "at": [placed.x[number], placed.y[number]],
                "from": [a for a, b in edges if b == number],
                "to": [b for a, b in edges if a == number],
            }
            for number, box in enumerate(boxes)
        ],
        "lines": edges,
        "size": [placed.width, placed.height],
        "box": [width, BOX_HEIGHT],
        "border": BORDER,
        "fonts": [NAME_FONT, NOTE_FONT],
        "palette": {theme: palette(theme) for theme in HUES},
    }


def figure(boxes: list[Box], placed: Layout, width: float) -> Plot:
    """Return the figure, in the colours of the light theme, 1 unit = 1 CSS pixel, y downwards."""
    plot = Plot(
        name="plot",
        sizing_mode="stretch_both",
        x_range=Range1d(0, max(placed.width, 1)),
        y_range=Range1d(max(placed.height, 1), 0),
        toolbar_location=None,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
        min_border=BORDER,
    )
    _add_lines(plot, placed.lines)
    _add_boxes(plot, boxes, placed, width)
    pan, zoom = PanTool(), WheelZoomTool(modifiers={"ctrl": True})
    plot.add_tools(pan, zoom)
    plot.toolbar.active_drag, plot.toolbar.active_scroll = pan, zoom
    return plot


def _add_lines(plot: Plot, lines: list[Points]) -> None:
    color = [palette("light")["lines"][0]] * len(lines)
    for name, shapes, glyph in (
        ("lines", lines, MultiLine(xs="xs", ys="ys", line_color="color", line_width="width", line_join="round")),
        ("heads", [_head(line) for line in lines], Patches(xs="xs", ys="ys", fill_color="color", line_color="color")),
    ):
        columns = {
            "xs": [[x for x, _ in points] for points in shapes],
            "ys": [[y for _, y in points] for points in shapes],
        }
        _add(plot, name, {**columns, "color": color, "width": [1.2] * len(lines)}, glyph)


def _add_boxes(plot: Plot, boxes: list[Box], placed: Layout, width: float) -> None:
    kinds = palette("light")["kinds"]
    columns: dict[str, list[Any]] = {"x": placed.x, "y": placed.y, "width": [1.3] * len(boxes)}
    columns |= {"name_y": [y - 8 for y in placed.y], "note_y": [y + 10 for y in placed.y]}
    columns |= {"name": [_short(box.name, width) for box in boxes], "note": [_cut(box.note, width) for box in boxes]}
    columns |= {part: [kinds[box.kind][at] for box in boxes] for at, part in enumerate(("fill", "line", "ink"))}
    columns |= {"kind": [box.kind for box in boxes]}
    shape = Rect(
        **{"x": "x", "y": "y", "width": width, "height": BOX_HEIGHT, "border_radius": 7},
        **{"fill_color": "fill", "line_color": "line", "line_width": "width"},
    )
    source = _add(plot, "boxes", columns, shape)
    centred: dict[str, Any] = {"x": "x", "text_color": "ink", "text_align": "center", "text_baseline": "middle"}
    for what, size, font, style in (
        ("name", NAME_FONT, "Inter, system-ui, sans-serif", "bold"),
        ("note", NOTE_FONT, "JetBrains Mono, monospace", "normal"),
    ):
        fonts = {"text_font": value(font), "text_font_size": value(f"{size}px"), "text_font_style": value(style)}
        plot.add_glyph(source, Text(name=what, y=f"{what}_y", text=what, **centred, **fonts))


def _add(plot: Plot, name: str, columns: dict[str, Any], glyph: Any) -> ColumnDataSource:
    source = ColumnDataSource(name=name, data=columns)
    plot.add_glyph(source, glyph)
    return source


def _box(group: Group, architecture: Architecture) -> Box:
    name, numbers = group
    layers = [architecture.layers[number] for number in numbers]
    if len(layers) == 1:
        note = " · ".join(text for text in (layers[0].type, layers[0].activation, layers[0].shape) if text)
        return Box(name, note, kind(layers[0]), numbers)
    return Box(name, f"{len(layers)} layers · {sum(layer.parameters for layer in layers):,}", OTHER, numbers)


def _width(boxes: list[Box]) -> float:
    longest = max((max(len(box.name) * NAME_CHAR, len(box.note) * NOTE_CHAR) for box in boxes), default=0.0)
    return min(max(longest + PADDING, NARROWEST), WIDEST)


def _short(name: str, width: float) -> str:
    """Return the end of a name that is too long: what tells layers of a module apart."""
    most = int((width - PADDING) / NAME_CHAR)
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _cut(note: str, width: float) -> str:
    most = int((width - PADDING) / NOTE_CHAR)
    return note if len(note) <= most else f"{note[: most - 1]}…"


def _head(points: Points) -> Points:
    """Return the triangle at the end of a line, which comes from above, or from below where it leads back."""
    if not points:
        return []
    (x, y), is_down = points[-1], points[-1][1] > points[0][1]
    half, length = HEAD
    return [
        (x, y),
        (x - half, y - length if is_down else y + length),
        (x + half, y - length if is_down else y + length),
    ]


def _mixed(color: str, ground: str, share: float) -> str:
    parts = [(int(color[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in parts)
