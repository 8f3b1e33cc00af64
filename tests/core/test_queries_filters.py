"""Filters of runs: which runs are found, on either database, and what is said of a filter that cannot be read."""

import datetime
import json
import math
import operator
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.stream import end, metrics, model, started
from prevue_core.contract import encode_number
from prevue_core.db import queries
from prevue_core.db.accounts import OPEN
from prevue_core.db.models import TrainingRun, utc_now
from prevue_core.errors import InvalidExpression

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


def test_text_with_nul_in_one_configuration_spoils_no_filter():
    started(run_name="odd", config={"a\0": ["\0", {"b": "x\0y\\u0000"}], "lr": 0.1})
    started(run_name="even", config={"lr": 0.1})
    assert found("config.lr = 0.1") == ["even", "odd"]
    assert found('config.a ~ "xy"') == ["odd"]


# what single filters mean


@pytest.mark.parametrize(("silence_s", "state"), [(0, "running"), (110, "running"), (125, "lost")])
def test_a_silent_run_is_found_as_lost_as_it_is_shown(silence_s, state):
    started(run_name="run")
    TrainingRun.update(heard_at=utc_now() - datetime.timedelta(seconds=silence_s)).execute()
    assert found(f'state = "{state}"') == ["run"]
    assert found(f'state != "{state}"') == []
    assert queries.runs(OPEN, 1).items[0]["state"] == state


def test_times_are_compared_with_dates_with_now_and_with_unix_seconds():
    started(run_name="old", time=NOON)
    started(run_name="new")
    assert found('started < "2023-11-15"') == found(f"started <= {NOON}") == found("started < now - 3w") == ["old"]
    assert found('started = "2023-11-14T23:13:20+01:00"') == ["old"]
    assert found("started > now - 1h and heard <= now") == ["new"]
    assert found("finished = null") == ["new", "old"]


@pytest.mark.parametrize(("lasted_s", "text"), [(90, "90s"), (90, "1.5m"), (7200.25, "7200.25"), (86_400 * 3, "3d")])
def test_a_duration_is_exact(lasted_s, text):
    started(run_name="run", time=NOON + 0.7).send(end(time=NOON + 0.7 + lasted_s))
    assert found(f"duration = {text}") == ["run"]
    assert found(f"duration < {text}") == []


def test_a_run_that_goes_on_lasts_until_now_and_a_lost_one_until_its_last_word():
    started(
        run_name="going on", time=(utc_now() - datetime.timedelta(hours=3)).replace(tzinfo=datetime.UTC).timestamp()
    )
    lost = started(run_name="lost", time=NOON)
    heard_at = datetime.datetime.fromtimestamp(NOON + 600, datetime.UTC).replace(tzinfo=None)
    TrainingRun.update(heard_at=heard_at).where(TrainingRun.run_id == lost.run_id).execute()
    assert found("duration > 2.9h") == ["going on"]
    assert found("duration = 10m") == ["lost"]


def test_model_and_connector_are_found_also_where_no_model_was_described():
    started(run_name="with").send(model("ResNet-50"))
    started(run_name="without", connector_name="sklearn")
    assert found('model ~ "resnet"') == found('connector = "keras"') == ["with"]
    assert found('connector = "sklearn" and model = null') == ["without"]


def test_a_series_is_that_of_the_first_process_unless_another_is_named():
    stream = started(run_name="run", rank=3)
    stream.send(metrics(0, {"loss": 5}))
    assert found("metrics.train.loss.last = 5") == []
    assert found("metrics.train.loss.last@3 = 5") == ["run"]


def test_a_name_with_dots_needs_no_quotes_and_may_be_written_in_any_form_of_unicode():
    started(run_name="run").send(metrics(0, {"f1.5/é": 1}))
    assert found("metrics.train.f1.5/é.max = 1") == found('metrics.train."f1.5/é".max = 1') == ["run"]


def test_what_is_quoted_is_bound_and_never_part_of_the_sql():
    started(run_name="x' OR 1 = 1 --")
    assert found('name = "x\' OR 1 = 1 --"') == ["x' OR 1 = 1 --"]
    assert found('name = "y\' OR 1 = 1 --"') == found('config."x\' OR ?%s; --" = 1') == []


# what cannot be read

PLACES = [
    ("", 0, "write a field"),
    ("lr = 1", 0, "there is no such field"),
    ("stat = 1", 0, "did you mean state?"),
    ("started_at > now", 0, "did you mean started?"),
    ("run_group = 'a'", 0, "did you mean group?"),
    ("config = 1", 0, "config.seed"),
    ('config."" = 1', 0, "a key that is empty"),
    ("name.x = 'a'", 0, "there is no such field"),
    ("name@1 = 'a'", 0, "leave @ out"),
    ("metrics.val.accuracy > 1", 0, "metrics.val.accuracy.last"),
    ("metrics.accuracy.max > 1", 0, "metrics.train.accuracy.max"),
    ("metrics.val.accuracy.maxi > 1", 0, "did you mean max?"),
    ("name", 4, "write one of = !="),
    ("name =", 6, "write a value"),
    ("name == 'x'", 6, "write a value"),
    ("name = x", 7, 'text stands in quotes: "x"'),
    ('name = "x', 7, "the quote is not closed"),
    ('name = "\\q"', 7, "stands for no character"),
    ('name = "\\ud800"', 7, "stands for no character"),
    ('name = "\0"', 8, "no text in the database"),
    ("name = 3", 7, "name is text"),
    ("name = true", 7, "name is text"),
    ("name = now", 7, "name is text"),
    ("duration = 'x'", 11, "duration is a number"),
    ("duration = 1e999", 11, "too large"),
    ("duration ~ 3", 11, "~ looks for text"),
    ("config.x < true", 11, "compared with = and !="),
    ("config.x < null", 11, "compare it with = or !="),
    ("duration > nan", 11, "compare it with = or !="),
    ("config.x = now", 11, "config.x is a number or text or true or false"),
    ("started > 'noon'", 10, "this is no time"),
    ("started > now - 3", 16, "write a duration"),
    ("started > now - 99999999999w", 10, "this is no time"),
    ("started > 1e300", 10, "this is no time"),
    ("state = 'runing'", 8, "did you mean running?"),
    ("name = 'a' name = 'b'", 11, "write and, or"),
    ("(name = 'a'", 11, "closing parenthesis"),
    ("name = 'a')", 10, "nothing more"),
    ("name in 'a'", 8, "in (\"a\", \"b\")"),
    ("name in ('a' 'b')", 13, "write a comma"),
    ("name = 'a' and", 14, "write a field"),
    ("not", 3, "write a field"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "position", "hint"), PLACES, ids=range(len(PLACES)))
def test_what_cannot_be_read_is_quoted_with_its_place_and_what_is_accepted(text, position, hint):
    with pytest.raises(InvalidExpression) as refusal:
        queries.runs(OPEN, 1, filter=text)
    assert hint in str(refusal.value)
    assert refusal.value.position == position
    assert str(refusal.value).startswith(f"filter, at character {position + 1}, ")


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (f'name = "{"x" * 4_000}"', "at most 4000"),
        ("name in (" + ", ".join(['"x"'] * 201) + ")", "at most 200"),
        ("name = 'a' or " + "not " * 30 + "name = 'b'", "at most 20"),
        (" or ".join(f"metrics.val.m{number}.max > 1" for number in range(21)), "more than 20 series"),
        (" or ".join(f"config.k{number} = 1" for number in range(21)), "more than 20 keys"),
    ],
)
def test_a_filter_has_limits(text, limit):
    with pytest.raises(InvalidExpression, match=limit):
        queries.runs(OPEN, 1, filter=text)


@pytest.mark.parametrize(
    "text",
    [
        "name in (" + ", ".join(['"x"'] * 200) + ")",
        " or ".join(["tag = 'a'"] * 200),
        " or ".join(f"metrics.val.m{number}.max > 1 and config.k{number} ~ 'x'" for number in range(20)),
        "(" * 500 + "name = 'a'" + ")" * 500,
        "not (name = 'b' or " * 9 + "name = 'a'" + ")" * 9,
    ],
)
def test_a_filter_at_its_limits_is_answered(text):
    started(run_name="other")
    assert found(text) in ([], ["other"])
