"""The table of runs, from a real server before a real backend, and what its forms change."""

import html
import json
import re
from urllib.parse import quote

import pytest

import prevue
from frontend.visiting import Visitor
from serving import finished, served

TABLE = "/p/ann/net/table"


class Table:
    """The page, as a visitor asks for it."""

    def __init__(self, url, dashboard) -> None:
        self.url, self.visitor = url, Visitor(dashboard)

    def page(self, **query):
        asked = "&".join(f"{name}={quote(one)}" for name, many in query.items() for one in [many] * 1)
        answer = self.visitor.ask(f"{TABLE}?{asked}")
        assert answer.status == 200
        return answer.text

    def names(self, **query):
        return re.findall(r'data-part="name-[^"]+">([^<]+)<', self.page(**query))

    def send(self, **form):
        return self.visitor.send("/changes", {"form_key": "", "then": TABLE, **form})

    def run(self, name):
        with prevue.Api(self.url) as api:
            shelves = (None, "archive", "trash")
            return next(run for shelf in shelves for run in api.runs("net", shelf=shelf) if run.run_name == name)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    with served("backend", "--port", "0", data=folder) as backend, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREVUE_SPOOL_DIR", str(folder / "client"))
        url = backend.address("backend")
        for number, name in enumerate(("one", "two", "three")):
            run = prevue.init("net", name, url=url, uid="ann", config={"lr": 10.0**-number, "seed": 7}, tags=[name])
            run.log({"val_loss": number, "val_accuracy": 0.5}, 1)
            finished(run)
        with served("dashboard", "--port", "0", "--url", url, data=tmp_path_factory.mktemp("d")) as dashboard:
            yield Table(url, dashboard.address("dashboard"))


def heads(page):
    found = re.search(r"<thead>.*?</thead>", page, re.DOTALL).group()
    return [" ".join(re.sub(r"<[^>]*>", "", head).split()) for head in re.findall(r"<th.*?</th>", found, re.DOTALL)]


def test_the_newest_come_first_with_the_columns_that_suit_the_project(table):
    assert table.names() == ["three", "two", "one"]
    usual = ["Started", "Duration", "lr", "val/accuracy best", "val/loss best"]
    assert heads(table.page()) == ["", "Run", "State", "Tags", *usual]


def test_the_backend_filters_and_sorts(table):
    assert table.names(filter="metrics.val.loss.last < 2 and config.lr > 0.2") == ["one"]
    assert table.names(sort="metrics.val.loss.last") == ["one", "two", "three"]
    assert table.names(sort="-config.lr", filter='tag != "two"') == ["one", "three"]
    assert "No run meets the filter." in table.page(filter="config.lr > 5")


def test_a_head_sorts_the_greatest_first_and_then_the_other_way(table):
    page = table.page(sort="-config.lr", filter="config.seed = 7")
    assert 'aria-sort="descending"><a href="?filter=config.seed+%3D+7&amp;sort=config.lr">lr<' in page
    page = table.page(sort="config.lr")
    assert 'aria-sort="ascending"><a href="?sort=-config.lr">lr<' in page


def test_a_filter_that_cannot_be_read_is_told_with_the_place(table):
    page = html.unescape(table.page(filter="config.lr >"))
    assert "filter, at character 12, 'the end'" in page
    assert 'aria-invalid="true"' in page
    assert "The filter cannot be read." in page
    assert "sort" in html.unescape(table.page(sort="config.lr <"))


def test_columns_are_chosen_in_the_address(table):
    page = table.page(col="metrics.val.loss.max")
    assert heads(page) == ["", "Run", "State", "Tags", "val/loss max"]
    assert re.findall(r'figure +cell" [^>]*>(.*?)<', page) == ["2", "1", "0"]


def test_pages_go_on_where_the_last_ended(table, tmp_path, monkeypatch):
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path))
    for number in range(103):
        finished(prevue.init("many", f"run {number:03}", url=table.url, uid="ann"))
    first = table.visitor.ask("/p/ann/many/table?sort=name").text
    link = html.unescape(re.search(r'rel="next" href="([^"]+)"', first).group(1))
    second = table.visitor.ask(f"/p/ann/many/table{link}").text
    names = [re.findall(r">(run \d+)<", page) for page in (first, second)]
    assert [len(one) for one in names] == [100, 3]
    assert names[0] + names[1] == [f"run {number:03}" for number in range(103)]
    assert 'rel="next"' not in second


def test_runs_are_put_away_and_come_back(table):
    one = table.run("one").run_id
    for action, shelf in (("archive", "archive"), ("restore", None), ("delete", "trash"), ("restore", None)):
        answer = table.send(action=action, run=one)
        assert (answer.status, answer.headers["Location"]) == (303, TABLE)
        page = table.page(**({"shelf": shelf} if shelf else {}))
        assert f'data-run="{one}"' in page
        assert (f'data-run="{one}"' in table.page()) == (shelf is None)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [("name", "deux", "deux"), ("tags", " a, b ,,a", ["a", "b"]), ("notes", "x\r\ny", "x\ny"), ("name", "two", "two")],
)
def test_a_run_is_edited(table, field, value, told):
    run_id = table.run("two" if value != "two" else "deux").run_id if field == "name" else table.run("deux").run_id
    answer = table.send(action="edit", run=run_id, field=field, value=value)
    assert (answer.status, json.loads(answer.text)) == (200, {})
    with prevue.Api(table.url) as api:
        assert getattr(api.run(run_id), {"name": "run_name"}.get(field, field)) == told


@pytest.mark.parametrize(
    ("form", "status", "told"),
    [
        ({"action": "edit", "field": "name", "value": ""}, 422, "run_name '' has 0 characters"),
        ({"action": "edit", "field": "state", "value": "x"}, 400, "cannot be edited"),
        ({"action": "purge"}, 400, "the action"),
        ({"action": "delete", "run": "019ab1c2-0000-7000-8000-00000000dead"}, 404, "does not exist"),
        ({"action": "delete", "run": "../../users"}, 404, ""),
    ],
)
def test_what_cannot_be_done_is_told(table, form, status, told):
    answer = table.send(**{"run": table.run("three").run_id, **form})
    assert (answer.status, told in html.unescape(answer.text)) == (status, True)


def test_a_strangers_page_changes_nothing(table):
    form = {"action": "delete", "run": table.run("three").run_id, "form_key": "", "then": TABLE}
    assert table.visitor.send("/changes", form, Origin="http://evil.example").status == 403
    assert table.visitor.ask("/changes").status == 405
    assert "three" in table.names()


def test_a_change_leads_nowhere_else(table):
    answer = table.send(action="archive", run=table.run("three").run_id, then="//evil.example/")
    assert answer.headers["Location"] == "/"
    table.send(action="restore", run=table.run("three").run_id)
