"""`log()` is called with what no program should give it."""

import decimal
import fractions
import logging
import random
import string

import prevue
from faults.conftest import fate_of
from prevue.values import Values
from serving import finished


class Raising:
    """Raises whatever is done with it."""

    def __getattr__(self, name):
        raise RuntimeError(f"no {name} here")

    def __repr__(self):
        raise ValueError("no repr either")

    def __float__(self):
        raise OverflowError("and no number")

    def __hash__(self):
        return 7

    def __eq__(self, other):
        raise TypeError("like nothing else")


class Item:
    """What an array with one number looks like, with anything for that number."""

    size = 1

    def __init__(self, value):
        self._value = value

    def item(self):
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


class Endless(dict):
    """A dict that has itself inside."""

    def __init__(self):
        super().__init__(inner=self)


class Broken(dict):
    """A dict that cannot be looked through."""

    def items(self):
        raise KeyError("lost")

    __iter__ = keys = items


def deep(levels):
    value = 1.0
    for _ in range(levels):
        value = {"in": value}
    return value


THINGS = (
    *(None, True, 0, -1, 1.5, 2**53 + 1, 2**63, -(2**63) - 1, 10**400, float("nan"), float("inf"), -0.0, 5e-324),
    *("", "loss", "\ud800", "a\x00b", "\n", "é" * 300, "x" * 600, "val_", "_", "/", "val//x", b"bytes", "1e5"),
    *([], [1], (1, 2), {}, {"a": {}}, {1: 2}, {None: None}, set(), range(3), object(), object, print, ..., 1j),
    *(decimal.Decimal("0.1"), decimal.Decimal("NaN"), fractions.Fraction(1, 3), Raising(), Endless(), Broken()),
    *(Item(1), Item("1"), Item(None), Item(Item(2)), Item(RuntimeError("gone")), Item(2**70), deep(50), deep(5_000)),
)  # fmt: skip


def hostile_call(draw):
    """Return arguments for `log`: never good ones only by chance."""
    names = [draw.choice(THINGS) if draw.random() < 0.3 else _text(draw) for _ in range(draw.randrange(4))]
    values = {name: draw.choice(THINGS) for name in names if _is_key(name)} if draw.random() < 0.8 else None
    named = {name: draw.choice(THINGS) for name in ("step", "epoch", "batch", "split") if draw.random() < 0.3}
    return draw.choice(THINGS) if values is None else values, named


def _text(draw):
    return "".join(draw.choice(string.printable + "é\u202e\ud800") for _ in range(draw.randrange(1, 12)))


def _is_key(thing):
    try:
        hash(thing)
    except TypeError:
        return False
    return True


def hurt(run, calls):
    """Log hostile calls and return how many raised."""
    draw, raised = random.Random(5), 0
    for _ in range(calls):
        values, named = hostile_call(draw)
        try:
            run.log(values, **named)
        except Exception:  # noqa: BLE001 - whatever it is
            raised += 1
    return raised


def test_no_argument_makes_log_raise_or_stops_the_delivery(backend, tmp_path, monkeypatch, whole, tell):
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "spool"))
    logging.getLogger("prevue").addHandler(logging.NullHandler())
    calls = 100_000 if whole else 10_000
    run = prevue.init("hostile", url=backend.url)
    raised = hurt(run, calls)
    for step in range(10**6, 10**6 + 100):
        run.log({"loss": step / 2}, step)
    finished(run)
    status = run.status()
    tell(
        f"{calls:,} hostile calls: {raised} raised, {run.logged - 100:,} had something to store, "
        f"{status.rejected} refused by the server"
    )
    assert (raised, status.rejected) == (0, 0)
    rows = [row for row in backend.stored() if 10**6 <= row[0] < 10**6 + 100 and row[1] == row[0] / 2]
    assert fate_of(rows, set(range(10**6, 10**6 + 100))).lost == 0


def test_a_client_that_lets_errors_out_is_caught(tmp_path, monkeypatch, tell):
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setattr(Values, "encode", lambda self, values: {str(name): float(values[name]) for name in values})
    run = prevue.init("hostile", mode="offline")
    raised = hurt(run, 1_000)
    run.finish()
    tell(f"control, a client that lets errors out: {raised} of 1,000 calls raised")
    assert raised > 0
