"""A piece of network between browser and dashboard, which a test can cut or make silent."""

import contextlib
import socket
import threading


class Relay:
    """Passes bytes between whoever connects to `port` of 127.0.0.1 and the same port of `target`."""

    def __init__(self, port: int, target: str) -> None:
        self._target = (target, port)
        self._listener = socket.create_server(("127.0.0.1", port))
        self._passing = threading.Event()
        self._passing.set()
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> int:
        """Break every connection, and return how many there were; new ones are let through."""
        broken = list(self._open)
        for one in broken:
            _shut(one)
        return len(broken) // 2

    def hush(self) -> None:
        """Let nothing through, and break nothing: what is sent is as good as lost."""
        self._passing.clear()

    def speak(self) -> None:
        """Let everything through again."""
        self._passing.set()

    def close(self) -> None:
        """Break everything and listen no more."""
        self.speak()
        _shut(self._listener)
        self._threads[0].join()
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # it is closed
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            self._open |= {near, far}
            thread = threading.Thread(target=self._join, args=(near, far))
            self._threads.append(thread)
            thread.start()

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        back = threading.Thread(target=self._pass, args=(far, near))
        back.start()
        self._pass(near, far)
        back.join()
        self._open -= {near, far}
        near.close()
        far.close()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it is cut
            while piece := source.recv(65_536):
                self._passing.wait()
                sink.sendall(piece)
        _shut(sink)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side was first
        one.shutdown(socket.SHUT_RDWR)
