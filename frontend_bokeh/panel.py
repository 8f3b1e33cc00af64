"""Panels: how results of a kind are drawn. All that a plugin needs to bring its own; docs/how-to/write-a-panel.md.

A panel turns the payload of a result into what a page can show: a figure of Bokeh, or one of the plain forms below,
whose texts never become markup. It is called in the dashboard's process, once for each result that somebody looks at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from bokeh.model import Model

from prevue_core.contract import decode_number

Payload = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """Columns of equal length by name: numbers, texts, true, false or None. `note` stands below."""

    columns: Mapping[str, Sequence[Any]]
    note: str = ""


@dataclass(frozen=True)
class Text:
    """A text, shown as it is."""

    text: str


@dataclass(frozen=True)
class Image:
    """A PNG, base64."""

    png: str


@dataclass(frozen=True)
class Tree:
    """Any JSON, to be folded out."""

    value: Any


Drawing: TypeAlias = Model | Table | Text | Image | Tree


@dataclass(frozen=True)
class Step:
    """A result at one of its steps."""

    step: int | None
    payload: Payload


@dataclass(frozen=True)
class Panel:
    """How the results of a kind are drawn, by `build(payload)`, whose fields are those of the kind.

    `name`: a regular expression; the panel draws those results only whose whole name it fits, before one that draws all
    of the kind. `over_steps`: draws a result that has several steps as a whole, from them all, the first step first.
    """

    kind: str
    title: str
    build: Callable[[Payload], Drawing | Sequence[Drawing]]
    name: str = ""
    over_steps: Callable[[list[Step]], Drawing | Sequence[Drawing]] | None = None


def numbers(values: Sequence[Any]) -> list[float]:
    """Return a payload's numbers as floats: it has NaN and infinities as texts."""
    return [decode_number(value) for value in values]
