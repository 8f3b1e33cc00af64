"""What is worked out of an evaluation's samples, once for each state of it; whoever asks is let in first.

What is kept is for all who ask: it depends on nothing but the samples that have come.
"""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
import orjson
from werkzeug.exceptions import NotFound

from prevue_core.api.blueprint import found, identity
from prevue_core.db.queries import evaluations as queries
from prevue_core.db.queries.once import Kept
from prevue_core.db.queries.pages import Row
from prevue_core.evaluation import columns, comparison, curves, mistakes, report, scoring
from prevue_core.evaluation.arrays import Ints
from prevue_core.evaluation.samples import Samples

KEPT_BYTES = 128 << 20  # of answers, as JSON: a report is some 100 KB, the columns for a page a megabyte

P = ParamSpec("P")
Answer = TypeVar("Answer")

_kept: Kept[bytes] = Kept(KEPT_BYTES, len)  # not as objects, which take ten times the room


def once(work: Callable[P, Answer]) -> Callable[P, Answer]:
    """Keep what `work` returns, which is JSON, and let those that ask for the same at once wait for one."""

    @wraps(work)
    def asked(*key: P.args, **options: P.kwargs) -> Answer:
        kept = _kept.get((work, key, *sorted(options.items())), lambda: orjson.dumps(work(*key, **options)))
        answer: Answer = orjson.loads(kept)
        return answer

    return asked


class Key(NamedTuple):
    """Which evaluation, and how many samples have come."""

    run_id: str
    evaluation_id: int
    received: int


def evaluation(run_id: uuid.UUID, evaluation_id: int) -> Row:
    """Return an evaluation, or answer 404 where there is none for who asks."""
    return found(queries.evaluation(identity(), str(run_id), evaluation_id), f"evaluation {evaluation_id}")


def samples(run_id: str, evaluation_id: int) -> Samples:
    """Return the samples that have come, or answer 404 where none has."""
    samples = queries.samples(run_id, evaluation_id)
    if len(samples) == 0:
        raise NotFound(f"no sample of evaluation {evaluation_id} has come yet")
    return samples


@once
def report_of(run_id: str, evaluation_id: int, received: int, **asked: Any) -> Row:
    """Return the report; `received`: how many samples have come, as those below."""
    return report.report(samples(run_id, evaluation_id), **asked)


@once
def curves_of(run_id: str, evaluation_id: int, received: int, labels: tuple[int, ...]) -> list[Row]:
    """Return the mean curves and those of `labels`."""
    return curves.curves(samples(run_id, evaluation_id), labels)


@once
def scores_of(run_id: str, evaluation_id: int, received: int, beta: float) -> Row:
    """Return the scores by name."""
    return scoring.scores(samples(run_id, evaluation_id), beta)


@once
def intervals_of(run_id: str, evaluation_id: int, received: int, beta: float) -> Row:
    """Return the intervals of the scores."""
    return scoring.intervals(samples(run_id, evaluation_id), beta)


@once
def slices_of(run_id: str, evaluation_id: int, received: int, beta: float) -> list[Row]:
    """Return the scores of each group of samples."""
    return report.slices(samples(run_id, evaluation_id), beta)


@once
def columns_of(run_id: str, evaluation_id: int, received: int) -> Row:
    """Return the samples that a page holds, as columns."""
    all_ = samples(run_id, evaluation_id)
    places = columns.held(all_)
    named = queries.sample_rows(run_id, evaluation_id, numbers := places.tolist())
    names = [named[number]["sample_id"] for number in numbers]
    return {**columns.columns(all_, places), "sample_id": names, "total": len(all_)}


@once
def comparison_of(a: Key, b: Key, beta: float) -> Row:
    """Return how two evaluations differ on the samples that both have. Raises InvalidValue where there are none."""
    (of_a, _), (of_b, _) = _matched(a, b)
    return comparison.compared(of_a, of_b, beta)


def samples_of_group(a: Key, b: Key, group: str, limit: int) -> list[Row]:
    """Return the samples that both, only A, only B or neither are right about, with what either says."""
    (of_a, places_a), (of_b, places_b) = _matched(a, b)
    chosen = comparison.of_group(of_a, of_b, group)[:limit]
    rows, others = (
        sample_rows(key.run_id, key.evaluation_id, samples(key.run_id, key.evaluation_id), places[chosen])
        for key, places in ((a, places_a), (b, places_b))
    )
    both = zip(rows, others, strict=True)
    return [{**row, "prediction_b": other["prediction"], "score_b": other["score"]} for row, other in both]


def _matched(a: Key, b: Key) -> tuple[tuple[Samples, Ints], tuple[Samples, Ints]]:
    """Return the samples that both have, in the order of A, and their places, of A and of B."""
    all_a, all_b = (samples(key.run_id, key.evaluation_id) for key in (a, b))
    # More may have come since: names are those of the samples at hand.
    of_both = ((a, all_a), (b, all_b))
    ids_a, ids_b = (queries.sample_ids(key.run_id, key.evaluation_id, len(all_)) for key, all_ in of_both)
    of_a, of_b = comparison.matched(all_a, all_b, ids_a, ids_b)
    return (all_a.only(of_a), of_a), (all_b.only(of_b), of_b)


def sample_rows(run_id: str, evaluation_id: int, of: Samples, places: Any) -> list[Row]:
    """Return samples as lists show them."""
    numbers = places.tolist()
    stored, sure = queries.sample_rows(run_id, evaluation_id, numbers), mistakes.confidence(of)
    return [
        {
            "sample_no": number,
            **stored[number],
            "target": _named(of, of.target[number]),
            "prediction": _named(of, of.prediction[number]),
            "score": None if of.score_type is None else scoring.number(sure[number]),
        }
        for number in numbers
    ]


def _named(samples: Samples, value: Any) -> Any:
    if samples.task == "regression":
        return float(value)
    if samples.task == "multilabel":
        return [samples.labels[place] for place in np.flatnonzero(value)]
    return samples.labels[value]
