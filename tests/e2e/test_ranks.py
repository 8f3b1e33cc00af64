"""Charts of distributed trainings: one rank, another one, or each."""

import pytest

import prevue
from serving import finished, stored

RANKS = "33333333-0000-4000-8000-000000000001"
DRAWN = """(({color, dash, alpha}) => [...color.keys()].map((i) => [color[i], dash[i].join(" "), alpha[i]]))(
    chart.sources.lines.data)"""


@pytest.fixture(scope="module")
def ranks(backend) -> str:
    """A training of three processes, of which the last logs one metric more, and one of a single process."""
    for rank in range(3):
        run = prevue.init("ranks", "ddp", url=backend, uid="tester", run_id=RANKS, rank=rank, resume="allow")
        for step in range(5):
            run.log({"loss": float(rank), **({"gpu": 0.5} if rank == 2 else {})}, step)
        finished(run)
    alone = prevue.init("ranks", "alone", url=backend, uid="tester")
    alone.log({"loss": 9.0}, 0)
    alone.log({"loss": 9.0}, 4)
    finished(alone)
    return "ranks"


def values(shown):
    return sorted(line[0] for line in shown.lines("loss"))


def test_rank_0_is_shown_and_another_can_be_chosen(open_project, ranks):
    shown = open_project(ranks, charts=1)
    assert values(shown) == [0.0, 9.0]
    field = shown.page.get_by_label("Processes")
    assert field.locator("option").all_text_contents() == ["rank 0", "split by rank", "rank 1", "rank 2"]
    field.focus()
    for _ in range(2):
        shown.page.keyboard.press("ArrowDown")
    shown.wait_chart("loss", "chart.curves.some((curve) => curve.rank === 1)")
    assert (values(shown), shown.query()) == ([1.0, 9.0], {"rank": ["1"]})
    shown.page.keyboard.press("End")
    shown.wait("() => document.querySelectorAll('.card[data-state=drawn]').length === 2")  # what only rank 2 has
    assert values(shown) == [2.0, 9.0]


def test_split_by_rank_draws_each_in_a_shade_and_dash_of_its_own(open_project, ranks):
    shown = open_project(ranks, charts=2, query="?rank=all")
    shown.wait_chart("loss", "chart.curves.length === 4")
    assert values(shown) == [0.0, 1.0, 2.0, 9.0]
    lines = shown.chart("loss", DRAWN)
    assert len({tuple(line[:2]) for line in lines}) == 4
    names = shown.page.locator("#runs .run", has_text="ddp").locator(".rank").all_text_contents()
    assert names == ["0", "1", "2"]
    assert shown.page.locator("#runs .run", has_text="alone").locator(".rank").count() == 0
    box = shown.plot("loss")
    shown.page.mouse.move(box["left"] + box["width"] / 2, box["top"] + box["height"] / 2)
    told = shown.page.locator("#tooltip .tip-name").all_text_contents()
    assert told == ["alone", "ddp · rank 2", "ddp · rank 1", "ddp · rank 0"]


def test_what_is_logged_meanwhile_comes_for_each_rank_that_is_shown(open_project, backend):
    runs = [
        prevue.init("ranks-live", "ddp", url=backend, uid="tester", run_id=RANKS[:-1] + "2", rank=rank, resume="allow")
        for rank in (0, 1)
    ]
    for run in runs:
        run.log({"loss": 1.0}, 0)
        stored(run, records=2)
    shown = open_project("ranks-live", charts=1, query="?rank=all")
    shown.wait_chart("loss", "chart.curves.length === 2")
    for run in runs:
        run.log({"loss": 2.0}, 1)
    shown.wait_chart("loss", "chart.curves.length === 2 && chart.curves.every((curve) => curve.y.at(-1) === 2)")
    shown.page.get_by_label("Processes").select_option("0")
    shown.wait_chart("loss", "chart.curves.length === 1")
    runs[1].log({"loss": 3.0}, 2)  # nobody sees it
    finished(runs[1])
    shown.page.get_by_label("Processes").select_option("1")
    shown.wait_chart("loss", "chart.curves[0]?.rank === 1 && chart.curves[0].y.at(-1) === 3")
    finished(runs[0])


def test_without_a_distributed_run_there_is_nothing_to_choose(open_project, ranks):
    shown = open_project(ranks, charts=1, query="?runs=alone&rank=2")
    assert values(shown) == [9.0]
    assert shown.page.get_by_label("Processes").is_hidden()
    shown.page.get_by_label("filter runs").fill("")
    shown.wait_chart("loss", "chart.curves.length === 2")
    assert values(shown) == [2.0, 9.0]
    shown.page.get_by_label("Processes").wait_for()
