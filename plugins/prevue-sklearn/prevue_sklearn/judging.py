"""Judging fitted estimators on data: loss and accuracy, or what is asked for in scikit-learn's forms of `scoring`."""

import copy
import inspect
import numbers
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import get_scorer

from prevue_core.errors import InvalidValue, shown

# Judging on all training data may cost what an iteration does. Unless it was asked for, a fit spends so much on it, and
# further iterations are left out: a long fit loses less than a hundredth of its time.
FREE_S = 0.1
SHARE = 0.004

Judge = Callable[..., dict[str, float]]  # of an estimator, x, y and its weights, or None


class Budget:
    """The time that judging may take of what goes on since it was made."""

    def __init__(self, *, is_limited: bool) -> None:
        self._is_limited = is_limited
        self._began_s = time.monotonic()
        self._spent_s = 0.0
        self._last_s = 0.0  # what the last one took, and the next will

    @property
    def is_left(self) -> bool:
        """Whether there is time for another one."""
        allowed_s = FREE_S + SHARE * (time.monotonic() - self._began_s)
        return not self._is_limited or self._spent_s + self._last_s <= allowed_s

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Count what is done inside."""
        began_s = time.monotonic()
        try:
            yield
        finally:
            self._last_s = time.monotonic() - began_s
            self._spent_s += self._last_s


def judge_for(scoring: Any) -> Judge:
    """Return what judges for a `scoring` as scikit-learn takes it, see `check_scoring`; None: loss and accuracy.

    Values have the scorers' names and are as scikit-learn gives them (`neg_log_loss` is below zero); a callable that
    returns a number is called `score`. Raises InvalidValue for what is no scoring.
    """
    if scoring is None:
        return judge_as_usual
    if callable(scoring):
        return lambda fitted, x, y, weights=None: _named(_scored(scoring, fitted, x, y, weights))
    scorers = _scorers(scoring)
    return lambda fitted, x, y, weights=None: {
        name: float(_scored(scorer, fitted, x, y, weights)) for name, scorer in scorers.items()
    }


def judge_as_usual(fitted: Any, x: Any, y: Any, weights: Any = None) -> dict[str, float]:
    """Return loss and accuracy of a classifier, without penalties, or what another estimator takes for its score."""
    if hasattr(fitted, "predict_proba") and not isinstance(fitted.classes_, list):  # a list: of several outputs
        return _judge_classes(fitted.classes_, fitted.predict_proba(x), np.ravel(y), weights)
    weighted = {} if weights is None else {"sample_weight": weights}
    return {own_score(fitted): fitted.score(x, y, **weighted)} if hasattr(fitted, "score") else {}


def own_score(estimator: Any) -> str:
    """Return the name of what `estimator.score` computes."""
    return "accuracy" if is_classifier(estimator) else "r2" if is_regressor(estimator) else "score"


def check_eval_set(given: Any) -> tuple[Any, Any] | None:
    """Return samples and targets held out, or None. Raises InvalidValue for what is no pair."""
    if given is None or (isinstance(given, tuple | list) and len(given) == 2):
        return None if given is None else (given[0], given[1])
    raise InvalidValue(f"eval_set {shown(given)} is not a pair; give (samples, targets)")


def for_arrays(fitted: Any) -> Any:
    """Return a copy that takes arrays where data frames were learned, for which scikit-learn would warn."""
    if hasattr(fitted, "feature_names_in_"):
        fitted = copy.copy(fitted)
        fitted.__dict__.pop("feature_names_in_", None)
    return fitted


def _judge_classes(classes: Any, scores: Any, y: Any, weights: Any) -> dict[str, float]:
    """Return what `log_loss` and `accuracy_score` of scikit-learn would, in a tenth of their time.

    A class that was not learned has the probability 0, where scikit-learn would raise.
    """
    places = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    is_known = classes[places] == y
    likely = np.where(is_known, scores[np.arange(len(y)), places], 0.0)
    losses = -np.log(np.clip(likely, np.finfo(scores.dtype).eps, 1.0))
    is_right = is_known & (scores.argmax(axis=1) == places)
    told = {"loss": losses, "accuracy": is_right}
    return {name: float(np.average(values, weights=weights)) for name, values in told.items()}


def _scorers(scoring: Any) -> dict[str, Any]:
    names = [scoring] if isinstance(scoring, str) else scoring
    try:
        if isinstance(names, Mapping):
            return {str(name): get_scorer(scorer) for name, scorer in names.items()}
        if isinstance(names, list | tuple):
            return {name: get_scorer(name) for name in names}
    except (ValueError, TypeError):
        pass
    raise InvalidValue(f"scoring {shown(scoring)} is not known; use a name of sklearn.metrics.get_scorer_names()")


def _scored(scorer: Any, fitted: Any, x: Any, y: Any, weights: Any) -> Any:
    if weights is not None and "sample_weight" in inspect.signature(scorer).parameters:
        return scorer(fitted, x, y, sample_weight=weights)
    return scorer(fitted, x, y)


def _named(found: Any) -> dict[str, float]:
    if isinstance(found, Mapping):
        return {str(name): float(value) for name, value in found.items() if isinstance(value, numbers.Real)}
    return {"score": float(found)}
