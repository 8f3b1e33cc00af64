"""What can be asked for in a project: fields with examples of their values, for those who write a filter."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import peewee

from prevue_core.contract import RUN_STATES
from prevue_core.db.accounts import Identity
from prevue_core.db.models import ModelDescription, Project, Series, TrainingRun, User
from prevue_core.db.queries.fields import BOOLEAN, NUMBER, SUMS, TEXT, is_askable, single_fields
from prevue_core.db.queries.language import field_text
from prevue_core.db.queries.pages import Row
from prevue_core.db.queries.runs import is_visible

RECENT_RUNS = 500  # of which fields and values are told: those that started last
MAX_KEYS_TOLD = 2_000  # of configurations and environments, and as many series: those that most runs have
MAX_EXAMPLES = 10
MAX_EXAMPLE_CHARS = 100


@dataclass
class Seen:
    """What is known of a field: in how many runs it has a value, of which types, and how often which."""

    run_count: int = 0
    types: set[str] = field(default_factory=set)
    values: Counter[tuple[str, Any]] = field(default_factory=Counter)

    def add(self, values: list[Any]) -> None:
        """Note what one run has."""
        self.run_count += bool(values)
        for value in values:
            kind = BOOLEAN if isinstance(value, bool) else NUMBER if isinstance(value, int | float) else TEXT
            self.types.add(kind)
            if kind != TEXT or len(value) <= MAX_EXAMPLE_CHARS:
                self.values[kind, value] += 1

    def row(self, name: str) -> Row:
        """Return what is told; the values that most runs have come first."""
        often = sorted(self.values, key=lambda one: (-self.values[one], *one))
        examples = [value for _, value in often[:MAX_EXAMPLES]]
        return {"field": name, "types": sorted(self.types), "examples": examples, "run_count": self.run_count}


def run_fields(identity: Identity, project_id: int) -> Row:
    """Return the fields that runs of a project can be asked for, and which values their last runs have.

    `fields`: those of every run, then the keys of configurations and environments; `types` and `examples` of each.
    `series`: a dot and one of `sums` behind `field` make it whole.
    """
    recent = _recent(identity, project_id)
    seen = {name: Seen(types={kind}) for name, kind in single_fields().items()}
    keys: dict[str, Seen] = {}
    for row in _facts(recent):
        for name, values in row["single"].items():
            seen[name].add(values)
        for name, value in row["keys"]:
            keys.setdefault(name, Seen()).add([value])
    told = [
        {**one.row(name), **({"examples": list(RUN_STATES)} if name == "state" else {})} for name, one in seen.items()
    ]
    often = sorted(keys, key=lambda name: (-keys[name].run_count, name))[:MAX_KEYS_TOLD]
    return {
        "fields": told + [keys[name].row(name) for name in sorted(often)],
        "series": list(_series(recent)),
        "sums": list(SUMS),
    }


def _recent(identity: Identity, project_id: int) -> list[Any]:
    query = TrainingRun.select(TrainingRun.run_id).join(Project)
    query = query.where(is_visible(identity), TrainingRun.project == project_id)
    newest = query.order_by(TrainingRun.started_at.desc(), TrainingRun.run_id.desc()).limit(RECENT_RUNS)
    return [row.run_id for row in newest]


def _facts(recent: list[Any]) -> Iterator[dict[str, Any]]:
    columns = (TrainingRun.tags, TrainingRun.config, TrainingRun.environment, User.username, TrainingRun.run_group)
    query = TrainingRun.select(*columns, ModelDescription.model_name, ModelDescription.connector_name)
    query = query.join(User).switch(TrainingRun).join(ModelDescription, peewee.JOIN.LEFT_OUTER)
    rows: list[Any] = list(query.where(TrainingRun.run_id.in_(recent)).tuples())
    for row in rows:
        tags, config, environment, username, group, model, connector = row
        environment = orjson.loads(environment)
        single = {"user": username, "group": group, "model": model}
        single["connector"] = connector or environment.get("connector_name")
        yield {
            "single": {"tag": orjson.loads(tags), **{name: [one] if one else [] for name, one in single.items()}},
            "keys": [*_leaves(("config",), orjson.loads(config)), *_leaves(("env",), environment)],
        }


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields inside a document that have a value; a list is its JSON text, as in a filter."""
    if isinstance(value, dict) and (value or len(path) == 1):
        for key, inner in value.items():
            if is_askable(key):
                yield from _leaves((*path, key), inner)
    elif value is not None:
        yield field_text(path), orjson.dumps(value).decode() if isinstance(value, list | dict) else value


def _series(recent: list[Any]) -> Iterator[Row]:
    run_count = peewee.fn.COUNT(Series.run_id.distinct())
    query = Series.select(Series.split, Series.name, Series.kind, run_count).where(Series.run_id.in_(recent))
    query = query.group_by(Series.split, Series.name, Series.kind).order_by(run_count.desc(), Series.name, Series.split)
    rows: list[Any] = list(query.limit(MAX_KEYS_TOLD).tuples())
    for split, name, kind, runs in rows:
        text = field_text(("metrics", split, name))
        yield {"field": text, "split": split, "name": name, "kind": kind, "run_count": runs}
