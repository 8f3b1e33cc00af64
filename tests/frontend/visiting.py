"""A visitor of the dashboard's without a browser: pages, forms and cookies, and websockets, over real HTTP."""

import base64
import http.client
import json
import re
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import count
from typing import Any
from urllib.parse import urlencode, urlsplit

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

FORM = "application/x-www-form-urlencoded"
_numbers = count(int(IPv4Address("10.0.0.1")))


@dataclass
class Answer:
    """What came back. `cookies`: the Set-Cookie headers."""

    status: int
    headers: Any
    text: str

    @property
    def cookies(self) -> list[str]:
        return self.headers.get_all("Set-Cookie") or []


@dataclass
class Visitor:
    """Somebody with cookies who goes to the dashboard at `url`, if that trusts proxies from an address of their own."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = field(default_factory=lambda: str(IPv4Address(next(_numbers))))

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str | None) -> Answer:
        """Send a request; in names of headers `_` stands for `-`, and those that are None are left out."""
        given = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()) or None}
        given |= {"X-Forwarded-For": self.address}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        sent = {name: value for name, value in given.items() if value is not None}
        connection.putrequest(method, path, skip_host="Host" in sent)
        if body is not None:
            sent["Content-Length"] = str(len(body.encode()))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(None if body is None else body.encode())
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read().decode(errors="replace"))
        connection.close()
        for cookie in answer.cookies:
            name, value = cookie.partition(";")[0].split("=", 1)
            self.cookies.pop(name, None)
            if value.strip('"'):
                self.cookies[name] = value
        return answer

    def send(self, path: str, form: dict[str, str], **headers: str | None) -> Answer:
        """Send a form as a page of the dashboard does."""
        return self.ask(path, "POST", urlencode(form), **{"Origin": self.url, "Content_Type": FORM, **headers})

    def log_in(self, username: str, password: str, then: str = "/", **headers: str | None) -> Answer:
        """Send the login form."""
        return self.send("/login", {"username": username, "password": password, "next": then}, **headers)

    def log_out(self) -> Answer:
        """Send the form that is on each page."""
        key = re.search(r'name="form_key" value="(\w+)"', self.ask("/").text).group(1)
        return self.send("/logout", {"form_key": key})

    def token(self, path: str) -> str:
        """Return the token in the page of a project's runs."""
        return str(given(self.ask(path).text)["token"])

    def handshake(self, token: str, path: str = "/session/ws", **headers: str | None) -> int:
        """Return the status with which the server answers the wish for a websocket; 101 is yes."""
        wish = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13", "Origin": self.url}
        wish |= {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec_WebSocket_Protocol": f"bokeh, {token}"}
        return self.ask(path, **{**wish, **headers}).status

    @asynccontextmanager
    async def session(self, token: str) -> AsyncIterator[WebSocketClientConnection]:
        """Open a session, and close it behind the `with`, which has its connection."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Origin": self.url, "Cookie": cookies}
        request = HTTPRequest(self.url.replace("http", "ws", 1) + "/session/ws", headers=headers)
        connection = await websocket_connect(request, subprotocols=["bokeh", token])
        stream = connection.protocol.stream
        try:
            assert await connection.read_message()  # that the session is there
            yield connection
        finally:
            connection.close()
            stream.close()  # the test's loop ends before the server could do it


async def closed(connection: WebSocketClientConnection) -> int | None:
    """Wait until the server closes a connection, and return the code."""
    while await connection.read_message() is not None:
        continue
    return connection.close_code


def given(page: str) -> dict[str, Any]:
    """Return what a page hands to its script."""
    found: dict[str, Any] = json.loads(
        re.search(r'<script id="given" type="application/json">(.*?)</script>', page, re.DOTALL).group(1)
    )
    return found


def inside(token: str) -> dict[str, Any]:
    """Return all that can be read from a token."""
    outer = json.loads(_decoded(token.split(".")[0]))
    extra = outer.pop("__bk__zlib_", None)
    return {**outer, **(json.loads(zlib.decompress(_decoded(extra))) if extra else {})}


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
