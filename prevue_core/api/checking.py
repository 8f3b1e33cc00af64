"""Runs the method checks of core and of plugins. A broken one costs its own line, never the answer."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from prevue_core.api import derived
from prevue_core.checks import EVALUATION, RUN, Check
from prevue_core.contract import ALERT, DIVERGED, NON_FINITE, STALLED
from prevue_core.db.queries import evaluations as queries
from prevue_core.db.queries.facts import StoredRun, silenced_in_project, silenced_in_run
from prevue_core.db.queries.pages import Row
from prevue_core.errors import InvalidValue, shown
from prevue_core.evaluation.samples import Samples
from prevue_core.manager import plugins, refuse

PAGE = "/api/checks"  # a page of the backend that tells of each check, without internet
FOUND, QUIET, SILENCED, FAILED = STATES = ("found", "quiet", "silenced", "failed")

Look = Callable[[Check], str | None]

# Alerts are raised while a run trains; here are their codes, by which they are silenced as checks are.
ALERTS = [
    Check(f"{ALERT}.{cause}", title, f"An alert, raised as it happens. {when}", lambda facts: None)
    for cause, title, when in (
        (NON_FINITE, "Alerts: a loss is not finite", "With the first value of a loss that is NaN or infinite."),
        (DIVERGED, "Alerts: a loss diverged", "When a loss has come back up for good; once a run."),
        (STALLED, "Alerts: a training stalls", "When nothing was logged for long, though the process is alive."),
    )
]

log = logging.getLogger("prevue.api")


@dataclass(frozen=True)
class StoredTest:
    """The facts of an evaluation, as `prevue_core.checks.EvaluationFacts` says."""

    run_id: str
    evaluation_id: int
    received_count: int
    evaluation: Row = field(compare=False)

    @property
    def samples(self) -> Samples:
        return derived.samples(self.run_id, self.evaluation_id)

    @property
    def sample_ids(self) -> list[str] | None:
        return queries.sample_ids(self.run_id, self.evaluation_id, len(self.samples))

    def scores(self) -> Row:
        return derived.scores_of(self.run_id, self.evaluation_id, self.received_count, 1.0)

    def intervals(self) -> Row:
        return derived.intervals_of(self.run_id, self.evaluation_id, self.received_count, 1.0)


@cache
def known() -> list[Check]:
    """Return every check that there is; where a plugin's hook failed, one that fails in its place."""
    found: dict[str, Check] = {}
    for hook in plugins(refuse).hook.prevue_register_checks.get_hookimpls()[::-1]:
        for check in _registered(hook):
            if check.code in found:
                check = _broken(hook.plugin_name, ValueError(f"code {check.code!r} is taken by another check"))
            found[check.code] = check
    return list(found.values())


def refuse_unknown(codes: Iterable[str]) -> None:
    """Raise InvalidValue where a code is neither a check's nor that of alerts."""
    there_are = [check.code for check in (*known(), *ALERTS)]
    for code in codes:
        if code not in there_are:
            raise InvalidValue(f"{shown(code)} is the code of no check; use {', '.join(there_are)}")


def _registered(hook: Any) -> list[Check]:
    try:
        checks: list[Check] = list(hook.function())
        if strangers := [check for check in checks if not isinstance(check, Check)]:
            raise TypeError(f"{strangers[0]!r} is no prevue_core.checks.Check")
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its line tells
        log.warning("the checks of plugin %r cannot be had: %s", hook.plugin_name, error)
        return [_broken(hook.plugin_name, error)]
    return checks


def _broken(plugin: str, error: Exception) -> Check:
    """Return a check that says in its line what is wrong with a plugin's."""

    def look(facts: Any) -> None:
        raise error

    code = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in plugin.lower())[:50]
    return Check(f"plugin.{code}", f"Checks of {plugin}", "The plugin's hook `prevue_register_checks` fails.", look)


def of_run(run: Row) -> list[Row]:
    """Return the line of each check of a run, and of alerts that are silenced in it."""
    facts = StoredRun(run)
    lines = list(_lines(known(), RUN, run, lambda check: check.look(facts)))
    return lines + [line for line in _lines(ALERTS, RUN, run, lambda check: None) if line["state"] == SILENCED]


def of_evaluation(run: Row, evaluation: Row) -> list[Row]:
    """Return the line of each check of one of its evaluations. What one sees is kept until further samples come."""
    test = StoredTest(run["run_id"], evaluation["evaluation_id"], evaluation["received_count"], evaluation)
    return list(_lines(known(), EVALUATION, run, lambda check: _seen(check, test)))


@derived.once
def _seen(check: Check, test: StoredTest) -> str | None:
    return _text(check.look(test))


def _text(why: object) -> str | None:
    """Return as text what a plugin's check says, which may be of any type."""
    return None if why is None else str(why)


def _lines(checks: list[Check], of: str, run: Row, look: Look) -> Iterator[Row]:
    silenced = {"run": silenced_in_run(run["run_id"]), "project": silenced_in_project(run["project_id"])}
    for check in checks:
        if check.of == of:
            yield {**told(check), **_state(check, look, silenced)}


def told(check: Check) -> Row:
    """Return what is told of a check, whatever it sees."""
    return {"code": check.code, "title": check.title, "of": check.of, "page": f"{PAGE}#{check.code}"}


def _state(check: Check, look: Look, silenced: dict[str, list[str]]) -> Row:
    if places := [place for place, codes in silenced.items() if check.code in codes]:
        return {"state": SILENCED, "silenced_in": places, "why": None}
    try:
        why = _text(look(check))
        return {"state": QUIET if why is None else FOUND, "silenced_in": [], "why": why}
    except Exception as error:
        log.warning("check %r failed", check.code, exc_info=True)
        return {"state": FAILED, "silenced_in": [], "why": f"the check failed: {type(error).__name__}: {error}"}
