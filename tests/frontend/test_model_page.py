"""The page of a model, from a real server before a real backend: which model it shows, and odd descriptions."""

import html
import re

import pytest

import prevue
from frontend.test_pages import ask, given
from serving import finished, served

ODD = [
    {"layers": "many", "parameters": "lots"},
    {"layers": [{"name": ["a"], "output_shape": {"x": 1}}, 7], "edges": [[0, 1]]},
    {"layers": [{"name": "a"}, {"name": "b"}], "edges": [[0, 9]], "framework": 3},
    {"layers": [{"name": "a", "type": "A"}], "edges": [[0, 0]], "parameters": 2**62, "layers_left_out": -1},
    {},
]


def network(activation, *, edges=True):
    layers = [{"name": name, "type": "Dense", "parameters": 20, "activation": activation} for name in ("a", "b")]
    return {"framework": "none", "layers": layers, **({"edges": [[0, 1]]} if edges else {})}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Returns the page of a project's model, over a backend with several models."""
    folder = tmp_path_factory.mktemp("stores")
    with served("backend", "--port", "0", data=folder) as backend, pytest.MonkeyPatch.context() as patch:
        url = backend.address("backend")
        patch.setenv("PREVUE_SPOOL_DIR", str(folder / "client"))
        described = {f"odd{number}": [("run", odd)] for number, odd in enumerate(ODD)}
        described |= {"two": [("first", network("tanh")), ("second", network("relu")), ("third", network("relu"))]}
        described |= {"plain": [("run", network("relu", edges=False))], "cut": [("run", {**network(""), "edges": []})]}
        for project, runs in described.items():
            for name, model in runs:
                run = prevue.init(project, name, url=url, uid="ann", connector_name="own")
                run.describe({"name": "net", **model, **({"layers_left_out": 1234} if project == "cut" else {})})
                finished(run)
        with served("dashboard", "--port", "0", "--url", url, data=tmp_path_factory.mktemp("d")) as dashboard:
            shown = dashboard.address("dashboard")
            yield lambda project, query="": ask(shown, f"/p/ann/{project}/model{query}")


@pytest.mark.parametrize("number", range(len(ODD)))
def test_an_odd_description_is_a_page_too(pages, number):
    status, _, page = pages(f"odd{number}")
    assert status == 200
    assert "net ·" in html.unescape(page)


def test_models_of_one_shape_that_compute_differently_are_two(pages):
    _, _, page = pages("two")
    choices = re.findall(r'href="\?model=(\d+)"(.*?)>net <span class="quiet">· (.*?)</span>', page)
    assert [(runs, "aria-current" in rest) for _, rest, runs in choices] == [("third +1", True), ("first", False)]
    assert {layer["activation"] for layer in given(page)["layers"]} == {"relu"}
    other = pages("two", f"?model={choices[1][0]}")[2]
    assert {layer["activation"] for layer in given(other)["layers"]} == {"tanh"}


@pytest.mark.parametrize("asked", ["?model=99999", "?model=x", "?model="])
def test_a_model_that_is_not_there_shows_the_newest(pages, asked):
    assert {layer["activation"] for layer in given(pages("two", asked)[2])["layers"]} == {"relu"}


def test_without_edges_there_is_no_graph_and_no_script_of_bokehs(pages):
    page = pages("plain")[2]
    assert "No graph: its description does not tell how its layers are connected." in html.unescape(page)
    assert "bokeh.min.js" not in page
    assert 'id="given"' not in page


def test_layers_that_are_left_out_are_counted(pages):
    page = html.unescape(pages("cut")[2])
    assert "1,236 layers" in page
    assert "Only the first 2 layers are described, 1,234 more are left out." in page
