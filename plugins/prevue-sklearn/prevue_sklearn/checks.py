"""The plugin's method check: a search whose best candidate lies at the edge of what was tried."""

from typing import Any

from prevue_core.checks import Check, RunFacts

FEWEST_VALUES = 3


def at_the_edge(facts: RunFacts) -> str | None:
    """Say of which parameters the best value is the lowest or the highest of a grid."""
    columns = facts.table("search")
    if columns is None or not any(name.startswith("rank_test_") for name in columns):
        return None
    edges = [edge for name in columns if name.startswith("param_") and (edge := _edge(name[6:], columns[name]))]
    if not edges:
        return None
    return f"Of the best candidate {', and '.join(edges)}. Better values may lie beyond: search on from there."


def _edge(name: str, values: list[Any]) -> str | None:
    """Return what is at the edge; `values`: of all candidates, the best first."""
    tried = sorted({value for value in values if _is_number(value)})
    best = values[0]
    # Where each candidate has a value of its own they were drawn, and one of them has to be the last.
    is_grid = len(tried) < len(values) or len(values) <= 2 * FEWEST_VALUES
    if len(tried) < FEWEST_VALUES or best not in (tried[0], tried[-1]) or not is_grid or _is_bound(best, tried):
        return None
    end = "lowest" if best == tried[0] else "highest"
    return f"{name} = {best:g} is the {end} of the {len(tried)} values {_listed(tried)}"


def _is_bound(best: float, tried: list[float]) -> bool:
    """Return whether there is nothing beyond: 0 of numbers that are not negative, 0 and 1 of shares."""
    return (best == 0 and tried[0] == 0) or (best == 1 and tried[0] >= 0 and tried[-1] == 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(tried: list[float]) -> str:
    shown = tried if len(tried) <= 6 else [*tried[:2], *tried[-2:]]
    texts = [f"{value:g}" for value in shown]
    return ", ".join(texts if len(tried) <= 6 else [*texts[:2], "...", *texts[2:]])


CHECKS = [
    Check(
        "prevue_sklearn.grid_edge",
        "Best parameter at the grid's edge",
        "Speaks where, in the table `search`, a numeric parameter of the best candidate is the lowest or the highest "
        "of three values or more of a grid; not at 0, nor at the 1 of shares, where nothing lies beyond, and not of "
        "values that were drawn. If the best value is near the border of the interval, better ones may lie beyond it: "
        "Bengio, *Practical recommendations for gradient-based training of deep architectures* (2012), section 3.3.\n\n"
        "Move or widen the grid.",
        at_the_edge,
    )
]
