"""The page of the method checks, which each finding links to: plain HTML, served without internet and login."""

import html
import re

from prevue_core.api.checking import ALERTS, known
from prevue_core.checks import Check

_MARKS = ((r"`([^`]+)`", r"<code>\1</code>"), (r"\*([^*]+)\*", r"<em>\1</em>"))


def page() -> str:
    """Return all checks and kinds of alerts, each below a heading with its code as anchor."""
    parts = "\n".join(map(_part, [*known(), *ALERTS]))
    return (
        f"<!doctype html>\n<html lang=en><meta charset=utf-8><title>Method checks</title>\n{_ABOUT}\n{parts}\n</html>\n"
    )


_ABOUT = (
    "<h1>Method checks</h1><p>What Prevue looks at in each run and each evaluation. A check that speaks is a hint, "
    "with the numbers it saw. Where it is wrong about a project, silence it there by its code.</p>"
)


def _part(check: Check) -> str:
    paragraphs = "".join(f"<p>{_marked(text)}</p>" for text in check.about.split("\n\n"))
    heading = f"{html.escape(check.title)} (<code>{check.code}</code>)"
    return f"<h2 id={html.escape(check.code)}>{heading}</h2>{paragraphs}"


def _marked(text: str) -> str:
    text = html.escape(text)
    for mark, tag in _MARKS:
        text = re.sub(mark, tag, text)
    return text
