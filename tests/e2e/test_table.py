"""What a user does in the table of runs."""

import pytest
from playwright.sync_api import expect

import prevue
from serving import finished

COMPLETE = """async ([text, known]) => {
  const {completions} = await import("/assets/now/complete.js");
  const {from, options} = completions(text, known);
  return [text.slice(from), options];
}"""
KNOWN = {
    "fields": [
        {"field": "state", "examples": ["running", "failed"]},
        {"field": "config.optimizer", "examples": ["adam", 'a "b"']},
        {"field": "config.lr", "examples": [0.1]},
        {"field": 'config."my key"', "examples": [True]},
    ],
    "series": [{"field": "metrics.val.loss"}, {"field": 'metrics.val."top 5"'}],
    "sums": ["last", "max"],
}


@pytest.mark.parametrize(
    ("text", "last", "options"),
    [
        ("", "", ["state", "config.optimizer", "config.lr", 'config."my key"', "metrics.val.loss.",
                  'metrics.val."top 5".']),
        ("lr", "lr", ["config.lr"]),
        ('config."my', 'config."my', ['config."my key"']),
        ("metrics.val.loss.", "metrics.val.loss.", ["metrics.val.loss.last", "metrics.val.loss.max"]),
        ('metrics.val."top 5".m', 'metrics.val."top 5".m', ['metrics.val."top 5".max']),
        ("state ", "", ["=", "!=", "<", "<=", ">", ">=", "~", "in"]),
        ("metrics.val.loss.max <", "", []),
        ('state = "f', '"f', ['"failed"']),
        ("config.optimizer=", "", ['"adam"', '"a \\"b\\""']),
        ('config.optimizer in ("adam", ', "", ['"adam"', '"a \\"b\\""']),
        ('state = "failed" ', "", ["and", "or"]),
        ('not (config."my key" = true) or st', "st", ["state"]),
    ],
)  # fmt: skip
def test_a_filter_is_completed_where_the_cursor_stands(page, dashboard, text, last, options):
    page.goto(dashboard)
    assert page.evaluate(COMPLETE, [text, KNOWN]) == [last, options]


@pytest.fixture(scope="module")
def runs(backend) -> str:
    for number, name in enumerate(("one", "two", "three")):
        run = prevue.init("tabled", name, url=backend, uid="tester", config={"lr": 10.0**-number}, tags=["old"])
        run.log({"val_loss": 3 - number}, 1)
        finished(run)
    return "tabled"


@pytest.fixture
def shown(page, dashboard, runs):
    page.goto(f"{dashboard}/p/tester/{runs}/table")
    return page


def names(page):
    return page.locator("tbody th.name a").all_text_contents()


def test_a_filter_is_written_by_key(shown):
    shown.keyboard.press("/")
    shown.keyboard.type("loss")
    expect(shown.get_by_role("option")).to_have_text(["metrics.val.loss."])
    for key in ("Tab", "ArrowDown", "ArrowDown", "Enter"):  # of the sums, the second
        shown.keyboard.press(key)
    shown.keyboard.type("< 2.5")
    shown.keyboard.press("Enter")
    shown.wait_for_url("**filter=metrics.val.loss.first*")
    assert names(shown) == ["three", "two"]
    shown.get_by_role("link", name="lr", exact=True).click()
    expect(shown.locator("th[aria-sort=descending]")).to_have_text("lr")
    assert names(shown) == ["two", "three"]


def test_columns_are_found_and_chosen(shown):
    shown.get_by_role("button", name="Columns").click()
    shown.get_by_label("find columns").fill("val.loss.max")
    assert shown.locator("#columns label:visible").all_text_contents() == [" max"]
    shown.get_by_label("max").check()
    shown.get_by_role("button", name="Show", exact=True).click()
    expect(shown.locator("thead th", has_text="val/loss max")).to_be_visible()
    assert shown.locator("tbody tr").first.locator("td.figure").all_text_contents()[1:3] == ["1", "1"]


def test_a_pinned_column_stands_first_and_stays_in_view(shown):
    shown.get_by_role("link", name="pin val/loss best").click()
    shown.wait_for_url("**pin=metrics.val.loss.best*")
    head = shown.locator("th.pinned")
    assert shown.locator("thead th").nth(4).text_content().split() == ["val/loss", "best"]
    narrow = "(table) => { table.style.maxWidth = '420px'; table.scrollLeft = 1000; }"
    shown.locator(".runs-table").evaluate(narrow)
    name = shown.locator("tbody th.name").first.bounding_box()
    assert abs(head.bounding_box()["x"] - name["x"] - name["width"]) <= 2
    assert name["x"] == shown.locator(".runs-table").bounding_box()["x"] + 1 + 33
    shown.get_by_role("link", name="unpin val/loss best").click()
    expect(shown.locator(".pinned")).to_have_count(0)


def test_a_run_is_edited_where_it_stands(shown):
    row = shown.locator("tbody tr", has_text="two")
    row.get_by_label("edit the tags of two").click()
    shown.keyboard.press("End")
    shown.keyboard.type(", new")
    shown.keyboard.press("Enter")
    expect(row.locator(".tag")).to_have_text(["old", "new"])
    row.get_by_label("rename two").click()
    shown.keyboard.press("Control+a")
    shown.keyboard.type("second")
    shown.keyboard.press("Enter")
    renamed = shown.locator("tbody tr", has_text="second")
    expect(renamed.get_by_role("link")).to_have_text("second")
    renamed.get_by_role("link").click()
    shown.wait_for_load_state()  # until the page's script listens
    shown.get_by_label("edit notes").click()
    shown.keyboard.type("first line")
    shown.keyboard.press("Enter")
    shown.keyboard.type("next")
    shown.keyboard.press("Control+Enter")
    expect(shown.locator(".notes")).to_have_text("first line\nnext")
    shown.get_by_label("rename").click()
    shown.keyboard.press("Control+a")
    shown.keyboard.type("never")
    shown.keyboard.press("Escape")
    expect(shown.locator("h1")).to_have_text("second")


def test_a_name_that_cannot_be_is_told_and_can_be_mended_or_left(shown, expected_errors):
    expected_errors.append("status of 422")
    shown.get_by_label("rename one").click()
    shown.keyboard.press("Control+a")
    shown.keyboard.press("Delete")
    shown.keyboard.press("Enter")
    expect(shown.locator("#toast")).to_contain_text("Not changed: run_name '' has 0 characters")
    expect(shown.locator("input.edit")).to_be_focused()
    shown.keyboard.press("Escape")
    expect(shown.locator("tbody tr a", has_text="one")).to_be_visible()
    assert "one" in names(shown)


def test_what_is_typed_is_not_lost_when_the_login_has_ended(shown):
    shown.route("**/changes", lambda route: route.fulfill(status=302, headers={"Location": "/healthz"}))
    shown.get_by_label("rename one").click()
    shown.keyboard.press("Control+a")
    shown.keyboard.type("a long name")
    shown.keyboard.press("Enter")
    expect(shown.locator("#toast")).to_contain_text("Not changed: log in again")
    shown.route(shown.url, lambda route: route.fulfill(status=302, headers={"Location": "/healthz"}))
    with shown.expect_response("**/healthz"):
        shown.evaluate("dispatchEvent(new Event('online'))")  # lets the page ask for itself
    expect(shown.locator("input.edit")).to_have_value("a long name")
    shown.locator("input.edit").press("Escape")  # a page that closes would keep it, now that it can


def test_chosen_runs_are_drawn_and_put_away(shown, dashboard):
    color = "(swatch) => getComputedStyle(swatch).backgroundColor"
    colors = [one.evaluate(color) for one in shown.locator("tbody .swatch").all()]
    assert len(set(colors)) == 3
    for name in ("one", "three"):
        shown.get_by_label(f"choose {name}").check()
    expect(shown.locator("#chosen-count")).to_have_text("2 runs chosen")
    shown.get_by_role("button", name="Curves").click()
    shown.wait_for_function("() => window.prevue?.charts?.values().next().value?.curves.length === 2")
    assert shown.locator("#runs .run-name").all_text_contents() == ["three", "one"]
    assert [one.evaluate(color) for one in shown.locator("#runs .swatch").all()] == [colors[0], colors[2]]
    shown.get_by_title("list all runs").click()
    shown.wait_for_function("() => window.prevue.charts.values().next().value.curves.length === 3")
    shown.goto(f"{dashboard}/p/tester/tabled/table")
    for name in ("one", "three"):
        shown.get_by_label(f"choose {name}").check()
    shown.get_by_role("button", name="Compare").click()
    compared = shown.locator(".compare")
    expect(compared.locator("thead th")).to_have_count(2)
    assert compared.get_by_role("row", name="lr").first.get_by_role("cell").all_text_contents() == ["0.01", "1.0"]
    shown.goto(f"{dashboard}/p/tester/tabled/table")
    shown.get_by_label("choose one").check()
    shown.get_by_role("button", name="Delete").click()
    expect(shown.get_by_label("choose one")).to_have_count(0)
    shown.get_by_role("link", name="Trash").click()
    shown.get_by_label("choose all").check()
    shown.get_by_role("button", name="Restore").click()
    shown.get_by_role("link", name="Runs", exact=True).last.click()
    assert "one" in names(shown)
