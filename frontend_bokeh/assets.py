"""Scripts, styles and fonts. A version stands in their addresses, so browsers keep them until an upgrade.

It is one for all files, in the path: what a module imports by a relative name then has the same version.
"""

import gzip
import hashlib
import mimetypes
import posixpath
import re
import time
from datetime import datetime
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

import bokeh
from tornado.web import StaticFileHandler

from frontend_bokeh.headers import guard_file, root

FOLDER = Path(__file__).parent / "static"
TEXTS = (".js", ".css", ".svg")
BOKEH_JS = Path(str(files(bokeh) / "server" / "static" / "js"))

_IMPORT = re.compile(r'(?:from|import) "(\.[^"]+)"')

mimetypes.add_type("font/woff2", ".woff2")


def version() -> str:
    """Return what changes when a file of ours does: it is looked at each second, as a page asks some ten times."""
    return _version_in(int(time.monotonic()))


@lru_cache(1)
def _version_in(second: int) -> str:
    paths = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    return _digest(tuple((path, path.stat().st_mtime_ns) for path in paths))


@cache
def _digest(stamps: tuple[tuple[Path, int], ...]) -> str:
    # Of the content: an installer may give all files of a release the same time.
    content = hashlib.sha256()
    for path, _ in stamps:
        content.update(path.name.encode() + path.read_bytes())
    return content.hexdigest()[:12]


def asset(name: str) -> str:
    """Return the address of a file of ours."""
    return f"{root.get()}/assets/{version()}/{name}"


def modules(name: str) -> list[str]:
    """Return the addresses of a script and of all that it imports, so that a page can ask for them at once.

    A browser would find them one behind the other, a request for each step.
    """
    return [asset(one) for one in _imported(name, version())]


@lru_cache(32)
def _imported(name: str, of_version: str) -> list[str]:
    found = [name]
    for one in found:  # it grows meanwhile
        found += [other for other in imports(one).values() if other not in found]
    return list(dict.fromkeys(found))


def imports(name: str) -> dict[str, str]:
    """Return the scripts of ours that one imports, by what it calls them."""
    folder, text = posixpath.dirname(name), (FOLDER / name).read_text("utf-8")
    return {given: posixpath.normpath(posixpath.join(folder, given)) for given in _IMPORT.findall(text)}


class Files(StaticFileHandler):
    """Files of one version, which stands in the path before their name."""

    def initialize(self, path: str, current: str | None = None) -> None:
        """Serve `path`. `current`: the version of its files; None: that of ours, at the time."""
        super().initialize(path)
        self._current = current

    def set_default_headers(self) -> None:
        """Set what every answer has."""
        guard_file(self)

    async def get(self, given: str, path: str, include_body: bool = True) -> None:
        """Answer with a file, whatever version is asked for: there is only one."""
        self._is_current = given == (self._current or version())
        if not path.endswith(TEXTS) or not self._takes_gzip():
            await super().get(path, include_body)
            return
        self.path = self.parse_url_path(path)
        found = self.validate_absolute_path(self.root, self.get_absolute_path(self.root, self.path))
        self.absolute_path = str(found)
        self.modified = self.get_modified_time()
        self.set_headers()
        self.set_header("Content-Encoding", "gzip")
        content = _gzipped(self.absolute_path, self.modified)
        self.set_header("Content-Length", len(content))
        if include_body:
            self.write(content)

    def _takes_gzip(self) -> bool:
        return "gzip" in self.request.headers.get("Accept-Encoding", "") and "Range" not in self.request.headers

    async def head(self, given: str, path: str) -> None:
        """Answer as `get` does, without the file."""
        await self.get(given, path, include_body=False)

    def set_extra_headers(self, path: str) -> None:
        """Let browsers keep what is what they asked for."""
        self.set_header("Cache-Control", "public, max-age=31536000, immutable" if self._is_current else "no-store")


@lru_cache(256)
def _gzipped(file: str, modified: datetime | None) -> bytes:
    # Once, and not for each visitor: all others wait meanwhile, for Bokeh's script 40 ms.
    return gzip.compress(Path(file).read_bytes(), mtime=0)


ROUTES = [
    (r"/assets/([^/]+)/(.*)", Files, {"path": str(FOLDER)}),
    (r"/bokeh/([^/]+)/(.*)", Files, {"path": str(BOKEH_JS), "current": bokeh.__version__}),
]


def bokeh_js() -> str:
    """Return the address of Bokeh's script."""
    return f"{root.get()}/bokeh/{bokeh.__version__}/bokeh.min.js"
