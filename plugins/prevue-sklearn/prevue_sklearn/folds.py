"""What a search tells of its folds while it goes on, from whatever process they run in."""

import time
from typing import Any

import prevue
from prevue.callbacks import harmless
from prevue_sklearn import fold_matrix, tasks
from prevue_sklearn.fold_matrix import FoldScore
from prevue_sklearn.searches import candidate_name, number_parameters
from prevue_sklearn.workers import begin_fold, end_fold, run_here


class FoldWatcher:
    """Logs each fold of a search when it ends: its scores, with step = candidate, and what took how long.

    A callback that is handed on to what the search fits, as ours is, is told of the fold's end by the fitted estimator
    itself, before it is scored. So ours brings this one, which is not handed on, and is told by the search.
    """

    def __init__(self, callback: Any) -> None:
        self._callback = callback
        self._began: dict[tuple[int, ...], float] = {}
        self._matrix: Any = None

    def join(self, context: Any, run: prevue.Run) -> None:
        """Be told, too, of the search whose context it is."""
        self._matrix = fold_matrix.listen(run, self)
        context._callbacks.append(self)  # the search's own list

    def leave(self, search: Any) -> None:
        """Be told of nothing more."""
        fold_matrix.close(self._matrix)
        callbacks = getattr(search, "_skl_callbacks", [])
        callbacks[:] = [callback for callback in callbacks if callback is not self]

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing: it joins later."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing: it leaves before."""

    @harmless
    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Note when a fold begins."""
        if (fit := self._fit(context)) is not None:
            self._began[tasks.place(context)] = time.monotonic()
            if fit.estimator is None:
                begin_fold(fit.run)

    @harmless
    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Log a fold."""
        place = tasks.place(context)
        if (fit := self._fit(context)) is None or place not in self._began:  # scikit-learn refused to fit it
            return
        number = tasks.fold_number(context)
        took = time.monotonic() - self._began.pop(place)
        told = tasks.calling("_fit_and_score")
        run = run_here(fit.run) if fit.estimator is None else fit.run
        times = {"fold/fit_time": told.get("fit_time", took), **fit.fold_times.pop(place, {})}
        run.log(times, step=number, split="train")
        candidate, fold = divmod(number, estimator.n_splits_)
        run.log(_scores(told, fold), step=candidate)
        if (score := _main_score(told, estimator.refit)) is not None:
            name = candidate_name(told["parameters"])
            fold_matrix.tell(self._matrix, FoldScore(number, estimator.n_splits_, score[1], score[0], name))
        if fit.estimator is None:
            end_fold(fit.run)

    def _fit(self, context: Any) -> Any:
        if tasks.task_name(context) != tasks.FOLD or tasks.is_in_fold(context.parent):
            return None
        return self._callback.fits.get(context.root_uuid)


def _scores(told: dict[str, Any], fold: int) -> dict[str, float]:
    """Return a fold's scores under the names that a search's results have, and once the candidate's parameters."""
    values = number_parameters(told.get("parameters") or {}) if fold == 0 else {}
    for split, scores in (("val", told.get("test_scores")), ("train", told.get("train_scores"))):
        if scores is not None:
            scores = scores if isinstance(scores, dict) else {"score": scores}
            values |= {f"{split}/search/split{fold}_{name}": score for name, score in scores.items()}
    return values


def _main_score(told: dict[str, Any], refit: Any) -> tuple[str, float] | None:
    """Return name and value of the score by which the best candidate is chosen, or else of the first."""
    scores = told.get("test_scores")
    if isinstance(scores, dict):
        name = refit if refit in scores else next(iter(scores))
        return name, float(scores[name])
    return None if scores is None else ("score", float(scores))
