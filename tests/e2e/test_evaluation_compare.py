"""What a user reads on the page that compares evaluations: is B better, or is it noise?"""

import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from e2e.evaluations import PROJECT, Log, cells


@pytest.fixture(scope="module")
def log(backend):
    return Log(backend)


@pytest.fixture
def compare(page, dashboard):
    def compare(*logged):
        of = "&".join(f"of={one.evaluation_id}" for one in logged)
        page.goto(f"{dashboard}/p/tester/{PROJECT}/evaluations/compare?{of}")
        page.locator("body[data-drawn]").wait_for()

    return compare


def right(logged):
    """Return which samples a test is right about."""
    return np.where(logged.score[:, 1] >= 0.5, "malignant", "benign") == logged.target


def test_the_words_say_what_is_noise_and_what_is_better_with_the_interval(page, log, compare, browser, tmp_path):
    tame = make_pipeline(StandardScaler(), LogisticRegression(C=0.5))
    a, b, c = log.cancer("model a"), log.cancer("nearly the same", tame), log.cancer("dummy", DummyClassifier())
    compare(a, b, c)
    first, second = page.locator(".verdict").all()
    gap = 100 * (right(a).mean() - right(c).mean())
    expect(first).to_contain_text(re.compile("within noise|are equal"))
    expect(second.get_by_role("heading")).to_have_text(re.compile(rf"^A is better by {gap:.1f} pt of accuracy \[\d"))
    assert second.locator("p").count() == 2
    low, high = (float(end) for end in re.findall(r"([\d.]+) pt[,\]]", second.inner_text())[:2])
    assert low < gap < high
    expect(page.get_by_role("note")).to_contain_text(re.compile(r"\d+ differences are shown of 2 pairs"))
    says = page.locator(".differences tr", has_text="Accuracy").first.locator(".says")
    expect(says.last).to_have_text("A is better")
    expect(says.first).to_have_text("within noise")
    page.get_by_label("Sample by sample").select_option("A and C")
    counts = [np.sum(one & other) for one in (right(a), ~right(a)) for other in (right(c), ~right(c))]
    assert cells(page, "view-agreement") == counts
    page.locator("#view-agreement .cell").nth(1).click()
    expect(page.locator("#view-samples [role=status]")).to_contain_text(f"Only A is right: {counts[1]} samples")
    missed = page.locator("#view-samples tbody tr").first.locator(".missed")
    expect(missed).to_have_count(1)
    for view in ("view-roc", "view-precision-recall"):
        assert page.locator(f"#{view} .side-line[points]").count() == 3
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Save this page").click()
    download.value.save_as(tmp_path / "compared.html")
    saved = browser.new_context(offline=True).new_page()
    saved.goto(f"file://{tmp_path / 'compared.html'}")
    expect(saved.locator(".verdict").last).to_contain_text("A is better by")
    saved.locator("#view-agreement .cell").last.click()
    expect(saved.locator("#view-samples [role=status]")).to_contain_text("Both are wrong")
    saved.context.close()


def test_samples_are_of_the_group_that_was_chosen_last_whichever_come_last(page, log, compare, expected_errors):
    expected_errors.append("status of 500")
    compare(log.cancer("quick"), log.cancer("late", DummyClassifier()))
    held: list[Route] = []
    page.route("**/compare?*group=both*", lambda route: held.append(route))
    told = page.locator("#view-samples [role=status]")
    with page.expect_request("**/compare?*group=both*"):
        page.locator("#view-agreement .cell").first.click()
    page.locator("#view-agreement .cell").last.click()
    expect(told).to_contain_text("Both are wrong")
    with page.expect_response("**/compare?*group=both*") as late:
        held[0].continue_()
    late.value.finished()
    page.evaluate("fetch('/healthz')")
    expect(told).to_contain_text("Both are wrong")
    out_of_order = {"status": 500, "json": {"error": "out of order"}}
    page.route("**/compare?*group=only_b*", lambda route: route.fulfill(**out_of_order))
    page.locator("#view-agreement .cell").nth(2).click()
    expect(told).to_have_text("The samples did not come: out of order")
    expect(page.locator("#view-samples tbody tr")).to_have_count(0)


def test_where_the_interval_and_the_test_do_not_agree_neither_decides(page, log, compare):
    compare(log.cancer("bayes", GaussianNB()), log.cancer("logistic"))
    told = page.evaluate(
        """async () => {
        const script = document.querySelector("script[src*=compare]").src;
        const {verdict} = await import(script.replace("compare.js", "verdict.js"));
        const row = {name: "accuracy", difference: 0.03, interval: {low: 0.01, high: 0.05}};
        const of = (p_value) => ({samples: 100, scores: [row], mcnemar: {p_value}});
        return [0.2, 0.01].map((p_value) => verdict(of(p_value), "A", "B").heading);
        }"""
    )
    assert told == [
        "B is perhaps better by 3.0 pt of accuracy [1.0 pt, 5.0 pt], at the border of noise",
        "B is better by 3.0 pt of accuracy [1.0 pt, 5.0 pt]",
    ]


def test_evaluations_are_chosen_in_the_list_and_those_that_cannot_be_compared_are_told(
    page, log, dashboard, expected_errors
):
    expected_errors.append("status of 422")
    one, other, numbers = log.cancer("chosen one"), log.cancer("chosen other"), log.diabetes("not alike")
    page.goto(f"{dashboard}/p/tester/{PROJECT}/evaluations")
    for name in ("chosen one", "chosen other"):
        page.get_by_role("checkbox", name=f"choose cancer of {name}").check()
    page.get_by_role("button", name="Compare the chosen").click()
    expect(page.locator(".verdict")).to_contain_text("A and B are equal in accuracy")
    page.get_by_role("link", name="leave chosen one, cancer out").click()
    expect(page.get_by_text("Add another evaluation to compare.")).to_be_visible()
    of = f"of={one.evaluation_id}&of={numbers.evaluation_id}"
    page.goto(f"{dashboard}/p/tester/{PROJECT}/evaluations/compare?{of}")
    expect(page.get_by_role("alert")).to_contain_text("are not comparable")
    assert other.evaluation_id != one.evaluation_id
