"""A page of evaluations as one file: scripts, styles, fonts and numbers are inside, and nothing is asked for.

Its scripts are the page's own. A module that is inside a page has no address for `import`, so each is named by its path
in an import map, and carried there as a data address.
"""

import base64
import json
import posixpath
import re
from typing import Any
from urllib.parse import urlencode

from frontend_bokeh.assets import FOLDER
from frontend_bokeh.pages import rendered
from prevue.api import Api

MOST_LABELS = 40  # whose curves are inside
STYLES = ("prevue.css", "evaluation.css")
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:"
)

_IMPORT = re.compile(r'(from|import) "(\.[^"]+)"')
_FONT = re.compile(r'url\("(fonts/[^"]+)"\)')

Row = dict[str, Any]


def file_of(body: str, script: str, data: Row, **about: Any) -> str:
    """Return the file. `body`: the template of what is shown, `script`: the module that draws it from `data`."""
    return rendered(
        "evaluation_file.html",
        **about,
        body=body,
        is_saved=True,
        policy=POLICY,
        modules=json.dumps({"imports": modules(script)}),
        first=script,
        theme=(FOLDER / "theme.js").read_text("utf-8"),
        style="\n".join(_style(name) for name in STYLES),
        data=json.dumps(data).replace("<", "\\u003c"),
    )


def modules(first: str) -> dict[str, str]:
    """Return a module of ours and all that it needs, as data addresses by their paths."""
    found: dict[str, str] = {}
    waiting = [first]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        text, folder = (FOLDER / path).read_text("utf-8"), posixpath.dirname(path)
        needed = {given: posixpath.normpath(posixpath.join(folder, given)) for _, given in _IMPORT.findall(text)}
        for given, name in needed.items():
            text = text.replace(f'"{given}"', f'"{name}"')
        found[path] = _data_address("text/javascript", text.encode())
        waiting += needed.values()
    return found


def answers_of(
    api: Api, evaluation: Row, wanted: tuple[str, ...] = ("report", "curves", "intervals", "slices", "columns")
) -> Row:
    """Return what a page's script may ask for of an evaluation, by the names that `answers.js` gives it."""
    of = (evaluation["run_id"], evaluation["evaluation_id"])
    labels = range(len(evaluation["labels"]))[:MOST_LABELS]
    ask = {
        "curves": api.curves,
        "intervals": api.intervals,
        "slices": api.slices,
        "columns": api.sample_columns,
    }
    is_of_many = evaluation["task"] in ("multiclass", "multilabel")
    kept = {f"{name}?": ask[name](*of) for name in wanted if name in ask and (name != "curves" or is_of_many)}
    if "report" in wanted:
        kept |= {f"report?{urlencode({'label': label})}": api.report(*of, label=label) for label in labels}
        kept |= {} if labels else {"report?": api.report(*of)}
    return {f"{of[1]}/{name}": answer for name, answer in kept.items()}


def compared(api: Api, a: Row, b: Row, group: str | None = None) -> Row:
    """Return how two evaluations differ, by the name that `compare.js` gives it."""
    asked = {"b": b["evaluation_id"], "run_b": b["run_id"]} | ({} if group is None else {"group": group})
    told = api.compare_evaluations((a["run_id"], a["evaluation_id"]), (b["run_id"], b["evaluation_id"]), group=group)
    return {f"{a['evaluation_id']}/compare?{urlencode(asked)}": told}


def _style(name: str) -> str:
    text = (FOLDER / name).read_text("utf-8")
    return _FONT.sub(lambda match: f'url("{_data_address("font/woff2", (FOLDER / match[1]).read_bytes())}")', text)


def _data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
