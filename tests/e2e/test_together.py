"""The splits of a metric in one chart."""

import pytest

import prevue
from serving import stored


def test_all_splits_of_a_metric_are_drawn_in_one_chart_also_live_zoomed_and_for_whom_the_link_is_sent_to(
    open_project, backend
):
    with prevue.init("together", "one", url=backend, uid="tester") as run:
        for step in range(1, 2001):
            run.log({"loss": 1 / step, "only_here": 1}, step)
            if step % 100 == 0:
                run.log({"loss": 2 / step}, step, split="val")
        stored(run, records=2021)
        shown = open_project("together", charts=3)
        shown.set_option("Splits together", True)
        shown.ready(2)
        card = shown.page.locator("article[data-key='*/loss']")
        assert card.locator("h3").text_content() == "loss"
        assert card.locator(".splits").text_content() == "trainval"
        assert shown.page.locator("article").count() == 2

        assert shown.lines("loss")[1] == pytest.approx([2 / step for step in range(100, 2001, 100)])
        assert shown.chart("loss", "[...chart.sources.lines.data.dash].map((dash) => dash.length)") == [0, 2]
        assert card.locator(".points").text_content() == "2,020 points"
        card.get_by_label("view as table").click()
        assert shown.page.locator("#table tbody th").all_text_contents() == ["one · train", "one · val"]
        shown.page.keyboard.press("Escape")

        run.log({"loss": 7}, 2100, split="val")
        shown.wait_chart("loss", "[...chart.sources.lines.data.ys[1]].at(-1) === 7")
        shown.zoom("loss", 0.1, 0.15)
        assert shown.chart("loss", "chart.curves.map(({block}) => block.raw)") == [True, True]
        assert shown.query()["splits"] == ["together"]
        shown.reload(2)
        assert shown.chart("loss", "chart.curves.length") == 2
        shown.set_option("Splits together", False)
        shown.ready(3)
        assert "splits" not in shown.query()
