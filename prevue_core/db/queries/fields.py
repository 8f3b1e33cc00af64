"""What a field of the language stands for, in SQL that means the same on SQLite and on PostgreSQL.

A field has values of one or more types; where a run has none of a type, the expression is NULL. So `config.lr` is a
number in one run and text in another, and neither is ever compared with the other's type.
"""

import datetime
import difflib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import peewee

from prevue_core.contract import LOST, LOST_AFTER_S, RUNNING
from prevue_core.db.connection import is_sqlite
from prevue_core.db.models import ModelDescription, Project, Series, TrainingRun, User
from prevue_core.db.queries.language import Field, refusal
from prevue_core.db.stored import to_float

NUMBER, TEXT, BOOLEAN, TIME = "number", "text", "boolean", "time"

MAX_SERIES = 20  # that one question may look at: each is a join
MAX_KEYS = 20  # of configurations and environments

# What a series comes to, by the last part of its name.
SUMS = ("last", "first", "min", "max", "best", "count", "nonfinite")


@dataclass(frozen=True)
class Value:
    """The SQL of a field: an expression for each of its types.

    `exists`: the condition under which a run has any value. `is_nan`: that it is NaN, which is no number here.
    `each`: turns a condition on one value into one on the run, where a run has several values. `equal`: the condition
    that the value is some text, in a form of which a database knows how many runs meet it.
    """

    of: dict[str, Any]
    exists: Any
    is_nan: Any = None
    each: Callable[[Any], Any] | None = None
    equal: Callable[[str], Any] | None = None


@dataclass
class Sources:
    """The fields that one question names, and the tables that they are read from; `join` adds these to its query.

    `now` is the moment of the question: what is lost, and how long a run has gone on, depends on it.
    """

    now: datetime.datetime
    _series: dict[tuple[str, str, int], Any] = field(default_factory=dict)
    _documents: dict[tuple[str, ...], Any] = field(default_factory=dict)
    _tables: set[type[peewee.Model]] = field(default_factory=set)

    def value(self, what: str, text: str, name: Field) -> Value:
        """Return what the field `name`, read from `text`, stands for. Raises InvalidExpression, calling it `what`."""
        head, *rest = name.parts
        if head == "metrics":
            return self._sum(what, text, name)
        if name.rank is not None:
            raise refusal(what, text, name.place, "a number of a process stands behind metrics only; leave @ out")
        if head in ("config", "env"):
            return self._key(what, text, name)
        if head not in _SINGLE or rest:
            raise refusal(what, text, name.place, _unknown(name))
        return _SINGLE[head](self)

    def join(self, query: "peewee.ModelSelect[Any]") -> "peewee.ModelSelect[Any]":
        """Return a query of runs with the tables that the fields need."""
        for table in self._tables:
            on = table._meta.primary_key == getattr(TrainingRun, _LINKS[table])
            query = query.switch(TrainingRun).join(table, peewee.JOIN.LEFT_OUTER, on=on)
        for (split, name, rank), row in self._series.items():
            is_its = (row.run_id == TrainingRun.run_id) & (row.split == split) & (row.name == name) & (row.rank == rank)
            query = query.switch(TrainingRun).join(row, peewee.JOIN.LEFT_OUTER, on=is_its)
        for document in () if is_sqlite() else self._documents.values():
            query = query.switch(TrainingRun).join(document, peewee.JOIN.LEFT_LATERAL, on=peewee.SQL("true"))
        return query

    def need(self, table: type[peewee.Model]) -> Any:
        """Return a table that a run links to, to be joined."""
        self._tables.add(table)
        return table

    def _sum(self, what: str, text: str, name: Field) -> Value:
        split, series, sum_of = series_of_field(what, text, name)
        key = (split, series, name.rank or 0)
        row = self._series.setdefault(key, Series.alias(f"s{len(self._series)}"))
        if len(self._series) > MAX_SERIES:
            raise refusal(what, text, name.place, f"this is one more than {MAX_SERIES} series; ask for fewer")
        return _sum_value(row, sum_of)

    def _key(self, what: str, text: str, name: Field) -> Value:
        head, *keys = name.parts
        if not keys:
            raise refusal(what, text, name.place, f"write which key of it: {head}.seed")
        if not all(map(is_askable, keys)):
            told = "a key that is empty, or has quotes, backslashes or signs of control, cannot be asked for"
            raise refusal(what, text, name.place, told)
        if len(self._documents) >= MAX_KEYS and (head, *keys) not in self._documents:
            raise refusal(what, text, name.place, f"this is one more than {MAX_KEYS} keys; ask for fewer")
        column = TrainingRun.config if head == "config" else TrainingRun.environment
        return self._of_document(column, (head, *keys))

    def _of_document(self, column: Any, key: tuple[str, ...]) -> Value:
        if is_sqlite():
            self._documents[key] = None
            path = "$" + "".join(f'."{part}"' for part in key[1:])
            return _document_value(peewee.fn.JSON_TYPE(column, path), peewee.fn.JSON_EXTRACT(column, path))
        if key not in self._documents:
            part = column.cast("json")
            for name in key[1:]:
                part = peewee.Expression(part, "->", peewee.Value(name, converter=False))
            # OFFSET keeps PostgreSQL from reading the whole document again for each use.
            select = peewee.Select(columns=[part.alias("part")]).offset(0)
            self._documents[key] = select.alias(f"d{len(self._documents)}")
        part = self._documents[key].c.part
        return _document_value(peewee.fn.JSON_TYPEOF(part), peewee.Expression(part, "#>>", peewee.SQL("'{}'")))

    def _connector(self) -> Value:
        """A run without a model keeps its connector in its environment."""
        of_run = self._of_document(TrainingRun.environment, ("env", "connector_name")).of[TEXT]
        return _plain(TEXT, peewee.fn.COALESCE(self.need(ModelDescription).connector_name, of_run))


def shown_state(now: datetime.datetime) -> Any:
    """Return the state of a run as it is shown: one that was not heard of for long is lost."""
    is_lost = (TrainingRun.state == RUNNING) & (TrainingRun.heard_at < _last_heard(now))
    return peewee.Case(None, [(is_lost, LOST)], TrainingRun.state)


def _state(sources: Sources) -> Value:
    def equal(state: str) -> Any:
        if state not in (RUNNING, LOST):
            return TrainingRun.state == state
        last_heard = _last_heard(sources.now)
        is_heard = TrainingRun.heard_at >= last_heard if state == RUNNING else TrainingRun.heard_at < last_heard
        return (TrainingRun.state == RUNNING) & is_heard

    shown = shown_state(sources.now)
    return Value({TEXT: shown}, shown.is_null(False), equal=equal)


def is_askable(key: str) -> bool:
    """Return whether a key of a configuration can stand in a path of SQLite, in its older versions too."""
    return key != "" and min(key) >= " " and not {'"', "\\"} & set(key)


def series_of_field(what: str, text: str, name: Field) -> tuple[str, str, str]:
    """Return the split, the name and the sum in `metrics.<split>.<name>.<sum>`. Raises InvalidExpression.

    A name with dots may be written as it is: split and sum are the first and the last part.
    """
    _, *parts = name.parts
    if len(parts) < 2 or (len(parts) == 2 and parts[-1] not in SUMS):
        example = ".".join(("metrics", *(parts or ("val", "accuracy")), "last"))
        raise refusal(what, text, name.place, f"write a split, a name, and one of {', '.join(SUMS)}: {example}")
    if len(parts) == 2:
        example = ".".join(("metrics", "train", *parts))
        raise refusal(what, text, name.place, f"the split is missing: {example}")
    split, *middle, sum_of = parts
    if sum_of not in SUMS:
        raise refusal(what, text, name.place, f"{sum_of!r} is none of {', '.join(SUMS)}{_meant(sum_of, SUMS)}")
    return split, unicodedata.normalize("NFC", ".".join(middle)), sum_of


def sum_from(row: Any, sum_of: str) -> float | None:
    """Return a sum from a row of `series`, NaN where it is NaN; None: there is none, as no value is finite."""
    if sum_of in ("first", "last"):
        return to_float(getattr(row, f"{sum_of}_value"))
    if sum_of == "nonfinite":
        return float(row.nan_count + row.inf_count + row.ninf_count)
    if sum_of == "count":
        return float(row.count)
    is_low = sum_of == "min" or (sum_of == "best" and row.kind == "loss")
    value: float | None = row.low_value if is_low else row.high_value
    return value


def sort_text(expression: Any) -> Any:
    """Return text to be compared by its bytes, whatever order the database's language has."""
    return expression if is_sqlite() else peewee.NodeList((expression, peewee.SQL('COLLATE "C"')))


def single_fields() -> dict[str, str]:
    """Return the fields of one part, each with the type of its values."""
    sources = Sources(datetime.datetime.min + datetime.timedelta(days=1))
    return {name: next(iter(make(sources).of)) for name, make in _SINGLE.items()}


def _last_heard(now: datetime.datetime) -> datetime.datetime:
    return now - datetime.timedelta(seconds=LOST_AFTER_S)


def _unknown(name: Field) -> str:
    names = [*_SINGLE, "config", "env", "metrics"]
    shown = ", ".join(_SINGLE)
    return (
        f"there is no such field{_meant(name.parts[0], names)}; use {shown}, config.<key>, env.<key> or metrics.<...>"
    )


def _meant(given: str, names: Any) -> str:
    close = difflib.get_close_matches(given.lower(), names, 1, 0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def _plain(kind: str, expression: Any) -> Value:
    return Value({kind: expression}, expression.is_null(False))


def _sum_value(row: Any, sum_of: str) -> Value:
    there = row.series_no.is_null(False)
    if sum_of == "count":
        return Value({NUMBER: row.count.cast(_double())}, there)
    if sum_of == "nonfinite":
        return Value({NUMBER: (row.nan_count + row.inf_count + row.ninf_count).cast(_double())}, there)
    if sum_of in ("first", "last"):
        value = row.first_value if sum_of == "first" else row.last_value
        if is_sqlite():  # which has NULL for NaN
            return Value({NUMBER: value}, there, there & value.is_null())
        nan = peewee.SQL("'NaN'::float8")
        return Value({NUMBER: peewee.fn.NULLIF(value, nan)}, there, there & (value == nan))
    best = peewee.Case(None, [(row.kind == "loss", row.low_value)], row.high_value)
    return _plain(NUMBER, {"min": row.low_value, "max": row.high_value, "best": best}[sum_of])


def _document_value(kind: Any, value: Any) -> Value:
    """Return what a key holds, from its JSON type and its value; a list or an object is text."""
    numbers, texts = (["integer", "real"], ["text"]) if is_sqlite() else (["number"], ["string"])
    booleans = ["true", "false"] if is_sqlite() else ["boolean"]
    truth = kind if is_sqlite() else value
    return Value(
        {
            NUMBER: peewee.Case(None, [(kind.in_(numbers), value.cast(_double()))]),
            TEXT: peewee.Case(None, [(kind.in_([*texts, "array", "object"]), value)]),
            BOOLEAN: peewee.Case(None, [(kind.in_(booleans), truth)]),
        },
        kind.is_null(False) & (kind != "null"),
    )


def _double() -> str:
    return "real" if is_sqlite() else "float8"


def _duration(sources: Sources) -> Value:
    """Seconds from a run's start to its end, to now where it goes on, to its last word where it is lost."""
    heard, last_heard = TrainingRun.heard_at, _last_heard(sources.now)
    going_on = peewee.Case(
        None, [((TrainingRun.state == RUNNING) & (heard >= last_heard), _moment(sources.now))], heard
    )
    end = peewee.fn.COALESCE(TrainingRun.finished_at, going_on)
    begin = TrainingRun.started_at
    if not is_sqlite():
        return _plain(NUMBER, _epoch(peewee.Expression(end, "-", begin)).cast("float8"))
    seconds = [peewee.fn.STRFTIME("%s", time).cast("integer") for time in (end, begin)]
    micros = [peewee.fn.SUBSTR(time, 21, 6).cast("integer") for time in (end, begin)]
    whole = (seconds[0] - seconds[1]) * 1_000_000 + micros[0] - micros[1]
    return _plain(NUMBER, whole / 1_000_000.0)


def _epoch(interval: Any) -> Any:
    return peewee.fn.EXTRACT(peewee.NodeList((peewee.SQL("EPOCH FROM"), interval)))


def _moment(time: datetime.datetime) -> Any:
    moment = peewee.Value(time, converter=TrainingRun.heard_at.db_value)
    return moment if is_sqlite() else moment.cast("timestamp")


def _tags(sources: Sources) -> Value:
    def some(condition: Any) -> Any:
        rows = (
            "json_each({}) AS tag" if is_sqlite() else "json_array_elements_text({}::json) AS tag(value)"
        ).partition("{}")
        table = peewee.NodeList((peewee.SQL(rows[0]), TrainingRun.tags, peewee.SQL(rows[2])), glue="")
        select = (peewee.SQL("EXISTS (SELECT 1 FROM"), table, peewee.SQL("WHERE"), condition, peewee.SQL(")"))
        return peewee.NodeList(select)

    return Value({TEXT: peewee.SQL("tag.value")}, TrainingRun.tags != "[]", each=some)


_LINKS: dict[type[peewee.Model], str] = {User: "user", ModelDescription: "model"}

_SINGLE: dict[str, Callable[[Sources], Value]] = {
    "id": lambda sources: _plain(TEXT, TrainingRun.run_id.cast("text")),
    "name": lambda sources: _plain(TEXT, TrainingRun.run_name),
    "state": _state,
    "project": lambda sources: _plain(TEXT, Project.project_name),
    "user": lambda sources: _plain(TEXT, sources.need(User).username),
    "tag": _tags,
    "group": lambda sources: _plain(TEXT, TrainingRun.run_group),
    "notes": lambda sources: _plain(TEXT, peewee.fn.NULLIF(TrainingRun.notes, "")),
    "started": lambda sources: _plain(TIME, TrainingRun.started_at),
    "heard": lambda sources: _plain(TIME, TrainingRun.heard_at),
    "finished": lambda sources: _plain(TIME, TrainingRun.finished_at),
    "duration": _duration,
    "model": lambda sources: _plain(TEXT, sources.need(ModelDescription).model_name),
    "connector": lambda sources: sources._connector(),
}
