"""What a user does on the page that compares runs."""

import pytest
from playwright.sync_api import expect

import prevue
from serving import finished


@pytest.fixture(scope="module")
def sweep(backend) -> str:
    for number in range(12):
        config = {"lr": 10.0 ** -(number % 4), "units": number, "optimizer": "adam" if number % 3 else "sgd", "same": 1}
        run = prevue.init("sweep", f"run {number:02d}", url=backend, uid="tester", config=config)
        layers = [{"name": "d", "type": "Dense", "output_shape": [None, 8 * (number % 2 + 1)], "parameters": 8}]
        run.describe({"name": "net", "framework": "none", "parameters": 8, "layers": layers})
        run.log({"val_accuracy": number / 12}, 1)
        finished(run)
    return "sweep"


@pytest.fixture
def shown(page, dashboard, sweep):
    page.goto(f"{dashboard}/p/tester/{sweep}/compare")
    expect(page.locator("#kept")).to_have_text("12 runs")
    return page


def grip(page, label):
    box = page.get_by_role("slider", name=f"range of {label}").locator(".grip").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + 6, box["height"] - 12


def kept(page):
    return sorted(page.locator("#kept-runs tbody th").all_text_contents())


def test_a_drag_over_an_axis_keeps_the_runs_that_pass_there_until_a_double_click(shown, page):
    assert shown.locator("#axes button").all_text_contents() == ["lr", "optimizer", "units", "val.accuracy.best"]
    assert shown.locator(".run-line:not(.out)").count() == shown.locator(".dot:not(.out)").count() == 12
    x, top, height = grip(shown, "val.accuracy.best")
    shown.mouse.move(x, top - 3)
    shown.mouse.down()
    shown.mouse.move(x, top + height / 2 - 2, steps=3)
    shown.mouse.up()
    expect(shown.locator("#kept")).to_have_text("6 of 12 runs")
    assert kept(shown) == [f"run {number:02d}" for number in range(6, 12)]
    assert shown.locator(".run-line:not(.out)").count() == shown.locator(".dot:not(.out)").count() == 6
    shown.reload()
    expect(shown.locator("#kept")).to_have_text("6 of 12 runs")
    with shown.expect_navigation():
        shown.get_by_role("button", name="Side by side").click()
    assert shown.locator(".compare thead th a").all_text_contents() == [f"run {n:02d}" for n in range(11, 5, -1)]
    shown.go_back()
    expect(shown.locator("#kept")).to_have_text("6 of 12 runs")
    shown.mouse.dblclick(x, top + height / 2)
    expect(shown.locator("#kept")).to_have_text("12 runs")


def test_axes_are_chosen_and_brushed_by_key_and_dots_say_which_run_they_are(shown):
    for _ in range(10):
        shown.get_by_role("slider", name="range of optimizer").press("ArrowDown")
    expect(shown.locator("#kept")).to_have_text("8 of 12 runs")  # adam
    shown.keyboard.press("Escape")
    expect(shown.locator("#kept")).to_have_text("12 runs")
    shown.get_by_label("take away lr").click()
    shown.get_by_label("add an axis").select_option("config.same")
    expect(shown.get_by_role("slider", name="range of same")).to_be_visible()
    shown.get_by_label("Across").select_option("config.units")
    expect(shown.get_by_role("img", name="val.accuracy.best over units of 12 runs")).to_be_visible()
    shown.locator(".dot[data-run='0']").hover()
    expect(shown.locator("#tooltip .tip-head")).to_have_text("run 11")
    expect(shown.locator(".run-line.near")).to_have_attribute("data-run", "0")
    shown.locator(".dot.near").click()
    shown.wait_for_url("**/runs/*")
    assert shown.locator("h1").text_content() == "run 11"


def test_models_are_compared_layer_by_layer(shown):
    row = shown.locator(".layers tbody tr")
    assert row.locator("th, td").all_text_contents() == ["changed", "d", "Dense", "16", "8", "d", "Dense", "8", "8"]
    assert row.locator(".differs").all_text_contents() == ["16", "8"]
