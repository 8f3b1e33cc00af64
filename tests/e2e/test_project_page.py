"""What a user sees and does on the page of a project's runs."""

import itertools
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

import prevue
from e2e.dashboard import ProjectPage
from serving import finished, free_port, served, stored

POINTS, SPIKE = 20_000, 13_337
# What is asked for comes once a test lets it: appended to the script that takes answers.
LATE = """
const {_takeAnswer} = Project.prototype;
window.late = [];
Project.prototype._takeAnswer = function (answer) {
  const take = () => _takeAnswer.call(this, answer);
  if (window.late) window.late.push(take);
  else take();
};
"""
LAYERS = [{"name": "dense_1", "type": "Dense", "output_shape": [None, 16], "parameters": 160}]


@pytest.fixture(scope="session")
def digits(backend) -> str:
    """A project with two finished runs, of which each has loss, accuracy and a described model."""
    for name, factor in (("slow", 1.0), ("fast", 0.5)):
        run = prevue.init("digits", name, url=backend, uid="tester")
        run.describe({"name": "net", "framework": "none", "parameters": 160, "layers": LAYERS})
        for step in range(100):
            wave = 0.1 * (step % 5)
            run.log({"loss": factor / (step + 1) + wave, "accuracy": 1 - factor / (step + 1)}, step, epoch=step // 10)
        finished(run)
    return "digits"


@pytest.fixture(scope="session")
def spike(backend) -> str:
    """A project with one run of many points, of which one stands out."""
    run = prevue.init("spike", "long", url=backend, uid="tester")
    for step in range(POINTS):
        run.log({"loss": 100.0 if step == SPIKE else 0.5 + 0.001 * (step % 7)}, step)
    finished(run)
    return "spike"


@pytest.fixture
def shown(open_project, digits):
    """The page of `digits`, drawn."""
    return open_project(digits, charts=2)


def test_the_runs_curves_are_drawn_and_nothing_leaves_the_machine(shown):
    assert [len(line) for line in shown.lines("loss")] == [100, 100]
    assert sorted(round(line[0], 6) for line in shown.lines("loss")) == [0.5, 1.0]
    pixels = shown.page.locator("article .plot").first.screenshot()
    assert len(set(pixels)) > 50  # not an empty picture
    assert {
        urlsplit(address).hostname for address in shown.addresses if not address.startswith(("data:", "blob:"))
    } == {"localhost"}


def test_a_run_that_begins_before_the_first_curves_have_come_is_drawn_with_them(page, backend, dashboard):
    runs = [prevue.init("meanwhile", name, url=backend, uid="tester") for name in ("first", "second")]
    runs[0].log({"loss": 1.0}, 0)
    stored(runs[0], records=2)
    page.route("**/project.js", lambda route: route.fulfill(body=(came := route.fetch()).text() + LATE, response=came))
    shown = ProjectPage(page, f"{dashboard}/p/tester/meanwhile")
    page.goto(f"{dashboard}/p/tester/meanwhile")
    shown.wait("() => window.late?.length")
    runs[1].log({"loss": 2.0}, 0)
    expect(page.locator(".run-step")).to_have_text(["step 0", "step 0"])
    page.evaluate("() => { for (const take of window.late) take(); window.late = null; }")
    shown.wait_chart("loss", "chart.curves.length === 2")
    for run in runs:
        finished(run)


def test_the_list_shows_names_states_and_last_values(shown):
    assert shown.page.locator(".run-name").all_text_contents() == ["fast", "slow"]
    assert shown.page.locator(".run-state").all_text_contents() == ["finished", "finished"]
    assert shown.page.locator(".run-step").all_text_contents() == ["step 99", "step 99"]


def test_a_point_logged_now_appears_without_a_reload(backend, open_project):
    run = prevue.init("live", "now", url=backend, uid="tester")
    run.log({"loss": 1.0}, 0)
    run.log({"loss": 0.5}, 1)
    stored(run, records=3)
    page = open_project("live", charts=1)
    page.page.evaluate("window.sameDocument = true")
    for step, value in ((2, 0.25), (3, 0.125)):
        run.log({"loss": value}, step)
        page.wait_chart("loss", f"chart.sources.lines.data.ys[0].at(-1) === {value}")
    assert page.lines("loss") == [[1.0, 0.5, 0.25, 0.125]]
    run.log({"accuracy": 0.5}, 4)
    page.ready(2)
    finished(run)
    page.wait("() => document.querySelector('.run-state').textContent === 'finished'")
    assert page.page.evaluate("window.sameDocument")


def test_a_value_without_a_neighbour_is_drawn_as_a_point(backend, open_project):
    run = prevue.init("lone", "once", url=backend, uid="tester")
    run.log({"score": 0.75, "loss": 1.0}, 0)
    for step, loss in enumerate((float("nan"), 0.5, float("nan"), 0.25, 0.125), 1):
        run.log({"loss": loss}, step)
    finished(run)
    page = open_project("lone", charts=2)
    points = "(({x, y, marker}) => [...x.keys()].filter((i) => marker[i] === 'circle').map((i) => [x[i], y[i]]))"
    assert page.chart("score", f"{points}(chart.sources.marks.data)") == [[0, 0.75]]
    assert page.chart("loss", f"{points}(chart.sources.marks.data)") == [[0, 1], [2, 0.5]]


def test_a_chart_out_of_view_takes_points_and_draws_them_when_it_comes_back(backend, open_project):
    names = [f"m{number:02d}" for number in range(12)]
    run = prevue.init("tall", "long", url=backend, uid="tester")
    for step in range(2):
        run.log(dict.fromkeys(names, float(step)), step)
    stored(run, records=3)
    page = open_project("tall", charts=3, query="?cols=1")
    last = page.page.get_by_role("article", name="train/m11")
    last.scroll_into_view_if_needed()
    page.wait_chart("m11", "chart.curves.length === 1")
    page.page.get_by_role("article", name="train/m00").scroll_into_view_if_needed()
    run.log(dict.fromkeys(names, 7.0), 2)
    page.wait_chart("m00", "chart.sources.lines.data.ys[0].at(-1) === 7")
    page.wait_chart("m11", "[...prevue.project.blocksOf(chart.key).values()][0].total === 3")
    assert page.lines("m11") == [[0.0, 1.0]]
    last.scroll_into_view_if_needed()
    page.wait_chart("m11", "chart.sources.lines.data.ys[0].at(-1) === 7")
    finished(run)


def test_a_hidden_run_that_goes_on_is_whole_when_it_is_shown_again(backend, open_project):
    run = prevue.init("hidden", "now", url=backend, uid="tester")
    other = prevue.init("hidden", "other", url=backend, uid="tester")
    run.log({"loss": 1.0}, 0)
    other.log({"loss": 2.0}, 0)
    stored(run, records=2)
    stored(other, records=2)
    page = open_project("hidden", charts=1)
    eye = page.page.get_by_label("show now")
    eye.click()
    page.wait_chart("loss", "chart.curves.length === 1")
    page.reload(1)
    run.log({"loss": 0.5}, 1)
    other.log({"loss": 1.5}, 1)
    page.wait_chart("loss", "chart.sources.lines.data.ys[0].at(-1) === 1.5")
    page.page.get_by_label("show now").click()
    page.wait_chart("loss", "chart.sources.lines.data.ys.some((ys) => ys.length === 2 && ys[1] === 0.5)")
    finished(run)
    finished(other)


def test_a_value_that_is_logged_again_replaces_the_first(backend, open_project):
    run = prevue.init("again", "resumed", url=backend, uid="tester")
    for step in range(5):
        run.log({"loss": 1.0}, step)
    stored(run, records=6)
    page = open_project("again", charts=1)
    for step in (3, 4, 5):
        run.log({"loss": 0.5}, step)
    page.wait_chart("loss", "chart.sources.lines.data.ys[0].length === 6")
    page.wait_chart("loss", "chart.sources.lines.data.ys[0][3] === 0.5")
    assert page.lines("loss") == [[1.0, 1.0, 1.0, 0.5, 0.5, 0.5]]
    finished(run)


def test_a_spike_of_one_point_is_drawn_in_the_full_view(open_project, spike):
    page = open_project(spike, charts=1)
    assert page.chart("loss", "chart.curves[0].block.raw") is False
    assert len(page.lines("loss")[0]) < 3_000
    assert page.chart("loss", "Math.max(...chart.sources.bands.data.ys[0])") == 100
    assert page.chart("loss", "chart.plot.y_range.end") > 100


def test_a_drag_zooms_to_finer_data_and_a_double_click_goes_back(open_project, spike):
    page = open_project(spike, charts=1)
    page.drag("loss", 0.65, 0.68)
    page.wait_chart("loss", "chart.window !== null")
    steps = page.chart("loss", "[...chart.curves[0].block.columns.step]")
    low, high = page.chart("loss", "[chart.plot.x_range.start, chart.plot.x_range.end]")
    assert low - 0.2 * (high - low) < steps[0] <= low < SPIKE < high <= steps[-1] < high + 0.1 * (high - low)
    assert high - low < 1_500
    whole = page.chart("loss", "[...prevue.project.blocksOf(chart.key).values()][0].columns.count[5]")
    finer = whole / page.chart("loss", "chart.curves[0].block.columns.count[5]")
    assert finer > 5
    assert max(page.chart("loss", "[...chart.curves[0].block.columns.high]")) == 100
    frame = page.plot("loss")
    page.page.mouse.dblclick(frame["left"] + frame["width"] / 2, frame["top"] + frame["height"] / 2)
    page.wait_chart("loss", "chart.window === null && chart.plot.x_range.start < 0 && chart.plot.x_range.end > 19999")


def test_a_spike_stays_through_zooms_until_every_point_is_drawn(open_project, spike):
    page = open_project(spike, charts=1)
    for _ in range(6):
        start, end = page.chart("loss", "[chart.plot.x_range.start, chart.plot.x_range.end]")
        at = (SPIKE - start) / (end - start)
        page.chart("loss", "void (window.before = chart.window)")
        page.drag("loss", max(0.01, at - 0.2), min(0.99, at + 0.2))
        page.wait_chart("loss", "chart.window !== window.before")
        assert max(page.chart("loss", "[...chart.curves[0].block.columns.high]")) == 100
    assert page.chart("loss", "chart.curves[0].block.raw") is True
    steps = page.chart("loss", "[...chart.curves[0].block.columns.step]")
    assert steps == list(range(int(steps[0]), int(steps[-1]) + 1))
    assert page.lines("loss")[0] == pytest.approx([100 if n == SPIKE else 0.5 + 0.001 * (n % 7) for n in steps])


def test_a_drag_that_begins_with_a_rest_zooms_too(open_project, spike):
    page = open_project(spike, charts=1)
    frame = page.plot("loss")
    middle = frame["top"] + frame["height"] / 2
    page.page.mouse.move(frame["left"] + frame["width"] * 0.3, middle)
    page.page.mouse.down()
    page.page.evaluate("new Promise((done) => setTimeout(done, 400))")  # a hand that rests, or a busy page
    page.page.mouse.move(frame["left"] + frame["width"] * 0.6, middle, steps=4)
    page.page.mouse.up()
    page.wait_chart("loss", "chart.window !== null")


def test_a_reset_forgets_a_zoom_that_is_not_answered_yet(open_project, spike):
    page = open_project(spike, charts=1)
    page.drag("loss", 0.2, 0.4)
    page.page.keyboard.press("r")
    assert page.chart("loss", "chart.plot.x_range.end") > 19_999
    page.drag("loss", 0.5, 0.6)  # its answer comes after any of the first
    page.wait_chart("loss", "chart.window !== null")
    assert page.chart("loss", "chart.zoom[0]") > 8_000


def test_another_axis_ends_a_zoom(open_project, spike):
    page = open_project(spike, charts=1)
    page.drag("loss", 0.2, 0.4)
    page.wait_chart("loss", "chart.window !== null")
    page.page.get_by_role("radio", name="Relative").click()
    page.wait_chart("loss", "chart.window === null && chart.plot.x_range.start < 1000")
    assert page.page.locator(".zoomed").count() == 0


def test_a_run_is_hidden_by_its_eye_and_stays_so_after_a_reload(shown):
    shown.page.get_by_label("show slow").click()
    shown.wait_chart("loss", "chart.sources.lines.data.ys.length === 1")
    assert shown.lines("loss")[0][0] == 0.5
    assert len(shown.query()["hide"]) == 1
    shown.reload(2)
    assert [line[0] for line in shown.lines("loss")] == [0.5]
    shown.page.get_by_label("show slow").click()
    shown.wait_chart("loss", "chart.sources.lines.data.ys.length === 2")
    assert "hide" not in shown.query()


def test_smoothing_changes_lines_without_a_request(shown):
    before = shown.lines("loss")
    asked = shown.asked()
    shown.page.locator("#smoothing").fill("0.9")
    shown.wait_chart("loss", "chart.sources.raw.data.ys.length === 2")
    smoothed = shown.lines("loss")
    assert shown.query() == {"smooth": ["0.9"]}
    swing = [max(abs(b - a) for a, b in itertools.pairwise(line[50:])) for line in (before[0], smoothed[0])]
    assert swing[1] < swing[0] / 5
    assert shown.asked() == asked


def test_smoothing_is_an_average_whose_start_is_not_pulled_to_zero(shown):
    raw = shown.lines("loss")[0]
    shown.page.locator("#smoothing").fill("0.9")
    shown.wait_chart("loss", "chart.sources.raw.data.ys.length === 2")
    total = bias = 0.0
    expected = []
    for value in raw:
        total, bias = 0.9 * total + 0.1 * value, 0.9 * bias + 0.1
        expected.append(total / bias)
    assert shown.lines("loss")[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("axis", "last"), [("Epoch", 9), ("Relative", None), ("Wall", None)])
def test_the_x_axis_is_switched_and_kept_in_the_address(shown, axis, last):
    shown.page.get_by_role("radio", name=axis).click()
    shown.wait_chart("loss", "chart.sources.lines.data.xs[0].at(-1) !== 99")
    assert shown.query() == {"x": [axis.lower()]}
    end = shown.chart("loss", "chart.sources.lines.data.xs[0].at(-1)")
    assert end == last or (last is None and (end > 1e9) == (axis == "Wall"))
    shown.reload(2)
    assert shown.page.get_by_role("radio", name=axis).get_attribute("aria-checked") == "true"
    assert shown.chart("loss", "chart.sources.lines.data.xs[0].at(-1)") == end


def test_a_log_axis_is_drawn(shown):
    shown.page.get_by_label("Log Y").check()
    shown.wait_chart("loss", "chart.plot.y_scale.type === 'LogScale'")
    assert shown.chart("loss", "chart.plot.y_range.start") > 0
    assert shown.query() == {"log": ["1"]}


def test_t_switches_the_theme_once_and_it_survives_a_reload(shown):
    theme = "document.documentElement.dataset.theme"
    assert shown.page.evaluate(theme) == "light"
    before = shown.chart("loss", "[...chart.sources.lines.data.color]")
    shown.page.keyboard.press("t")
    assert shown.page.evaluate(theme) == "dark"
    assert shown.chart("loss", "[...chart.sources.lines.data.color]") != before
    shown.reload(2)
    assert shown.page.evaluate(theme) == "dark"
    shown.page.evaluate("localStorage.clear()")  # the next test begins as this one did


def test_the_tooltip_has_one_row_a_run(shown):
    frame = shown.plot("loss")
    shown.page.mouse.move(frame["left"] + frame["width"] / 2, frame["top"] + frame["height"] / 2)
    shown.wait("() => !document.querySelector('#tooltip').hidden")
    rows = shown.page.locator("#tooltip .tip-row")
    assert sorted(rows.locator(".tip-name").all_text_contents()) == ["fast", "slow"]
    assert re.fullmatch(r"step (49|50|51) · epoch [45]", shown.page.locator("#tooltip .tip-head").text_content())
    assert shown.page.locator("#tooltip .near").count() == 1
    shown.page.get_by_role("radio", name="Wall").click()
    shown.page.mouse.move(frame["left"] + frame["width"] / 2, frame["top"] + frame["height"] / 2)
    utc = re.compile(r"^.+ \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\) · step \d+ · epoch \d+$")
    expect(shown.page.locator("#tooltip .tip-head")).to_have_text(utc)
    shown.page.mouse.move(2, 2)
    shown.wait("() => document.querySelector('#tooltip').hidden")


@pytest.mark.parametrize(
    ("kind", "begin"), [("csv", b"run,name,rank,split,step,"), ("png", b"\x89PNG"), ("svg", b"<svg")]
)
def test_a_chart_is_saved(shown, kind, begin):
    card = shown.page.locator("article[aria-label='train/loss']")
    card.hover()
    with shown.page.expect_download() as download:
        card.get_by_label("save: train/loss").click()
        shown.page.get_by_role("menuitem", name=kind.upper()).click()
    saved = Path(download.value.path()).read_bytes()
    assert download.value.suggested_filename == f"train-loss.{kind}"
    assert saved.startswith(begin)
    assert saved.count(b"\n") == 201 if kind == "csv" else len(saved) > 5_000


def test_a_filter_that_is_no_regex_is_marked_and_taken_as_text(shown):
    field = shown.page.get_by_label("filter runs")
    field.fill("fa(")
    assert field.get_attribute("aria-invalid") == "true"
    shown.wait("() => document.querySelector('#nothing').textContent.includes('No run')")
    field.fill("^fa")
    assert field.get_attribute("aria-invalid") == "false"
    shown.wait_chart("loss", "chart.sources.lines.data.ys.length === 1")
    assert shown.query() == {"runs": ["^fa"]}


def test_metrics_are_filtered(shown):
    shown.page.get_by_label("filter metrics").fill("acc")
    shown.ready(1)
    assert shown.page.locator("article").count() == 1
    shown.page.get_by_label("filter metrics").fill("")
    shown.ready(2)


def test_the_model_page_lists_the_layers(page, shown):
    page.get_by_role("link", name="Model").click()
    cells = page.locator("tbody tr").first.locator("td").all_text_contents()
    assert cells[:5] == ["dense_1", "Dense", "", "16", "160"]


def test_the_list_of_projects_leads_to_the_runs(page, dashboard, digits):
    page.goto(dashboard)
    page.get_by_role("link", name=digits, exact=True).click()
    page.wait_for_function("() => window.prevue?.charts.size === 2")


def test_a_backend_that_goes_away_is_told_of_until_it_is_back(open_project, tmp_path):
    port = str(free_port())
    with served("backend", "--port", port, data=tmp_path) as first:
        url = first.address("backend")
        run = prevue.init("restart", "one", url=url, uid="tester")
        run.log({"loss": 1.0}, 0)
        stored(run, records=2)
        with served("dashboard", "--port", "0", "--url", url, data=tmp_path) as dashboard:
            page = open_project("restart", charts=1, url=dashboard.address("dashboard"))
            assert first.stop() == 0
            page.wait(f"() => document.querySelector('#banner').textContent.includes(':{port}')")
            assert page.page.locator("#banner").is_visible()
            run.log({"loss": 0.5}, 1)
            with served("backend", "--port", port, data=tmp_path) as second:
                second.address("backend")
                page.wait("() => document.querySelector('#banner').hidden")
                page.wait_chart("loss", "chart.sources.lines.data.ys[0].at(-1) === 0.5")
                finished(run)
            page.page.goto("about:blank")  # rather than lose its dashboard
