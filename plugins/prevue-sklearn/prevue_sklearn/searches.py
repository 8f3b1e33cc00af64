"""Searches and cross-validations: the numbers of each candidate and fold, as series, as a table and as a matrix."""

import numbers
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import prevue
from prevue.callbacks import harmless
from prevue_core.errors import InvalidValue, shown
from prevue_core.result_kinds import MAX_CAPTION_CHARS, MAX_CELLS
from prevue_sklearn.parameters import plain

TABLE = "search"
MATRIX = "search/folds"
_SCORES = re.compile(r"(mean|std|rank|split\d+)_(train|test)_(.+)", re.DOTALL)
_FOLD = re.compile(r"split(\d+)_test_(.+)", re.DOTALL)
_CV_SCORES = re.compile(r"(train|test)_(.+)", re.DOTALL)


@harmless
def log_search(run: prevue.Run, search: Any) -> None:
    """Log what a fitted search found, from `cv_results_`. Raises nothing.

    Each candidate's numbers, with step = candidate: `mean_test_score` as `search/mean_score` of the split `val`, the
    numbers among its parameters as `search/param_C`; `search/best_score` at the best one; `refit/fit_time`. All of it
    as the table `search`, the best candidates first, and scores of candidates by folds as the matrix `search/folds`.
    """
    _log(run, search, candidates(search))
    if hasattr(search, "refit_time_"):
        run.log({"refit/fit_time": search.refit_time_}, step=0)


@harmless
def log_watched_search(run: prevue.Run, search: Any) -> None:
    """Log of a search what its folds have not told while it went on."""
    told = re.compile(r"(val|train)/search/split\d+_.*|search/param_.*", re.DOTALL)
    rest = ({name: value for name, value in row.items() if not told.fullmatch(name)} for row in candidates(search))
    _log(run, search, rest)


@harmless
def log_cv(run: prevue.Run, result: Mapping[str, Any]) -> None:
    """Log what `cross_validate` returned: each fold's scores and times, with step = fold. Raises nothing.

    `test_score` becomes `cv/score` of the split `val`, with `cv/mean_score` and `cv/std_score` over the folds; all of
    it is the table `cv`.
    """
    if not isinstance(result, Mapping):
        raise InvalidValue(f"result {shown(result)} is not what cross_validate returns; give that dict")
    columns = {_cv_place(name): np.asarray(values) for name, values in result.items() if _are_numbers(values)}
    for fold in range(max(map(len, columns.values()), default=0)):
        run.log({name: float(values[fold]) for name, values in columns.items()}, step=fold)
    spread: dict[str, float] = {}
    for name, values in columns.items():
        split, _, rest = name.rpartition("cv/")
        spread |= {f"{split}cv/mean_{rest}": values.mean(), f"{split}cv/std_{rest}": values.std()}
    run.log(spread, step=0)
    run.log_table("cv", {"fold": [*range(len(next(iter(columns.values()), ())))], **_told(result)})


def candidates(search: Any) -> Iterator[dict[str, float]]:
    """Yield the numbers that a search has of each candidate, in the order of `cv_results_`."""
    columns = {_place(name): column for name, column in search.cv_results_.items() if name != "params"}
    for index in range(len(search.cv_results_["params"])):
        row = {name: column[index] for name, column in columns.items()}
        yield {name: value for name, value in row.items() if _is_number(value)}


def number_parameters(parameters: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among a candidate's parameters under the names that they have in a run."""
    return {f"search/param_{name}": value for name, value in parameters.items() if _is_number(value)}


def candidate_name(parameters: Mapping[str, Any]) -> str:
    """Return a candidate's parameters as a short text, such as `C=0.1, penalty=l2`."""
    return ", ".join(f"{name}={plain(value)}" for name, value in parameters.items())[:MAX_CAPTION_CHARS]


def log_fold_matrix(run: prevue.Run, names: list[str], scores: Any, *, score_name: str, step: int | None) -> None:
    """Log scores of candidates by folds, as the matrix `search/folds`: of very many candidates the first.

    `scores`: (candidates, folds), NaN where there is none yet.
    """
    scores = scores[: max(1, MAX_CELLS // scores.shape[1])]
    names = names[: len(scores)]
    payload = {
        "values": scores.tolist(),
        "columns": [f"fold {number}" for number in range(scores.shape[1])],
        "rows": names if len(set(names)) == len(names) else [f"{number}: {name}" for number, name in enumerate(names)],
        "x_name": score_name,
        "y_name": "candidate",
    }
    run.log_result("matrix", MATRIX, payload, step=step, split="val")


def _log(run: prevue.Run, search: Any, rows: Iterator[dict[str, float]]) -> None:
    for index, values in enumerate(rows):
        run.log(values, step=index)
    if hasattr(search, "best_score_"):
        best = {"val/search/best_score": search.best_score_, "search/best_index": search.best_index_}
        run.log(best, step=int(search.best_index_))
    run.log_table(TABLE, _table(search.cv_results_), step=None)
    if (found := _fold_scores(search.cv_results_)) is not None:
        name, scores = found
        names = [candidate_name(parameters) for parameters in search.cv_results_["params"]]
        log_fold_matrix(run, names, scores, score_name=name, step=scores.size)


def _table(results: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the columns of `cv_results_`, the best candidates first."""
    ranks = next((np.asarray(column) for name, column in results.items() if name.startswith("rank_test_")), None)
    count = len(results["params"])
    order = np.arange(count) if ranks is None else np.argsort(ranks, kind="stable")
    columns = {"candidate": order.tolist()}
    for name in sorted((name for name in results if name != "params"), key=_column_order):
        column = results[name]
        columns[name] = [None if np.ma.is_masked(column[index]) else plain(column[index]) for index in order]
    return columns


def _column_order(name: str) -> int:
    """Return where a column stands: ranks, parameters, scores on held-out folds, the others."""
    beginnings = ("rank_", "param_", "mean_test_", "std_test_", "split")
    return next((place for place, text in enumerate(beginnings) if name.startswith(text)), len(beginnings))


def _fold_scores(results: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Return the first score's name and values: (candidates, folds)."""
    found: dict[str, dict[int, Any]] = {}
    for column, values in results.items():
        if match := _FOLD.fullmatch(column):
            found.setdefault(match[2], {})[int(match[1])] = values
    if not found:
        return None
    name, folds = next(iter(found.items()))
    return name, np.stack([np.asarray(folds[number], dtype=float) for number in sorted(folds)], axis=1)


def _place(column: str) -> str:
    match = _SCORES.fullmatch(column)
    if match is None:
        return f"search/{column}"
    statistic, data, scorer = match.groups()
    return f"{'val' if data == 'test' else 'train'}/search/{statistic}_{scorer}"


def _cv_place(column: str) -> str:
    match = _CV_SCORES.fullmatch(column)
    return f"{'val' if match[1] == 'test' else 'train'}/cv/{match[2]}" if match else f"cv/{column}"


def _told(result: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(map(plain, values)) for name, values in result.items() if _are_numbers(values)}


def _are_numbers(values: Any) -> bool:
    array = np.asarray(values, dtype=object)
    return array.ndim == 1 and array.size > 0 and all(_is_number(value) for value in array)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)  # what is masked is neither
