"""Curves of what goes on in steps: boosting while it is fitted and stage by stage after it, loops of `partial_fit`."""

import copy
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import prevue
from prevue.callbacks import harmless
from prevue_core.errors import InvalidValue
from prevue_sklearn.judging import Budget, Judge, check_eval_set, for_arrays, judge_for
from prevue_sklearn.steps import inner_data, last_step

STAGED = ("predict", "predict_proba", "decision_function")
WATCHED = {"train_score_": "loss", "oob_scores_": "oob_loss", "oob_improvement_": "oob_improvement"}

# Runs that an estimator's curves went to while it was fitted, so that `log_fit` does not log them again.
_told: "weakref.WeakKeyDictionary[Any, weakref.WeakSet[prevue.Run]]" = weakref.WeakKeyDictionary()


def monitor(run: prevue.Run) -> Callable[[int, Any, dict[str, Any]], bool]:
    """Return a monitor for gradient boosting, which logs each iteration live: `model.fit(x, y, monitor=monitor(run))`.

    `loss` on what it learns from; with `subsample` below 1.0 `oob_loss` and `oob_improvement`. It never stops a fit.
    """

    def log(iteration: int, estimator: Any, variables: dict[str, Any]) -> bool:
        _log_boosted(run, iteration, estimator)
        return False

    return log


def was_told(run: prevue.Run, estimator: Any) -> bool:
    """Return whether an estimator's curves were logged while it was fitted."""
    return run in _told.get(estimator, ())


def staged(
    run: prevue.Run, estimator: Any, x: Any, y: Any, scoring: Any = None, *, split: str = "test"
) -> dict[str, list[float]]:
    """Judge a fitted boosting after each of its iterations on samples `x` with targets `y`, and log and return that.

    Gradient, histogram gradient and AdaBoost, alone, as the last step of a pipeline or the best of a search.
    `scoring`: as scikit-learn takes it, names or callables; None: loss and accuracy, or R2. `split`: where curves go;
    `val` has what an estimator has held back itself.
    Raises InvalidValue for an estimator without stages and a scoring that is not known.
    """
    judge = judge_for(scoring)
    final = last_step(estimator)
    if not any(hasattr(final, f"staged_{method}") for method in STAGED):
        raise InvalidValue(f"{type(final).__name__} has no stages; give a boosting, fitted")
    if hasattr(y, "to_numpy"):
        y = y.to_numpy()
    curves: dict[str, list[float]] = {}
    stages = Stages(final, inner_data(estimator, x, final))
    for iteration in range(_stage_count(final)):
        values = stages.judge(judge, y)
        for name, value in values.items():
            curves.setdefault(name, []).append(value)
        step = iteration + int(
            hasattr(final, "validation_score_")
        )  # those of histograms count what is before the first
        run.log(values, step=step, epoch=step, split=split)
    return curves


def partial_fit(
    run: prevue.Run,
    estimator: Any,
    batches: Iterable[tuple[Any, Any]],
    *,
    classes: Any = None,
    eval_set: tuple[Any, Any] | None = None,
) -> Any:
    """Fit an estimator batch by batch, log that, and return it: `partial_fit(run, SGDClassifier(), batches, ...)`.

    Logged with step and batch = number of the batch: `loss_` of those that have one, `fit_time` in seconds, loss and
    accuracy (or R2) of the batch before it is learned, which is left out where it would take more than a hundredth of
    the time, and on `eval_set`, samples and targets held out, as split `val`.
    `batches`: pairs of samples and targets. `classes`: all that there will be; a classifier needs them.
    Raises InvalidValue for an `eval_set` that is no pair, and what the estimator raises.
    """
    eval_set, budget = check_eval_set(eval_set), Budget(is_limited=True)
    known = {} if classes is None else {"classes": classes}
    for batch, (x, y) in enumerate(batches):
        values = _ahead(estimator, x, y, budget) if batch else {}
        began = time.monotonic()
        estimator.partial_fit(x, y, **known)
        values["fit_time"] = time.monotonic() - began
        _log_batch(run, estimator, batch, values, eval_set)
    return estimator


class Stages:
    """A fitted boosting as it was after one iteration after the other: `judge` goes on by one."""

    def __init__(self, estimator: Any, x: Any) -> None:
        self._x = x
        self._estimator = copy.copy(estimator)
        self._ways: dict[str, Iterator[Any]] = {}
        self._now: dict[str, Any] = {}
        for method in STAGED:
            if hasattr(estimator, f"staged_{method}"):
                self._ways[method] = getattr(estimator, f"staged_{method}")(x)
                # Scorers ask the estimator; what it answers now is found in its stead, as nothing else may differ.
                setattr(self._estimator, method, self._answering(method))

    def judge(self, judge: Judge, y: Any) -> dict[str, float]:
        """Return what `judge` says of the next stage."""
        self._now = {}
        return judge(self._estimator, self._x, y)

    def _answering(self, method: str) -> Callable[[Any], Any]:
        def answer(x: Any) -> Any:
            if method not in self._now:
                self._now[method] = next(self._ways[method])
            return self._now[method]

        answer.__name__ = method  # by which scorers tell what they were answered
        return answer


def _stage_count(estimator: Any) -> int:
    """Return how many iterations a fitted boosting has."""
    for attribute in ("n_iter_", "n_estimators_"):
        if hasattr(estimator, attribute):
            return int(getattr(estimator, attribute))
    return len(estimator.estimators_)


@harmless
def _log_boosted(run: prevue.Run, iteration: int, estimator: Any) -> None:
    values = {name: float(getattr(estimator, at)[iteration]) for at, name in WATCHED.items() if hasattr(estimator, at)}
    run.log(values, step=iteration, epoch=iteration)
    _told.setdefault(estimator, weakref.WeakSet()).add(run)


def _ahead(estimator: Any, x: Any, y: Any, budget: Budget) -> dict[str, float]:
    """Judge an estimator on a batch that it has not seen."""
    values: dict[str, float] = {}

    @harmless
    def judge() -> None:
        with budget.spent():
            values.update(judge_for(None)(for_arrays(estimator), x, y))

    if budget.is_left:
        judge()
    return values


@harmless
def _log_batch(run: prevue.Run, estimator: Any, batch: int, values: dict[str, float], eval_set: Any) -> None:
    if isinstance(loss := getattr(estimator, "loss_", None), float):
        values["loss"] = loss
    if batch == 0:
        run.describe(estimator)  # now with its shapes
    if eval_set is not None:
        values |= {f"val/{name}": value for name, value in judge_for(None)(estimator, *eval_set).items()}
    run.log(values, step=batch, batch=batch)
