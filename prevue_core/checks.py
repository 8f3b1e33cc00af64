"""Method checks: what looks wrong with how a model was trained or tested, in words and with the numbers at hand.

A plugin gives its own through the hook `prevue_register_checks`. A check looks at the facts of a run, or of one
evaluation, and returns one paragraph that says what it saw, with the numbers, or None where it has nothing to say.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from prevue_core.errors import InvalidValue, shown

RUN: Literal["run"] = "run"
EVALUATION: Literal["evaluation"] = "evaluation"
MAX_SILENCED = 100

_CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")


@dataclass(frozen=True)
class Check:
    """A method check: of a run, or of one of its evaluations."""

    code: str  # by which it is silenced, such as `overfit`; a plugin's own has a dot: `my_plugin.grid_edge`
    title: str
    about: str  # Markdown: when it speaks, with its thresholds and where they come from, and what to do
    look: Callable[[Any], str | None]  # RunFacts or EvaluationFacts -> why it speaks, None: it is quiet
    of: Literal["run", "evaluation"] = RUN

    def __post_init__(self) -> None:
        check_code(self.code)


def check_code(code: object) -> str:
    """Return the code of a check. Raises InvalidValue."""
    if isinstance(code, str) and _CODE.fullmatch(code) and len(code) <= 64:
        return code
    raise InvalidValue(f"code {shown(code)} is not one of a check; use one such as overfit or my_plugin.grid_edge")


@dataclass(frozen=True)
class Curve:
    """A series over its steps, where it is finite; of a long one at most 500 means of neighbours."""

    name: str
    split: str
    steps: list[int]
    values: list[float]
    broken: int = 0  # values that are NaN or infinite
    broken_step: int | None = None  # of the first of them; in a long one the last of its neighbours

    def __len__(self) -> int:
        return len(self.steps)


class RunFacts(Protocol):
    """What a check of a run may ask for. Everything is read when it is asked for, and once."""

    run: dict[str, Any]  # as `GET /runs/<run_id>` tells it: state, config, tags, environment ...

    def series(self) -> list[dict[str, Any]]:
        """Return the sums of each series, as `GET /runs/<run_id>/series` tells them."""

    def curve(self, name: str, split: str = "train") -> Curve | None:
        """Return a series of the first process, None where it was not logged."""

    def table(self, name: str) -> dict[str, list[Any]] | None:
        """Return the columns of the table logged last under a name, None where there is none."""


class EvaluationFacts(Protocol):
    """What a check of an evaluation may ask for."""

    evaluation: dict[str, Any]  # as `GET /runs/<run_id>/evaluations/<evaluation_id>` tells it
    samples: Any  # `prevue_core.evaluation.samples.Samples`: arrays of targets, predictions, scores ...
    sample_ids: list[str] | None

    def scores(self) -> dict[str, float | None]:
        """Return the scores by name."""

    def intervals(self) -> dict[str, dict[str, Any]]:
        """Return the intervals of the scores that have one: `low`, `high`."""
