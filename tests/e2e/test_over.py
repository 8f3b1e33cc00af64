"""Another metric as x axis."""

import pytest
from playwright.sync_api import expect

import prevue
from serving import finished, stored


@pytest.fixture(scope="module")
def paired(backend) -> str:
    """A run whose loss is logged at each step, its samples at each fifth, and one without samples."""
    run = prevue.init("paired", "one", url=backend, uid="tester")
    for step in range(100):
        run.log({"loss": step, "wave": (step - 50) ** 2} | ({"samples": 10 * step} if step % 5 == 0 else {}), step)
    finished(run)
    other = prevue.init("paired", "other", url=backend, uid="tester")
    other.log({"loss": 7.0}, 3)
    finished(other)
    return "paired"


def test_curves_are_drawn_over_another_metric_also_zoomed_and_for_whom_the_link_is_sent_to(open_project, paired):
    shown = open_project(paired, charts=3)
    shown.page.get_by_label("another metric as x axis").select_option("train/samples")
    shown.wait_chart("loss", "chart.curves.length === 1 && chart.plot.x_range.end > 900")
    xs = shown.chart("loss", "[...chart.sources.lines.data.xs[0]]")
    assert xs == [10 * (step - step % 5) for step in range(100)]
    assert shown.query() == {"x": ["train/samples"]}
    shown.reload(3)
    shown.wait_chart("loss", "chart.curves.length === 1 && chart.plot.x_range.end > 900")
    assert shown.page.get_by_role("radio", checked=True, name="Step").count() == 0
    shown.zoom("loss", 0.4, 0.6)
    low, high = shown.chart("loss", "[chart.plot.x_range.start, chart.plot.x_range.end]")
    inside = [step for step, x in zip(range(100), xs, strict=True) if low <= x <= high]
    drawn = shown.chart("loss", "(({x, y}) => [...x.keys()].map((i) => [x[i], y[i]]))(chart.curves[0])")
    assert [y for x, y in drawn if low <= x <= high] == inside
    shown.page.get_by_label("another metric as x axis").select_option("train/wave")
    shown.wait_chart("loss", "chart.plot.x_range.end > 2400")
    assert shown.chart("loss", "chart.window") is None
    frame = shown.plot("loss")
    shown.page.mouse.move(frame["left"] + frame["width"] / 2, frame["top"] + frame["height"] / 2)
    expect(shown.page.locator("#tooltip .tip-head")).to_have_text("train/wave 1225 · step 15")
    shown.page.get_by_role("radio", name="Step").click()
    shown.wait_chart("loss", "chart.curves.length === 2")
    assert shown.query() == {}


def test_both_grow_while_the_run_goes_on_though_the_other_has_no_chart_in_view(backend, open_project):
    run = prevue.init("pairing", "now", url=backend, uid="tester")
    run.log({"loss": 1.0, "samples": 8}, 0)
    stored(run, records=2)
    shown = open_project("pairing", charts=1, query="?x=train/samples&metrics=loss")
    run.log({"loss": 0.5, "samples": 16}, 1)
    shown.wait_chart("loss", "[...chart.curves[0].x].join() === '8,16'")
    finished(run)
