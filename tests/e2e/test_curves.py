"""How curves are looked at: pinned, on a log x axis, without outliers, filling the window."""

import math

import pytest
from playwright.sync_api import expect

import prevue
from serving import finished


@pytest.fixture(scope="module")
def looks(backend) -> str:
    run = prevue.init("looks", "one", url=backend, uid="tester")
    for step in range(1001):
        run.log({"loss": 1e6 if step == 500 else 1 + math.sin(step / 100)}, step)
        if step < 3:
            run.log({"few": step}, step)
    finished(run)
    return "looks"


@pytest.fixture
def shown(open_project, looks):
    return open_project(looks, charts=2)


def card(shown, name):
    return shown.page.locator(f"article[data-key='train/{name}']")


def test_a_pinned_chart_stands_first_also_for_whom_the_link_is_sent_to(shown):
    assert shown.page.locator(".section h2").all_text_contents() == ["metrics"]
    pin = shown.page.get_by_label("pin: train/loss")
    pin.focus()
    shown.page.keyboard.press("Enter")
    assert shown.page.locator(".section h2").all_text_contents() == ["pinned", "metrics"]
    assert shown.page.locator(".section").first.locator("article").get_attribute("data-key") == "train/loss"
    expect(pin).to_be_focused()
    assert shown.query() == {"pin": ["train/loss"]}
    shown.reload(2)
    expect(pin).to_have_attribute("aria-pressed", "true")
    pin.click()
    assert shown.page.locator(".section h2").all_text_contents() == ["metrics"]


def test_a_log_x_axis_begins_behind_0_and_says_what_has_no_place(shown):
    shown.set_option("Log X", True)
    shown.wait_chart("few", "chart.plot.x_scale.type === 'LogScale'")
    assert shown.chart("few", "chart.plot.x_range.start") == pytest.approx(1, rel=0.1)
    assert shown.chart("few", "[...chart.sources.lines.data.xs[0]].map((x) => (x > 0 ? x : null))") == [None, 1, 2]
    expect(card(shown, "few").locator(".notice")).to_have_text("1 value at x ≤ 0 has no place on a log x axis")
    assert shown.query() == {"logx": ["1"]}
    # Ticks stand apart, also where less than two decades are seen.
    shown.page.get_by_label("Log Y").check()
    shown.wait_chart("few", "chart.plot.y_scale.type === 'LogScale'")
    ticks = """(({ticker, formatter}) => formatter.doFormat(ticker.get_ticks(%s, null, 0).major))(
        chart.document.get_model_by_name("%s"))"""
    assert shown.chart("few", ticks % ("8, 300", "x_axis")) == ["10", "20", "50", "100", "200"]
    assert shown.chart("few", ticks % ("3e-4, 0.011", "y_axis")) == ["5e−4", "0.001", "0.002", "0.005", "0.01"]
    shown.page.get_by_role("radio", name="Wall").click()
    expect(shown.page.get_by_label("Log X")).to_be_disabled()
    assert shown.chart("few", "chart.plot.x_scale.type") == "LinearScale"


def test_outliers_are_left_out_on_wish_and_counted(shown):
    assert shown.chart("loss", "chart.plot.y_range.end") > 1e6
    shown.set_option("No outliers", True)
    shown.wait_chart("loss", "chart.plot.y_range.end < 10")
    expect(card(shown, "loss").locator(".notice")).to_have_text("1 value lies outside: outliers are left out")
    assert shown.chart("loss", "chart.plot.y_range.start") <= 0
    assert shown.chart("few", "[chart.plot.y_range.start < 0, chart.plot.y_range.end > 2]") == [True, True]


def test_a_zoomed_chart_says_how_many_of_all_points_it_shows(shown):
    expect(card(shown, "loss").locator(".points")).to_have_text("1,001 points")
    shown.zoom("loss", 0.4, 0.6)
    text = card(shown, "loss").locator(".points").text_content()
    count, _, rest = text.partition(" of ")
    assert 180 < int(count) < 230
    assert rest == "1,001 points · zoomed"
    shown.page.get_by_label("another metric as x axis").select_option("train/loss")
    expect(card(shown, "loss").locator(".points")).to_have_text("1,001 points · means")


def test_a_chart_fills_the_window_until_escape(shown):
    shown.page.get_by_label("full screen: train/few").click()
    shown.wait_chart("few", "chart.view.bbox.height > 600")
    box = card(shown, "few").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (8, 8, 1264, 784)
    stops = set()
    for key in ["Tab"] * 9 + ["Shift+Tab"] * 9:
        shown.page.keyboard.press(key)
        stops.add(
            shown.page.evaluate("document.activeElement.closest('article.full') && document.activeElement.className")
        )
    assert stops == {"plot", "tool table", "tool save", "tool pin", "tool full"}
    card(shown, "few").locator(".save").click()
    shown.page.keyboard.press("Escape")  # ends the menu only
    expect(shown.page.locator(":popover-open")).to_have_count(0)
    assert shown.chart("few", "chart.view.bbox.height") > 600
    shown.page.keyboard.press("Escape")
    shown.wait_chart("few", "chart.view.bbox.height === 210")
    assert card(shown, "few").bounding_box()["width"] < 500
