"""Runs grouped by what they were configured with: the mean and the spread of each group."""

import math

import pytest
from playwright.sync_api import expect

import prevue
from serving import finished, stored


def log(backend, project, name, value, **config):
    run = prevue.init(project, name, url=backend, uid="tester", config=config)
    for step in range(11):
        run.log({"loss": value + step}, step)
    stored(run, records=12)
    return run


@pytest.fixture(scope="module")
def seeds(backend) -> str:
    for name, value, lr in (("a", 1.0, 0.1), ("b", 3.0, 0.1), ("c", 20.0, 0.01)):
        finished(log(backend, "seeds", name, value, net={"lr": lr}, seed=name))
    return "seeds"


def groups(shown):
    return shown.chart("loss", "chart.groups?.map(({name, mean, low, high}) => [name, mean[0], low[0], high[0]])")


def test_a_group_has_the_mean_of_its_runs_in_a_band_of_their_spread(open_project, seeds):
    shown = open_project(seeds, charts=1)
    assert groups(shown) is None
    field = shown.page.get_by_label("Group by")
    field.focus()
    expect(field.locator("option")).to_have_text(["no", "net.lr", "seed"])
    shown.page.keyboard.press("ArrowDown")
    shown.wait_chart("loss", "chart.groups?.length === 2")
    assert shown.query() == {"group": ["net.lr"]}
    (alone, *zero), (pair, *around) = sorted(groups(shown))
    assert (alone, zero) == ("net.lr = 0.01", [20.0, 20.0, 20.0])
    assert (pair, around) == ("net.lr = 0.1", pytest.approx([2.0, 2.0 - math.sqrt(2), 2.0 + math.sqrt(2)]))
    assert shown.chart("loss", "chart.sources.bands.data.run") == ["net.lr = 0.1"]
    assert len(shown.lines("loss")) == 2
    colors = shown.page.locator("#runs .swatch").evaluate_all("(all) => all.map((one) => one.style.cssText)")
    assert (colors[1] == colors[2], colors[0] == colors[1]) == (True, False)  # c, b, a


def test_a_groups_tooltip_has_mean_range_and_number_of_runs(open_project, seeds):
    shown = open_project(seeds, charts=1, query="?group=net.lr")
    shown.wait_chart("loss", "chart.groups?.length === 2")
    box = shown.plot("loss")
    shown.page.mouse.move(box["left"] + box["width"] / 2, box["top"] + box["height"] / 2)
    rows = shown.page.locator("#tooltip .tip-row")
    assert rows.locator(".tip-name").all_text_contents() == ["net.lr = 0.01", "net.lr = 0.1"]
    assert rows.nth(1).locator("span").nth(3).text_content() == "6 … 8 (2)"


def test_a_run_that_has_ended_counts_no_more(open_project, backend):
    short, long = (prevue.init("ends", name, url=backend, uid="tester", config={"lr": 1}) for name in ("s", "l"))
    for run, steps, value in ((short, 5, 1.0), (long, 11, 3.0)):
        for step in range(steps):
            run.log({"loss": value}, step)
        finished(run)
    shown = open_project("ends", charts=1, query="?group=lr")
    shown.wait_chart("loss", "chart.groups?.length === 1 && chart.groups[0].curves.length === 2")
    counts, means = shown.chart("loss", "[[...chart.groups[0].count], [...chart.groups[0].mean]]")
    assert (counts[0], counts[-1], means[0], means[-1]) == (2, 1, 2.0, 3.0)
    assert shown.chart("loss", "chart.at(9).map(({value, count}) => [value, count])") == [[3.0, 1]]


def test_a_run_that_begins_later_joins_its_group(open_project, backend):
    first = log(backend, "seeds-live", "one", 1.0, lr=1)
    shown = open_project("seeds-live", charts=1, query="?group=lr")
    shown.wait_chart("loss", "chart.groups?.length === 1 && chart.groups[0].curves.length === 1")
    second = log(backend, "seeds-live", "two", 5.0, lr=1)
    shown.wait_chart("loss", "chart.groups.length === 1 && chart.groups[0].curves.length === 2")
    assert groups(shown)[0][:2] == ["lr = 1", 3.0]
    finished(first)
    finished(second)
