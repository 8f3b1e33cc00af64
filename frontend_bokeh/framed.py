"""The frame of figures that bring code: a document with all scripts inside, which pages show in a sandbox.

Browsers give it an origin of its own, which is that of nothing else: code in it reaches no page, no cookie and no
storage, and its policy lets it ask nobody for anything. So the pages themselves run no code that comes with data.
"""

import json
from functools import lru_cache

from tornado.web import RequestHandler

from frontend_bokeh.assets import version
from frontend_bokeh.headers import guard_file
from frontend_bokeh.inlined import bokeh_script, modules, styles
from frontend_bokeh.pages import rendered

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data: blob:; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
STYLES = ("prevue.css", "panels.css", "framed.css")
BOKEH_SCRIPTS = ("bokeh", "bokeh-widgets")


def document() -> str:
    """Return the frame's document."""
    return _document_of(version())


@lru_cache(1)
def _document_of(of_version: str) -> str:
    return rendered(
        "framed.html",
        policy=POLICY,
        style=styles(STYLES),
        bokeh="\n".join(map(bokeh_script, BOKEH_SCRIPTS)),
        modules=json.dumps({"imports": modules("frame.js")}),
    )


class Frame(RequestHandler):
    """The frame, which holds nothing of anybody's: its page hands the figure in."""

    def set_default_headers(self) -> None:
        """Let only our own pages show it, and nothing of it be of our origin, even where it is opened by itself."""
        guard_file(self)
        self.set_header("Content-Security-Policy", f"{POLICY}; sandbox allow-scripts; frame-ancestors 'self'")

    def get(self, given: str) -> None:
        """Answer with the document, whatever version is asked for: there is only one."""
        is_current = given == version()
        self.set_header("Cache-Control", "public, max-age=31536000, immutable" if is_current else "no-store")
        self.write(document())
