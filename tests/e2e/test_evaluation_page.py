"""What a user does with the page of an evaluation: real tests of real models, looked into in Chromium."""

import re
import uuid
from functools import partial
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect
from sklearn.metrics import confusion_matrix

import prevue
from e2e.evaluations import PROJECT, Log, cells
from prevue import evaluation_blocks
from prevue.evaluation import samples_of
from prevue.evaluation_blocks import records_of
from serving import finished


@pytest.fixture(scope="module")
def log(backend):
    return Log(backend)


@pytest.fixture
def open_evaluation(page, dashboard):
    def open_evaluation(logged, query=""):
        page.goto(f"{dashboard}/p/tester/{PROJECT}/evaluations/{logged.evaluation_id}{query}")
        page.locator("body[data-drawn]").wait_for()
        expect(page.locator("#view-samples [role=status]")).to_contain_text("sample")

    return open_evaluation


def serious(page):
    """Return what axe finds serious."""
    found = Axe().run(page).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]


def save(page, view, kind):
    """Save a view as a file, and return its bytes."""
    page.get_by_role("button", name=f"save {view}").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name=kind).click()
    return download.value.path().read_bytes()


def texts(svg):
    """Return what is written in a drawing."""
    return {"".join(one.itertext()) for one in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}


def test_a_threshold_that_is_drawn_along_moves_every_view_without_asking_anybody(page, log, open_evaluation):
    logged = log.cancer("dragged")
    asked = []
    open_evaluation(logged)
    expect(page.locator(".tile[data-score=accuracy] small")).to_contain_text("…")  # its interval has come
    expect(page.locator(".tile[data-score=accuracy] small")).to_contain_text("%")
    expect(page.locator("#view-slices")).to_contain_text("large")
    page.on("request", lambda request: asked.append(request.url))
    is_bad, score = logged.target == "malignant", logged.score[:, 1]

    def counted(threshold):
        said = score.astype("float32") >= threshold
        return [np.sum(is_bad & said), np.sum(is_bad & ~said), np.sum(~is_bad & said), np.sum(~is_bad & ~said)]

    assert cells(page, "view-threshold") == counted(0.5)
    before = page.locator("#view-roc .mark").get_attribute("cx")
    box = page.locator("#view-scores svg.chart").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.88, box["y"] + 40, steps=50)
    page.mouse.up()
    threshold = page.evaluate("() => window.prevue.page.threshold")
    assert 0.8 < threshold < 0.95
    assert cells(page, "view-threshold") == counted(threshold)
    assert page.locator("#view-roc .mark").get_attribute("cx") != before
    page.get_by_role("slider", name="Threshold").focus()
    page.keyboard.press("Home")
    assert cells(page, "view-threshold") == counted(0)
    expect(page.locator("#view-threshold .prices b")).to_have_text(f"{np.mean(~is_bad):.3f}")
    page.get_by_role("spinbutton", name="a false alarm").fill("10")
    page.get_by_role("button", name="Cheapest").click()
    threshold = page.evaluate("() => window.prevue.page.threshold")
    costs = [np.dot(counted(one), [0, 1, 10, 0]) for one in np.unique(score.astype("float32"))]
    assert np.dot(cells(page, "view-threshold"), [0, 1, 10, 0]) == min(costs)
    icons = [address for address in asked if address.endswith("/logo.svg")]  # a new address: a new icon
    assert asked == icons
    assert len(icons) < 25  # of some fifty thresholds: browsers refuse an address that changes with each


def test_cells_and_bars_choose_the_samples_and_the_address_keeps_it(page, log, open_evaluation):
    logged = log.cancer("clicked")
    open_evaluation(logged, "?threshold=0.3")
    said, is_bad = logged.score[:, 1].astype("float32") >= 0.3, logged.target == "malignant"
    page.locator("#view-threshold svg.matrix .cell").nth(2).click()  # false alarms
    expect(page.locator("#view-samples [role=status]")).to_have_text(re.compile(rf"^{np.sum(said & ~is_bad)} sample"))
    expect(page.locator(".chip")).to_contain_text("true: not malignant · score of malignant ≥ 0.3")
    ids = [f"patient {i}" for i in np.flatnonzero(said & ~is_bad)]
    assert sorted(page.locator("#view-samples tbody th").all_inner_texts()) == sorted(ids)
    small = page.locator("#view-samples tbody tr", has_text="small").count()
    expect(page.locator("#view-slices tbody tr", has_text="small").locator("td.figure").nth(1)).to_have_text(str(small))
    page.reload()
    expect(page.locator(".chip")).to_contain_text("score of malignant ≥ 0.3")
    page.get_by_role("button", name="show all samples again").click()
    expect(page.locator("#view-samples [role=status]")).to_have_text(f"{len(is_bad)} samples")
    page.locator("#view-scores .column.one").last.click()
    expect(page.locator(".chip")).to_contain_text("true: malignant")
    page.locator("#view-slices tbody tr", has_text="large").click()
    large = page.locator("#view-slices tbody tr", has_text="large").locator("td.figure").first.inner_text()
    expect(page.locator("#view-samples [role=status]")).to_have_text(f"{large} samples")
    page.get_by_role("button", name="Mistakes").click()
    expect(page.locator("#view-samples tbody tr:not(.wrongly)")).to_have_count(0)


def test_a_confusion_matrix_is_read_by_mouse_and_keyboard_and_every_panel_is_saved(page, log, open_evaluation):
    logged = log.digits("ten")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    open_evaluation(logged)
    assert len([one for one in asked if "/report?" in one]) == 1  # by the page, for its script
    linked = page.locator("link[rel=modulepreload]").evaluate_all("links => links.map((link) => link.href)")
    assert all(one in linked or one.endswith("theme.js") for one in asked if one.endswith(".js"))
    expect(page.locator(".finding summary")).to_contain_text("Miscalibrated")  # by a method check
    matrix = confusion_matrix(logged.target, logged.score.argmax(1))
    assert cells(page, "view-confusion-matrix") == matrix.ravel().tolist()
    page.locator("#view-confusion-matrix svg.matrix").focus()
    for key in ["ArrowDown"] * 9 + ["ArrowRight", "Enter"]:  # the first key is at the first cell
        page.keyboard.press(key)
    expect(page.locator(".chip")).to_have_text(re.compile("true: 8 · predicted: 1"))
    expect(page.locator("#view-samples [role=status]")).to_have_text(re.compile(f"^{matrix[8, 1]} sample"))
    page.get_by_role("radio", name="By true").click()
    share = page.locator("#view-confusion-matrix .cell[data-cell='0 0'] text").text_content()
    assert float(share) == pytest.approx(100 * matrix[0, 0] / matrix[0].sum(), abs=0.51)
    page.locator("#label").select_option("8")
    expect(page.locator("#view-roc .area")).to_have_text(re.compile(r"^AUC 0\.\d+ · 8$"))
    assert cells(page, "view-threshold")[0] == np.sum((logged.target == 8) & (logged.score[:, 8] >= 0.5))
    saved = partial(save, page)
    assert saved("Threshold", "CSV").startswith(b'"threshold","TP"')
    assert saved("Threshold", "PNG").startswith(b"\x89PNG")
    assert {"ROC curve", "False positive rate"} < texts(saved("ROC curve", "SVG"))
    support = {str(count) for count in matrix.sum(1)}
    assert {"Per class", "ROC AUC", *map(str, range(10)), *support} < texts(saved("Per class", "SVG"))
    names = page.evaluate("() => [...document.querySelectorAll('.view')].map((view) => view.id)")
    assert {"view-precision-recall", "view-scores", "view-calibration", "view-cost", "view-classes"} <= set(names)
    page.locator(".finding summary").click()
    page.get_by_role("link", name="All method checks").click()
    expect(page.locator("h2:target")).to_contain_text("Miscalibrated")
    page.go_back()
    page.locator(".finding summary").click()
    page.get_by_role("button", name="Silence in this run").click()
    expect(page.locator(".findings")).to_contain_text("nothing wrong with this test; 1 of")
    expect(page.locator(".chip")).to_have_text(re.compile("true: 8 · predicted: 1"))  # as the page was


def test_of_very_many_classes_those_are_shown_that_are_taken_for_one_another(page, open_evaluation, backend):
    target = np.tile(np.arange(400), 3)
    said = np.where((target == 7) & (np.arange(1200) > 400), 300, target)
    run = prevue.init(PROJECT, "many", url=backend, uid="tester")
    run.log_evaluation(target, said)
    finished(run)
    with prevue.Api(backend) as api:
        open_evaluation(SimpleNamespace(**api.evaluations(run.run_id)[0]))
    panel = page.locator("#view-confusion-matrix")
    expect(panel).to_contain_text("The 20 most confused of 400 classes")
    assert panel.locator("text.tick").all_text_contents()[:2] == ["7", "300"]
    panel.get_by_role("button", name="Worst 200").click()
    expect(panel).to_contain_text("The 200 most confused of 400 classes")
    expect(panel.locator(".cell")).to_have_count(200 * 200)
    panel.locator("[data-cell='0 1']").dispatch_event("click")
    expect(page.locator("#view-samples [role=status]")).to_have_text("2 samples")


def test_the_errors_of_a_regression_are_chosen_by_their_size_and_by_a_feature(page, log, open_evaluation):
    logged = log.diabetes("numbers")
    open_evaluation(logged)
    assert page.locator("#view-predicted .point").count() == len(logged.target)
    # no key walks so many points: what a pointer is told of one is in the table, from which keys choose
    expect(page.get_by_role("img", name="Predicted against true; the samples are in the table below")).to_be_visible()
    page.locator("#view-errors svg.chart").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".chip")).to_contain_text("≤ error <")
    error = logged.score - logged.target
    expect(page.locator("#view-samples tbody td.figure").nth(2)).to_have_text(f"{min(error):.4g}".replace("-", "−"))
    assert page.locator("#view-predicted .point:not(.off)").count() == page.locator("#view-samples tbody tr").count()
    page.get_by_role("combobox", name="by what the errors are grouped").select_option("bmi")
    page.locator("#view-errors-by .box").first.click()
    expect(page.locator(".chip")).to_contain_text("≤ bmi <")


def test_a_slider_goes_through_the_steps_of_a_training(page, open_evaluation, backend, expected_errors):
    expected_errors.append("status of 500")
    run = prevue.init(PROJECT, "steps", url=backend, uid="tester")
    for step in range(3):
        run.log_evaluation([0, 1, 1, 0], [0, 1, 1, 0] if step == 2 else [0] * (3 - step) + [1] * (1 + step), step=step)
    finished(run)
    with prevue.Api(backend) as api:
        last, middle, first = api.evaluations(run.run_id)
    held: list[Route] = []
    page.route(f"**/{middle['evaluation_id']}/columns?*", lambda route: held.append(route))
    open_evaluation(SimpleNamespace(**last))
    expect(page.locator(".tile[data-score=accuracy] b")).to_have_text("100.0%")
    page.get_by_role("link", name="Evaluations").click()
    expect(page.locator("tr", has=page.get_by_role("link", name="steps"))).to_have_count(1)  # one row of the three
    expect(page.locator("tr", has=page.get_by_role("link", name="steps"))).to_contain_text("2 last of 3")
    page.go_back()
    assert cells(page, "view-confusion-matrix") == [2, 0, 0, 2]  # without scores there is no threshold
    expect(page.locator("#view-threshold")).to_be_hidden()
    page.get_by_role("slider", name="step of the training").focus()
    wrong = {"status": 500, "json": {"error": "out of order"}}
    page.route(f"**/{middle['evaluation_id']}/report?*", lambda route: route.fulfill(**wrong), times=1)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#wrong")).to_have_text(re.compile("out of order"))
    expect(page.locator("#views")).to_be_empty()  # its numbers are not those of the step before
    page.keyboard.press("End")
    expect(page.locator(".tile[data-score=accuracy] b")).to_have_text("100.0%")
    page.route(f"**/{middle['evaluation_id']}/checks?*", lambda route: route.fulfill(**wrong), times=1)
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tile[data-score=accuracy] b")).to_have_text("50.0%")
    expect(page.locator(".findings")).to_have_text("What the method checks say did not come: out of order")
    expect(page.locator("#wrong")).to_be_hidden()
    reports: list[Route] = []
    later: list[Route] = []
    of_first = f"**/{first['evaluation_id']}"
    page.route(f"{of_first}/report?*", lambda route: reports.append(route))
    for what in ("intervals", "columns"):
        page.route(f"{of_first}/{what}?*", lambda route: later.append(route), times=1)
    with page.expect_request(f"{of_first}/report?*"):
        page.keyboard.press("Home")
    with page.expect_request(f"{of_first}/report?*"):
        page.locator("#view-classes tbody tr:not([aria-current])").click()  # while the step's numbers are under way
    for route in reports:
        route.continue_()
    expect(page.locator("#steps output")).to_have_text("step 0")
    expect(page.locator(".tile[data-score=accuracy] b")).to_have_text("25.0%")
    assert cells(page, "view-confusion-matrix") == [1, 1, 2, 0]
    for route in later:
        route.continue_()
    page.unroute(f"{of_first}/report?*")
    samples = page.locator("#view-samples")
    expect(samples.locator("tbody tr")).to_have_count(4)
    with page.expect_response("**/columns?*") as late:  # of the step that was shown before
        held[0].continue_()
    late.value.finished()
    samples.get_by_role("button", name="Mistakes").click()
    expect(samples.locator("tbody tr")).to_have_count(3)
    page.route(f"{of_first}/columns?*", lambda route: route.fulfill(**wrong))
    page.reload()
    expect(page.locator("#wrong")).to_have_text(re.compile("out of order"))
    expect(samples.get_by_role("status")).to_have_text("The samples did not come: out of order")


def test_that_only_a_part_of_the_samples_or_scores_is_kept_or_has_come_is_said(
    page, open_evaluation, backend, dashboard, monkeypatch
):
    samples = samples_of([0, 1, 1, 0], None, [0.1, 0.9, 0.8, 0.3], sample_ids=list("abcd"))
    record, block = records_of(samples, name="huge", split="test")
    run_id = str(uuid.uuid4())
    start = {"type": "start", "project": PROJECT, "uid": "tester", "run_name": "part"}
    path = f"{backend}/api/v1/runs/{run_id}/writers/{uuid.uuid4()}/records?first_seq=0"
    sent = [start, {**record, "stored": 6, "samples": 2_000_000}, block]
    assert requests.post(path, json={"records": sent}, timeout=30).json()["rejected"] == []
    with prevue.Api(backend) as api:
        open_evaluation(SimpleNamespace(**(part := api.evaluations(run_id)[0])))
    expect(page.get_by_text("6 of 2,000,000 samples are kept")).to_be_visible()
    expect(page.get_by_text("4 of 6 samples have come")).to_be_visible()
    assert cells(page, "view-threshold") == [2, 0, 0, 2]
    run = prevue.init(PROJECT, "whole", url=backend, uid="tester")
    run.log_evaluation([0, 1, 1, 0, 1, 0], None, [0.2, 0.8, 0.6, 0.1, 0.7, 0.2], sample_ids=list("abcdef"))
    finished(run)
    page.goto(f"{dashboard}/p/tester/{PROJECT}/evaluations")
    expect(page.get_by_role("row", name="of part")).to_contain_text("not all have come")
    expect(page.get_by_role("row", name="of whole")).not_to_contain_text("not all have come")
    with prevue.Api(backend) as api:
        whole = api.evaluations(run.run_id)[0]["evaluation_id"]
    page.goto(f"{dashboard}/p/tester/{PROJECT}/evaluations/compare?of={part['evaluation_id']}&of={whole}")
    expect(page.get_by_text("4 of 6 samples of part, huge have come so far: only these are compared.")).to_be_visible()
    page.locator("body[data-drawn]").wait_for()
    assert cells(page, "view-agreement") == [4, 0, 0, 0]
    monkeypatch.setattr(evaluation_blocks, "MAX_SCORES", 10)  # instead of 20 million
    run = prevue.init(PROJECT, "five", url=backend, uid="tester")
    run.log_evaluation([0, 1, 2, 6], y_score=np.eye(7)[[0, 1, 2, 5]])
    finished(run)
    with prevue.Api(backend) as api:
        open_evaluation(SimpleNamespace(**api.evaluations(run.run_id)[0]))
    expect(
        page.get_by_text("Of each sample five of 7 scores are kept, the highest and the true class's")
    ).to_be_visible()
    expect(page.locator("#view-threshold")).to_be_hidden()


def test_the_page_is_accessible_and_fits_a_telephone(page, log, open_evaluation, backend):
    page.emulate_media(reduced_motion="reduce")  # no colour is half way between two themes
    page.add_init_script(
        """const watch = new PerformanceObserver((list) => {
        for (const {value} of list.getEntries()) window.shifted = (window.shifted ?? 0) + value;
        });
        watch.observe({type: "layout-shift", buffered: true});"""
    )
    logged = log.cancer("accessible")
    with prevue.Api(backend) as api:
        api.silence_checks(["dummy"], run_id=logged.run_id)
    open_evaluation(logged)
    expect(page.locator(".tile[data-score=accuracy] small")).to_contain_text("%")
    expect(page.get_by_role("region", name="what looks wrong")).to_have_text(
        re.compile(r"nothing wrong with this test; 1 of \d+ is silenced\.$")
    )
    assert page.evaluate("() => window.shifted ?? 0") < 0.01  # nothing that is read moves away
    for width, theme in ((1280, "light"), (400, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        assert serious(page) == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_a_project_lists_its_evaluations_and_the_address_of_none_is_told(page, log, dashboard, expected_errors):
    expected_errors.append("status of 404")
    logged = log.cancer("listed")
    page.goto(f"{dashboard}/p/tester/{PROJECT}/evaluations")
    row = page.get_by_role("row", name="listed")
    said = np.where(logged.score[:, 1] >= 0.5, "malignant", "benign")
    expect(row.locator(".score").first).to_have_text(f"{100 * np.mean(said == logged.target):.1f}% Accuracy")
    row.get_by_role("link", name="listed").click()
    expect(page.get_by_role("region", name="evaluations", exact=True)).to_contain_text(str(len(logged.target)))
    page.get_by_role("link", name="cancer").click()
    expect(page.get_by_role("heading", name="cancer")).to_be_visible()
    page.goto(f"{dashboard}/p/tester/{PROJECT}/evaluations/99999")
    expect(page.get_by_role("alert")).to_contain_text("there is no evaluation 99999")
    here = f"{dashboard}/p/tester/{PROJECT}/evaluations/{logged.evaluation_id}"
    of_run = f"run={logged.run_id}"
    wrong = ["report?run=..%2F..%2Fusers%2F1", f"compare?{of_run}&b=x&run_b=y", f"compare?{of_run}", "file?label=first"]
    for address in (*wrong, "file?threshold=nan", f"file?filter={'[' * 20_000}"):
        assert page.request.get(f"{here}/{address}").status in (400, 404, 422), address
    assert page.request.get(f"{here}/report?run={logged.run_id}").status == 200
