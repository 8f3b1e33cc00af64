"""The callback for scikit-learn's own callbacks: a run for each fit, live where scikit-learn tells of iterations.

After the constructor nothing is raised: whatever happens here or on the network, the fit goes on.
"""

import pickle
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sklearn

import prevue
from prevue.callbacks import check_arguments, check_given, end_run, harmless
from prevue.config import client_settings
from prevue.notices import notices
from prevue_core.contract import check_label
from prevue_core.errors import InvalidValue, shown
from prevue_sklearn import tasks
from prevue_sklearn.describe import describe_estimator
from prevue_sklearn.folds import FoldWatcher
from prevue_sklearn.judging import Budget, check_eval_set, for_arrays, judge_for
from prevue_sklearn.parameters import parameters
from prevue_sklearn.searches import log_search, log_watched_search
from prevue_sklearn.steps import inner_data
from prevue_sklearn.tracking import log_remembered
from prevue_sklearn.workers import import_for_sender

try:
    import sklearn.callback
except ModuleNotFoundError as error:
    if error.name != "sklearn.callback":
        raise
    raise ImportError(
        f"PrevueSklearnCallback needs scikit-learn 1.9 or newer, this is {sklearn.__version__}: "
        "pip install -U scikit-learn, or use prevue_sklearn.track, which works with every version"
    ) from error


@dataclass
class Fit:
    """A fit that goes on, from the outermost estimator's `fit` to its end."""

    run: prevue.Run
    estimator: Any = None  # the outermost; None in a worker's process
    error_before: BaseException | None = None  # one that is being handled where `fit` was called
    budget: Budget = field(default_factory=lambda: Budget(is_limited=True))
    began_s: float = field(default_factory=time.monotonic)
    began: dict[tuple[int, ...], float] = field(default_factory=dict)  # by place of a task
    fold_times: dict[tuple[int, ...], dict[str, float]] = field(default_factory=dict)  # by place of a fold
    watched: Any = None  # a search, and what watches its folds
    watcher: FoldWatcher | None = None
    is_described: bool = False
    iterations: int = 0  # told of the run's own fit
    left_out: Any = None  # the last iteration, where it was not judged
    eval_x: Any = None  # the held-out samples as the last step takes them

    def times_of_fold(self, context: Any) -> dict[str, float]:
        """Return what a fold's tasks took, to be added to."""
        return self.fold_times.setdefault(tasks.place(context), {})


class PrevueSklearnCallback:
    """Shows fits in Prevue: `estimator.set_callbacks(PrevueSklearnCallback(project_name="test")).fit(X, y)`.

    Each `fit` is a run of its own, with the estimator's parameters as its configuration. A copy (pickled) has the
    configuration only, with the token in PREVUE_TOKEN; one that scikit-learn sends to a worker during a fit logs into
    that fit's run.
    """

    def __init__(
        self,
        connector_name: str = "sklearn",
        project_name: str | None = None,
        uid: str | None = None,
        url: str | None = None,
        *,
        scoring: Any = None,
        eval_set: tuple[Any, Any] | None = None,
        max_propagation_depth: int | None = None,
        run_name: str | None = None,
        group: str | None = None,
        token: str | None = None,
        config: Mapping[str, Any] | None = None,
        tags: list[str] | None = None,
        mode: str | None = None,
        system_metrics: bool | None = None,
        run: prevue.Run | None = None,
    ) -> None:
        """Keep what opens a run when a fit begins, see `prevue.init`.

        `scoring`: what judges each iteration, as scikit-learn's `ScoringMonitor` takes it; None: loss and accuracy,
        left out where that would take more than a hundredth of a fit.
        `eval_set`: samples and targets held out, on which each iteration and the fitted estimator are judged, too.
        `max_propagation_depth`: how many levels of estimators inside it follows; None: all that tell of their fit.
        `run`: one that is open already, instead of all that would open another; it stays open after the fit.
        Raises InvalidValue, a ValueError, for a value that cannot be used.
        """
        where: dict[str, Any] = {"url": url, "project": project_name, "uid": uid, "mode": mode, "token": token}
        what: dict[str, Any] = {"name": run_name, "group": group, "config": config, "tags": tags}
        where["system_metrics"] = system_metrics
        if run is not None:
            check_given(run, {**where, **what})
        client_settings(**where)
        check_arguments(**what)
        self.max_propagation_depth = _depth(max_propagation_depth)  # read by scikit-learn
        self._arguments = {"connector_name": check_label("connector_name", connector_name), **where, **what}
        self._judge, self._scoring = judge_for(scoring), scoring
        self._eval_set = check_eval_set(eval_set)
        self._given = run
        self._id = uuid.uuid4().hex[:8]
        self.fits: dict[UUID, Fit] = {}  # that go on: several where an estimator is fitted in threads

    # hooks

    @harmless
    def setup(self, estimator: Any, context: Any) -> None:
        """Open a run for a fit that begins."""
        import_for_sender()
        vars(self).pop("on_fit_task_end", None)  # a worker's, of a copy that now fits by itself
        run = self._given
        if run is None:
            config = {**parameters(estimator), **(self._arguments["config"] or {})}
            group = self._arguments["group"] or (f"cross-validation {self._id}" if tasks.is_cross_validated() else None)
            run = prevue.init(**{**self._arguments, "config": config, "group": group})
        budget = Budget(is_limited=self._scoring is None and self._eval_set is None)
        self.fits[context.root_uuid] = Fit(run, estimator, sys.exception(), budget)

    @harmless
    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Note when a task begins, and before a search's folds log, in whatever process, describe it and watch them."""
        if (fit := self.fits.get(context.root_uuid)) is None or tasks.is_iteration(context):
            return
        fit.began[tasks.place(context)] = time.monotonic()
        if context.task_name == "search" and fit.estimator is not None and not tasks.is_in_fold(context):
            fit.run.describe(fit.estimator)
            fit.watched, fit.watcher = estimator, FoldWatcher(self)
            fit.watcher.join(context, fit.run)

    @harmless
    def on_fit_task_end(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any = None,
        y: Any = None,
        metadata: Mapping[str, Any] | None = None,
        fitted_estimator: Any = None,
    ) -> None:
        """Log an iteration of the run's own fit, or how long a task took."""
        if (fit := self.fits.get(context.root_uuid)) is None:
            return
        if not tasks.is_iteration(context):
            self._log_time(fit, context)
        elif fitted_estimator is not None and not tasks.is_in_fold(context):
            fit.iterations += 1
            told = (estimator, context, fitted_estimator, (X, y, metadata or {}))
            fit.left_out = None if fit.budget.is_left else told
            if fit.left_out is None:
                with fit.budget.spent():
                    self._log_iteration(fit, *told)

    @harmless
    def _on_task_end_in_worker(self, estimator: Any, context: Any) -> None:
        """Log how long a task took. No iteration of a fold is judged, so scikit-learn need not rebuild it fitted."""
        if (fit := self.fits.get(context.root_uuid)) is not None and not tasks.is_iteration(context):
            self._log_time(fit, context)

    @harmless
    def teardown(self, estimator: Any, context: Any) -> None:
        """Log what the estimator remembers of its fit, and finish the run, unless it was given."""
        if (fit := self.fits.pop(context.root_uuid, None)) is None:
            return
        if fit.watcher is not None:
            fit.watcher.leave(fit.watched)
        error = sys.exception()  # scikit-learn calls this in a `finally`
        if error is fit.error_before:
            error = None
            self._log_end(fit, estimator)
        elif not fit.is_described:
            fit.run.describe(estimator)
        if fit.run is not self._given:
            end_run(fit.run, error)

    # copies

    def __getstate__(self) -> dict[str, Any]:
        """What a copy gets: what was configured, and the runs of fits that go on; no token, socket or estimator.

        The held-out samples are not saved with an estimator, and neither is a `scoring` that cannot be pickled.
        """
        fits = {root: fit.run for root, fit in list(self.fits.items())}
        return {
            **self._arguments,
            "token": None,
            "run": self._given,
            "max_propagation_depth": self.max_propagation_depth,
            "scoring": None if fits else _picklable(self._scoring),
            "id": self._id,
            "fits": fits,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        fits, own_id = state.pop("fits"), state.pop("id")
        names = {"project": "project_name", "name": "run_name"}
        self.__init__(**{names.get(name, name): value for name, value in state.items()})  # type: ignore[misc]
        self._id = own_id
        self.fits = {root: Fit(run) for root, run in fits.items()}
        if fits:
            self.on_fit_task_end = self._on_task_end_in_worker  # type: ignore[assignment,method-assign]

    # what is logged

    def _log_iteration(self, fit: Fit, estimator: Any, context: Any, fitted: Any, judged_on: Any) -> None:
        if not fit.is_described and fit.estimator is not None:
            fit.run.describe(describe_estimator(fit.estimator, {id(estimator): fitted}))
            fit.is_described = True
        x, y, metadata = judged_on
        fitted, path = for_arrays(fitted), tasks.path_to_iteration(context)
        train = self._judge(fitted, x, y, metadata.get("sample_weight"))
        held_out = self._judge_held_out(fit, estimator, fitted)
        values = {f"{path}{name}": value for name, value in train.items()}
        values |= {f"val/{path}{name}": value for name, value in held_out.items()}
        fit.run.log(values, step=context.task_id, epoch=context.task_id)

    def _judge_held_out(self, fit: Fit, estimator: Any, fitted: Any) -> dict[str, float]:
        """Judge an iteration on the held-out samples, as the steps before have transformed them."""
        if self._eval_set is None:
            return {}
        if fit.eval_x is None:
            fit.eval_x = inner_data(fit.estimator, self._eval_set[0], estimator)
        return self._judge(fitted, fit.eval_x, self._eval_set[1])

    def _log_time(self, fit: Fit, context: Any) -> None:
        began = fit.began.pop(tasks.place(context), None)
        if began is None or context.parent is None:
            return
        took, fold = time.monotonic() - began, tasks.fold_of(context)
        if fold is None:
            fit.run.log({f"{tasks.path_to(context)}fit_time": took}, step=0, split="train")
        elif context is not fold:  # the fold's watcher logs it with the fold
            fit.times_of_fold(fold)[f"fold/{tasks.path_to(context, fold)}fit_time"] = took

    @harmless
    def _log_end(self, fit: Fit, estimator: Any) -> None:
        took = time.monotonic() - fit.began_s
        if fit.left_out is not None:
            self._log_iteration(fit, *fit.left_out)
        fit.run.describe(estimator)
        if fit.watcher is not None:
            log_watched_search(fit.run, fit.watched)
        elif hasattr(estimator, "cv_results_"):
            log_search(fit.run, estimator)
        log_remembered(fit.run, estimator, took)
        if self._eval_set is not None and not fit.iterations:
            values = self._judge(estimator, *self._eval_set)
            fit.run.log({f"val/{name}": value for name, value in values.items()}, step=0)


def _picklable(scoring: Any) -> Any:
    try:
        pickle.dumps(scoring)
    except Exception:  # noqa: BLE001 - foreign code; an estimator must be saved nevertheless
        notices.warn("scoring", f"scoring {shown(scoring)} cannot be pickled; a saved estimator is without it")
        return None
    return scoring


def _depth(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise InvalidValue(f"max_propagation_depth {value!r:.60} is not a number of levels; use None, 0, 1 ...")
