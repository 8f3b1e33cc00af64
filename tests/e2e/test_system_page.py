"""What a user sees of a run's machine, and of how its weights went."""

from urllib.parse import unquote

import pytest
from playwright.sync_api import Route, expect

import prevue
from serving import finished, stored


@pytest.fixture
def run(backend):
    run = prevue.init("machine", "one", url=backend, uid="tester", system_metrics=False)
    for step in range(5):
        run.log({"loss": 1 / (step + 1)}, step=step)
        run.log({"cpu_percent": 10 * step, "disk_read_mb_s": step}, step=step, split="system")
        for what in ("parameters", "gradients"):
            run.log_histogram(f"{what}/fc/weight", [step, step + 1, step + 2], step=step)
    sizes = {"output_shape": [None, 4], "parameters": 3, "trainable_parameters": 3}
    layers = [{"name": name, "type": "Linear", **sizes} for name in ("fc", "out")]
    run.describe({"name": "net", "framework": "none", "layers": layers, "edges": [[0, 1]]})
    stored(run, records=22)
    yield run
    finished(run)


def drawn(page, title, expression):
    return page.evaluate(f"(title) => {{ const chart = window.prevue.charts.get(title); return {expression}; }}", title)


def test_charts_of_the_machine_stand_beside_the_losses_and_zoom_and_go_on_together(page, dashboard, run):
    page.goto(f"{dashboard}/p/tester/machine/runs/{run.run_id}")
    page.get_by_role("link", name="System").click()
    expect(page.locator("article h3")).to_have_text(["Losses", "CPU", "Disk"])
    expect(page.locator("article[aria-label=CPU] .legend")).to_have_text("cpu 40")
    assert drawn(page, "CPU", "[...chart._lines.data.ys[0]]") == [0, 10, 20, 30, 40]
    box = page.locator("article[aria-label=CPU] .body").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    expect(page.locator("#tooltip")).to_contain_text("cpu")
    assert drawn(page, "Disk", "chart._cursor.location") is not None
    whole = drawn(page, "Disk", "chart.plot.x_range.end")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=4)
    page.mouse.up()
    page.wait_for_function("(end) => window.prevue.charts.get('Disk').plot.x_range.end < end", arg=whole)
    assert drawn(page, "Disk", "chart.plot.x_range.end") == drawn(page, "Losses", "chart.plot.x_range.end")
    page.mouse.dblclick(box["x"] + box["width"] * 0.5, middle)
    page.wait_for_function("(end) => window.prevue.charts.get('CPU').plot.x_range.end >= end", arg=whole)
    run.log({"cpu_percent": 77, "memory_percent": 5}, step=9, split="system")
    expect(page.locator("article[aria-label=CPU] .legend")).to_have_text("cpu 77")
    expect(page.locator("article h3")).to_have_text(["Losses", "CPU", "Disk", "Memory"])
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_page_that_is_left_and_seen_again_while_it_loads_has_each_chart_once(page, dashboard, run):
    asked: list[Route] = []
    page.route("**/system/charts?*", lambda route: asked.append(route))
    with page.expect_request("**/system/charts?*"):
        page.goto(f"{dashboard}/p/tester/machine/runs/{run.run_id}/system")
    page.evaluate("async () => { document.dispatchEvent(new Event('visibilitychange')); await fetch('/healthz'); }")
    assert len(asked) == 1  # two answers at a time would each make the charts
    for one in asked:
        one.continue_()
    expect(page.locator("article[aria-label=Disk] .legend")).to_have_text("read 4")
    expect(page.locator("article h3")).to_have_text(["Losses", "CPU", "Disk"])


def test_a_layer_shows_how_its_weights_and_gradients_went(page, dashboard, run):
    page.goto(f"{dashboard}/p/tester/machine/model?run={run.run_id}")
    expect(page.locator("#layers .spread")).to_have_text(["5\n± 0.8", "5\n± 0.8", "", ""])
    page.get_by_role("button", name="fc").click()
    expect(page.locator("#weights figcaption")).to_have_text(["weight", "weight gradients"])
    expect(page.locator("#weights canvas").first).to_be_visible()
    page.wait_for_function("""() => Bokeh.documents.flatMap((one) => [...one._all_models.values()])
        .filter((one) => one.data?.["q0.5"]?.length === 5).length === 2""")
    page.get_by_role("button", name="out").click()
    expect(page.locator("#weights")).to_be_hidden()
    link = page.get_by_role("link", name="weights and gradients of fc")
    assert unquote(link.get_attribute("href")).endswith("results?q=[/.]fc([/.]|$)")
    link.click()
    expect(page.locator("article:visible")).to_have_count(2)
    expect(page.get_by_role("searchbox")).to_have_value("[/.]fc([/.]|$)")
    for number in range(199):  # with those of the first layer more than are summed up
        run.log_histogram(f"parameters/out/{number}", [1, 2], step=9)
    stored(run, records=22 + 199)
    page.goto(f"{dashboard}/p/tester/machine/model?run={run.run_id}")
    expect(page.get_by_text("of the first 1 of 2 layers")).to_be_visible()
    expect(page.locator("#layers .spread")).to_have_text(["5\n± 0.8", "5\n± 0.8", "", ""])
