"""What a user sees of a run's page while the run goes on."""

import pytest
from playwright.sync_api import expect

import prevue
from serving import finished, stored

# A browser without a screen shows every page; so the page is told that it is hidden, or shown.
HIDE = """(isHidden) => {
    Object.defineProperty(document, "hidden", {value: isHidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def live(backend):
    run = prevue.init("alive", "one", url=backend, uid="tester")
    run.log({"loss": 0.5}, 1)
    stored(run, records=2)
    yield run
    finished(run)


def test_a_run_is_followed_from_the_list_to_its_end(page, dashboard, live, open_project):
    open_project("alive", charts=1)
    page.get_by_role("link", name="one").click()
    expect(page.locator("#pill")).to_have_text("live")
    page.evaluate("() => { window.same = true; }")  # gone with a reload
    row = page.get_by_role("row", name="train/loss")
    expect(row.get_by_role("cell").first).to_have_text("0.5")
    page.locator("summary").click()
    live.log({"loss": 0.25}, 1500)
    expect(row.get_by_role("cell").first).to_have_text("0.25")
    expect(page.locator("[data-part=steps]")).to_have_text("up to 1,500")
    finished(live)
    expect(page.locator(".runhead .run-state")).to_have_text("finished")
    expect(page.locator("#pill")).to_have_text("up to date")
    assert page.evaluate("() => window.same && document.querySelector('details').open")


def test_a_dashboard_that_is_away_is_told_of_and_the_page_goes_on_by_itself(
    page, dashboard, live, context, expected_errors
):
    expected_errors.append("ERR_INTERNET_DISCONNECTED|Failed to load resource")
    page.goto(f"{dashboard}/p/tester/alive/runs/{live.run_id}")
    expect(page.locator("#pill")).to_have_text("live")
    context.set_offline(True)
    expect(page.locator("#pill")).to_have_text("reconnecting")
    expect(page.locator("#banner")).to_be_visible()
    context.set_offline(False)
    expect(page.locator("#pill")).to_have_text("live")
    expect(page.locator("#banner")).to_be_hidden()


def test_a_run_that_is_deleted_meanwhile_is_told_of(page, dashboard, backend, live, expected_errors):
    expected_errors.append("status of 404")
    page.goto(f"{dashboard}/p/tester/alive/runs/{live.run_id}")
    with prevue.Api(backend) as api:
        api.delete_run(live.run_id)
    expect(page.get_by_role("alert")).to_contain_text("there is no run")


def test_a_page_looks_when_there_is_news_and_not_while_it_is_hidden(page, dashboard, live):
    page.goto(f"{dashboard}/p/tester/alive/runs/{live.run_id}")
    cell = page.get_by_role("row", name="train/loss").get_by_role("cell").first
    live.log({"loss": 0.125}, 2)
    expect(cell).to_have_text("0.125")
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/news")):  # the page has ended it
        page.evaluate(HIDE, True)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    live.log({"loss": 0.0625}, 3)
    stored(live, records=4)
    assert asked == []
    page.evaluate(HIDE, False)
    expect(cell).to_have_text("0.0625")
    live.log({"loss": 0.03125}, 4)
    expect(cell).to_have_text("0.03125")
    assert len([url for url in asked if url.endswith("/news")]) == 1


def test_an_alert_comes_to_the_page_by_itself(page, dashboard, live):
    page.goto(f"{dashboard}/p/tester/alive/runs/{live.run_id}")
    live.log({"loss": float("nan")}, 5)
    expect(page.locator("[data-part=events]")).to_contain_text("train/loss is NaN at step 5")
    expect(page.locator("[data-part=alerts]")).to_contain_text("train/loss is NaN at step 5")


def test_a_finding_that_is_read_stays_open(page, dashboard, backend, live):
    for step in range(20):
        live.log({"loss": 0.5}, step)
    finished(live)
    page.goto(f"{dashboard}/p/tester/alive/runs/{live.run_id}")
    page.get_by_text("When it speaks").click()
    silence = page.get_by_role("button", name="Silence in this run")
    silence.focus()
    with prevue.Api(backend) as api:
        api.edit_run(live.run_id, notes="looked at")
    page.evaluate(HIDE, False)
    expect(page.locator(".notes")).to_have_text("looked at")
    expect(silence).to_be_focused()
