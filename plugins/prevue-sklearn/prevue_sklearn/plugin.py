"""The hooks that this plugin implements. It is loaded in every process, so it never imports scikit-learn."""

import sys
from typing import Any

from prevue_core.hookspecs import hookimpl


@hookimpl
def prevue_describe_model(model: Any) -> dict[str, Any] | None:
    """Describe an estimator: one alone, a pipeline, an ensemble or a search, fitted or not."""
    base = sys.modules.get("sklearn.base")
    if base is None or not isinstance(model, base.BaseEstimator):
        return None
    from prevue_sklearn.describe import describe_estimator  # imports scikit-learn

    return describe_estimator(model)


@hookimpl
def prevue_register_panels() -> list[Any]:
    """Draw the folds of a search, and what an estimator holds for important."""
    from prevue_sklearn.panels import PANELS  # imports Bokeh

    return PANELS


@hookimpl
def prevue_register_checks() -> list[Any]:
    """Look whether a search ended at the edge of its grid."""
    from prevue_sklearn.checks import CHECKS

    return CHECKS
