"""What the page shows is what the address says, and what pointer and wheel do is seen at once."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import prevue
from e2e.dashboard import ProjectPage
from serving import finished, stored

METRICS = 42  # of which no more than 30 have a chart at a time
LOSSES = {"resnet18": 2.0, "res18": 4.0, "resnet50": 1.0, "vit-s": 3.0}  # in the order of their start


@pytest.fixture(scope="module")
def zoo(backend) -> str:
    """A project of four runs: one failed, one goes on, two are finished; one has values that are not finite."""
    runs = [prevue.init("zoo", name, url=backend, uid="tester", tags=["=paper"]) for name in LOSSES]
    for run, (name, loss) in zip(runs, LOSSES.items(), strict=True):
        odd = {50: float("nan"), 60: float("inf")} if name == "res18" else {}
        for step in range(200):
            run.log({"loss": odd.get(step, loss / (step + 1)), "gain": step - 100.0}, step, epoch=step // 20)
    runs[0].finish("failed", timeout=30)
    finished(runs[1])
    finished(runs[2])
    stored(runs[3], records=201)
    yield "zoo"
    finished(runs[3])


@pytest.fixture
def shown(open_project, zoo):
    return open_project(zoo, charts=2)


def names(shown):
    return shown.page.locator(".run-name").all_text_contents()


def column(shown, source, name):
    return shown.chart("loss", f"[...chart.sources.{source}.data.{name}]")


def point_at(shown, metric, x, y=0.5):
    frame = shown.plot(metric)
    shown.page.mouse.move(frame["left"] + frame["width"] * x, frame["top"] + frame["height"] * y)
    return frame


def test_a_link_shows_the_same_view(shown, context):
    page = shown.page
    page.get_by_label("show vit-s").click()
    page.get_by_label("filter runs").fill("res")
    page.get_by_label("filter metrics").fill("loss")
    page.get_by_label("sort runs").select_option("Name")
    page.locator("#smoothing").fill("0.6")
    page.get_by_label("Log Y").check()
    page.get_by_role("radio", name="Epoch").click()
    shown.set_option("Link cursor", False)
    page.get_by_role("button", name="Options").press("Enter")
    page.get_by_role("radio", name="2").click()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "show-options"
    shown.zoom("loss", 0.3, 0.6)
    zoom = shown.chart("loss", "chart.zoom")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("copy a link").click()
    page.wait_for_function("() => document.querySelector('#toast').textContent.includes('copied')")
    link = page.evaluate("navigator.clipboard.readText()")
    page.goto("about:blank")
    page.goto(link)
    shown.ready(1)
    assert names(shown) == ["res18", "resnet18", "resnet50"]
    assert page.locator("#runs-count").text_content() == "3 of 4 shown"
    assert page.locator("#smoothing").input_value() == "0.6"
    assert page.get_by_label("Log Y").is_checked()
    assert not page.get_by_label("Link cursor").is_checked()
    assert page.get_by_role("radio", name="Epoch").get_attribute("aria-checked") == "true"
    assert page.locator("#per-row [aria-checked=true]").text_content() == "2"
    shown.wait_chart("loss", "chart.window !== null")
    assert shown.chart("loss", "[chart.plot.x_range.start, chart.plot.x_range.end]") == pytest.approx(zoom)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("Newest", ["vit-s", "resnet50", "res18", "resnet18"]),
        ("Oldest", ["resnet18", "res18", "resnet50", "vit-s"]),
        ("Name", ["res18", "resnet18", "resnet50", "vit-s"]),
        ("State", ["vit-s", "resnet18", "resnet50", "res18"]),
        ("Last value", ["res18", "vit-s", "resnet18", "resnet50"]),
    ],
)
def test_runs_are_sorted(shown, order, expected):
    shown.page.get_by_label("sort runs").select_option(order)
    assert names(shown) == expected
    assert shown.query().get("sort", ["newest"]) == [order.lower().removeprefix("last ")]


def test_filters_find_by_regex_and_mark_what_is_none(shown):
    shown.page.get_by_label("filter runs").fill("res(net)?18")
    assert names(shown) == ["res18", "resnet18"]
    shown.page.goto(shown.page.url + "&metrics=los(")
    shown.wait("() => document.querySelector('#nothing').textContent.includes('No metric')")
    assert shown.page.get_by_label("filter metrics").get_attribute("aria-invalid") == "true"
    assert shown.page.get_by_label("filter runs").get_attribute("aria-invalid") == "false"
    shown.page.get_by_role("button", name="Clear the filter").click()
    shown.ready(2)


def test_all_runs_are_hidden_and_shown_with_one_button(shown):
    shown.page.locator("#runs-count").click()
    assert shown.page.locator("#runs-count").text_content() == "0 of 4 shown"
    assert shown.page.locator("#nothing").text_content().startswith("All runs are hidden.")
    shown.page.get_by_role("button", name="Show all").click()
    shown.wait_chart("loss", "chart.curves.length === 4")
    assert shown.page.locator("#nothing").is_hidden()


def test_a_run_that_is_pointed_at_stands_out(shown):
    shown.page.locator(".run", has_text="res18").first.hover()
    shown.wait_chart("loss", "chart.sources.lines.data.alpha.filter((alpha) => alpha === 1).length === 1")
    shown.page.mouse.move(700, 5)
    shown.wait_chart("loss", "chart.sources.lines.data.alpha.every((alpha) => alpha === 1)")


def test_the_tooltip_is_sorted_and_the_cursor_is_in_every_chart(shown):
    point_at(shown, "loss", 0.1, 0.95)
    shown.wait("() => !document.querySelector('#tooltip').hidden")
    assert shown.page.locator(".tip-name").all_text_contents() == ["res18", "vit-s", "resnet18", "resnet50"]
    assert shown.page.locator(".run.near .run-name").text_content() == "resnet50"
    assert shown.chart("gain", "chart.document.get_model_by_name('cursor').location") == pytest.approx(16, abs=4)
    shown.set_option("Link cursor", False)
    point_at(shown, "loss", 0.2)
    shown.wait_chart("gain", "chart.document.get_model_by_name('cursor').location === null")
    assert shown.chart("loss", "chart.document.get_model_by_name('cursor').location") == pytest.approx(37, abs=4)
    shown.page.mouse.move(2, 2)
    shown.wait("() => document.querySelector('#tooltip').hidden")


def test_the_tooltip_stays_inside_of_the_window(open_project, zoo):
    shown = open_project(zoo, charts=2, query="?cols=1")
    shown.page.set_viewport_size({"width": 1280, "height": 460})
    for x, y in ((0.99, 0.95), (0.01, 0.6)):
        point_at(shown, "loss", x, y)
        shown.wait("() => !document.querySelector('#tooltip').hidden")
        box = shown.page.locator("#tooltip").bounding_box()
        assert 0 <= box["x"] <= 1280 - box["width"]
        assert 0 <= box["y"] <= 460 - box["height"]
    shown.page.set_viewport_size({"width": 1280, "height": 800})


def test_the_tooltip_is_away_during_a_drag(shown):
    frame = point_at(shown, "loss", 0.3)
    shown.wait("() => !document.querySelector('#tooltip').hidden")
    shown.page.mouse.down()
    for x in (0.4, 0.5, 0.6):
        shown.page.mouse.move(frame["left"] + frame["width"] * x, frame["top"] + 30, steps=3)
    assert shown.page.locator("#tooltip").is_hidden()
    shown.page.mouse.up()
    shown.wait_chart("loss", "chart.window !== null")
    assert shown.page.locator("#tooltip").is_hidden()


def test_the_wheel_scrolls_and_with_ctrl_it_zooms(open_project, zoo):
    shown = open_project(zoo, charts=2, query="?cols=1")
    shown.page.set_viewport_size({"width": 1280, "height": 400})
    point_at(shown, "gain", 0.5)
    shown.page.evaluate("scrollTo(0, 0)")
    before = shown.chart("gain", "chart.plot.x_range.end")
    shown.page.mouse.wheel(0, 120)
    shown.wait("() => scrollY > 50")
    assert shown.chart("gain", "chart.plot.x_range.end") == before
    frame = point_at(shown, "gain", 0.5)
    shown.page.keyboard.down("Control")
    shown.page.mouse.wheel(0, -240)
    shown.page.keyboard.up("Control")
    shown.wait_chart("gain", "chart.window !== null && chart.plot.x_range.end < 199")
    assert shown.page.locator(".zoomed").count() == 1
    shown.page.mouse.dblclick(frame["left"] + 50, frame["top"] + 50)
    shown.wait_chart("gain", f"chart.plot.x_range.end === {before}")
    assert shown.page.locator(".zoomed").count() == 0
    shown.page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.parametrize(
    ("axis", "tick"),
    [("Step", r"\d+"), ("Epoch", r"\d"), ("Relative", r"[\d.]+s|\dm\d\d"), ("Wall", r"\d\d:\d\d(:\d\d.*)?")],
)
def test_the_ticks_of_each_axis_are_its_own(shown, axis, tick):
    shown.page.get_by_role("radio", name=axis).click()
    labels = """(() => {
        const axis = chart.document.get_model_by_name("x_axis"), {start, end} = chart.plot.x_range;
        return axis.formatter.doFormat(axis.ticker.get_ticks(start, end, null, 0).major);
    })()"""
    shown.wait_chart("loss", "chart.curves.length === 4")
    texts = shown.chart("loss", labels)
    assert len(texts) >= 2
    assert [text for text in texts if not re.fullmatch(tick, text)] == []
    assert len(set(texts)) == len(texts)
    if axis == "Wall":
        local = shown.page.evaluate("new Date(prevue.project.runs.values().next().value.started_at * 1000).getHours()")
        assert texts[0].startswith(f"{local:02d}:") or texts[-1].startswith(f"{local:02d}:")


def test_what_has_no_place_on_a_log_axis_is_told(shown):
    shown.page.get_by_label("Log Y").check()
    card = shown.page.get_by_role("article", name="train/gain")
    shown.wait_chart("gain", "chart.plot.y_scale.type === 'LogScale'")
    assert card.locator(".notice").text_content() == "404 values at or below 0 have no place on a log axis"
    assert shown.chart("gain", "[chart.plot.y_range.start > 0, chart.plot.y_range.end > 99]") == [True, True]
    assert shown.page.get_by_role("article", name="train/loss").locator(".notice").text_content() == ""


def test_what_is_not_finite_is_counted_and_marked_and_so_is_a_runs_end(shown):
    assert shown.page.get_by_role("article", name="train/loss").locator(".badge").text_content() == "1 NaN · 1 ∞"
    assert shown.page.get_by_role("article", name="train/gain").locator(".badge").is_hidden()
    shown.set_option("Events", False)
    ids = shown.page.evaluate("Object.fromEntries([...prevue.project.runs.values()].map((run) => [run.id, run.name]))")
    runs = [ids[run] for run in column(shown, "marks", "run")]
    marks = set(zip(runs, column(shown, "marks", "x"), column(shown, "marks", "marker"), strict=True))
    assert marks == {
        ("res18", 50, "diamond"),
        ("res18", 60, "triangle"),
        ("resnet18", 199, "x"),
        ("vit-s", 199, "circle"),
    }


def test_a_switch_of_the_theme_repaints_charts_without_a_request(shown):
    asked = shown.asked()
    for theme, brightness in (("dark", range(0, 60)), ("light", range(240, 256))):
        shown.page.keyboard.press("t")
        shown.wait("(theme) => document.documentElement.dataset.theme === theme", theme)
        png = shown.page.get_by_role("article", name="train/loss").locator(".plot").screenshot()
        corner = shown.page.evaluate(
            """async (bytes) => {
                const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
                const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
                context.drawImage(bitmap, 0, 0);
                return [...context.getImageData(bitmap.width - 4, 4, 1, 1).data];
            }""",
            list(png),
        )
        assert corner[0] in brightness
    assert shown.asked() == asked
    shown.page.evaluate("localStorage.clear()")  # the next test begins as this one did


def test_a_saved_svg_is_xml_and_a_csv_cannot_hide_a_formula(shown):
    card = shown.page.get_by_role("article", name="train/loss")
    card.hover()
    with shown.page.expect_download() as download:
        card.get_by_label("save").click()
        shown.page.get_by_role("menuitem", name="SVG").click()
    assert ET.parse(Path(download.value.path())).getroot().tag.endswith("svg")
    cells = shown.page.evaluate(
        """async () => {
            const {cell} = await import("/assets/now/export.js");
            return ["=1+1", "\\t=1", "\\r=1", "@a", "-1", 'a"b', "plain"].map(cell);
        }"""
    )
    assert cells == ['"\'=1+1"', '"\'\t=1"', '"\'\r=1"', '"\'@a"', '"\'-1"', '"a""b"', '"plain"']


def test_a_chart_can_be_read_as_a_table_and_be_made_larger(shown):
    card = shown.page.get_by_role("article", name="train/loss")
    card.hover()
    card.get_by_label("view as table").click()
    cells = {
        row.locator("th").text_content(): row.locator("td").all_text_contents()
        for row in shown.page.locator("#table tbody tr").all()
    }
    assert cells["vit-s"] == ["200", "199", "0.015", "0.015 at 199", "3 at 0"]
    assert shown.page.locator("#table h2").text_content() == "train/loss"
    shown.page.keyboard.press("Escape")
    before = card.bounding_box()
    card.get_by_label("larger").click()
    shown.wait_chart("loss", "chart.view.frame.bbox.height > 300")
    after = card.bounding_box()
    assert after["width"] > 1.5 * before["width"]
    card.get_by_label("larger").click()
    shown.wait_chart("loss", "chart.view.frame.bbox.height < 210")


@pytest.mark.parametrize("width", [1440, 1024, 600, 400])
def test_nothing_overlaps_and_nothing_has_to_be_scrolled_sideways(shown, width):
    shown.page.set_viewport_size({"width": width, "height": 800})
    shown.page.keyboard.press("l")
    found = shown.page.evaluate(
        """() => {
            const page = document.documentElement, name = (one) => one.outerHTML.slice(0, 60);
            const boxes = [...document.querySelectorAll(".bar > *, .controls > *, .filters > *")]
                .map((one) => ({one, ...one.getBoundingClientRect().toJSON()}))
                .filter((box) => box.width && box.height);
            const across = (a, b) => a.left < b.right - 1 && b.left < a.right - 1;
            const along = (a, b) => a.top < b.bottom - 1 && b.top < a.bottom - 1;
            const overlaps = boxes.flatMap((a, i) => boxes.slice(i + 1)
                .filter((b) => across(a, b) && along(a, b)).map((b) => [name(a.one), name(b.one)]));
            const outside = boxes.filter((box) => box.right > innerWidth + 1 || box.left < -1);
            return [page.scrollWidth - page.clientWidth, overlaps, outside.map((box) => name(box.one))];
        }"""
    )
    bar = shown.page.locator(".controls").bounding_box()
    shown.page.set_viewport_size({"width": 1280, "height": 800})
    assert found == [0, [], []]
    if width == 1440:
        assert bar["height"] < 60  # one row


def test_of_many_charts_only_few_are_built_at_a_time(page, backend, dashboard):
    run = prevue.init("many", "wide", url=backend, uid="tester")
    for step in range(3):
        run.log({f"metric_{number:02d}": step * number for number in range(METRICS)}, step)
    finished(run)
    shown = ProjectPage(page, f"{dashboard}/p/tester/many")
    page.goto(f"{dashboard}/p/tester/many")
    shown.wait("() => window.prevue?.charts.size >= 9")
    highest = page.evaluate(
        """async () => {
            let highest = 0;
            const frame = async () => {
                await new Promise(requestAnimationFrame);
                highest = Math.max(highest, Bokeh.documents.length);
            };
            const isWaiting = (card) => {
                const {top, bottom} = card.getBoundingClientRect();
                return top < innerHeight && bottom > 0 && card.dataset.state !== "drawn";
            };
            for (let top = 0; top < document.documentElement.scrollHeight - innerHeight; top += 700) {
                scrollTo(0, top);
                while ([...document.querySelectorAll(".card")].some(isWaiting)) await frame();
            }
            return highest;
        }"""
    )
    assert 25 < highest <= 32
    assert page.evaluate("Bokeh.index.roots.length") <= 2 * 30  # views that are not removed hold their chart
    last = f"metric_{METRICS - 1}"
    page.get_by_role("article", name=f"train/{last}").scroll_into_view_if_needed()
    shown.wait_chart(last, "chart.curves.length === 1")
    assert shown.chart(last, "[...chart.sources.lines.data.ys[0]]") == [0, METRICS - 1, 2 * (METRICS - 1)]
