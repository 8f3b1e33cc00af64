"""Tests of models that each of the three connectors logged: drawn along, clicked and compared in Chromium."""

import base64
import re

import numpy as np
import pytest
from playwright.sync_api import expect
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import prevue
import prevue_sklearn
from e2e.evaluations import cells
from serving import finished

keras = pytest.importorskip("keras", reason="the session `connectors` has every framework")
torch = pytest.importorskip("torch")

import prevue_keras  # noqa: E402
import prevue_torch  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, on torch
PROJECT = "connectors"
DATA = {"digits": load_digits, "cancer": load_breast_cancer}


def of_sklearn(run, x, y, u, v, names):
    model = LogisticRegression(max_iter=200).fit(x, names[y])
    prevue_sklearn.log_test(run, model, u, names[v], labels=list(names))
    return np.array([list(names).index(name) for name in model.predict(u)])


def of_keras(run, x, y, u, v, names):
    keras.utils.set_random_seed(0)
    is_binary = len(names) == 2
    last = keras.layers.Dense(1, "sigmoid") if is_binary else keras.layers.Dense(len(names), "softmax")
    model = keras.Sequential([keras.layers.Input((x.shape[1],)), last])
    model.compile("adam", "binary_crossentropy" if is_binary else "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=3, verbose=0)
    prevue_keras.log_test(run, model, u, v, class_names=list(names))
    score = model.predict(u, verbose=0)
    return (score[:, 0] > 0.5).astype(int) if is_binary else score.argmax(1)


def of_torch(run, x, y, u, v, names):
    torch.manual_seed(0)
    model, loss = torch.nn.Linear(x.shape[1], len(names)), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(10):
        optimizer.zero_grad()
        loss(model(torch.tensor(x)), torch.tensor(y)).backward()
        optimizer.step()
    test = torch.utils.data.TensorDataset(torch.tensor(u), torch.tensor(v))
    prevue_torch.log_test(run, model, torch.utils.data.DataLoader(test, 64), labels=list(names))
    return model(torch.tensor(u)).detach().numpy().argmax(1)


CONNECTORS = {"sklearn": of_sklearn, "keras": of_keras, "torch": of_torch}


@pytest.fixture(scope="module")
def logged(backend):
    """By data and connector: the evaluation as the backend has it, true classes, predicted ones, and the samples'
    scores of the class that its page shows first."""
    found = {}
    with prevue.Api(backend) as api:
        for data, load in DATA.items():
            bunch = load()
            names, x = bunch.target_names.astype(str), StandardScaler().fit_transform(bunch.data).astype("float32")
            v = bunch.target[1::2]
            for connector, train in CONNECTORS.items():
                run = prevue.init(PROJECT, f"{connector}, {data}", url=backend, uid="tester", system_metrics=False)
                said = train(run, x[::2], bunch.target[::2], x[1::2], v, names)
                finished(run)
                (row,) = api.evaluations(run.run_id)
                held = api.sample_columns(run.run_id, row["evaluation_id"])
                assert (held["target"], row["labels"]) == (v.tolist(), names.tolist())
                assert held["prediction"] == said.tolist()
                label = str(row["positive"] or 0)
                shown = np.frombuffer(base64.b64decode(held["scores"][label]), "<f8")
                found[data, connector] = row, v, said, (int(label), shown)
    return found


@pytest.fixture
def open_page(page, dashboard):
    def open_page(path):
        page.goto(f"{dashboard}/p/tester/{PROJECT}/evaluations/{path}")
        page.locator("body[data-drawn]").wait_for()
        return page

    return open_page


@pytest.mark.parametrize("connector", CONNECTORS)
@pytest.mark.parametrize("data", DATA)
def test_a_test_is_drawn_along_and_clicked_whichever_connector_logged_it(open_page, logged, data, connector):
    row, target, said, (label, score) = logged[data, connector]
    page = open_page(row["evaluation_id"])
    expect(page.locator("#view-samples [role=status]")).to_have_text(f"{len(target)} samples")
    assert page.evaluate("() => window.prevue.page.label") == label

    def counted(threshold):
        is_it, is_said = target == label, score >= threshold
        return [np.sum(is_it & is_said), np.sum(is_it & ~is_said), np.sum(~is_it & is_said), np.sum(~is_it & ~is_said)]

    chart = page.locator("#view-scores svg.chart")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    threshold = page.evaluate("() => window.prevue.page.threshold")
    assert cells(page, "view-threshold") == counted(threshold)
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 12)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 12, steps=3)
    page.mouse.up()
    moved = page.evaluate("() => window.prevue.page.threshold")
    assert moved > threshold
    assert cells(page, "view-threshold") == counted(moved)
    if data == "cancer":
        page.locator("#view-threshold svg.matrix .cell").nth(1).click()  # misses
        expect(page.locator("#view-samples [role=status]")).to_have_text(re.compile(rf"^{counted(moved)[1]} sample"))
    else:
        matrix = np.zeros((10, 10), int)
        np.add.at(matrix, (target, said), 1)
        assert cells(page, "view-confusion-matrix") == matrix.ravel().tolist()
        np.fill_diagonal(matrix, 0)
        a, b = np.unravel_index(matrix.argmax(), matrix.shape)
        page.locator(f"#view-confusion-matrix .cell[data-cell='{a} {b}']").click()
        expect(page.locator("#view-samples [role=status]")).to_have_text(re.compile(rf"^{matrix[a, b]} sample"))


@pytest.mark.parametrize("data", DATA)
def test_tests_of_different_connectors_are_compared_sample_by_sample(open_page, logged, data):
    rows, targets, said, _ = zip(*(logged[data, connector] for connector in CONNECTORS), strict=True)
    page = open_page("compare?" + "&".join(f"of={row['evaluation_id']}" for row in rows))
    expect(page.locator(".verdict h2")).to_have_count(2)
    a, b = (one == targets[0] for one in said[:2])
    only_b = np.sum(~a & b)
    assert cells(page, "view-agreement") == [np.sum(a & b), np.sum(a & ~b), only_b, np.sum(~a & ~b)]
    page.locator("#view-agreement .cell").nth(2).click()
    expect(page.locator("#view-samples [role=status]")).to_contain_text(f"Only B is right: {only_b} sample")
