"""What happened to a run is marked on its curves: on each x axis, while it runs, for pointer and keys."""

import pytest
from playwright.sync_api import expect

import prevue
from serving import finished, stored

FLAGS = """(({x, y, marker}) => [...x.keys()].filter((i) => y[i] === chart._edges.top).map((i) => [x[i], marker[i]]))
  (chart.sources.marks.data)"""


@pytest.fixture(scope="module")
def marked(backend) -> str:
    run = prevue.init("marked", "one", url=backend, uid="tester")
    for step in range(101):
        run.log({"loss": 1 / (step + 1)}, step, epoch=step // 10)
        if step == 40:
            run.add_event("checkpoint", "weights.pt kept\nin the folder")
        if step == 60:
            run.alert("slow", "no progress", level="error")
    run.add_event("lr_change", "0.1 to 0.01", step=80)
    finished(run)
    return "marked"


def test_events_are_marked_told_of_by_pointer_and_key_and_can_be_switched_off(open_project, marked):
    shown = open_project(marked, charts=1)
    shown.wait_chart("loss", "chart.events.length === 3")
    assert shown.chart("loss", FLAGS) == [[40, "square"], [60, "diamond"], [80, "cross"]]
    frame = shown.plot("loss")
    start, end = shown.chart("loss", "[chart.plot.x_range.start, chart.plot.x_range.end]")
    left = frame["left"] + frame["width"] * (40 - start) / (end - start)
    shown.page.mouse.move(left + 2, frame["top"] + frame["height"] / 2)
    expect(shown.page.locator("#tooltip .tip-event")).to_have_text("one: checkpoint · step 40 · weights.pt kept")
    shown.page.mouse.move(2, 2)
    shown.page.locator("article .plot").focus()
    for key, said in (("PageDown", "checkpoint"), ("PageDown", "alert · step 60 · slow"), ("ArrowRight", "step 61")):
        shown.page.keyboard.press(key)
        expect(shown.page.locator("#spoken")).to_contain_text(said)
    shown.page.keyboard.press("End")
    expect(shown.page.locator("#spoken")).to_have_text("step 100 · epoch 10; one 0.009901")
    shown.page.keyboard.press("Tab")
    expect(shown.page.locator("#tooltip")).to_be_hidden()
    shown.page.get_by_label("view as table").click()
    expect(shown.page.get_by_role("row", name="lr_change").get_by_role("cell").last).to_have_text("0.1 to 0.01")
    shown.page.keyboard.press("Escape")
    shown.page.get_by_role("radio", name="Epoch").click()
    shown.wait_chart("loss", "chart.plot.x_range.end < 20")
    assert [x for x, _ in shown.chart("loss", FLAGS)] == [4, 6, 8]
    shown.page.get_by_role("radio", name="Wall").click()
    shown.wait_chart("loss", "chart.plot.x_range.end > 1e9")
    assert shown.chart("loss", "chart.events.every(({x, event}) => x === event.time)")
    shown.set_option("Events", False)
    shown.wait_chart("loss", "chart.events.length === 0")
    assert shown.chart("loss", FLAGS) == []
    assert shown.query()["events"] == ["0"]


def test_an_event_of_now_appears_without_a_reload_also_for_who_comes_later(backend, open_project):
    run = prevue.init("marking", "now", url=backend, uid="tester")
    for step in range(3):
        run.log({"loss": 1.0}, step)
    stored(run, records=4)
    shown = open_project("marking", charts=1)
    run.add_event("note", "look here")
    shown.wait_chart("loss", "chart.events.length === 1")
    shown.reload(1)
    shown.wait_chart("loss", "chart.events.length === 1")
    assert shown.chart("loss", "[chart.events[0].x, chart.events[0].event.text]") == [2, "look here"]
    finished(run)
