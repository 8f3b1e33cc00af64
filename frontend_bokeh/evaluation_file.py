"""An evaluation's page as one file: scripts, styles, fonts and numbers are inside, and nothing is asked for.

Its scripts are the page's own. A module that is inside a page has no address for `import`, so each is named by its path
in an import map, and carried there as a data address.
"""

import base64
import json
import posixpath
import re
from collections.abc import Callable
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


def file_of(api: Api, owner: str, project: str, evaluation: dict[str, Any], chosen: dict[str, str]) -> str:
    """Return the file. `chosen`: of the page's address, what is chosen on it."""
    data = {
        "base": "",
        "evaluation": evaluation,
        "steps": [],
        "kept": _answers(api, evaluation),
        "choice": _choice(chosen),
    }
    return rendered(
        "evaluation_file.html",
        title=f"{evaluation['name']} of {evaluation['run_name']}",
        owner=owner,
        project=project,
        evaluation=evaluation,
        is_saved=True,
        policy=POLICY,
        modules=json.dumps({"imports": modules("evaluation/main.js")}),
        first="evaluation/main.js",
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
        text = (FOLDER / path).read_text("utf-8")
        folder = posixpath.dirname(path)
        needed = {given: posixpath.normpath(posixpath.join(folder, given)) for _, given in _IMPORT.findall(text)}
        text = _IMPORT.sub(lambda match, needed=needed: f'{match[1]} "{needed[match[2]]}"', text)  # type: ignore[misc]
        found[path] = _data_address("text/javascript", text.encode())
        waiting += needed.values()
    return found


def _answers(api: Api, evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return all that the page's script may ask for, by the names that `answers.js` gives it."""
    of = (evaluation["run_id"], evaluation["evaluation_id"])
    labels = range(len(evaluation["labels"]))
    reports = {f"report?{urlencode({'label': label})}": api.report(*of, label=label) for label in labels[:MOST_LABELS]}
    kept = {
        **(reports or {"report?": api.report(*of)}),
        "intervals?": api.intervals(*of),
        "slices?": api.slices(*of),
        "columns?": api.sample_columns(*of),
    }
    if evaluation["task"] in ("multiclass", "multilabel"):
        kept["curves?"] = api.curves(*of)
    return {f"{of[1]}/{name}": answer for name, answer in kept.items()}


def _choice(chosen: dict[str, str]) -> dict[str, Any]:
    kinds: dict[str, Callable[[str], Any]] = {
        "label": int,
        "threshold": float,
        "filter": json.loads,
        "order": str,
        "norm": str,
    }
    return {name: kind(chosen[name]) for name, kind in kinds.items() if name in chosen}


def _style(name: str) -> str:
    text = (FOLDER / name).read_text("utf-8")
    return _FONT.sub(lambda match: f'url("{_data_address("font/woff2", (FOLDER / match[1]).read_bytes())}")', text)


def _data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
