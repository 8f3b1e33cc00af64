"""A page of evaluations as one file, in which nothing is asked for."""

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from frontend_bokeh.assets import FOLDER
from frontend_bokeh.inlined import POLICY, modules, styles
from frontend_bokeh.pages import rendered
from frontend_bokeh.texts import in_script
from prevue.api import Api

MOST_LABELS = 40  # whose curves are inside,
MOST_WORK = 4_000  # times all labels: of a thousand classes those of one take a second
STYLES = ("prevue.css", "evaluation.css")

Row = dict[str, Any]


def file_of(body: str, script: str, data: Row, **about: Any) -> str:
    """Return the file. `body`: the template of what is shown, `script`: the module that draws it from `data`."""
    return rendered(
        "evaluation_file.html",
        **about,
        shown=body,
        is_saved=True,
        policy=POLICY,
        modules=json.dumps({"imports": modules(script)}),
        first=script,
        theme=(FOLDER / "theme.js").read_text("utf-8"),
        style=styles(STYLES),
        data=in_script(data),
    )


def answers_of(
    api: Api,
    evaluation: Row,
    wanted: tuple[str, ...] = ("report", "curves", "intervals", "slices", "columns", "checks"),
    label: int | None = None,
) -> Row:
    """Return what a page's script may ask for of an evaluation, by the names that `answers.js` gives it.

    `label`: the class that is chosen; its curves are inside beside those of the first ones.
    """
    of = (evaluation["run_id"], evaluation["evaluation_id"])
    ask: dict[str, Callable[..., Any]] = {
        "curves": api.curves,
        "intervals": api.intervals,
        "slices": api.slices,
        "columns": api.sample_columns,
        "checks": partial(findings, api),
    }
    is_of_many = evaluation["task"] in ("multiclass", "multilabel")
    kept = {f"{name}?": ask[name](*of) for name in wanted if name in ask and (name != "curves" or is_of_many)}
    if "report" in wanted:
        kept |= _reports(api, of, len(evaluation["labels"]), label)
    return {f"{of[1]}/{name}": answer for name, answer in kept.items()}


def _reports(api: Api, of: tuple[str, int], count: int, chosen: int | None) -> Row:
    """Return the report, and for some of `count` classes what is other in theirs: of many the matrix is large."""
    first = api.report(*of)
    kept = {"report?": first}
    labels = set(range(min(count, MOST_LABELS, max(1, MOST_WORK // max(1, count)))))
    if chosen is not None and 0 <= chosen < count:
        labels.add(chosen)
    for label in sorted(labels):
        told = first if label == first["label"] else api.report(*of, label=label)
        kept[f"report?{urlencode({'label': label})}"] = {name: told[name] for name in told if told[name] != first[name]}
    return kept


def findings(api: Api, run_id: str, evaluation_id: int | None = None) -> Row:
    """Return what method checks say of an evaluation, or of the run's training: `found`, what is wrong, each with when
    it speaks (`about`), and how many there are in `all`, are `silenced` and have `failed`."""
    checks = api.checks(run_id, evaluation_id)
    by_state = Counter(one["state"] for one in checks)
    about = {one["code"]: one["about"] for one in api.known_checks()} if by_state["found"] else {}
    found = [{**one, "about": about.get(one["code"], "")} for one in checks if one["state"] == "found"]
    return {"found": found, "all": len(checks), "silenced": by_state["silenced"], "failed": by_state["failed"]}


def compared(api: Api, a: Row, b: Row, group: str | None = None) -> Row:
    """Return how two evaluations differ, by the name that `compare.js` gives it."""
    asked = {"b": b["evaluation_id"], "run_b": b["run_id"]} | ({} if group is None else {"group": group})
    told = api.compare_evaluations((a["run_id"], a["evaluation_id"]), (b["run_id"], b["evaluation_id"]), group=group)
    return {f"{a['evaluation_id']}/compare?{urlencode(asked)}": told}
