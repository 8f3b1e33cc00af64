"""Pages as one file: scripts, styles, fonts and numbers are inside, and nothing is asked for.

Their scripts are those of the dashboard's pages. A module that is inside a page has no address for `import`, so each is
named by its path in an import map, and carried there as a data address.
"""

import base64
import re
from collections.abc import Iterable

from frontend_bokeh.assets import BOKEH_JS, FOLDER, imports

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:"
)

_FONT = re.compile(r'url\("(fonts/[^"]+)"\)')
_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)


def modules(first: str) -> dict[str, str]:
    """Return a module of ours and all that it needs, as data addresses by their paths."""
    found: dict[str, str] = {}
    waiting = [first]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        text, needed = (FOLDER / path).read_text("utf-8"), imports(path)
        for given, name in needed.items():
            text = text.replace(f'"{given}"', f'"{name}"')
        found[path] = _data_address("text/javascript", text.encode())
        waiting += needed.values()
    return found


def styles(names: Iterable[str]) -> str:
    """Return style sheets of ours with their fonts inside."""
    text = "\n".join((FOLDER / name).read_text("utf-8") for name in names)
    text = text.replace("font-display: optional", "font-display: block")  # they are here, and need not be waited for
    return _FONT.sub(lambda match: f'url("{_data_address("font/woff2", (FOLDER / match[1]).read_bytes())}")', text)


def bokeh_script(name: str = "bokeh") -> str:
    """Return a script of Bokeh's, as it may stand inside of a script element."""
    text = (BOKEH_JS / f"{name}.min.js").read_text("utf-8")
    return _SOURCE_MAP.sub("", text).replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
