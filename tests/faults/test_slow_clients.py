"""Fifty clients send their bodies byte by byte; others do not wait for them."""

import http.server
import socket
import threading
import time
import urllib.request
import uuid
from contextlib import ExitStack
from statistics import median

SLOW = 50
PATH = f"/api/v1/runs/{uuid.uuid4()}/writers/{uuid.uuid4()}/records?first_seq=0"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


class Dribbling:
    """Connections that send a byte each now and then."""

    def __init__(self, port):
        with ExitStack() as stack:
            connect = lambda: stack.enter_context(socket.create_connection(("127.0.0.1", port)))  # noqa: E731
            self._connections = [connect() for _ in range(SLOW)]
            for connection in self._connections:
                connection.sendall(HEAD.encode())
            self._open = stack.pop_all()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._dribble)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()
        self._open.close()

    def _dribble(self):
        while not self._over.wait(0.02):
            for connection in self._connections:
                connection.sendall(b" ")


def ask(port, timeout=10):
    """Return the milliseconds that an answer takes."""
    began = time.perf_counter()
    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=timeout).close()
    return (time.perf_counter() - began) * 1_000


def test_slow_clients_keep_nobody_waiting(backend, whole, tell):
    times = 500 if whole else 100
    before = [ask(backend.port) for _ in range(times)]
    with Dribbling(backend.port):
        beside = [ask(backend.port) for _ in range(times)]
    tell(
        f"{SLOW} bodies byte by byte: another request takes {median(beside):.1f} ms (worst {max(beside):.0f}), "
        f"without them {median(before):.1f} ms (worst {max(before):.0f})"
    )


class ByteByByte(http.server.BaseHTTPRequestHandler):
    """Reads a body in the thread that answers, as servers with few workers do."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))

    def log_message(self, *arguments):
        """Say nothing."""


class OneByOne(http.server.HTTPServer):
    """Answers one after the other; the others wait in a queue that has room for all."""

    request_queue_size = 2 * SLOW


def test_a_server_that_waits_for_bodies_is_caught(tell):
    with OneByOne(("127.0.0.1", 0), ByteByByte) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        answered = True
        with Dribbling(server.server_port):
            try:
                ask(server.server_port, timeout=1)
            except TimeoutError:
                answered = False
        server.shutdown()
        thread.join()
    tell(f"control, a server that waits for bodies: {'answers' if answered else 'no answer in a second'}")
    assert not answered
