"""`track` and `log_fit`: what every estimator of every version of scikit-learn can tell once it is fitted."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

import prevue
from prevue.callbacks import harmless
from prevue.notices import notices
from prevue_core.errors import InvalidValue
from prevue_sklearn.curves import curves, iterations
from prevue_sklearn.importances import log_importances
from prevue_sklearn.loops import was_told
from prevue_sklearn.parameters import parameters
from prevue_sklearn.searches import log_search
from prevue_sklearn.steps import last_step


def track(
    estimator: Any,
    project: str | None = None,
    name: str | None = None,
    *,
    connector_name: str = "sklearn",
    config: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> prevue.Run:
    """Return a new run of an estimator, open for `log`, with the estimator's parameters as its configuration.

    An estimator that is fitted is described and what it remembers of its fit is logged, see `log_fit`. One that is not
    fitted yet is described as it is; fit it and call `log_fit(run, estimator)`, or log what you measure in a loop of
    `partial_fit`. Finish the run, or use it in a `with`, which also notes an exception of the fit.
    `config`: more of it, over the parameters. `arguments`: the others of `prevue.init`, such as `uid` and `url`.
    Raises InvalidValue for what is not an estimator or cannot be used.
    """
    run = opened(estimator, project=project, name=name, connector_name=connector_name, config=config, **arguments)
    if is_fitted(estimator):
        log_fit(run, estimator)
    else:
        run.describe(estimator)
    return run


def opened(
    estimator: Any, *, connector_name: str = "sklearn", config: Mapping[str, Any] | None = None, **arguments: Any
) -> prevue.Run:
    """Return a new run with an estimator's parameters as its configuration. Raises InvalidValue as `track` does."""
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        raise InvalidValue(f"estimator {estimator!r:.60} is not one of scikit-learn; give an object with get_params()")
    if config is not None and not isinstance(config, Mapping):
        raise InvalidValue(f"config {config!r:.60} is not a dict; use names and values")
    return prevue.init(connector_name=connector_name, config={**parameters(estimator), **(config or {})}, **arguments)


@harmless
def log_fit(run: prevue.Run, estimator: Any, *, fit_time: float | None = None) -> None:
    """Describe a fitted estimator in a run and log what it remembers of its fit. Raises nothing.

    Its parameters go to the run's configuration. Of the last step of a pipeline and the best estimator of a search:
    curves by iteration (`prevue_sklearn.curves`), with step and epoch = iteration, `n_iter`, and the tables
    `importances` and `coefficients`. Of a search all that `log_search` tells. `fit_time`: in seconds, if you took it.
    """
    run.describe(estimator)
    run.config.update({name: value for name, value in parameters(estimator).items() if run.config.get(name) != value})
    if not is_fitted(estimator):
        name = type(estimator).__name__
        notices.warn(("not fitted", name), f"this {name} is not fitted, so nothing is logged of it; fit it first")
        return
    if hasattr(estimator, "cv_results_"):
        log_search(run, estimator)
    log_remembered(run, estimator, fit_time)


@harmless
def log_remembered(run: prevue.Run, estimator: Any, fit_time: float | None = None) -> None:
    """Log what is remembered by what predicts in the end."""
    final = last_step(estimator)
    found = {} if was_told(run, final) else curves(final)
    for iteration, values in enumerate(zip_longest(*found.values())):
        row = {name: value for name, value in zip(found, values, strict=True) if value is not None}
        run.log(row, step=iteration, epoch=iteration)
    totals = {"n_iter": iterations(final), "fit_time": fit_time}
    last = max(map(len, found.values()), default=1) - 1
    run.log({name: value for name, value in totals.items() if value is not None}, step=last)
    log_importances(run, estimator)


def is_fitted(estimator: Any) -> bool:
    """Return whether an estimator is fitted, as scikit-learn sees it."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    except TypeError:  # not one of scikit-learn's own kind: it cannot tell, so what it has is logged
        return True
    return True
