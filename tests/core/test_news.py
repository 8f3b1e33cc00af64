"""What is new of series: with it a client has what a whole answer would give, whatever was logged and in what order."""

import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core import oracle
from core.stream import metrics, started
from prevue_core.contract import encode_number
from prevue_core.db import queries, rollups
from prevue_core.db.queries import levels
from prevue_core.errors import InvalidValue

pytestmark = pytest.mark.usefixtures("database")

few = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

budgets = st.sampled_from([1, 3, 8, 20, 30])
# Mostly rising, as trainings log; some come late, again, or far behind.
steps = st.integers(1, 3) | st.integers(1, 3) | st.integers(1, 3) | st.integers(-5, 40)


@pytest.fixture
def small(monkeypatch):
    """Rollups that begin with few points and are read early, so that tens do what thousands do."""
    monkeypatch.setattr(rollups, "FROM_POINTS", 6)
    monkeypatch.setattr(rollups, "FINEST", 1)
    monkeypatch.setattr(rollups, "ENOUGH", 3)
    monkeypatch.setattr(levels, "POINTS_READ", 2)


class Client:
    """Holds the rows of series as columns, and lets what is new take its place."""

    def __init__(self, *run_ids, **asked):
        self.run_ids = run_ids
        self.asked = asked
        self.held = {}  # by run, rank, split and name: part
        self.rows_told = 0

    def ask(self):
        """Ask for what is new; return the parts that came."""
        known = {
            run_id: [part.cursor for part in self.held.values() if part.run_id == run_id] for run_id in self.run_ids
        }
        parts = queries.news(known, **self.asked).parts
        for part in parts:
            key = (part.run_id, part.rank, part.split, part.name)
            self.rows_told += len(part.columns.step)
            if part.from_step is not None:
                part.columns = self._joined(self.held[key].columns, part)
            self.held[key] = part
        return parts

    @staticmethod
    def _joined(before, part):
        kept = [row for row, step in enumerate(before.step) if step < part.from_step]
        joined = queries.Columns()
        for name, values in vars(part.columns).items():
            if values is not None:
                setattr(joined, name, [getattr(before, name)[row] for row in kept] + values)
        return joined

    def check(self):
        """Say that it holds what a whole answer has."""
        whole = queries.series(list(self.run_ids), budget=self.asked.get("budget", 1_000))
        shown = [
            (part.run_id, part.rank, part.split, part.name, part.exact, part.count, repr(part.columns))
            for part in whole
        ]
        held = [
            (part.run_id, part.rank, part.split, part.name, part.exact, part.count, repr(part.columns))
            for part in self.held.values()
        ]
        assert sorted(held) == sorted(shown)


def logged(stream, points, name="loss"):
    stream.send(*(metrics(step, {name: encode_number(value)}) for step, value in points))


@st.composite
def batches(draw):
    """Draw batches of points (rank, name, step, value); a step goes on from the last one of its series."""
    found, last = [], {}
    for _ in range(draw(st.integers(1, 6))):
        batch = []
        for _ in range(draw(st.integers(0, 12))):
            who = draw(st.sampled_from([(0, "loss"), (0, "loss"), (0, "val_loss"), (0, "accuracy"), (1, "loss")]))
            last[who] = last.get(who, 0) + draw(steps)
            batch.append((*who, last[who], draw(oracle.values)))
        found.append(batch)
    return found


@few
@given(batches(), budgets)
def test_joined_news_are_the_whole_answer(small, batches, budget):
    first = started()
    ranks = {0: first, 1: started(first.run_id, rank=1)}
    client = Client(first.run_id, budget=budget)
    for batch in batches:
        for rank, name, step, value in batch:
            logged(ranks[rank], [(step, value)], name)
        client.ask()
        client.check()


@few
@given(st.lists(st.integers(0, 25), min_size=1, max_size=8), st.integers(1, 3), budgets)
@example([4_000, 400, 100, 1, 3, 60], 1, 1_000)
@example([1_000, 1, 1, 22, 10], 1, 1_000)
@example([3_990, 1, 5, 200], 1, 1_000)
@example([300] * 10, 7, 30)
def test_joined_news_of_even_series_are_the_whole_answer(sizes, stride, budget):
    stream, last = started(), 0
    client = Client(stream.run_id, budget=budget)
    for size in sizes:
        logged(stream, [((last + row) * stride, math.sin(last + row)) for row in range(size)])
        last += size
        client.ask()
        client.check()


@pytest.mark.parametrize(
    ("before", "after", "budget", "rows"),
    [
        (50, 3, 100, 4),  # points: the last one and three more
        (2_001, 1, 600, 1),  # buckets of four points
        (6_001, 20, 400, 2),  # from rollups of 16
        (40_001, 1, 1_000, 1),  # of 64
    ],
)
def test_of_a_series_that_goes_on_only_its_end_is_told(before, after, budget, rows):
    stream = started()
    for start in range(0, before, 5_000):
        logged(stream, [(step, math.sin(step)) for step in range(start, min(start + 5_000, before))])
    client = Client(stream.run_id, budget=budget)
    client.ask()
    logged(stream, [(before + row, 1.0) for row in range(after)])
    before_told = client.rows_told
    (part,) = client.ask()
    assert (part.from_step is not None, client.rows_told - before_told) == (True, rows)
    client.check()


def test_of_what_has_not_grown_nothing_is_told():
    stream = started()
    stream.send(metrics(0, {"loss": 1.0, "accuracy": 0.5}))
    client = Client(stream.run_id)
    assert len(client.ask()) == 2
    assert client.ask() == []
    stream.send(metrics(1, {"loss": 1.0}))
    assert [part.name for part in client.ask()] == ["loss"]


@pytest.mark.parametrize("point", [(3, 9.0), (-1, 9.0), (7, 9.0)])
def test_after_a_step_that_came_late_or_again_the_whole_series_is_told(point):
    stream = started()
    logged(stream, [(step, 1.0) for step in range(0, 20, 2)] + [(3, 1.0)])
    client = Client(stream.run_id)
    client.ask()
    logged(stream, [point])
    (part,) = client.ask()
    assert (part.from_step, len(part.columns.step)) == (None, len({*range(0, 20, 2), 3, point[0]}))
    client.check()


def test_a_series_that_once_came_again_goes_on():
    stream = started()
    logged(stream, [(step, 1.0) for step in range(10)] + [(4, 2.0)])
    client = Client(stream.run_id)
    client.ask()
    logged(stream, [(10, 3.0)])
    (part,) = client.ask()
    assert (part.from_step, client.rows_told) == (9, 10 + 2)
    client.check()


def test_wider_buckets_come_whole():
    stream = started()
    logged(stream, [(step, 1.0) for step in range(512)])
    client = Client(stream.run_id, budget=32)
    client.ask()
    logged(stream, [(512, 2.0)])
    (part,) = client.ask()
    assert (part.from_step, len(part.columns.step)) == (None, 17)


def test_a_gap_that_makes_buckets_wider_brings_the_series_whole(small):
    stream = started()
    logged(stream, [(step, 1.0) for step in range(31)])
    client = Client(stream.run_id, budget=20)
    client.ask()
    logged(stream, [(60, 2.0)])  # 31 buckets of two steps would reach there, though most are empty
    (part,) = client.ask()
    assert part.from_step is None
    client.check()


def test_a_new_series_comes_whole_if_it_is_asked_for():
    stream = started()
    logged(stream, [(0, 1.0)])
    client = Client(stream.run_id, names=["loss"], splits=["train"])
    client.ask()
    stream.send(metrics(1, {"accuracy": 1.0, "val_loss": 2.0, "loss": 3.0}))
    assert [(part.split, part.name, part.from_step) for part in client.ask()] == [("train", "loss", 0)]
    assert {part.name for part in queries.news({stream.run_id: []}, [], None).parts} == set()
    assert len(queries.news({stream.run_id: []}).parts) == 3


def test_the_sums_tell_how_far_all_series_are():
    stream = started()
    stream.send(metrics(0, {"loss": 1.0}), metrics(7, {"accuracy": 0.5}))
    rows = queries.news({stream.run_id: []}, []).rows[stream.run_id]
    assert [(row.name, row.count, row.last_step, row.last_value) for row in rows] == [
        ("loss", 1, 0, 1.0),
        ("accuracy", 1, 7, 0.5),
    ]


@pytest.mark.parametrize(
    "cursor", ["", "1", "a.b", "0.9.1.1.0.0.0.1.1.-1", "0.0.1.1.0.0.99.1.1.-1", f"0.{2**70}" + ".1" * 8]
)
def test_a_cursor_that_is_none_is_quoted(cursor):
    with pytest.raises(InvalidValue, match="cursor"):
        queries.news({started().run_id: [cursor]})


def test_a_cursor_of_another_budget_brings_what_is_right():
    stream = started()
    logged(stream, [(step, math.sin(step)) for step in range(400)])
    client = Client(stream.run_id, budget=50)
    client.ask()
    logged(stream, [(400, 1.0)])
    client.asked["budget"] = 300
    client.ask()
    client.check()
