"""Viewers of a project without browsers: pages and websockets as a browser's script has them, to load one dashboard."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bokeh.protocol import Protocol
from tornado.websocket import WebSocketClientConnection

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from frontend.visiting import Visitor

PX = 380  # of a chart, as three columns have it on a screen of 1280


class Viewer:
    """One open page. `ticks` and `bytes`: what came to it."""

    def __init__(self, connection: WebSocketClientConnection, ui: str) -> None:
        self._connection = connection
        self._ui = ui
        self._seq = 0
        self.ticks = 0
        self.bytes = 0

    async def want(self, charts: int, runs: int) -> None:
        """Ask for the curves of the first charts and runs, as a page with them in view does, and wait for them."""
        self._seq += 1
        keys = list(range(charts))
        asked = {"seq": self._seq, "kind": "want", "keys": keys, "runs": list(range(runs)), "px": PX}
        change = {"kind": "ModelChanged", "model": {"id": self._ui}, "attr": "req"}
        events = [{**change, "new": {**asked, "watch": keys, "ranks": [0]}}]
        await _send(self._connection, {"msgid": str(self._seq), "msgtype": "PATCH-DOC"}, {"events": events})
        await self.wait("blocks")
        await self.wait("buffer")  # that belongs to it

    async def wait(self, kind: str) -> None:
        """Read until a message of a kind of ours has come, or a `buffer`."""
        while await self._next() != kind:
            continue

    async def follow(self) -> None:
        """Read on and on."""
        while True:
            self.ticks += await self._next() == "tick"

    async def _next(self) -> str | None:
        message = await self._connection.read_message()
        if message is None:
            raise ConnectionError("the dashboard has closed a page")
        self.bytes += len(message)
        if isinstance(message, bytes):
            return "buffer"
        return next((kind for kind in ("tick", "blocks", "events") if f'["kind","{kind}"]' in message), None)


@asynccontextmanager
async def opened(visitor: Visitor, path: str) -> AsyncIterator[Viewer]:
    """Open a project's page as a browser does: the page, its session, and all that the session holds."""
    token = await asyncio.to_thread(visitor.token, path)
    async with visitor.session(token) as connection:
        for _ in range(2):
            await connection.read_message()  # the rest of the greeting
        pull = Protocol().create("PULL-DOC-REQ")
        for part in (pull.header_json, pull.metadata_json, pull.content_json):
            await connection.write_message(part)
        while '"roots"' not in (content := str(await connection.read_message())):
            continue
        yield Viewer(connection, _model_named("ui", json.loads(content)))


async def _send(connection: WebSocketClientConnection, header: dict[str, str], content: dict[str, Any]) -> None:
    for part in (header, {}, content):
        await connection.write_message(json.dumps(part))


def _model_named(name: str, document: Any) -> str:
    """Return the id of a model in a document as it travels."""
    return next(
        str(model["id"])
        for model in _dicts(document)
        if model.get("type") == "object" and model.get("attributes", {}).get("name") == name
    )


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _dicts(inner)
