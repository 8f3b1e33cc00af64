"""Runs beyond the newest are found: by filter, by name, and because the table has chosen them."""

import uuid
from urllib.parse import urlencode

import pytest
import requests
from playwright.sync_api import expect

import prevue

SHOWN = 200


@pytest.fixture(scope="module")
def many(backend) -> str:
    """A project with more runs than a page is told of; the oldest two are called `first` and `second`."""
    with requests.Session() as session:
        for place, name in enumerate(("first", "second", *(f"run {place}" for place in range(2, SHOWN + 2)))):
            now, told = {"time": 1e9 + place}, {"project": "many", "uid": "tester", "run_name": name}
            records = [
                {"type": "start", **now, **told, "config": {"place": place}},
                {"type": "metrics", **now, "step": 1, "values": {"loss": place}},
                {"type": "end", **now, "state": "finished"},
            ]
            path = f"/api/v1/runs/{uuid.uuid4()}/writers/{uuid.uuid4()}/records?first_seq=0"
            session.post(backend + path, json={"records": records}).raise_for_status()
    return "many"


def listed(shown):
    return shown.page.locator("#runs .run-name")


def test_a_filter_and_a_name_find_older_runs(open_project, many):
    shown = open_project(many, charts=1, query="?runs=run 20")
    expect(shown.page.locator("#runs-foot")).to_contain_text("the newest 200 runs")
    field = shown.page.get_by_label("filter runs")
    field.fill("first")
    expect(listed(shown)).to_have_text(["first"])
    shown.wait_chart("loss", "chart.curves.length === 1 && chart.curves[0].y[0] === 0")
    field.fill("config.place < 3")
    expect(listed(shown)).to_have_text(["run 2", "second", "first"])
    shown.wait_chart("loss", "chart.curves.length === 3")
    field.fill("config.place <")
    expect(shown.page.locator("#run-refusal")).not_to_be_empty()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(listed(shown)).to_have_text(["run 2", "second", "first"])
    field.fill("config.place = 1")
    expect(listed(shown)).to_have_text(["second"])
    shown.reload(1)
    expect(listed(shown)).to_have_text(["second"])
    assert shown.query() == {"runs": ["config.place = 1"]}
    open_project(many, charts=1, query="?runs=config.place < 2&group=place")
    expect(shown.page.locator("#runs .run-group")).to_have_text(["place = 1", "place = 0"])


def test_a_filter_is_completed_and_a_name_is_not_in_its_way(open_project, many, expected_errors):
    expected_errors.append("status of 503")
    shown = open_project(many, charts=1, query="?runs=run 20")
    field, offered = shown.page.get_by_label("filter runs"), shown.page.locator("#completions li")
    shown.page.route("**/fields", lambda route: route.fulfill(status=503), times=1)
    with shown.page.expect_response("**/fields"):
        field.focus()
    shown.page.evaluate("async () => { await fetch('/healthz'); document.activeElement.blur(); }")
    with shown.page.expect_response("**/fields"):  # as they did not come
        field.focus()
    field.fill("place")
    expect(offered).to_have_text(["config.place"])
    shown.page.keyboard.press("Tab")
    assert (field.input_value(), shown.page.locator("#completions").is_hidden()) == ("place", True)
    field.fill("plac")
    shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("Enter")
    assert field.input_value() == "config.place "
    shown.page.keyboard.type("= 1")
    expect(listed(shown)).to_have_text(["second"])
    shown.page.keyboard.press("Escape")
    expect(shown.page.locator("#completions")).to_be_hidden()
    shown.page.keyboard.press("Escape")  # leaves the field, with what is typed
    assert (field.input_value(), field.evaluate("(field) => field.matches(':focus')")) == ("config.place = 1", False)
    field.fill("")
    expect(offered).to_have_count(0)


def test_the_table_hands_older_runs_over(page, dashboard, many):
    page.goto(f"{dashboard}/p/tester/{many}/table?filter=config.place+<+2")
    page.get_by_label("choose all runs").check()
    page.get_by_role("button", name="Curves").click()
    expect(page.locator("#runs .run-name")).to_have_text(["second", "first"])
    page.wait_for_function("() => window.prevue.charts.values().next().value?.curves.length === 2")


def test_archived_runs_are_handed_over_too(page, dashboard, backend, many):
    with prevue.Api(backend) as api:
        runs = api.runs(many, filter="config.place in (1, 200)")
        for run in runs:
            api.archive_run(run.run_id)
        page.goto(f"{dashboard}/p/tester/{many}/table?shelf=archive")
        page.get_by_label("choose all runs").check()
        page.get_by_role("button", name="Curves").click()
        expect(page.locator("#runs .run-name")).to_have_text(["run 200", "second"])
        page.wait_for_function("() => window.prevue.charts.values().next().value?.curves.length === 2")
        for run in runs:
            api.restore_run(run.run_id)


def test_a_hundred_runs_are_compared(page, dashboard, backend, many):
    with prevue.Api(backend) as api:
        asked = [("run", run.run_id) for run in api.runs(many, filter="config.place > 0", limit=101)]
    told = page.request.get(f"{dashboard}/p/tester/{many}/values?{urlencode([('field', 'config.place'), *asked])}")
    assert told.json()["values"]["config.place"] == list(range(201, 100, -1))


def test_more_chosen_runs_than_are_drawn_have_no_way_to_their_curves(page, dashboard, backend, many):
    with prevue.Api(backend) as api:
        asked = [("run", run.run_id) for run in api.runs(many, limit=201)]
    page.goto(f"{dashboard}/p/tester/{many}/compare?{urlencode(asked)}")
    expect(page.locator("#kept")).to_have_text("201 runs")
    expect(page.locator("#curves-kept")).to_be_disabled()
