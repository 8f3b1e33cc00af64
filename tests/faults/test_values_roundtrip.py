"""Every float64, and the ends of what steps and names may be, through the whole road into both databases and back."""

import math
import os
import random
import struct

import pytest

import postgres
import prevue
from prevue.values import Values
from serving import finished, served

EDGES = (
    *(0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308),
    *(math.nan, math.inf, -math.inf, 0.1, 1 / 3, 2**53 + 2.0, 1e-300, 123456789.123456789, math.pi),
)  # fmt: skip
STEPS = (-(2**63), -(2**62), -1, 0, 1, 2**62, 2**63 - 2)
NAMES = (
    "loss",
    "Zoë/größe",
    "名前",
    "a b",
    "x'y\"z",
    "back\\slash",
    "tab;drop table",
    "%s",
    "e" * 512,
    "🦊",
    "{brace}",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """A backend on either database."""
    if request.param == "sqlite":
        with served("backend", "--port", "0", data=tmp_path) as backend:
            yield backend.address("backend")
        return
    with (
        postgres.server(os.environ.get("PREVUE_TEST_DATABASE_URL")) as server,
        postgres.fresh_database(server) as database,
        served("backend", "--port", "0", data=tmp_path, PREVUE_DATABASE_URL=database) as backend,
    ):
        yield backend.address("backend")


def doubles(count):
    """Return the edges and random bit patterns, of all exponents."""
    draw = random.Random(11)
    return [*EDGES, *(struct.unpack("d", draw.randbytes(8))[0] for _ in range(count - len(EDGES)))]


def changed(url, tmp_path, monkeypatch, values):
    """Log values, read them back and return how many are others, bit by bit; any NaN is the same."""
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "spool"))
    run = prevue.init("values", url=url)
    for step, value in enumerate(values):
        run.log({"value": value}, step)
    finished(run)
    back = {}
    with prevue.Api(url) as api:
        for first in range(0, len(values), 5_000):
            (series,) = api.series([run.run_id], ["value"], low_step=first, high_step=first + 4_999, budget=5_000)
            back |= dict(zip(series.steps, series.values, strict=True))
    return sum(not is_same(value, back.get(step)) for step, value in enumerate(values))


def is_same(value, found):
    if found is None or math.isnan(value):
        return found is not None and math.isnan(found)
    # SQLite keeps no sign of zero: on disk it is the whole number 0.
    return struct.pack("d", value) == struct.pack("d", found) or value == found == 0


def test_no_value_changes_on_its_way(url, tmp_path, monkeypatch, whole, tell, request):
    values = doubles(100_000 if whole else 5_000)
    count = changed(url, tmp_path, monkeypatch, values)
    tell(f"{request.node.callspec.id}: {len(values):,} float64 there and back: changed {count}")
    assert count == 0


def test_steps_and_names_come_back_as_they_went(url, tmp_path, monkeypatch):
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "spool"))
    run = prevue.init("values", url=url)
    for step in STEPS:
        run.log(dict.fromkeys(NAMES, 0.5), step, split="train")
    finished(run)
    found = {series.name: series.steps for series in prevue.Api(url).series([run.run_id])}
    assert found == {name: list(STEPS) for name in NAMES}


def test_a_client_that_rounds_is_caught(url, tmp_path, monkeypatch, tell, request):
    def rounding(self, values):
        return {name: float(f"{value:.15g}") for name, value in values.items()}

    monkeypatch.setattr(Values, "encode", rounding)
    values = [value for value in doubles(2_000) if math.isfinite(value)]
    count = changed(url, tmp_path, monkeypatch, values)
    tell(f"{request.node.callspec.id}: control, a client that rounds to 15 digits: changed {count} of {len(values):,}")
    assert count > 0
