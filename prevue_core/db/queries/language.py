"""The language in which runs are asked for: `metrics.val.accuracy.max > 0.9 and (config.lr < 1e-3 or tag = "best")`.

A text becomes a tree of conditions; what its names and values mean is said in `fields` and `conditions`. Nothing of the
text reaches the database but as a bound value.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import lark

from prevue_core.errors import InvalidExpression

MAX_CHARS = 4_000
MAX_DEPTH = 20  # of `and`, `or` and `not` inside each other
MAX_COMPARISONS = 200  # each value of an `in (...)` is one

# An outer `and` or `or` takes all its terms at once, so a long chain is not deep. Keywords win over names where both
# may stand; behind a dot any word is a name, `config.in` too.
GRAMMAR = r"""
condition: any
any: all (_OR all)*
all: _term (_AND _term)*
_term: negation | "(" any ")" | comparison | choice | exclusion
negation: _NOT _term
comparison: field OPERATOR literal
choice: field _IN "(" literal ("," literal)* ")"
exclusion: field _NOT _IN "(" literal ("," literal)* ")"

field: NAME ("." (PART | STRING))* ("@" RANK)?
sorting: DESCENDING? field

literal: STRING | NUMBER | NON_FINITE | DURATION | BOOLEAN | NULL | moment
moment: NOW (SIGN DURATION)?

_OR: /or(?![\w.])/i
_AND: /and(?![\w.])/i
_NOT: /not(?![\w.])/i
_IN: /in(?![\w.])/i
NOW: /now(?![\w.])/i
BOOLEAN.2: /(true|false)(?![\w.])/i
NULL.2: /null(?![\w.])/i
NON_FINITE.2: /(nan|[+-]?inf(inity)?)(?![\w.])/i
OPERATOR: "=" | "!=" | "<=" | "<" | ">=" | ">" | "~"
DESCENDING: "-"
SIGN: "+" | "-"
RANK: /\d{1,9}/
NAME.-1: /[^\W\d][\w\/:%-]*/
PART.-1: /[\w\/:%-]+/
DURATION: /\d+(\.\d+)?[smhdw](?![\w.])/
NUMBER: /[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?(?![\w.])/i
STRING: /"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/s

%ignore /\s+/
"""

UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 7 * 86_400.0}

_BARE = re.compile(r"[\w/:%-]+")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_NO_TEXT = re.compile("[\0\ud800-\udfff]")  # NUL and halves of characters: no database keeps them


@dataclass(frozen=True)
class Place:
    """Where in the text something stands, in characters from 0."""

    start: int
    end: int


@dataclass(frozen=True)
class Field:
    """A name such as `config.lr`, in its parts. `rank`: the number behind `@`."""

    parts: tuple[str, ...]
    rank: int | None = None
    place: Place = field(default=Place(0, 0), compare=False)


@dataclass(frozen=True)
class Moment:
    """`now`, or so many seconds from it."""

    offset_s: float


@dataclass(frozen=True)
class Literal:
    """A value: text, a number (a duration in seconds), true or false, null, or a moment."""

    value: str | float | bool | Moment | None
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Comparison:
    """A field beside a value."""

    field: Field
    operator: str
    literal: Literal


@dataclass(frozen=True)
class Combination:
    """`and`, `or` and `not` over conditions; `not` has one."""

    word: str
    conditions: tuple["Condition", ...]


Condition = Comparison | Combination


def read_filter(text: str) -> Condition:
    """Return what a filter asks for. Raises InvalidExpression, which says where it cannot be read and why."""
    condition: Condition = _read("filter", text, "condition")
    _check_size(condition)
    return condition


def read_field(what: str, text: str) -> Field:
    """Return the field that `text` names. Raises InvalidExpression, calling it `what`."""
    found: Field = _read(what, text, "field")
    return found


def read_sorting(text: str) -> tuple[Field, bool]:
    """Return the field to sort by, and whether downwards: `-config.lr`. Raises InvalidExpression."""
    found: tuple[Field, bool] = _read("sort", text, "sorting")
    return found


def refusal(what: str, text: str, place: Place, problem: str) -> InvalidExpression:
    """Return the error that says what is wrong in a text, where, and with the part in question quoted."""
    quoted = text[place.start : place.end] or "the end"
    shown = quoted if len(quoted) <= 60 else f"{quoted[:57]}..."
    return InvalidExpression(f"{what}, at character {place.start + 1}, {shown!r}: {problem}", place.start)


def field_text(parts: Sequence[str]) -> str:
    """Return how a field is written, with quotes where a part needs them."""
    return ".".join(part if _BARE.fullmatch(part) else _quoted(part) for part in parts)


def _quoted(part: str) -> str:
    escaped = (rf"\u{ord(char):04x}" if char < " " else rf"\{char}" if char in '"\\' else char for char in part)
    return f'"{"".join(escaped)}"'


def checked_text(value: object) -> str:
    """Return text that a database can be asked for. Raises ValueError for anything else."""
    if isinstance(value, str) and not _NO_TEXT.search(value):
        return value
    raise ValueError(f"{value!r} is no text that a database can hold")


def _read(what: str, text: str, start: str) -> Any:
    if len(text) > MAX_CHARS:
        raise InvalidExpression(f"{what} has {len(text)} characters; use at most {MAX_CHARS}", MAX_CHARS)
    if found := _NO_TEXT.search(text):
        raise refusal(what, text, Place(*found.span()), "no text in the database has this character; leave it out")
    try:
        return _parser().parse(text, start=start)
    except _Problem as problem:
        raise refusal(what, text, problem.place, str(problem)) from None
    except lark.UnexpectedInput as error:
        raise _unexpected(what, text, error) from None


@lru_cache(maxsize=1)
def _parser() -> lark.Lark:
    return lark.Lark(
        GRAMMAR, parser="lalr", start=["condition", "field", "sorting"], transformer=_Tree(), propagate_positions=True
    )


class _Problem(Exception):
    """What is wrong with a token, told while the tree is built."""

    def __init__(self, token: Any, text: str) -> None:
        super().__init__(text)
        self.place = _place(token)


class _Tree(lark.Transformer[Any, Any]):
    """Builds the tree from below, a method a rule of the grammar."""

    def condition(self, items: list[Any]) -> Condition:
        return items[0]

    def any(self, items: list[Any]) -> Condition:
        return _combined("or", items)

    def all(self, items: list[Any]) -> Condition:
        return _combined("and", items)

    def negation(self, items: list[Any]) -> Condition:
        return Combination("not", tuple(items))

    def comparison(self, items: list[Any]) -> Condition:
        name, operator, literal = items
        plain = Comparison(name, "=" if operator == "!=" else str(operator), literal)
        return Combination("not", (plain,)) if operator == "!=" else plain

    def choice(self, items: list[Any]) -> Condition:
        name, *literals = items
        return _combined("or", [Comparison(name, "=", literal) for literal in literals])

    def exclusion(self, items: list[Any]) -> Condition:
        return Combination("not", (self.choice(items),))

    def sorting(self, items: list[Any]) -> tuple[Field, bool]:
        return items[-1], len(items) == 2

    def field(self, items: list[Any]) -> Field:
        place = Place(items[0].start_pos, items[-1].end_pos)
        rank = int(items.pop()) if items[-1].type == "RANK" else None
        parts = tuple(_text_of(item) if item.type == "STRING" else str(item) for item in items)
        return Field(parts, rank, place)

    def moment(self, items: list[Any]) -> Literal:
        place = Place(items[0].start_pos, items[-1].end_pos)
        if len(items) == 1:
            return Literal(Moment(0.0), place)
        return Literal(Moment(_seconds(items[2]) * (-1 if items[1] == "-" else 1)), place)

    def literal(self, items: list[Any]) -> Literal:
        [token] = items
        return token if isinstance(token, Literal) else Literal(_VALUES[token.type](token), _place(token))


def _combined(word: str, conditions: list[Any]) -> Condition:
    return conditions[0] if len(conditions) == 1 else Combination(word, tuple(conditions))


def _place(token: Any) -> Place:
    return Place(token.start_pos, token.end_pos)


def _text_of(token: Any) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        char = chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPES.get(code)
        if char is None or _NO_TEXT.match(char):
            raise _Problem(token, rf"{match[0]} stands for no character; use \" \' \\ \n \t or \u00e9")
        return char

    return _ESCAPE.sub(one, token[1:-1])


def _number(token: Any) -> float:
    value = float(token)
    if value in (float("inf"), float("-inf")):
        raise _Problem(token, "the number is too large for a float64; write inf for infinity")
    return value


def _seconds(token: Any) -> float:
    return float(token[:-1]) * UNITS[token[-1]]


_VALUES: dict[str, Any] = {
    "STRING": _text_of,
    "NUMBER": _number,
    "NON_FINITE": float,
    "DURATION": _seconds,
    "BOOLEAN": lambda token: token.lower() == "true",
    "NULL": lambda token: None,
}


def comparisons_in(condition: Condition) -> list[list[Comparison]]:
    """Return the comparisons of each level of a tree, from its root on."""
    levels, level = [], [condition]
    while level:
        levels.append([one for one in level if isinstance(one, Comparison)])
        level = [inner for one in level if isinstance(one, Combination) for inner in one.conditions]
    return levels


def _check_size(condition: Condition) -> None:
    levels = comparisons_in(condition)
    count = sum(map(len, levels))
    if count > MAX_COMPARISONS:
        raise InvalidExpression(f"filter has {count} comparisons; use at most {MAX_COMPARISONS}", 0)
    if len(levels) > MAX_DEPTH:
        raise InvalidExpression(f"filter is {len(levels)} levels deep; use at most {MAX_DEPTH}, simplify it", 0)


# What may stand where nothing that can be read does, by the kinds of token that the parser would have taken.
_ACCEPTED = (
    ("STRING NUMBER", 'write a value: 0.9, "text", true, null, inf, 2h or now - 2d'),
    ("PART", 'write the next part of the name; one with spaces or signs stands in quotes: config."my key"'),
    ("OPERATOR", "write one of = != < <= > >= ~ in, not in, and then a value"),
    ("_AND", "write and, or, or nothing more but the parentheses that are still open"),
    ("COMMA", 'write a comma and a further value, or the closing parenthesis: in ("a", "b")'),
    ("DURATION", "write a duration: 90s, 15m, 2h, 3d or 1w"),
    ("RANK", "write the number of a process: metrics.train.loss.last@1"),
    ("NAME", "write a field, such as name, state, config.lr or metrics.val.accuracy.max"),
    ("LPAR", 'write a list in parentheses: in ("a", "b")'),
    ("DOT", "write a dot and the next part of the name, or nothing more"),
    ("RPAR", "write and, or, or the closing parenthesis that is missing"),
    ("$END", "write and, or, or nothing more"),
)


def _unexpected(what: str, text: str, error: lark.UnexpectedInput) -> InvalidExpression:
    token = getattr(error, "token", None)
    if token is not None and token.type != "$END":
        place = _place(token)
    else:
        place = Place(len(text), len(text)) if token is not None else Place(error.pos_in_stream or 0, len(text))
    expected = set(getattr(error, "accepts", None) or getattr(error, "allowed", None) or ())
    if text[place.start : place.start + 1] in ("'", '"') and token is None:
        return refusal(what, text, place, "the quote is not closed")
    if expected >= {"STRING", "NUMBER"} and token is not None and token.type == "NAME":
        return refusal(what, text, place, f'text stands in quotes: "{token}"')
    hint = next((hint for kinds, hint in _ACCEPTED if expected.issuperset(kinds.split())), "this cannot be read")
    return refusal(what, text, place, hint)
