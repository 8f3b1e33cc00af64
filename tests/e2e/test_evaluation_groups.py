"""What a user reads on the page that compares recipes which were trained with several seeds."""

import re
import uuid

import numpy as np
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from scipy.stats import ttest_ind
from sklearn.dummy import DummyClassifier
from sklearn.tree import ExtraTreeClassifier

from e2e.evaluations import PROJECT, Log
from prevue.evaluation import samples_of
from prevue.evaluation_blocks import records_of


@pytest.fixture(scope="module")
def accuracies(backend):
    """Log five runs of three recipes and a single one, and return their accuracies by group."""
    log = Log(backend)
    recipes = {
        "chance": lambda seed: DummyClassifier(strategy="stratified", random_state=seed),
        "tree": lambda seed: ExtraTreeClassifier(random_state=seed),
        "same tree": lambda seed: ExtraTreeClassifier(random_state=100 + seed),
    }
    runs = [(group, seed) for group in recipes for seed in range(5)]
    logged = {(group, seed): log.cancer(f"{group} {seed}", recipes[group](seed), group=group) for group, seed in runs}
    log.cancer("lonely", group="single")
    start = {"type": "start", "project": PROJECT, "uid": "tester", "group": "same tree"}
    broken_off = next(records_of(samples_of([0, 1], [0, 1]), name="cancer", split="test"))
    path = f"{backend}/api/v1/runs/{uuid.uuid4()}/writers/{uuid.uuid4()}/records?first_seq=0"
    requests.post(path, json={"records": [start, broken_off]}, timeout=30).raise_for_status()
    right = {key: np.mean((one.score[:, 1] > 0.5) == (one.target == "malignant")) for key, one in logged.items()}
    return {group: [right[group, seed] for seed in range(5)] for group in recipes}


@pytest.fixture
def compare(page, dashboard, accuracies):
    def compare(a, b):
        page.goto(f"{dashboard}/p/tester/{PROJECT}/evaluations")
        page.get_by_role("link", name="Compare groups").click()
        for label, choice in {"A": a, "B": b, "Test": "cancer"}.items():
            field = page.get_by_role("combobox", name=label, exact=True)
            options = field.locator("option").all_inner_texts()
            field.select_option(next(one for one in options if one.startswith(choice)))
        page.get_by_role("button", name="Compare").click()
        page.locator("body[data-drawn]").wait_for()
        return page.locator(".verdict")

    return compare


def test_a_recipe_that_is_better_over_its_seeds_is_told_with_the_interval(page, compare, accuracies, browser, tmp_path):
    verdict = compare("chance", "tree")
    a, b = (np.array(accuracies[group]) for group in ("chance", "tree"))
    gap = 100 * (b.mean() - a.mean())
    expect(verdict.get_by_role("heading")).to_have_text(f"B is on average better by {gap:.1f} pt of accuracy")
    low, high = 100 * np.array(ttest_ind(b, a, equal_var=False).confidence_interval(0.95))
    expect(verdict).to_contain_text(f"(B minus A, of 5 and 5 runs) is [+{low:.1f} pt, +{high:.1f} pt]")
    expect(verdict).to_contain_text("A: 5 runs of chance; B: 5 runs of tree.")
    row = page.locator("#view-groups tr", has_text="Accuracy").first
    spreads = [f"{100 * group.std(ddof=1):.1f} pt" for group in (a, b)]
    assert [row.locator("td").nth(i).inner_text() for i in (1, 3)] == spreads
    expect(row.locator(".says")).to_have_text("B is better")
    expect(page.get_by_role("note")).to_contain_text("by chance")
    page.get_by_role("button", name="save Scores and differences").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="CSV").click()
    line = next(line for line in download.value.path().read_text().splitlines() if line.startswith('"accuracy"'))
    assert [float(cell) for cell in line.split(",")[1:]] == pytest.approx(
        [a.mean(), a.std(ddof=1), b.mean(), b.std(ddof=1), gap / 100, low / 100, high / 100], abs=1e-4
    )
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 400
    with page.expect_download() as download:
        page.get_by_role("link", name="Save this page").click()
    download.value.save_as(tmp_path / "saved.html")
    with browser.new_context(offline=True) as context:
        saved = context.new_page()
        saved.goto(f"file://{tmp_path / 'saved.html'}")
        expect(saved.locator(".verdict")).to_have_text(verdict.inner_text().replace("\n\n", ""))
        expect(saved.locator("#view-groups tbody tr")).to_have_count(page.locator("#view-groups tbody tr").count())
        expect(saved.get_by_text("A: chance · B: tree · cancer · test")).to_be_visible()
        assert saved.get_by_role("link").all_inner_texts() == []  # where would it lead
    verdict.get_by_role("link", name="tree").click()
    expect(page.get_by_role("row", name="tree")).to_have_count(5)


def test_what_other_seeds_could_turn_round_is_called_noise_and_one_run_shows_no_spread(page, compare, expected_errors):
    verdict = compare("tree", "same tree")
    expect(verdict).to_contain_text("1 run is left out: samples of their tests are missing")
    heading = verdict.get_by_role("heading")
    expect(heading).to_have_text(re.compile("within the noise of the seeds: |on average equal"))
    expect(page.locator("#view-groups .says").first).to_have_text("within noise")
    verdict = compare("tree", "single")
    expect(verdict.get_by_role("heading")).to_have_text("Whether B is better than A is not known")
    expect(verdict).to_contain_text("B has a single run with this test")
    verdict = compare("single", "single")
    expect(verdict).to_contain_text("A and B have a single run with this test")
    expected_errors.append("status of 422")
    page.goto(re.sub("name=cancer", "name=other", page.url))
    expect(page.get_by_role("alert")).to_contain_text("no run of group 'single' has an evaluation 'other'")


def test_seeds_that_change_nothing_say_nothing_of_chance(page, compare):
    compare("chance", "tree")
    told = page.evaluate(
        """async () => {
        const script = document.querySelector("script[src*=groups]").src;
        const {seedsVerdict} = await import(script.replace("groups.js", "seeds.js"));
        const row = {name: "rmse", difference: -2, spread_a: 0, spread_b: 0, interval: null};
        return seedsVerdict({scores: [row], runs_a: [1, 2], runs_b: [3, 4]});
        }"""
    )
    assert told["heading"] == "Whether B is better than A is not known"
    assert told["text"].startswith("No seed changed anything: all runs of A came to the same scores, and all of B.")
