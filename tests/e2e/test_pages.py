"""Every page in light and dark: nothing leaves the machine, and axe finds nothing serious."""

from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

import prevue
from serving import finished

PROJECT = "/p/tester/pages"
PATHS = {"projects": "/", "runs": PROJECT, "model": f"{PROJECT}/model", "none": "/p/tester/no-such"}
PATHS |= {f"run's {part}": f"/p/tester/failing/runs/{{failed}}/{part}" for part in ("results", "system")}
PATHS |= {"checks": "/checks"}
PATHS |= {"run": "/p/tester/failing/runs/{failed}", "table": f"{PROJECT}/table", "compare": f"{PROJECT}/compare"}
# How much of the page has moved, as browsers tell it: a share of the window times a share of its height.
SHIFTED = """(() => {
    const observer = new PerformanceObserver(() => {});
    observer.observe({type: "layout-shift", buffered: true});
    return observer.takeRecords().reduce((sum, one) => sum + (one.hadRecentInput ? 0 : one.value), 0);
})()"""
LAYERS = [{"name": "dense", "type": "Dense", "output_shape": [None, 16], "parameters": 160}]


@pytest.fixture(scope="module")
def pages(backend) -> dict[str, str]:
    for name in ("one", "two"):
        run = prevue.init("pages", name, url=backend, uid="tester", tags=["tag"])
        run.describe({"name": "net", "framework": "none", "parameters": 160, "layers": LAYERS})
        for step in range(30):
            run.log({"loss": float("nan") if step == 9 else 1 / (step + 1), "val_loss": 0.5}, step)
        finished(run)
    failed = prevue.init("failing", "bad", url=backend, uid="tester", config={"lr": 0.1}, tags=["tag"], notes="note")
    failed.log({"loss": float("inf")}, 7)
    failed.log({"cpu_percent": 50}, 1, split="system")
    failed.log_table("worst", {"sample": ["a"], "loss": [4.5]})
    failed.log_text("said", "hello")
    failed.log_result("matrix", "confusion", {"values": [[1, 2], [3, 4]]})
    failed.log_result("mine.kind", "tree", {"deep": {"er": [1]}})
    assert failed.finish("failed", message="lost its way", timeout=None)
    return {"failed": failed.run_id}


@pytest.fixture
def visit(page, dashboard, pages, expected_errors):
    expected_errors.append("status of 404")

    def visit(name: str, theme: str) -> list[str]:
        """Go to a page and return the addresses that it asks for."""
        addresses: list[str] = []
        page.on("request", lambda request: addresses.append(request.url))
        page.emulate_media(color_scheme=theme)
        page.goto(dashboard + PATHS[name].format(**pages))
        page.wait_for_load_state("networkidle")
        if name == "runs":
            page.wait_for_function("() => document.querySelectorAll('[data-state=drawn]').length === 2")
            page.get_by_label("show one").click()
        if name == "table":
            page.get_by_label("choose one").check()
            page.get_by_label("filter").focus()
        return addresses

    return visit


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 400)])
@pytest.mark.parametrize("name", PATHS)
def test_nothing_leaves_the_machine_or_jumps_and_axe_finds_nothing_serious(visit, page, name, theme, width):
    page.set_viewport_size({"width": width, "height": 800})
    addresses = visit(name, theme)
    assert page.evaluate(SHIFTED) < 0.05
    found = Axe().run(page).response["violations"]
    serious = [
        (violation["id"], node["target"], node["failureSummary"])
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    assert serious == []
    local = [address for address in addresses if not address.startswith(("data:", "blob:"))]
    assert {urlsplit(address).hostname for address in local} == {"localhost"}
    page.emulate_media(color_scheme="light")


def test_a_project_is_found_among_all(visit, page):
    visit("projects", "light")
    rows = page.locator("tbody tr")
    times = rows.evaluate_all("(rows) => rows.map((row) => Number(row.querySelector('time').dataset.unix))")
    assert times == sorted(times, reverse=True)
    page.keyboard.press("/")
    page.keyboard.type("FAILI")
    assert [row.locator("td").first.text_content() for row in rows.all() if row.is_visible()] == ["failing"]
    page.keyboard.type("!")
    assert page.get_by_text("No project is called so.").is_visible()


def test_axe_finds_nothing_serious_in_dialogs_and_beside_errors(visit, page):
    visit("runs", "light")
    page.keyboard.press("?")
    dialog = Axe().run(page).response["violations"]
    page.keyboard.press("Escape")
    page.get_by_label("filter runs").fill("none of them(")
    empty = Axe().run(page).response["violations"]
    assert [one["id"] for one in dialog + empty if one["impact"] in ("serious", "critical")] == []


def test_a_page_that_may_keep_nothing_has_its_curves_and_both_themes(page, dashboard, pages):
    page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied'); }})")
    page.goto(f"{dashboard}{PROJECT}")
    page.locator(".card[data-state=drawn]").first.wait_for()
    before = page.evaluate("document.documentElement.dataset.theme")
    page.locator("#theme").click()
    assert {before, page.evaluate("document.documentElement.dataset.theme")} == {"light", "dark"}
