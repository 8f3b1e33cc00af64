"""The comparison of runs, from a real server before a real backend."""

import html
import json
import re

import pytest

import prevue
from frontend.visiting import Visitor
from serving import finished, served

EVIL = "<b>evil</b>"


class Compare:
    """The page, as a visitor asks for it; `ids`: of the runs by name."""

    def __init__(self, dashboard, ids) -> None:
        self.visitor, self.ids = Visitor(dashboard), ids

    def page(self, *names, more=""):
        asked = "&".join(f"run={self.ids.get(name, name)}" for name in names)
        answer = self.visitor.ask(f"/p/ann/net/compare?{asked}{more}")
        assert answer.status == 200
        return answer.text

    def rows(self, *names, more=""):
        """Return what stands in each row, by its head."""
        rows = re.findall(r'<tr><th[^>]*scope="row">(.*?)</th>(.*?)</tr>', self.page(*names, more=more), re.DOTALL)
        cells = {head: re.findall(r"<td[^>]*>(.*?)</td>", cells, re.DOTALL) for head, cells in rows}
        return {text(head): [text(cell) for cell in row] for head, row in cells.items()}


def text(markup):
    return html.unescape(re.sub(r"<[^>]*>", "", markup)).strip()


@pytest.fixture(scope="module")
def compare(tmp_path_factory):
    folder, ids = tmp_path_factory.mktemp("compare"), {}
    configs = {"one": {"lr": 0.1, "seed": 7, "net": {"depth": 18}}, "two": {"lr": 0.01, "seed": 7, "act": EVIL}}
    with served("backend", "--port", "0", data=folder) as backend, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREVUE_SPOOL_DIR", str(folder / "client"))
        url = backend.address("backend")
        for number, (name, config) in enumerate(configs.items()):
            run = prevue.init("net", name, url=url, uid="ann", config=config, tags=[name])
            run.log({"val_loss": 1.0 - number / 2, "val_accuracy": 0.5, "lr": 1.0}, 1)
            run.log({"f1": number, "grad_norm": number, "brier_score": number}, 1)
            run.log({"val_loss": 3.0}, 2)
            ids[name] = finished(run).run_id
        ids["none"] = finished(prevue.init("net", "none", url=url, uid="ann")).run_id
        ids["other"] = finished(prevue.init("others", "x", url=url, uid="ann")).run_id
        with served("dashboard", "--port", "0", "--url", url, data=tmp_path_factory.mktemp("d")) as dashboard:
            yield Compare(dashboard.address("dashboard"), ids)


def test_only_what_differs_is_shown(compare):
    rows = compare.rows("one", "two")
    assert (rows["lr"], rows["net.depth"], rows["act"]) == (["0.1", "0.01"], ["18", "–"], ["–", EVIL])
    assert rows["val/loss lowest"] == ["1", "0.5 (best)"]
    assert rows["train/f1 highest"] == ["0", "1 (best)"]
    for name in ("grad_norm", "brier_score"):  # who knows which is better
        assert rows[f"train/{name} highest"] == ["0", "1"]
    assert rows["tags"] == ["one", "two"]
    assert not {"seed", "val/accuracy highest", "val/loss last", "user", "python"} & rows.keys()


def test_everything_is_shown_on_wish(compare):
    rows = compare.rows("one", "two", more="&all=1")
    assert (rows["seed"], rows["val/loss last"], rows["user"]) == (["7", "7"], ["3", "3"], ["ann", "ann"])
    assert rows["val/accuracy highest"] == ["0.5", "0.5"]  # none is best
    assert "python" in rows


def test_a_run_without_anything_is_compared_too(compare):
    rows = compare.rows("none", "two")
    assert (rows["seed"], rows["val/loss lowest"]) == (["–", "7"], ["–", "0.5"])


def test_values_are_told_by_field_and_what_a_run_has_not_is_none(compare):
    def values(query):
        answer = compare.visitor.ask(f"/p/ann/net/values?{query}")
        assert answer.status == 200
        return json.loads(answer.text)

    told = values("field=config.lr&field=config.net.depth&field=metrics.val.loss.best&field=user&field=nothing")
    assert [run["name"] for run in told["runs"]] == ["none", "two", "one"]
    assert told["values"] == {
        "config.lr": [None, 0.01, 0.1],
        "config.net.depth": [None, None, 18],
        "metrics.val.loss.best": [None, 0.5, 1.0],
        "user": ["ann"] * 3,
    }
    assert [run["name"] for run in values(f"run={compare.ids['one']}&run=x%22")["runs"]] == ["one"]
    assert [run["name"] for run in values("filter=config.lr+%3C+0.1")["runs"]] == ["two"]


def test_without_a_choice_the_newest_are_compared(compare):
    heads = re.findall(r'<th scope="col"><span [^>]*></span> <a [^>]*>(.*?)</a>', compare.page())
    assert heads == ["none", "two", "one"]


@pytest.mark.parametrize("names", [("one",), ("one", "other"), ("one", "x"), ("one", "one")])
def test_one_run_alone_is_not_compared(compare, names):
    page = compare.page(*names)
    assert "One run has nothing to be compared with." in page
    assert ("1 more is not there" in page) == (len(set(names)) > 1)
