"""What a user sees and does on the page of a run's results. One of the plugins there is broken in two ways."""

import os
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

import prevue
from e2e.dashboard import PATIENCE_MS
from serving import finished, served, stored

PLUGIN = '''
from prevue_core.hookspecs import hookimpl

def broken(payload):
    return payload["missing"]

def twice(payload):
    from frontend_bokeh.figures.plots import plot
    return plot(x_range=["cat", "cat"])  # which Bokeh's script refuses, in the browser

def slider(payload):
    from bokeh.layouts import column
    from bokeh.models import ColumnDataSource, CustomJS, Slider
    from frontend_bokeh.figures.plots import plot
    source = ColumnDataSource({"x": [1, 2, 3], "y": [1, 4, 9]}, name="squares")
    made = plot("x", "y")
    made.line("x", "y", source=source)
    power = Slider(title="power", start=1, end=3, step=1, value=2)
    code = "source.data = {x: source.data.x, y: source.data.x.map((x) => x ** cb_obj.value)}"
    power.js_on_change("value", CustomJS(args={"source": source}, code=code))
    return column(power, made)

def hostile(payload):
    from bokeh.layouts import column
    from bokeh.models import Button, CustomJS, Div
    told, button = Div(text="", render_as_text=True), Button(label="steal")
    button.js_on_click(CustomJS(args={"told": told, **payload}, code=CODE))
    return column(button, told, *(Div(text="", height=200) for _ in range(4)))

CODE = """
const tries = {
  document: () => parent.document.title, script: () => parent.prevue.boxes.size, cookie: () => document.cookie,
  storage: () => localStorage.length, page: () => { top.location = dashboard; },
  api: () => fetch(`${backend}/api/v1/projects`), login: () => fetch(dashboard, {credentials: "include"}),
};
(async () => {
  const got = [];
  for (const [name, get] of Object.entries(tries)) {
    try { await get(); got.push(name); } catch {}
  }
  told.text = `got ${got.join(" ") || "nothing"}`;
  setTimeout(() => { throw new Error("then I fail"); });
})();
"""

@hookimpl
def prevue_register_panels():
    from frontend_bokeh.panel import Panel, Text
    return [
        Panel("mine.slider", "slider", slider),
        Panel("mine.hostile", "hostile", hostile),
        Panel("mine.broken", "broken one", broken),
        Panel("mine.twice", "twice", twice),
        Panel("mine.good", "good", lambda payload: Text(payload["text"])),
    ]
'''

MODELS = "() => Bokeh.documents.flatMap((one) => [...one._all_models.values()])"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the plugin `prevue-mine`."""
    site = tmp_path_factory.mktemp("site")
    (site / "prevue_mine.py").write_text(PLUGIN)
    info = site / "prevue_mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: prevue-mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[prevue]\nmine = prevue_mine\n")
    return site


@pytest.fixture(scope="module")
def dashboard(backend, site, tmp_path_factory):
    """A dashboard with that plugin."""
    command = ("dashboard", "--port", "0", "--url", backend)
    with served(*command, data=tmp_path_factory.mktemp("d"), PYTHONPATH=str(site)) as process:
        yield process.address("dashboard").replace("127.0.0.1", "localhost")


@pytest.fixture
def run(backend):
    run = prevue.init("results", "one", url=backend, uid="tester")
    for step in (0, 10, 20):
        run.log_histogram("weights", [step, step + 1, step + 3], step=step)
    run.log_text("said", "<img src=x onerror=alert(1)>", step=20)
    run.log_table("worst", {"sample": ["a", "constructor"], "loss": [4.5, float("nan")]}, step=20, split="val")
    for kind in ("broken", "twice", "good", "unknown"):
        run.log_result(f"mine.{kind}", kind, {"text": "it works", "deep": {"er": [1, None]}}, step=20)
    stored(run, records=11)
    yield run
    finished(run)


def box(page, name):
    return page.locator(f"article[aria-label='{name}']")


def test_results_are_drawn_followed_and_searched_and_one_that_breaks_breaks_alone(page, dashboard, run):
    page.goto(f"{dashboard}/p/tester/results/runs/{run.run_id}")
    page.get_by_role("link", name="Results", exact=True).click()
    expect(page.locator("#result-count")).to_have_text("7 of 7")
    expect(box(page, "val/worst").locator("td")).to_have_text(["a", "4.5", "constructor", "NaN"])
    expect(box(page, "train/said").locator("pre")).to_have_text("<img src=x onerror=alert(1)>")
    expect(box(page, "train/good").locator("pre")).to_have_text("it works")
    box(page, "train/unknown").get_by_text("2 items").click()
    expect(box(page, "train/unknown").locator("code")).to_have_text(["1", "null", '"it works"'])
    # Those that break say whose they are, and why, each in its own box.
    told = box(page, "train/broken").get_by_role("alert")
    expect(told).to_have_text("The panel “broken one” of prevue-mine failed.KeyError: 'missing'")
    expect(box(page, "train/twice").get_by_role("alert")).to_have_text(re.compile("“twice” of prevue-mine failed.*cat"))
    # A slider goes through the steps; at the last one it goes on with the run.
    weights = box(page, "train/weights")
    expect(weights.locator("canvas").first).to_be_visible()
    expect(weights).to_contain_text("step 203 of 3")
    slider = weights.get_by_role("slider")
    slider.press("ArrowLeft")
    expect(weights).to_contain_text("step 102 of 3")
    page.wait_for_function(f"() => ({MODELS})().some((one) => one.data?.left?.[0] === 10)")
    slider.press("End")
    weights.get_by_role("button", name="over all steps").click()
    expect(slider).to_be_hidden()
    page.wait_for_function(f"() => ({MODELS})().some((one) => one.data?.['q0.5']?.length === 3)")
    weights.get_by_role("button", name="over all steps").click()
    expect(slider).to_be_visible()
    run.log_histogram("weights", [30, 31, 33], step=30)
    run.log_text("later", "there", step=30)
    expect(weights).to_contain_text("step 304 of 4")
    expect(page.locator("#result-count")).to_have_text("8 of 8")
    # Search, and the theme.
    page.get_by_role("searchbox").fill("train/(said|good)$")
    expect(page.locator("article:visible")).to_have_count(2)
    page.get_by_role("searchbox").fill("nothing")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#result-count")).to_have_text("8 of 8")
    page.locator("#theme").click()
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_many_results_are_drawn_where_one_looks_only(page, dashboard, backend):
    run = prevue.init("results", "many", url=backend, uid="tester")
    for number in range(24):
        run.log_histogram(f"weights/{number}", [1, 2, number], step=1)
    for number in range(30):
        run.log_histogram(f"gradients/{number}", [1, 2, number], step=1)
    finished(run)
    page.goto(f"{dashboard}/p/tester/results/runs/{run.run_id}/results")
    expect(page.locator("details.section")).to_have_count(2)
    expect(page.locator("details.section[open]")).to_have_count(1)  # that of thirty is closed
    expect(page.locator("article[data-drawn] canvas").first).to_be_visible()
    most = page.evaluate("""async () => {
        let most = 0;
        for (let y = 0; y < document.body.scrollHeight; y += 300) {
            scrollTo(0, y);
            await new Promise((done) => setTimeout(done, 30));
            most = Math.max(most, Bokeh.documents.length);
        }
        return most;
    }""")
    expect(box(page, "train/weights/23").locator("canvas").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("article[data-drawn]").first).to_be_attached()
    assert 3 <= most <= 18


@pytest.mark.parametrize("is_saved", [False, True], ids=["page", "file"])
def test_a_figures_own_code_works_in_a_frame_and_reaches_nothing_else(
    page, dashboard, backend, site, tmp_path, expected_errors, is_saved
):
    expected_errors += ["Content Security Policy", "Refused to connect", "Unsafe attempt", "local resource", "I fail"]
    run = prevue.init("results", "code", url=backend, uid="tester", system_metrics=False)
    run.log_result("mine.slider", "slider", {})
    run.log_result("mine.hostile", "hostile", {"dashboard": dashboard, "backend": backend})
    finished(run)
    address = f"{dashboard}/p/tester/results/runs/{run.run_id}/results"
    if is_saved:
        command = [sys.executable, "-m", "prevue", "report", run.run_id, "-o", tmp_path / "r.html", "--url", backend]
        subprocess.run(command, env=os.environ | {"PYTHONPATH": str(site)}, check=True)
        address = (tmp_path / "r.html").as_uri()
    page.goto(address)
    # Its own code moves the line.
    frame = box(page, "train/slider").locator("iframe").element_handle().content_frame()
    expect(frame.locator("canvas").first).to_be_visible()
    frame.locator(".noUi-handle").press("ArrowRight")
    frame.wait_for_function("() => Bokeh.documents[0].get_model_by_name('squares').data.y[2] === 27")
    page.locator("#theme").click()
    expect(frame.locator("html")).to_have_attribute("data-theme", page.locator("html").get_attribute("data-theme"))
    page.locator("#theme").click()
    # It reaches nothing of the page, the browser and the servers; what it breaks is told in its box.
    hostile = box(page, "train/hostile").frame_locator("iframe")
    expect(box(page, "train/hostile").locator("iframe")).to_have_css(
        "min-height", re.compile(r"9[0-9]{2}px")
    )  # as it tells
    hostile.get_by_role("button", name="steal").click()
    expect(hostile.get_by_text("got nothing")).to_be_visible()
    expect(hostile.get_by_role("alert")).to_have_text("The panel “hostile” of prevue-mine failed.then I fail")
    expect(page.get_by_role("alert").filter(visible=True)).to_have_count(0)
