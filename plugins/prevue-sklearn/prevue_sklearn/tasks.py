"""scikit-learn's contexts, which form the tree of what a fit does: which task is what, and where it stands.

A fit of an estimator inside is a task of the outer one too: scikit-learn makes one context of both.
"""

import sys
from typing import Any

FOLD = "candidate-split-evaluation"  # scikit-learn's name for the fit of a candidate on a fold
REFIT = "refit-with-best-params"
STEP = "fit-transform-"  # and the name of a pipeline's step
FINAL = ("fit-final-estimator", "fit-transform-final-estimator", "fit-predict-final-estimator")
VALIDATION = "sklearn.model_selection._validation"
# What fits there. The function that the user called, such as `learning_curve`, is not there in a worker's process.
FITTING = ("_fit_and_score", "_fit_and_predict", "_permutation_test_score", "_incremental_fit_estimator")
FRAMES = 8  # between a hook and the call of scikit-learn's that it looks for
CALLERS = 100  # frames above a fit that are looked at


def task_name(context: Any) -> str:
    """Return what a task is called by whom it serves."""
    return context.source_task_name or context.task_name


def is_iteration(context: Any) -> bool:
    """Return whether a task is one iteration of an estimator, and not the fit of an estimator inside."""
    name = task_name(context)
    is_fit = context.task_name == "fit" or name in (FOLD, REFIT, *FINAL) or name.startswith(STEP)
    return context.max_subtasks == 0 and context.parent is not None and not is_fit


def is_in_fold(context: Any) -> bool:
    """Return whether a task is part of a search's fold, or one itself."""
    return context is not None and (task_name(context) == FOLD or is_in_fold(context.parent))


def fold_of(context: Any) -> Any:
    """Return the context of the outermost fold that a task is part of; None where there is none."""
    above = None if context.parent is None else fold_of(context.parent)
    return above if above is not None else context if task_name(context) == FOLD else None


def fold_number(context: Any) -> int:
    """Return the number of a fit in its search: candidate times folds plus fold. Halving searches begin anew."""
    stage = context.parent
    if stage.task_name != "halving-iteration":
        return context.task_id
    stages = [task for task in stage.parent if task.task_name == stage.task_name and task.task_id < stage.task_id]
    return context.task_id + sum(task.max_subtasks for task in stages)


def place(context: Any) -> tuple[int, ...]:
    """Return the numbers of a task and of those that it is part of, which no other task of a fit has."""
    return (*(() if context.parent is None else place(context.parent)), context.task_id)


def path_to(context: Any, within: Any = None) -> str:
    """Return what tells a task from others below `within`, such as `refit/scale/`; nothing for the outermost."""
    if context is None or context is within or context.parent is None:
        return ""
    return f"{path_to(context.parent, within)}{step_name(context)}/"


def path_to_iteration(context: Any) -> str:
    """Return what tells an iteration from those of other estimators; nothing for those of what predicts in the end."""
    path, task = "", context.parent
    while task.parent is not None:
        if task_name(task) not in (REFIT, *FINAL):
            path = f"{step_name(task)}/{path}"
        task = task.parent
    return path


def step_name(context: Any) -> str:
    """Return what a task does in a word: the step of a pipeline, `refit`, `search`."""
    name = task_name(context)
    if name == REFIT:
        return "refit"
    if name in FINAL:
        return "final_estimator"
    return name.removeprefix(STEP)


def calling(function: str) -> dict[str, Any]:
    """Return the variables of the call of scikit-learn's `function` that a hook was called by; {} where it was not.

    scikit-learn has a fold's scores when it tells of the fold's end, and hands them to nobody.
    """
    frame = sys._getframe(1)
    for _ in range(FRAMES):
        if frame is None or frame.f_code.co_name == function:
            break
        frame = frame.f_back  # type: ignore[assignment]
    return dict(frame.f_locals) if frame is not None and frame.f_code.co_name == function else {}


def is_cross_validated() -> bool:
    """Return whether this fit is one of several by which scikit-learn judges an estimator, as `cross_validate` does."""
    frame = sys._getframe(1)
    for _ in range(CALLERS):
        if frame is None:
            return False
        if frame.f_globals.get("__name__") == VALIDATION and frame.f_code.co_name in FITTING:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False
