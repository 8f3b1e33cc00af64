"""`autolog`: every `fit` of scikit-learn's estimators is a run, without a further line in the program."""

import functools
import inspect
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from sklearn.base import BaseEstimator, clone

import prevue
from prevue.callbacks import check_arguments, ended, harmless
from prevue.config import client_settings
from prevue_core.errors import InvalidValue
from prevue_sklearn.loops import monitor
from prevue_sklearn.searches import candidate_name, candidates
from prevue_sklearn.tasks import is_cross_validated
from prevue_sklearn.tracking import log_fit, opened, track

FITTING = ("fit", "fit_transform", "fit_predict")
WHERE = (
    "url",
    "project",
    "uid",
    "run_id",
    "resume",
    "token",
    "mode",
    "rank",
)  # arguments of `prevue.init` by their check
WHAT = ("name", "group", "config", "tags")


def autolog(disable: bool = False, max_tuning_runs: int | None = None, **arguments: Any) -> None:
    """Make each `fit` of an estimator that predicts a run from now on; with `disable`, no more.

    A run has what `track` and `log_fit` tell, and how long the fit took; gradient boosting is live. The outermost fit
    counts: what a pipeline, a search or an ensemble fits inside is part of its run. Folds of `cross_validate` and the
    like are runs of one group. An exception makes a failed run, and goes on.
    `max_tuning_runs`: for how many of a search's best candidates there is also a run each, in a group; None: none, as
    the search's own run has them all. `arguments`: those of `prevue.init`, such as `project` and `url`.
    Estimators of other packages count, too, if they are made of scikit-learn's `BaseEstimator`. Raises InvalidValue for
    what cannot be used.
    """
    if max_tuning_runs is not None and not (type(max_tuning_runs) is int and max_tuning_runs >= 0):
        raise InvalidValue(f"max_tuning_runs {max_tuning_runs!r:.60} is not a number of runs; use None, 0, 1 ...")
    client_settings(**{name: value for name, value in arguments.items() if name in WHERE})
    check_arguments(**{name: value for name, value in arguments.items() if name in WHAT})
    _state.is_on, _state.max_tuning_runs, _state.arguments = not disable, max_tuning_runs or 0, arguments
    if disable:
        _restore()
    elif not _patched:
        _patch()


class _State:
    """What `autolog` was called with last."""

    is_on = False
    max_tuning_runs = 0
    arguments: Mapping[str, Any] = {}


_state = _State()
_patched: list[tuple[type, str, Any]] = []  # classes, names of methods, and what they were
_fitting: set[threading.Thread] = set()  # threads in which an estimator is being fitted


class _Logged:
    """Stands in a class for a method that fits: the method, and logged when it is called for an estimator.

    A class's own attribute, as what it was may be a descriptor that exists for some estimators only.
    """

    def __init__(self, method: Any) -> None:
        self._method = method

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        method = self._method.__get__(estimator, owner)
        if estimator is None:
            return method

        @functools.wraps(method)
        def logged(*args: Any, **kwargs: Any) -> Any:
            return _fit(method, estimator, args, kwargs)

        return logged


def _patch() -> None:
    """Stand in for the methods of all estimators, those of classes to come included."""
    inherited = cast(Any, BaseEstimator.__init_subclass__).__func__

    def init_subclass(kind: type, /, **kwargs: Any) -> None:
        inherited(kind, **kwargs)
        _patch_class(kind)

    _patched.append((BaseEstimator, "__init_subclass__", BaseEstimator.__dict__.get("__init_subclass__")))
    BaseEstimator.__init_subclass__ = classmethod(init_subclass)
    known = [BaseEstimator]
    for kind in known:
        known += kind.__subclasses__()
        _patch_class(kind)


def _patch_class(kind: type) -> None:
    for owner in kind.__mro__ if hasattr(kind, "predict") else ():
        for name in FITTING:
            method = owner.__dict__.get(name)
            if method is not None and not isinstance(method, _Logged):
                _patched.append((owner, name, method))
                setattr(owner, name, _Logged(method))


def _restore() -> None:
    while _patched:
        owner, name, before = _patched.pop()
        if before is None:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def _fit(method: Callable[..., Any], estimator: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Fit, and log it if it is an outermost fit of an estimator that predicts."""
    if _is_inside() or not hasattr(type(estimator), "predict"):
        return method(*args, **kwargs)
    thread = threading.current_thread()
    _fitting.add(thread)
    try:
        run = _opened(estimator)
        if run is None:
            return method(*args, **kwargs)
        watched = _watched(method, run, args, kwargs)
        began = time.monotonic()
        with ended(run):
            result = method(*args, **{**kwargs, **watched})
            log_fit(run, estimator, fit_time=time.monotonic() - began)
        if hasattr(estimator, "cv_results_"):
            _log_candidates(estimator, run)
        return result
    finally:
        _fitting.discard(thread)


def _is_inside() -> bool:
    """Return whether this thread, or one for which it works, is fitting an estimator."""
    thread: Any = threading.current_thread()
    while thread is not None:
        if thread in _fitting:
            return True
        thread = getattr(thread, "_parent", None)  # of a pool's thread, as joblib uses them: the one that made it
    return False


def _opened(estimator: Any) -> prevue.Run | None:
    found: list[prevue.Run] = []

    @harmless
    def open_run() -> None:
        group = {"group": "cross-validation"} if is_cross_validated() else {}
        found.append(opened(estimator, **{**group, **_state.arguments}))
        found[0].describe(estimator)

    open_run()
    return found[0] if found else None


def _watched(method: Callable[..., Any], run: prevue.Run, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the monitor to fit with, for gradient boosting that was given none."""
    signature = inspect.signature(method)
    if "monitor" not in signature.parameters or len(args) >= len(signature.parameters) or "monitor" in kwargs:
        return {}
    return {"monitor": monitor(run)}


@harmless
def _log_candidates(search: Any, run: prevue.Run) -> None:
    """Log the best candidates of a search as runs of their own."""
    results = search.cv_results_
    ranks = next((column for name, column in results.items() if name.startswith("rank_test_")), None)
    if ranks is None or not _state.max_tuning_runs:
        return
    told = list(candidates(search))
    for index in np.argsort(ranks, kind="stable")[: _state.max_tuning_runs]:
        parameters = results["params"][index]
        given = {"group": f"search {run.run_id[:8]}", **_state.arguments, "name": candidate_name(parameters)[:100]}
        estimator = clone(search.estimator).set_params(**clone(parameters, safe=False))
        with track(estimator, **given) as candidate:
            candidate.log({name: value for name, value in told[index].items() if "/param_" not in name}, step=0)
