"""Filters of runs: which runs are found, on either database, and what is said of a filter that cannot be read."""

import json
import math
import operator
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.stream import metrics, started
from prevue_core.contract import encode_number
from prevue_core.db import queries
from prevue_core.db.accounts import OPEN

pytestmark = pytest.mark.usefixtures("database")

NOON = 1_700_000_000.0


def found(text, **asked):
    """Return the names of the runs that meet a filter, in order."""
    return sorted(run["run_name"] for run in queries.runs(OPEN, 100, filter=text, **asked).items)


# every filter against a plain loop over the runs

KEYS = {"lr": ["lr"], "opt.lr": ["opt", "lr"], '"opt.lr"': ["opt.lr"], '"a b".é': ["a b", "é"], "opt": ["opt"]}
SERIES = {"train.loss": ("train", "loss"), "val.loss": ("val", "loss"), 'val."top/5"': ("val", "top/5")}
SUMS = ("last", "first", "min", "max", "best", "count", "nonfinite")
ORDER = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

words = st.sampled_from(["", "adam", "Adam", "ADAMW", "a\"b'c\\d", "é", "É", "true", "0.1", "[1,2]", "\n", "%_"])
numbers = st.sampled_from([0.0, 1.0, -1.0, 0.1, 1e-3, 1e-7, 0.5, 64.0, 2.0**53, 1e300, -1e300, 5e-324])
in_config = st.one_of(
    words, numbers, st.sampled_from([0, 1, 64, -1, 2**53, True, False, None, [], [1, 2], ["é"], {"lr": 0.1}])
)
values = st.lists(numbers | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=4)


@st.composite
def some_run(draw):
    config = draw(st.dictionaries(st.sampled_from(["lr", "opt", "opt.lr", "a b"]), in_config, max_size=3))
    if draw(st.booleans()):
        config["opt"] = draw(st.dictionaries(st.just("lr"), in_config))
        config["a b"] = {"é": draw(in_config)}
    return {
        "config": config,
        "tags": draw(st.lists(words.filter(str.strip).map(lambda word: word.replace("\n", " ")), max_size=3)),
        "notes": draw(words),
        "group": draw(st.none() | st.sampled_from(["g1", "G2"])),
        "series": {place: draw(values) for place in SERIES.values()},
    }


def stored(project, facts):
    """Store a run as a training would, and return it with its name."""
    name = f"run {next(NUMBERS)}"
    stream = started(
        project=project, run_name=name, **{key: facts[key] for key in ("config", "tags", "notes", "group")}
    )
    for (split, series), logged in facts["series"].items():
        stream.send(*(metrics(step, {series: encode_number(one)}, split=split) for step, one in enumerate(logged)))
    return {**facts, "name": name}


NUMBERS = count()


def of_config(keys):
    def values_of(run):
        value = run["config"]
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, list | dict):
            value = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        return [] if value is None else [float(value) if type(value) is int else value]

    return values_of


def of_series(place, sum_of):
    def values_of(run):
        logged = run["series"][place]
        finite = [one for one in logged if math.isfinite(one)]
        low, high = min(finite, default=None), max(finite, default=None)
        value = {
            "last": logged[-1] if logged else None,
            "first": logged[0] if logged else None,
            "min": low,
            "max": high,
            "best": low if place[1] == "loss" else high,
            "count": len(logged) or None,
            "nonfinite": len(logged) - len(finite) if logged else None,
        }[sum_of]
        return [] if value is None else [float(value)]

    return values_of


FIELDS = {
    **{f"config.{text}": of_config(keys) for text, keys in KEYS.items()},
    **{f"metrics.{text}.{one}": of_series(place, one) for text, place in SERIES.items() for one in SUMS},
}
TEXTS = {
    "tag": lambda run: [tag.strip() for tag in run["tags"]],
    "notes": lambda run: [run["notes"]] if run["notes"] else [],
    "group": lambda run: [run["group"]] if run["group"] else [],
    "name": lambda run: [run["name"]],
}


def meets(values, sign, wanted):
    """Return whether one of a run's values meets a comparison."""
    if wanted is None:
        return not values
    if isinstance(wanted, float) and math.isnan(wanted):
        return any(isinstance(one, float) and math.isnan(one) for one in values)
    alike = [one for one in values if type(one) is type(wanted)]
    if sign == "~":
        return any(lower(wanted) in lower(one) for one in alike)
    if isinstance(wanted, str):
        return any(ORDER[sign](one.encode(), wanted.encode()) for one in alike)
    return any(ORDER[sign](one, wanted) for one in alike)


def lower(text):
    return "".join(chr(ord(char) + 32) if "A" <= char <= "Z" else char for char in text)


def written(value):
    """Return a literal of the language."""
    return repr(value) if type(value) is float else json.dumps(value, ensure_ascii=False)


@st.composite
def some_comparison(draw):
    if draw(st.booleans()):
        text = draw(st.sampled_from(sorted(TEXTS)))
        values_of, wanted = TEXTS[text], draw(words)
    else:
        text = draw(st.sampled_from(sorted(FIELDS)))
        values_of = FIELDS[text]
        others = (
            words | st.booleans() if text.startswith("config") else st.sampled_from([math.nan, math.inf, -math.inf])
        )
        wanted = draw(numbers | others)
    signs = ["="] if isinstance(wanted, bool) or wanted != wanted else list(ORDER)
    sign = draw(st.sampled_from([*signs, "~"] if isinstance(wanted, str) else signs))
    if draw(st.integers(0, 5)) == 0:
        wanted, sign = None, "="
    if sign == "=" and draw(st.booleans()):
        return f"{text} != {written(wanted)}", lambda run: not meets(values_of(run), "=", wanted)
    if sign == "=" and draw(st.booleans()):
        return f"{text} in ({written(wanted)}, null)", lambda run: any(
            meets(values_of(run), "=", one) for one in (wanted, None)
        )
    return f"{text} {sign} {written(wanted)}", lambda run: meets(values_of(run), sign, wanted)


def combined(inner):
    def joined(word, test):
        return st.lists(inner, min_size=2, max_size=3).map(
            lambda parts: (
                f"({f' {word} '.join(text for text, _ in parts)})",
                lambda run: test(holds(run) for _, holds in parts),
            )
        )

    negated = inner.map(lambda part: (f"not {part[0]}", lambda run: not part[1](run)))
    return joined("and", all) | joined("or", any) | negated


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    facts=st.lists(some_run(), min_size=1, max_size=4),
    filters=st.lists(st.recursive(some_comparison(), combined, max_leaves=5), min_size=5, max_size=12),
)
def test_a_filter_finds_what_a_plain_loop_finds(facts, filters):
    project = f"project {next(NUMBERS)}"
    runs = [stored(project, one) for one in facts]
    for text, holds in filters:
        expected = sorted(run["name"] for run in runs if holds(run))
        assert found(text, project_name=project) == expected, text
