"""The callback for scikit-learn's own callbacks: a run for each fit, live where scikit-learn tells of iterations.

After the constructor nothing is raised: whatever happens here or on the network, the fit goes on.
"""

import copy
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sklearn
from sklearn.metrics import accuracy_score, log_loss

import prevue
from prevue.callbacks import check_arguments, check_given, harmless
from prevue.config import client_settings
from prevue_core.contract import check_label
from prevue_core.errors import InvalidValue
from prevue_sklearn.describe import describe_estimator
from prevue_sklearn.parameters import parameters
from prevue_sklearn.tracking import log_fit

try:
    import sklearn.callback
except ModuleNotFoundError as error:
    if error.name != "sklearn.callback":
        raise
    raise ImportError(
        f"PrevueSklearnCallback needs scikit-learn 1.9 or newer, this is {sklearn.__version__}: "
        "pip install -U scikit-learn, or use prevue_sklearn.track, which works with every version"
    ) from error

# An iteration is judged on all training data, which costs up to half of what the iteration does. So a fit may spend so
# much on it, and further iterations are left out: a short fit is shown whole, a long one is not slowed down.
FREE_S = 1.0
SHARE = 0.05

FOLD = "candidate-split-evaluation"  # scikit-learn's name for the fit of a candidate on a fold
MAIN_TASKS = ("fit-final-estimator", "fit-predict-final-estimator", "refit-with-best-params")  # the run's own fit


@dataclass
class _Fit:
    """A fit that goes on, from the outermost estimator's `fit` to its end."""

    run: prevue.Run
    estimator: Any  # the outermost; None in a worker's process
    began_s: float
    error_before: BaseException | None  # one that is being handled where `fit` was called
    judging_s: float = 0.0
    is_described: bool = False


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
        max_propagation_depth: int | None = None,
        run_name: str | None = None,
        group: str | None = None,
        token: str | None = None,
        config: Mapping[str, Any] | None = None,
        tags: list[str] | None = None,
        mode: str | None = None,
        run: prevue.Run | None = None,
    ) -> None:
        """Keep what opens a run when a fit begins, see `prevue.init`.

        `max_propagation_depth`: how many levels of estimators inside it follows; None: all that tell of their fit.
        `run`: one that is open already, instead of all that would open another; it stays open after the fit.
        Raises InvalidValue, a ValueError, for a value that cannot be used.
        """
        where: dict[str, Any] = {"url": url, "project": project_name, "uid": uid, "mode": mode, "token": token}
        what: dict[str, Any] = {"name": run_name, "group": group, "config": config, "tags": tags}
        if run is not None:
            check_given(run, {**where, **what})
        client_settings(**where)
        check_arguments(**what)
        self.max_propagation_depth = _depth(max_propagation_depth)  # read by scikit-learn
        self._arguments = {"connector_name": check_label("connector_name", connector_name), **where, **what}
        self._given = run
        self._fits: dict[UUID, _Fit] = {}  # several where an estimator is fitted in threads
        self._folds_began: dict[tuple[UUID, int], float] = {}

    @harmless
    def setup(self, estimator: Any, context: Any) -> None:
        """Open a run for a fit that begins."""
        run = self._given
        if run is None:
            config = {**parameters(estimator), **(self._arguments["config"] or {})}
            run = prevue.init(**{**self._arguments, "config": config})
        self._fits[context.root_uuid] = _Fit(run, estimator, time.monotonic(), sys.exception())

    @harmless
    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Note when a fold begins, and describe a search before its folds log, in whatever process."""
        if (fit := self._fits.get(context.root_uuid)) is None:
            return
        if _task(context) == FOLD:
            self._folds_began[context.root_uuid, _fold_number(context)] = time.monotonic()
        elif context.task_name == "search" and not _is_in_fold(context) and fit.estimator is not None:
            fit.run.describe(fit.estimator)

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
        """Log an iteration of the run's own fit, or the end of a fold."""
        if (fit := self._fits.get(context.root_uuid)) is None:
            return
        if _task(context) == FOLD:
            number = _fold_number(context)
            took = time.monotonic() - self._folds_began.pop((context.root_uuid, number))
            _run_here(fit).log({"fold/fit_time": took}, step=number)
        elif _is_iteration(context) and fitted_estimator is not None and not _is_in_fold(context):
            self._log_iteration(fit, estimator, context, fitted_estimator, (X, y, metadata or {}))

    @harmless
    def teardown(self, estimator: Any, context: Any) -> None:
        """Log what the estimator remembers of its fit, and finish the run, unless it was given."""
        if (fit := self._fits.pop(context.root_uuid, None)) is None:
            return
        error = sys.exception()  # scikit-learn calls this in a `finally`
        if error is fit.error_before:
            error = None
            log_fit(fit.run, estimator)
        elif not fit.is_described:
            fit.run.describe(estimator)
        if fit.run is not self._given:
            fit.run.__exit__(None if error is None else type(error), error, None)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy gets: what was configured, and the runs of fits that go on; no token, socket or estimator."""
        return {
            **self._arguments,
            "token": None,
            "run": self._given,
            "max_propagation_depth": self.max_propagation_depth,
            "fits": {root: fit.run for root, fit in list(self._fits.items())},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        fits = state.pop("fits")
        names = {"project": "project_name", "name": "run_name"}
        self.__init__(**{names.get(name, name): value for name, value in state.items()})  # type: ignore[misc]
        self._fits = {root: _Fit(run, None, time.monotonic(), None) for root, run in fits.items()}

    def _log_iteration(self, fit: _Fit, estimator: Any, context: Any, fitted: Any, judged_on: Any) -> None:
        began = time.monotonic()
        if fit.judging_s > FREE_S + SHARE * (began - fit.began_s):
            return
        if not fit.is_described and fit.estimator is not None:
            fit.run.describe(describe_estimator(fit.estimator, {id(estimator): fitted}))
            fit.is_described = True
        path = _path_to(context)
        values = {f"{path}{name}": value for name, value in _judge(fitted, *judged_on).items()}
        _run_here(fit).log(values, step=context.task_id, epoch=context.task_id)
        fit.judging_s += time.monotonic() - began


def _judge(fitted: Any, x: Any, y: Any, metadata: Mapping[str, Any]) -> dict[str, float]:
    """Return loss and accuracy of a classifier, without penalties, or what another estimator takes for its score."""
    weights = {"sample_weight": metadata["sample_weight"]} if metadata.get("sample_weight") is not None else {}
    fitted = copy.copy(fitted)
    fitted.__dict__.pop("feature_names_in_", None)  # `x` is an array, for which scikit-learn would warn
    if hasattr(fitted, "predict_proba"):
        scores = fitted.predict_proba(x)
        guesses = fitted.classes_[scores.argmax(axis=1)]
        return {
            "loss": log_loss(y, scores, labels=fitted.classes_, **weights),
            "accuracy": accuracy_score(y, guesses, **weights),
        }
    return {"score": fitted.score(x, y, **weights)} if hasattr(fitted, "score") else {}


# tasks: scikit-learn's contexts, which form a tree


def _task(context: Any) -> str:
    """Return what a task is called by whom it serves: a fit of an estimator inside is a task of the outer one too."""
    return context.source_task_name or context.task_name


def _is_iteration(context: Any) -> bool:
    return context.max_subtasks == 0 and context.task_name != "fit" and context.parent is not None


def _is_in_fold(context: Any) -> bool:
    return context is not None and (_task(context) == FOLD or _is_in_fold(context.parent))


def _fold_number(context: Any) -> int:
    """Return the number of a fit in its search: candidate times folds plus fold. Halving searches begin anew."""
    stage = context.parent
    if stage.task_name != "halving-iteration":
        return context.task_id
    stages = [task for task in stage.parent if task.task_name == stage.task_name and task.task_id < stage.task_id]
    return context.task_id + sum(task.max_subtasks for task in stages)


def _path_to(context: Any) -> str:
    """Return what tells an iteration's values from those of other tasks; nothing for the run's own fit."""
    path, task = "", context.parent
    while task.parent is not None:
        if _task(task) not in MAIN_TASKS:
            path = f"{_task(task)} {task.task_id}/{path}"
        task = task.parent
    return path


# workers

_runs_here: dict[str, prevue.Run] = {}  # by id, of fits that another process began


def _run_here(fit: _Fit) -> prevue.Run:
    """Return the run to log to. Each task brings a copy of it to a worker, for which one writer is enough."""
    if fit.estimator is not None:
        return fit.run
    if fit.run.run_id not in _runs_here:
        for run_id in list(_runs_here):
            _runs_here.pop(run_id).finish()
        _runs_here[fit.run.run_id] = fit.run
    return _runs_here[fit.run.run_id]


# arguments


def _depth(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise InvalidValue(f"max_propagation_depth {value!r:.60} is not a number of levels; use None, 0, 1 ...")
