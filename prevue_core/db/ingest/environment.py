"""Where a run runs, and how it ended: what its writers tell, as one JSON object of the run.

What is known stays: of several processes the first one tells, and one that goes on with the run adds only what is new.
How it ended is the word of the last one that ended it, and gone while the run goes on.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from prevue_core.db.models import TrainingRun

ENDING = ("exit_code", "exception")


def add_environment(run_id: str, told: Mapping[str, Any]) -> None:
    """Add what is told while the run goes on."""
    known = _known(run_id)
    _store(run_id, _together(known, told) | _ending_of(known))


def end_environment(run_id: str, told: Mapping[str, Any]) -> None:
    """Add what is told at the end of the run, with how it ended."""
    _store(run_id, _together(_known(run_id), told) | _ending_of(told))


def go_on(run_id: str) -> None:
    """Forget how the run ended."""
    _store(run_id, _together(_known(run_id), {}))


def _together(known: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Return all but how the run ended. Objects, such as the list of packages, are put together."""
    environment = dict(known)
    for name, value in told.items():
        if isinstance(value, dict) and isinstance(known.get(name), dict):
            environment[name] = {**value, **known[name]}
        else:
            environment.setdefault(name, value)
    return {name: value for name, value in environment.items() if name not in ENDING}


def _ending_of(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ENDING if name in told}


def _known(run_id: str) -> dict[str, Any]:
    query = TrainingRun.select(TrainingRun.environment).where(TrainingRun.run_id == run_id)
    known: dict[str, Any] = orjson.loads(query.scalar())
    return known


def _store(run_id: str, environment: Mapping[str, Any]) -> None:
    text = orjson.dumps(environment, option=orjson.OPT_SORT_KEYS).decode()
    TrainingRun.update(environment=text).where(TrainingRun.run_id == run_id).execute()
