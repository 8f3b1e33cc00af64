"""The page of an evaluation as a file: opened from disk, without a network."""

import re

import pytest
from playwright.sync_api import expect
from sklearn.metrics import confusion_matrix

import prevue
from e2e.evaluations import PROJECT, Log, cells
from frontend_bokeh import evaluation_file


@pytest.fixture
def opened(page, backend, dashboard, browser, tmp_path):
    """A saved page of ten classes in a browser that is cut off, the addresses it asks for, and what was logged."""
    logged = Log(backend).digits("saved", slices={"half": ["one", "other"] * 449})
    page.goto(f"{dashboard}/p/tester/{PROJECT}/evaluations/{logged.evaluation_id}?threshold=0.25")
    page.locator("body[data-drawn]").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Save this page").click()
    download.value.save_as(tmp_path / "saved.html")
    context = browser.new_context(offline=True, locale="en-US")
    saved, asked, wrong = context.new_page(), [], []
    saved.on("request", lambda request: asked.append(request.url))
    saved.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    saved.on("pageerror", lambda error: wrong.append(str(error)))
    saved.goto(f"file://{tmp_path / 'saved.html'}")
    yield saved, asked, logged
    assert wrong == []
    context.close()


def test_a_saved_page_is_linked_without_a_network(opened):
    page, asked, logged = opened
    page.locator("body[data-drawn]").wait_for()
    expect(page.locator("#view-threshold output")).to_have_text("0.25")
    matrix = confusion_matrix(logged.target, logged.score.argmax(1))
    assert cells(page, "view-confusion-matrix") == matrix.ravel().tolist()
    page.locator("#view-confusion-matrix .cell[data-cell='8 1']").click()
    expect(page.locator("#view-samples [role=status]")).to_have_text(re.compile(f"^{matrix[8, 1]} sample"))
    expect(page.locator("#view-slices tbody tr")).to_have_count(2)
    page.locator("#label").select_option("3")
    expect(page.locator("#view-roc .area")).to_contain_text("· 3")
    before = cells(page, "view-threshold")
    page.get_by_role("slider", name="Threshold").focus()
    page.keyboard.press("Home")
    after = cells(page, "view-threshold")
    assert (before[0] + before[1], after[1]) == (after[0], 0)
    page.get_by_role("button", name="light or dark").click()
    page.get_by_role("button", name="save ROC curve").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="PNG").click()
    assert download.value.path().stat().st_size > 5_000
    assert [address for address in asked if not address.startswith(("file:", "data:", "blob:"))] == []


def test_a_saved_page_holds_the_matrix_once_and_the_chosen_class(backend, monkeypatch):
    monkeypatch.setattr(evaluation_file, "MOST_WORK", 20)
    logged = Log(backend).digits("held")
    with prevue.Api(backend) as api:
        (row,) = api.evaluations(logged.run_id)
        kept = evaluation_file.answers_of(api, row, ("report",), label=8)
    whole, *of_classes = kept.values()
    assert [name.partition("?")[2] for name in kept] == ["", "label=0", "label=1", "label=8"]
    assert whole["matrix"] == confusion_matrix(logged.target, logged.score.argmax(1)).tolist()
    assert [told.get("label", 0) for told in of_classes] == [0, 1, 8]
    assert not any("matrix" in told for told in of_classes)
