"""Everything works without a pointer, and is told to those who do not see it."""

import pytest

import prevue
from serving import finished

FOCUS = "document.activeElement"


@pytest.fixture(scope="module")
def trio(backend) -> str:
    for name in ("a", "b", "c"):
        run = prevue.init("trio", name, url=backend, uid="tester")
        for step in range(20):
            run.log({"loss": 1 / (step + 1)}, step, epoch=step // 5)
        finished(run)
    return "trio"


@pytest.fixture
def shown(open_project, trio):
    return open_project(trio, charts=1)


def focused(shown):
    return shown.page.evaluate(f"{FOCUS}.getAttribute('aria-label') ?? {FOCUS}.id ?? {FOCUS}.tagName")


def tab_to(shown, label):
    for _ in range(30):
        shown.page.keyboard.press("Tab")
        if focused(shown) == label:
            return
    raise AssertionError(f"Tab does not lead to {label!r}")


def test_a_run_is_reached_and_hidden(shown):
    tab_to(shown, "show c")
    shown.page.keyboard.press("ArrowDown")
    assert focused(shown) == "show b"
    shown.page.keyboard.press("Space")
    shown.wait_chart("loss", "chart.curves.length === 2")
    assert focused(shown) == "show b"
    assert shown.page.get_by_label("show b").get_attribute("aria-pressed") == "false"
    shown.page.keyboard.press("End")
    assert focused(shown) == "show a"
    shown.page.keyboard.press("Home")
    assert focused(shown) == "show c"
    shown.page.keyboard.press("Tab")
    shown.page.keyboard.press("Shift+Tab")
    assert focused(shown) == "show c"  # of the list, Tab reaches one run only: its eye and its link
    shown.wait_chart("loss", "chart.sources.lines.data.alpha.filter((alpha) => alpha === 1).length === 1")


def test_the_page_of_a_run_is_reached(shown):
    tab_to(shown, "show c")
    shown.page.keyboard.press("Tab")
    shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("Enter")
    shown.page.wait_for_url("**/trio/runs/*")
    assert shown.page.locator("h1").text_content() == "b"


def test_arrows_choose_within_a_radiogroup(shown):
    shown.page.get_by_role("radio", name="Step").focus()
    shown.page.keyboard.press("ArrowRight")
    assert shown.query() == {"x": ["epoch"]}
    assert shown.page.evaluate(f"{FOCUS}.textContent") == "Epoch"
    shown.page.keyboard.press("ArrowLeft")
    shown.page.keyboard.press("ArrowLeft")
    assert shown.query() == {"x": ["wall"]}
    assert shown.page.get_by_role("radio", name="Wall").get_attribute("aria-checked") == "true"
    stops = shown.page.locator("#axis [tabindex='0']").all_text_contents()
    assert stops == ["Wall"]


def test_each_key_of_the_help_works(shown):
    press = shown.page.keyboard.press
    press("]")
    press("]")
    press("[")
    assert shown.query() == {"smooth": ["0.05"]}
    press("x")
    assert shown.query()["x"] == ["epoch"]
    press("l")
    assert shown.query()["log"] == ["1"]
    press("/")
    assert focused(shown) == "filter runs"
    press("Escape")
    press("m")
    assert focused(shown) == "filter metrics"
    press("Escape")
    assert shown.page.evaluate(f"{FOCUS} === document.body")
    press("?")
    assert shown.page.get_by_role("dialog").get_by_role("heading").text_content() == "Keys"
    told = set(shown.page.locator("#keys kbd").all_text_contents())
    assert told == {"/", "m", "↑", "↓", "Space", "[", "]", "x", "l", "r", "t", "?", "Esc", "←", "→", "PgUp", "PgDn"}
    press("Escape")
    assert shown.page.get_by_role("dialog").count() == 0


def test_a_key_means_nothing_to_the_page_where_one_types_and_behind_a_dialog(shown):
    theme = "document.documentElement.dataset.theme"
    before = shown.page.evaluate(theme)
    shown.page.keyboard.press("m")
    shown.page.keyboard.type("txl")
    assert shown.page.get_by_label("filter metrics").input_value() == "txl"
    shown.page.get_by_label("filter metrics").fill("")
    shown.page.keyboard.press("Escape")
    shown.page.keyboard.press("?")
    for key in ("t", "x", "l", "]"):
        shown.page.keyboard.press(key)
    shown.page.keyboard.press("Escape")
    shown.page.keyboard.press("Control+t")
    assert shown.page.evaluate(theme) == before
    assert shown.query() == {}


def test_what_has_the_focus_is_seen(shown):
    unseen = []
    for _ in range(25):
        shown.page.keyboard.press("Tab")
        if shown.page.evaluate(f"{FOCUS} === document.body"):
            break
        outline = shown.page.evaluate(f"getComputedStyle({FOCUS}).outline")
        if "none" in outline or outline.endswith("0px"):
            unseen.append(focused(shown))
    assert unseen == []


def test_a_chart_tells_its_last_values(shown):
    picture = shown.page.get_by_role("img", name="train/loss; last values: c 0.05, b 0.05, a 0.05")
    assert picture.count() == 1
