"""A proxy on loopback before a backend, which does to each request what a bad network does now and then."""

import http.client
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle

LONGER_S = 0.8  # than the client of these tests waits for an answer
SLOWLY_S = 0.004  # from byte to byte

Message = bytes  # a request or an answer, headers and body


class Exchange:
    """A request that came, and the ways to the server and back."""

    def __init__(self, near: socket.socket, port: int, request: Message, over: threading.Event) -> None:
        self.request = request
        self._near, self._port, self._over = near, port, over

    def ask(self, request: Message | None = None) -> Message:
        """Send the request, or another, to the server and return its answer."""
        with socket.create_connection(("127.0.0.1", self._port)) as far:
            far.sendall(self.request if request is None else request)
            return read_message(far) or b""

    def ask_later(self) -> None:
        """Send the request behind those that follow it, and let nobody have the answer."""
        self.wait(LONGER_S / 4)
        with suppress(OSError):
            self.ask()

    def give_up_upstream(self, part: Message) -> None:
        """Send the server a part of a request and hang up."""
        with socket.create_connection(("127.0.0.1", self._port)) as far:
            far.sendall(part)

    def answer(self, data: bytes) -> None:
        """Send bytes to the client."""
        self._near.sendall(data)

    def hang_up(self) -> None:
        """End the connection in order."""
        self._near.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """End the connection so that the client sees it as broken off."""
        self._near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._near.close()

    def wait(self, seconds: float) -> None:
        """Do nothing for a while."""
        self._over.wait(seconds)


def _page(status: str, *headers: str) -> bytes:
    body = b"<html><body>Welcome to the hotel's network. Please log in.</body></html>"
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/html", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def reset_before_commit(it: Exchange) -> None:
    it.reset()


def reset_after_commit(it: Exchange) -> None:
    it.ask()
    it.reset()


def half_request(it: Exchange) -> None:
    it.give_up_upstream(it.request[: len(it.request) * 2 // 3])
    it.reset()


def half_open(it: Exchange) -> None:
    it.ask()  # and the answer never comes
    it.wait(LONGER_S)


def black_hole(it: Exchange) -> None:
    it.wait(LONGER_S)


def late_answer(it: Exchange) -> None:
    answer = it.ask()
    it.wait(LONGER_S)
    it.answer(answer)


def byte_by_byte(it: Exchange) -> None:
    for byte in it.ask():
        it.answer(bytes([byte]))
        it.wait(SLOWLY_S)


def truncated_answer(it: Exchange) -> None:
    answer = it.ask()
    it.answer(answer[: len(answer) - 20])
    it.hang_up()


def duplicated_request(it: Exchange) -> None:
    it.ask()
    it.answer(it.ask())


def repeated_later(it: Exchange) -> None:
    """The request comes once more behind those that follow it."""
    it.answer(it.ask())
    threading.Thread(target=it.ask_later, daemon=True).start()


def html_200(it: Exchange) -> None:
    it.answer(_page("200 OK"))


def redirect(it: Exchange) -> None:
    it.answer(_page("302 Found", "Location: http://portal.invalid/"))


def bad_gateway(it: Exchange) -> None:
    it.ask()
    it.answer(_page("502 Bad Gateway"))


def try_again(it: Exchange) -> None:
    it.answer(_page("503 Service Unavailable", "Retry-After: 0"))


def keep_alive_race(it: Exchange) -> None:
    it.answer(it.ask())
    it.hang_up()  # as the client begins the next request on this connection


def garbage(it: Exchange) -> None:
    it.answer(b"\x16\x03\x01\x00\xa5 this is no HTTP\r\n\r\n")
    it.hang_up()


FAULTS: tuple[Callable[[Exchange], None], ...] = (
    reset_before_commit, reset_after_commit, half_request, half_open, black_hole, late_answer, byte_by_byte,
    truncated_answer, duplicated_request, repeated_later, html_200, redirect, bad_gateway, try_again, keep_alive_race,
    garbage,
)  # fmt: skip


class FaultyProxy:
    """Listens on `port` and hands requests on to the backend's; every other one meets the next of `FAULTS`.

    `met` counts how often each fault was met.
    """

    def __init__(self, backend_port: int) -> None:
        self.met: Counter[str] = Counter()
        self.is_healed = False
        self._backend_port = backend_port
        self._faults = cycle([fault for one in FAULTS for fault in (one, None)])
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more, and let go of those who wait."""
        self._over.set()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            while (request := read_message(near)) is not None:
                fault = self._next()
                exchange = Exchange(near, self._backend_port, request, self._over)
                if fault is None:
                    exchange.answer(exchange.ask())
                else:
                    fault(exchange)

    def _next(self) -> Callable[[Exchange], None] | None:
        with self._lock:
            fault = None if self.is_healed else next(self._faults)
            if fault is not None:
                self.met[fault.__name__] += 1
            return fault


@contextmanager
def faulty_proxy(backend_port: int) -> Iterator[FaultyProxy]:
    """Run a proxy before the backend."""
    proxy = FaultyProxy(backend_port)
    try:
        yield proxy
    finally:
        proxy.close()


def read_message(connection: socket.socket) -> Message | None:
    """Read a request or an answer with all of its body; None: the other side hung up."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(1 << 16)):
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    headers = http.client.parse_headers(_Lines(head.partition(b"\r\n")[2]))
    length = int(headers.get("Content-Length", 0))
    while len(body) < length:
        if not (more := connection.recv(1 << 16)):
            return None
        body += more
    return head + b"\r\n\r\n" + body


class _Lines:
    """Lines for `parse_headers`, which reads from a file."""

    def __init__(self, text: bytes) -> None:
        self._lines = iter([*text.splitlines(keepends=True), b"\r\n"])

    def readline(self, size: int = -1) -> bytes:
        return next(self._lines, b"")
