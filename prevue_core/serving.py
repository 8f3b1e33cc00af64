"""The backend's process: waitress on bound sockets, and how it stops without breaking off an answer."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import waitress
from waitress.channel import HTTPChannel

from prevue_core.api.announcing import Announce
from prevue_core.api.app import create_app
from prevue_core.api.limits import threads_for
from prevue_core.listening import is_on_network
from prevue_core.settings import ServerSettings

CONNECTIONS = 1_000
WAITING_BYTES = 1 << 20  # of a long answer, before its thread waits for the reader: each thread keeps that memory
FINISH_S = 20.0  # that requests may take when the server is told to stop
LOOK_S = 0.05
STALLED_S = 60.0  # that a reader may take nothing of what waits for it: long answers hold a thread and memory
STALLED_LOOK_S = 5.0


def serve(settings: ServerSettings, sockets: list[socket.socket], tell: Callable[[], None], announce: Announce) -> None:
    """Answer requests until SIGTERM or SIGINT; `tell` is called once they can be asked, `announce` with what happens.

    From then on `/readyz` says 503, so that a proxy sends nobody any more, and the process ends as soon as all that
    was asked is answered, or after 20 s; at the second signal at once.
    """
    stopping = threading.Event()
    channels: dict[int, Any] = {}
    server = waitress.create_server(
        create_app(settings, is_on_network=is_on_network(sockets), stopping=stopping, announce=announce),
        map=channels,
        sockets=sockets,
        threads=threads_for(settings.limits),  # bodies are received outside of them
        connection_limit=CONNECTIONS,
        # Above, waitress itself refuses; below, the API with a word.
        max_request_body_size=16 * settings.limits.body_bytes,
        outbuf_high_watermark=WAITING_BYTES,
        clear_untrusted_proxy_headers=not settings.trusted_proxies,  # else waitress hides them from who judges them
        ident=None,
    )

    def stop(number: int, frame: Any) -> None:
        if stopping.is_set():
            sys.exit(0)
        stopping.set()
        # Waitress sends what was answered from this thread, so another has to wait for it.
        threading.Thread(target=_end_when_idle, args=(channels,), name="prevue-stop", daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    threading.Thread(target=_keep_dropping, args=(channels,), name="prevue-stalled", daemon=True).start()
    tell()
    server.run()


def _keep_dropping(channels: dict[int, Any]) -> None:
    while True:
        time.sleep(STALLED_LOOK_S)
        drop_stalled(channels, time.time())


def drop_stalled(channels: dict[int, Any], now: float) -> None:
    """Break off answers of which nobody has taken a byte for a minute. `now`: UNIX seconds.

    Waitress leaves them be. It closes a connection, and ends what wrote into it, once its socket is shut down.
    """
    for channel in list(channels.values()):
        is_waiting = isinstance(channel, HTTPChannel) and channel.total_outbufs_len
        if is_waiting and channel.last_activity < now - STALLED_S:
            with suppress(OSError):  # it was closed just now
                channel.socket.shutdown(socket.SHUT_RDWR)


def _end_when_idle(channels: dict[int, Any]) -> None:
    deadline = time.monotonic() + FINISH_S
    while any(map(_is_busy, list(channels.values()))) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _is_busy(dispatcher: Any) -> bool:
    """Return whether a request waits or is worked on, or an answer is not sent whole."""
    return isinstance(dispatcher, HTTPChannel) and bool(dispatcher.requests or dispatcher.total_outbufs_len)
