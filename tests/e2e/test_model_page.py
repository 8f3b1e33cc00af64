"""What a user sees and does on the page of a model."""

from itertools import combinations
from urllib.parse import parse_qs, urlsplit

import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import prevue
from serving import finished

SIZES = {"parameters": 10, "trainable_parameters": 10}
EVIL = "<img src=x onerror=alert(1)>\"'</script>"


def dense(*names):
    return [{"name": name, "type": "Dense", "output_shape": [None, 4], **SIZES} for name in names]


def store(url, project, model, name="one"):
    run = prevue.init(project, name, url=url, uid="tester")
    run.describe(model)
    run.log({"loss": 0.5})
    finished(run)
    return project


# A block that is skipped, as residual networks have it:  in -> first -> second -> sum, and in -> sum.
BLOCK = {"name": "net", "framework": "none", "layers": dense("in", "first", "second", "sum"), **SIZES}
BLOCK |= {"edges": [[0, 1], [1, 2], [2, 3], [0, 3]]}


@pytest.fixture(scope="session")
def block(backend) -> str:
    return store(backend, "block", BLOCK)


class ModelPage:
    """The page of a model's graph."""

    def __init__(self, page, url) -> None:
        self.page = page
        self.addresses: list[str] = []
        page.on("request", lambda request: self.addresses.append(request.url))
        page.goto(url)
        page.wait_for_selector("#graph[data-drawn]")

    def graph(self, expression):
        return self.page.evaluate(f"() => {{ const graph = window.prevue.graph; return {expression}; }}")

    def boxes(self):
        """Return where the boxes are on the page: left, top, width, height in CSS pixels, by name."""
        [x0, y0], scale = self.graph("[graph.plot.x_range.start, graph.plot.y_range.end]"), self.graph("graph.scale")
        host = self.page.locator("#graph").bounding_box()
        border, (width, height) = self.graph("graph.given.border"), self.graph("graph.given.box")
        return {
            box["name"]: (
                host["x"] + border + (box["at"][0] - width / 2 - x0) * scale,
                host["y"] + border + (box["at"][1] - height / 2 - y0) * scale,
                width * scale,
                height * scale,
            )
            for box in self.graph("graph.given.boxes")
        }

    def click(self, name):
        left, top, width, height = self.boxes()[name]
        self.page.mouse.click(left + width / 2, top + height / 2)

    def chosen(self):
        """Return what stands out: the names of boxes with a thick outline, and of marked rows, and the inspector."""
        boxes = self.graph("graph.sources.boxes.data.name.filter((_, at) => graph.sources.boxes.data.width[at] > 2)")
        rows = self.page.locator("#layers tr[aria-current] td:first-child").all_text_contents()
        names, texts = (self.page.locator(f"#inspector {one}").all_text_contents() for one in ("dt", "dd"))
        return boxes, rows, dict(zip(names, texts, strict=True))


@pytest.fixture
def open_model(page, dashboard):
    def open_model(project, query=""):
        return ModelPage(page, f"{dashboard}/p/tester/{project}/model{query}")

    return open_model


@pytest.fixture
def shown(open_model, block):
    return open_model(block)


def test_the_graph_has_a_box_for_each_layer_and_nothing_leaves_the_machine(shown):
    boxes = shown.boxes()
    assert list(boxes) == ["in", "first", "second", "sum"]
    assert shown.page.locator("#layers tbody tr").count() == 4
    for one, other in combinations(boxes.values(), 2):
        apart = [abs(one[axis] - other[axis]) >= one[axis + 2] for axis in (0, 1)]
        assert any(apart)
    host = shown.page.locator("#graph").bounding_box()
    assert all(host["x"] <= left and left + width <= host["x"] + host["width"] for left, _, width, _ in boxes.values())
    assert len(set(shown.page.locator("#graph").screenshot())) > 50  # not an empty picture
    assert {urlsplit(address).hostname for address in shown.addresses} == {"localhost"}


def test_an_estimator_that_was_described_by_its_plugin_is_drawn(backend, open_model):
    columns = ColumnTransformer([("scale", StandardScaler(), [0]), ("bound", MinMaxScaler(), [1])])
    stack = StackingClassifier([("lr", LogisticRegression()), ("ridge", RidgeClassifier())], LogisticRegression())
    shown = open_model(store(backend, "stack", make_pipeline(columns, stack)))
    shown.click("stackingclassifier/final_estimator")
    _, rows, facts = shown.chosen()
    assert rows == ["stackingclassifier/final_estimator"]
    assert facts["takes from"] == "stackingclassifier/lr, stackingclassifier/ridge"


def test_a_click_on_a_box_fills_the_inspector_and_marks_the_row(shown):
    assert shown.page.locator("#unchosen").is_visible()
    shown.click("second")
    facts = {"name": "second", "type": "Dense", "output": "4", "parameters": "10", "trained": "10"}
    assert shown.chosen() == (["second"], ["second"], {**facts, "takes from": "first", "gives to": "sum"})
    shown.page.mouse.click(*(edge + 20 for edge in list(shown.page.locator("#graph").bounding_box().values())[:2]))
    assert shown.chosen() == ([], [], {})
    assert shown.page.locator("#unchosen").is_visible()


def test_a_row_chooses_its_box_and_a_link_or_reload_shows_it_again(shown, open_model, block):
    shown.page.get_by_role("button", name="sum").click()
    boxes, rows, facts = shown.chosen()
    assert (boxes, rows, facts["takes from"]) == (["sum"], ["sum"], "in, second")
    assert parse_qs(urlsplit(shown.page.url).query) == {"layer": ["3"]}
    assert open_model(block, "?layer=3").chosen()[0] == ["sum"]
    assert open_model(block, "?layer=99").chosen()[0] == []


def test_everything_can_be_reached_by_key(shown):
    shown.page.locator("#graph").focus()
    names = []
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"):
        shown.page.keyboard.press(key)
        names.append(shown.chosen()[1])
    assert names == [["in"], ["first"], ["second"], ["first"]]
    shown.page.keyboard.press("Escape")
    assert shown.chosen()[0] == []
    shown.page.get_by_role("button", name="in", exact=True).focus()
    shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("Enter")
    assert shown.chosen()[:2] == (["first"], ["first"])
    before = shown.graph("graph.scale")
    shown.page.locator("#graph").focus()
    shown.page.keyboard.press("+")
    assert shown.graph("graph.scale") > before


def test_the_wheel_zooms_with_ctrl_only_and_a_drag_moves(shown):
    left, top, width, height = shown.boxes()["second"]
    shown.page.mouse.move(left + width / 2, top + height / 2)
    scale = shown.graph("graph.scale")
    shown.page.mouse.wheel(0, -100)
    assert shown.graph("graph.scale") == scale
    shown.page.keyboard.down("Control")
    shown.page.mouse.wheel(0, -100)
    shown.page.wait_for_function("(before) => window.prevue.graph.scale > before", arg=scale)
    shown.page.keyboard.up("Control")
    wide, high = (shown.graph(f"graph.plot.{one}.end - graph.plot.{one}.start") for one in ("x_range", "y_range"))
    host, border = shown.page.locator("#graph").bounding_box(), 2 * shown.graph("graph.given.border")
    assert wide / (host["width"] - border) == pytest.approx(-high / (host["height"] - border), rel=0.01)
    now = shown.boxes()["second"]
    shown.page.mouse.down()
    shown.page.mouse.move(left + width / 2 + 90, top + height / 2 + 30, steps=5)
    shown.page.mouse.up()
    moved = shown.boxes()["second"]
    assert (moved[0] - now[0], moved[1] - now[1]) == (pytest.approx(90, abs=2), pytest.approx(30, abs=2))


def test_light_and_dark_have_colours_of_their_own_and_ask_nobody(shown):
    light = shown.graph("[...graph.sources.boxes.data.ink]")
    asked = len(shown.addresses)
    shown.page.keyboard.press("t")
    dark = shown.graph("[...graph.sources.boxes.data.ink]")
    shown.page.keyboard.press("t")
    assert shown.graph("[...graph.sources.boxes.data.ink]") == light
    assert len(light) == len(dark) == 4
    assert not set(light) & set(dark)
    assert len(shown.addresses) == asked


def test_a_big_model_is_drawn_by_modules_and_fits_when_asked(backend, open_model):
    names = [f"block/{number // 5}/{number % 5}" for number in range(400)]
    edges = [[number, number + 1] for number in range(399)]
    model = {"name": "big", "framework": "none", "layers": dense(*names), "edges": edges}
    shown = open_model(store(backend, "big", model))
    assert len(shown.boxes()) == 80
    assert shown.page.get_by_text("400 layers are drawn as 80 modules").is_visible()
    shown.page.get_by_role("button", name="block/70/2", exact=True).click()
    boxes, rows, facts = shown.chosen()
    assert (boxes, rows, facts["in module"]) == (["block/70"], ["block/70/2"], "block/70")
    _, top, _, height = shown.boxes()["block/70"]
    host = shown.page.locator("#graph").bounding_box()
    assert host["y"] <= top <= top + height <= host["y"] + host["height"]
    shown.page.get_by_role("button", name="Fit").click()
    tops = [top for _, top, _, _ in shown.boxes().values()]
    assert host["y"] <= min(tops) < max(tops) <= host["y"] + host["height"]
    shown.page.locator("#graph").focus()
    shown.page.keyboard.press("ArrowDown")
    assert shown.chosen()[2]["layers"] == "5"


def test_without_connections_the_page_says_why_and_lists_the_layers(backend, page, dashboard):
    model = {"name": "net", "framework": "none", "layers": dense("a", "b"), "why_no_edges": "its code is secret"}
    page.goto(f"{dashboard}/p/tester/{store(backend, 'secret', model)}/model")
    assert page.locator("#why").text_content() == "No graph: its code is secret."
    assert page.locator("tbody tr").first.locator("td").all_text_contents() == ["a", "Dense", "", "4", "10", "10"]
    assert page.locator("#graph").count() == 0


def test_names_are_never_markup(backend, open_model):
    layers = [{**layer, "activation": EVIL, "details": EVIL, "type": EVIL} for layer in dense(EVIL, "$$x^2$$")]
    shown = open_model(store(backend, "evil", {"name": EVIL, "framework": EVIL, "layers": layers, "edges": [[0, 1]]}))
    shown.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    shown.click(EVIL)
    assert shown.chosen()[2] | {"parameters": "", "trained": "", "output": ""} == {
        **dict.fromkeys(("name", "type", "activation", "settings"), EVIL),
        **dict.fromkeys(("parameters", "trained", "output"), ""),
        "gives to": "$$x^2$$",
    }
    assert shown.page.locator("#main img").count() == 0


@pytest.mark.parametrize("width", [1440, 1024, 600])
def test_the_page_is_as_wide_as_the_window_and_the_scale_stays(shown, width):
    scale = shown.graph("graph.scale")
    before = shown.page.locator("#graph").bounding_box()
    shown.page.set_viewport_size({"width": width, "height": 800})
    shown.page.wait_for_function(
        "(before) => document.querySelector('#graph').clientWidth !== before", arg=before["width"]
    )
    shown.page.wait_for_function("(scale) => Math.abs(window.prevue.graph.scale / scale - 1) < 0.02", arg=scale)
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
