"""What is worked out of an evaluation's samples, once for each state of it; whoever asks is let in first.

What is kept is for all who ask: it depends on nothing but the samples that have come.
"""

import uuid
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import numpy as np
from werkzeug.exceptions import NotFound

from prevue_core.api.blueprint import found, identity
from prevue_core.db.queries import evaluations as queries
from prevue_core.db.queries.once import OneAtATime
from prevue_core.db.queries.pages import Row
from prevue_core.evaluation import columns, curves, mistakes, report, scoring
from prevue_core.evaluation.samples import Samples

_KEPT = 64  # of each kind; a report is some 100 KB, the columns for a page a megabyte


def _once(work: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what `work` returns, and let those that ask for the same at the same time wait for one answer."""
    kept, working = lru_cache(_KEPT)(work), OneAtATime()

    @wraps(work)
    def asked(*key: Any, **options: Any) -> Any:
        with working.of((key, *sorted(options.items()))):
            return kept(*key, **options)

    return asked


def evaluation(run_id: uuid.UUID, evaluation_id: int) -> Row:
    """Return an evaluation, or answer 404 where there is none for who asks."""
    return found(queries.evaluation(identity(), str(run_id), evaluation_id), f"evaluation {evaluation_id}")


def samples(run_id: str, evaluation_id: int) -> Samples:
    """Return the samples that have come, or answer 404 where none has."""
    samples = queries.samples(run_id, evaluation_id)
    if len(samples) == 0:
        raise NotFound(f"no sample of evaluation {evaluation_id} has come yet")
    return samples


@_once
def report_of(run_id: str, evaluation_id: int, received: int, **asked: Any) -> Row:
    """Return the report; `received`: how many samples have come, as those below."""
    return report.report(samples(run_id, evaluation_id), **asked)


@_once
def curves_of(run_id: str, evaluation_id: int, received: int, labels: tuple[int, ...]) -> list[Row]:
    """Return the mean curves and those of `labels`."""
    return curves.curves(samples(run_id, evaluation_id), labels)


@_once
def scores_of(run_id: str, evaluation_id: int, received: int, beta: float) -> Row:
    """Return the scores by name."""
    return scoring.scores(samples(run_id, evaluation_id), beta)


@_once
def intervals_of(run_id: str, evaluation_id: int, received: int, beta: float) -> Row:
    """Return the intervals of the scores."""
    return scoring.intervals(samples(run_id, evaluation_id), beta)


@_once
def slices_of(run_id: str, evaluation_id: int, received: int, beta: float) -> list[Row]:
    """Return the scores of each group of samples."""
    return report.slices(samples(run_id, evaluation_id), beta)


@_once
def columns_of(run_id: str, evaluation_id: int, received: int) -> Row:
    """Return the samples that a page holds, as columns."""
    all_ = samples(run_id, evaluation_id)
    places = columns.held(all_)
    named = queries.sample_rows(run_id, evaluation_id, numbers := places.tolist())
    names = [named[number]["sample_id"] for number in numbers]
    return {**columns.columns(all_, places), "sample_id": names, "total": len(all_)}


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
