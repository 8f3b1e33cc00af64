"""What the client's tests share: an empty spool for each, a backend over real HTTP, and programs to run.

The client alone is installed where these tests run: no Flask, no peewee, no NumPy.
"""

import gzip
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from click.testing import CliRunner

import prevue
from client.records import RUN_ID, START, body
from prevue import spool
from prevue.cli import cli
from prevue.delivery import Answer
from prevue.folder import DELIVERED
from prevue.notices import notices
from prevue.spool import Spool
from prevue.testing import RecordingTransport
from prevue_core.errors import Unreachable

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
PATIENCE_S = 30  # for what happens in another thread or process; it comes far earlier


@pytest.fixture(autouse=True)
def spool_dir(tmp_path, monkeypatch) -> Path:
    """The spool of this test, and of the programs that it starts; no other setting of the machine reaches them."""
    for name in [name for name in os.environ if name.startswith("PREVUE_") or name.lower() in ("rank", *PROXIES)]:
        monkeypatch.delenv(name)
    folder = tmp_path / "spool"
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(folder))
    monkeypatch.setenv("PREVUE_SYSTEM_METRICS", "0")  # samples would come as further records, at any time
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))  # no login of the machine's user
    # In no repository, nor is the script: what git says would come as further records, at any time.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    return folder


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    """Each test hears warnings anew that come once in ten minutes."""
    notices._said.clear()


@pytest.fixture
def spooled(spool_dir) -> Callable[[], list[dict]]:
    """Return all records in the spool, each writer's in its order."""

    def read() -> list[dict]:
        pieces = [path for path in spool_dir.glob("*/*/*.ndjson") if path.stem.isdecimal()]
        ordered = sorted(pieces, key=lambda path: (path.parent, int(path.stem)))
        return [orjson.loads(line) for path in ordered for line in path.read_bytes().splitlines()]

    return read


@pytest.fixture
def waiting(spool_dir) -> Callable[[], list[str]]:
    """Return the folders of writers whose records wait, or are being written."""
    return lambda: [path.name for path in spool_dir.glob("*/*") if path.is_dir() and path.name != DELIVERED]


@pytest.fixture
def new_run():
    """Open runs; they are finished at the end of the test."""
    opened = []

    def new_run(*args: object, **kwargs: object) -> prevue.Run:
        opened.append(prevue.init(*args, **kwargs))
        return opened[-1]

    yield new_run
    for run in opened:
        run.finish()


@pytest.fixture
def python(tmp_path) -> Callable[..., subprocess.CompletedProcess]:
    """Run a program in a process of its own, to its end."""

    def run(source: str, **environ: str) -> subprocess.CompletedProcess:
        path = tmp_path / "program.py"  # a file, since processes that are spawned import it
        path.write_text(source)
        command = [sys.executable, str(path)]
        environ = {**os.environ, **environ}
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE_S)

    return run


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start a program that talks through its standard input and output."""
    started = []

    def start(source: str, **environ: str) -> subprocess.Popen:
        path = tmp_path / f"program{len(started)}.py"
        path.write_text(source)
        command = [sys.executable, str(path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, env={**os.environ, **environ}, text=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def new_spool(tmp_path):
    """Open a writer's spool with some metrics behind its start; it is closed with the test."""
    opened = []

    def new_spool(records: int = 0) -> Spool:
        opened.append(Spool(tmp_path / "server", RUN_ID, START))
        for step in range(1, records + 1):
            assert opened[-1].append(body(step))
        return opened[-1]

    yield new_spool
    for one in opened:
        one.close(is_delivered=False)


@pytest.fixture
def transport() -> RecordingTransport:
    """A server without a network."""
    return RecordingTransport()


@pytest.fixture
def small_pieces(monkeypatch) -> None:
    """A piece of the spool has a few records only."""
    monkeypatch.setattr(spool, "SEGMENT_BYTES", 500)


class Backend:
    """A backend over real HTTP that stores as `RecordingTransport` does.

    `recording`: what is stored, and `faults`. `documents`: by path, the status and the JSON of an answer to GET.
    `headers`: those of every request. `cuts`: how many answers end in their middle. `stop` and `start` are a restart on
    the same port, which keeps what is stored.
    """

    def __init__(self) -> None:
        self.recording = RecordingTransport()
        self.documents: dict[str, tuple[int, object]] = {}
        self.headers: list[dict[str, str]] = []
        self.queries: list[dict[str, list[str]]] = []
        self.cuts = 0
        self.run_ids: dict[str, str] = {}  # by writer
        self.changed = threading.Condition()
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def records(self) -> list[dict]:
        """All that is stored, each writer's in its order."""
        return [record for records in self.recording.records.values() for record in records]

    def steps(self) -> list[int]:
        """The steps of all metrics."""
        return [record["step"] for record in self.records if record["type"] == "metrics"]

    def ends(self) -> list[dict]:
        return [record for record in self.records if record["type"] == "end"]

    def wait_for(self, is_so: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(is_so, PATIENCE_S)

    def start(self) -> None:
        self._connections: list[socket.socket] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), type("Handler", (_Handler,), {"backend": self}))
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Break off every connection, as a killed server does."""
        self._server.shutdown()
        self._server.server_close()
        with self.changed:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # closed by the client
                    continue


class _Handler(BaseHTTPRequestHandler):
    backend: Backend
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one write
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.backend._connections.append(self.connection)

    def do_POST(self) -> None:
        lines = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["Content-Encoding"] == "gzip":
            lines = gzip.decompress(lines)
        url = urlsplit(self.path)
        _, _, _, _, run_id, _, writer_id, _ = url.path.split("/")
        first_seq = int(parse_qs(url.query)["first_seq"][0])
        with self.backend.changed:
            self.backend.headers.append(dict(self.headers))
            self.backend.run_ids[writer_id] = run_id
            try:
                answer = self.backend.recording.post_records(run_id, writer_id, first_seq, lines)
            except Unreachable:
                self.close_connection = True
                return
            finally:
                self.backend.changed.notify_all()
        self._answer(answer)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.backend.headers.append(dict(self.headers))
        self.backend.queries.append(parse_qs(url.query))
        unknown = (404, {"detail": f"{url.path} does not exist", "request_id": "0123456789abcdef"})
        status, document = self.backend.documents.get(url.path, unknown)
        if callable(document):
            document = document(parse_qs(url.query))
        self._answer(Answer(status, document))

    def _answer(self, answer: Answer) -> None:
        body = answer.document if isinstance(answer.document, bytes) else orjson.dumps(answer.document)
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        if answer.retry_after_s is not None:
            self.send_header("Retry-After", str(answer.retry_after_s))
        self.end_headers()
        if self.backend.cuts:
            self.backend.cuts -= 1
            self.close_connection, body = True, body[:-1]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def backend(monkeypatch) -> Iterator[Backend]:
    """A backend that runs; PREVUE_URL leads to it."""
    backend = Backend()
    monkeypatch.setenv("PREVUE_URL", backend.url)
    yield backend
    backend.stop()


@pytest.fixture
def no_server(monkeypatch) -> str:
    """The address of a port where nobody listens; PREVUE_URL leads to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setenv("PREVUE_URL", url)
    return url


@pytest.fixture
def command():
    """Run a command of ours in this process."""

    def run(*arguments: str):
        return CliRunner().invoke(cli, arguments)

    return run


@pytest.fixture
def no_pauses(monkeypatch) -> None:
    """Senders try again at once."""
    monkeypatch.setattr("prevue.delivery.BACKOFF_S", (0.0, 0.0))


@pytest.fixture
def left_behind():
    """Leave runs in the spool, each with a few metrics, as after a training without a server."""

    def leave(**settings: object) -> prevue.Run:
        run = prevue.init("p", mode="offline", **settings)
        for _ in range(5):
            run.log({"loss": 0.5})
        run.finish()
        return run

    return leave
