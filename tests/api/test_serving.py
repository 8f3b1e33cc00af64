"""The server's process, where tests of whole backends cannot see: connections whose reader has stopped reading."""

import socket
import threading
import time
from contextlib import closing

import pytest
import waitress

from prevue_core.serving import STALLED_S, WAITING_BYTES, drop_stalled
from serving import PATIENCE_S

PART = b"x" * (1 << 16)
ASKED = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class Endless:
    """An application whose answer never ends by itself."""

    def __init__(self):
        self.parts, self.ended = 0, threading.Event()

    def __call__(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return self._answer()

    def _answer(self):
        try:
            while True:
                self.parts += 1
                yield PART
        finally:
            self.ended.set()


@pytest.fixture
def application():
    return Endless()


@pytest.fixture
def channels():
    return {}


@pytest.fixture
def port(application, channels):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = waitress.create_server(
            application, map=channels, sockets=[listening], threads=1, outbuf_high_watermark=WAITING_BYTES
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        yield listening.getsockname()[1]
        until(lambda: len(channels) <= 2)  # what listens, and what wakes it
        server.trigger.pull_trigger(server.close)
        thread.join(PATIENCE_S)
        server.task_dispatcher.shutdown()


def until(is_so):
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_answer_that_nobody_takes_is_broken_off_after_a_while(application, channels, port):
    with closing(socket.create_connection(("127.0.0.1", port))) as reader:
        reader.sendall(ASKED)
        until(lambda: any(getattr(one, "total_outbufs_len", 0) > WAITING_BYTES for one in channels.values()))
        drop_stalled(channels, time.time() + STALLED_S / 2)
        assert not application.ended.is_set()
        drop_stalled(channels, time.time() + STALLED_S + 1)
        assert application.ended.wait(PATIENCE_S)


def test_who_reads_slowly_or_asks_nothing_is_left_alone(application, channels, port):
    address = ("127.0.0.1", port)
    with closing(socket.create_connection(address)) as reader, closing(socket.create_connection(address)):
        reader.sendall(ASKED)
        until(lambda: application.parts > WAITING_BYTES / len(PART))
        until(lambda: len(channels) == 4)
        before = application.parts
        until(lambda: reader.recv(len(PART)) and application.parts > before)  # it takes something, now
        drop_stalled(channels, time.time() + STALLED_S / 2)
        assert reader.recv(len(PART))
        assert len(channels) == 4
    assert application.ended.wait(PATIENCE_S)
