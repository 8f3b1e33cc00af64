"""A report, opened as a file in a browser without a network: what a user sees and does."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from playwright.sync_api import expect

import prevue
from frontend_bokeh.report_command import report
from serving import finished

SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def saved(backend, tmp_path_factory):
    """The address of the file."""
    run_ids = []
    for name, rate in (("fast", 1.0), ("slow", 0.5)):
        run = prevue.init("saved", name, url=backend, uid="tester", config={"rate": rate}, system_metrics=False)
        for step in range(101):
            run.log({"loss": (1 + 0.3 * (-1) ** step) * rate, "accuracy": step / 100}, step=step)
        run.log({"cpu_percent": 7}, step=1, split="system")
        run.log_histogram("weights", [1, 2, 2, 3], step=100)
        run.add_event("checkpoint", "saved", step=50)
        run_ids.append(finished(run).run_id)
    path = tmp_path_factory.mktemp("saved") / "report.html"
    done = CliRunner().invoke(report, [*run_ids, "-o", str(path), "--url", backend])
    assert done.exit_code == 0, done.output
    return path.as_uri()


def chart(page, key, expression):
    return page.evaluate(f"(key) => {{ const chart = window.prevue.charts.get(key); return {expression}; }}", key)


def test_a_report_zooms_tells_and_smooths_without_server_or_network(page, context, saved):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    context.set_offline(True)
    try:
        page.goto(saved)
        expect(page.locator(".card[data-state=drawn]")).to_have_count(2)
        assert [
            round(max(line), 3)
            for line in chart(page, "train/loss", "[...chart.sources.lines.data.ys].map((y) => [...y])")
        ] == [1.3, 0.65]
        box = page.locator(".card[data-key='train/loss'] .plot").bounding_box()
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * 0.5, middle)
        expect(page.locator("#tooltip .tip-row")).to_have_count(2)
        expect(page.locator("#tooltip")).to_contain_text("fast")
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.8, middle, steps=4)
        page.mouse.up()
        page.wait_for_function("() => window.prevue.charts.get('train/loss').plot.x_range.start > 30")
        expect(page.locator(".card[data-key='train/loss'] .points")).to_have_text(
            re.compile(r"^\d+ of 202 points · zoomed$")
        )
        page.get_by_role("button", name="Reset zoom", exact=True).click()
        assert chart(page, "train/loss", "chart.plot.x_range.start") < 0
        page.locator("#smoothing").fill("0.9")
        line = chart(page, "train/loss", "[...chart.sources.lines.data.ys[0]]")
        assert max(line[20:]) - min(line[20:]) < 0.1  # of values that jump by 0.6
        page.get_by_role("radio", name="Relative").click()
        page.get_by_role("button", name="slow").click()
        assert chart(page, "train/loss", "chart.curves.map(({run}) => run.name)") == ["fast"]
        page.keyboard.press("t")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.keyboard.press("t")
        # Each chart by keys, as a table and as a file; what is out of sight is drawn meanwhile, for a print.
        page.locator(".card[data-key='train/loss'] .plot").press("End")
        expect(page.locator("#spoken")).to_contain_text("100")
        page.get_by_role("button", name="view as table: train/loss").click()
        expect(page.get_by_role("dialog").locator("tbody").first).to_contain_text("fast101100")
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="save: train/loss").click()
        with page.expect_download() as saving:
            page.get_by_role("menuitem", name="CSV").click()
        assert len(saving.value.path().read_text().splitlines()) == 102
        expect(page.locator(".result[data-drawn]")).to_have_count(2)
        page.get_by_text("The machine").click()
        expect(page.locator(".card[data-key='system/cpu_percent'] canvas").first).to_be_visible()
        page.locator(".result").first.scroll_into_view_if_needed()
        expect(page.locator(".result canvas").first).to_be_visible()
        expect(page.get_by_role("row", name="rate").get_by_role("cell")).to_have_text(["1.0", "0.5"])
        assert [one["id"] for one in Axe().run(page).response["violations"] if one["impact"] in SERIOUS] == []
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
    finally:
        context.set_offline(False)
    assert [address for address in asked if not address.startswith(("data:", "blob:"))] == [saved]
