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
from prevue_sklearn.curves import candidates, curves, iterations
from prevue_sklearn.describe import last_step
from prevue_sklearn.parameters import parameters


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
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        raise InvalidValue(f"estimator {estimator!r:.60} is not one of scikit-learn; give an object with get_params()")
    if config is not None and not isinstance(config, Mapping):
        raise InvalidValue(f"config {config!r:.60} is not a dict; use names and values")
    config = {**parameters(estimator), **(config or {})}
    run = prevue.init(project, name, connector_name=connector_name, config=config, **arguments)
    if is_fitted(estimator):
        log_fit(run, estimator)
    else:
        run.describe(estimator)
    return run


@harmless
def log_fit(run: prevue.Run, estimator: Any) -> None:
    """Describe a fitted estimator in a run and log what it remembers of its fit. Raises nothing.

    Of the last step of a pipeline and the best estimator of a search: curves by iteration (`prevue_sklearn.curves`),
    with step and epoch = iteration, and `n_iter`. Of a search: each candidate's scores, with step = candidate, and
    `search/best_score` at the best one.
    """
    run.describe(estimator)
    if not is_fitted(estimator):
        name = type(estimator).__name__
        notices.warn(("not fitted", name), f"this {name} is not fitted, so nothing is logged of it; fit it first")
        return
    if hasattr(estimator, "cv_results_"):
        _log_search(run, estimator)
    final = last_step(estimator)
    found = curves(final)
    for iteration, values in enumerate(zip_longest(*found.values())):
        row = {name: value for name, value in zip(found, values, strict=True) if value is not None}
        run.log(row, step=iteration, epoch=iteration)
    if (count := iterations(final)) is not None:
        run.log({"n_iter": count}, step=max(map(len, found.values()), default=1) - 1)


def is_fitted(estimator: Any) -> bool:
    """Return whether an estimator is fitted, as scikit-learn sees it."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    except TypeError:  # not one of scikit-learn's own kind: it cannot tell, so what it has is logged
        return True
    return True


def _log_search(run: prevue.Run, search: Any) -> None:
    for index, values in enumerate(candidates(search)):
        run.log(values, step=index)
    if hasattr(search, "best_score_"):
        best = {"val/search/best_score": search.best_score_, "search/best_index": search.best_index_}
        run.log(best, step=int(search.best_index_))
