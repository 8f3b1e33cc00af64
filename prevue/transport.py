"""HTTP to the backend. The only module that imports requests; what an answer means is the caller's."""

import email.utils
import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
import requests

from prevue.delivery import Answer
from prevue_core.errors import NotFound, NotLoggedIn, Refused, Unreachable
from prevue_core.logs import REQUEST_ID

TIMEOUT_S = (5, 30)  # to connect, to read
GZIP_ABOVE_BYTES = 4 << 10
NEARBY = ("localhost", "127.0.0.1", "::1")
PART_BYTES = 1 << 18  # of what is streamed


class Knock(NamedTuple):
    """How an answer came."""

    latency_s: float
    clock_ahead_s: float | None  # of this machine, to about a second; None: the server does not tell its time


class HttpTransport:
    """A connection to one backend. Not shared between threads, as requests' sessions are not made for it."""

    def __init__(
        self, url: str, find_token: Callable[[], str | None] = lambda: None, request_id: str | None = None
    ) -> None:
        """Connect to `url` when first asked; `find_token` says before each request which token to send.

        `request_id` names the requests in the backend's log; without one the backend gives each a name of its own.
        """
        self.url = url
        self._post: _Post | None = None  # of the writer whose records were sent last
        self._session = requests.Session()
        self._bearer = self._session.auth = _Bearer(find_token)
        if urlsplit(url).hostname in NEARBY:  # to pack takes longer than to send
            self._session.headers["Accept-Encoding"] = "identity"
        self._session.headers["Accept"] = "application/json, application/problem+json"
        if request_id:
            self._session.headers[REQUEST_ID] = request_id

    def post_records(self, run_id: str, writer_id: str, first_seq: int, lines: bytes) -> Answer:
        """Send records, one a line. Raises Unreachable without an answer."""
        is_packed = len(lines) > GZIP_ABOVE_BYTES
        if is_packed:
            lines = gzip.compress(lines, compresslevel=1)  # while other threads run
        url = f"{self.url}/api/v1/runs/{run_id}/writers/{writer_id}/records?first_seq="
        with self._named_errors():
            if self._post is None or self._post.url != url:
                self._post = _Post(self._session, url, self._bearer)
            return _answer(self._post.send(first_seq, lines, is_packed))

    def get(self, path: str, params: dict[str, Any] | None = None, timeout_s: float | None = None) -> dict[str, Any]:
        """Return the JSON object at `path`. Raises NotFound, NotLoggedIn, Refused or Unreachable."""
        ask = partial(self._ask, "GET", path, params=params, timeout=timeout_s or TIMEOUT_S)
        try:
            answer = ask()
        except Unreachable as error:
            if not isinstance(error.__cause__, requests.exceptions.ChunkedEncodingError):
                raise
            answer = ask()  # a server died while it answered; behind a proxy another one stands in for it
        return self._understand(path, answer)

    def knock(self, path: str, timeout_s: float) -> "Knock":
        """Ask for the JSON object at `path`, and return how the answer came. Raises as `get` does."""
        began, sent_at = time.monotonic(), time.time()
        response = self._send("GET", path, timeout=timeout_s)
        latency_s = time.monotonic() - began
        self._understand(path, _answer(response))
        return Knock(latency_s, _clock_ahead(response, sent_at + latency_s / 2))

    def post(
        self, path: str, document: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Send a JSON object and return the one that comes back. Raises as `get` does."""
        return self._understand(path, self._ask("POST", path, json=document or {}, headers=headers))

    def patch(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Change what is at `path` and return what it is now. Raises as `get` does."""
        return self._understand(path, self._ask("PATCH", path, json=document))

    def delete(self, path: str) -> dict[str, Any]:
        """Delete what is at `path` and return what is said of it. Raises as `get` does."""
        return self._understand(path, self._ask("DELETE", path))

    def stream(self, path: str, params: dict[str, Any] | None = None) -> Iterator[bytes]:
        """Yield what is at `path`, whatever its size. Raises as `get` does, Unreachable also where it breaks off."""
        with self._send("GET", path, params=params, stream=True, timeout=TIMEOUT_S) as response:
            if response.status_code != 200:
                self._understand(path, _answer(response))
            try:
                yield from response.iter_content(PART_BYTES)
            except OSError as error:
                raise Unreachable(f"{self.url} broke off its answer: {_reason(error)}") from error

    def _understand(self, path: str, answer: Answer) -> dict[str, Any]:
        if answer.status == 204 or (answer.status in (200, 201) and answer.document):
            return answer.document
        detail = str(answer.document.get("detail") or answer.document.get("errors") or f"status {answer.status}")
        if answer.status == 404 and answer.document.get("request_id"):
            raise NotFound(f"{self.url}: {detail}", detail=detail, status=404)
        if answer.status == 401:
            raise NotLoggedIn(f"{self.url}: {detail}", detail=detail, status=401)
        if 400 <= answer.status < 500 or answer.status == 501:
            raise Refused(f"{self.url}{path}: {detail}", detail=detail, status=answer.status)
        if request_id := answer.document.get("request_id"):
            detail += f" (request {request_id})"  # what the backend's log has of it
        raise Unreachable(f"{self.url} did not answer as Prevue's backend does: {detail}")

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def __enter__(self) -> "HttpTransport":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, **arguments: Any) -> Answer:
        arguments.setdefault("timeout", TIMEOUT_S)
        return _answer(self._send(method, path, **arguments))

    def _send(self, method: str, path: str, **arguments: Any) -> requests.Response:
        with self._named_errors():
            # A redirect may lead to another host, which must not see the token; a sender takes it for a passing fault.
            return self._session.request(method, self.url + path, allow_redirects=False, **arguments)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # all of requests' own are; a plain one tells of a missing CA bundle
            raise Unreachable(f"cannot reach {self.url}: {_reason(error)}") from error


class _Post:
    """The request with which a writer's records are sent, prepared once and sent again and again.

    To prepare one takes requests 0.3 ms, in which no other thread of Python runs: a `log()` of the training waits.
    `url` lacks the number at its end. Redirects are not followed.
    """

    def __init__(self, session: requests.Session, url: str, bearer: "_Bearer") -> None:
        self.url = url
        self._bearer = bearer
        kind = {"Content-Type": "application/x-ndjson"}
        request = requests.Request("POST", f"{url}0", headers=kind, data=b"{}", auth=lambda prepared: prepared)
        self._prepared = session.prepare_request(request)
        self._url = str(self._prepared.url)[:-1]  # as requests has quoted it
        self._adapter = session.get_adapter(self._url)
        # Proxies and the CA bundle, as the environment has them.
        self._settings: Any = session.merge_environment_settings(self._url, {}, None, None, None)

    def send(self, first_seq: int, body: bytes, is_packed: bool) -> requests.Response:
        prepared, headers = self._prepared, self._prepared.headers
        prepared.url, prepared.body = f"{self._url}{first_seq}", body
        headers["Content-Length"] = str(len(body))
        for name in ("Authorization", "Content-Encoding"):
            headers.pop(name, None)
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        self._bearer(prepared)
        return self._adapter.send(prepared, timeout=TIMEOUT_S, **self._settings)


class _Bearer(requests.auth.AuthBase):
    """Sends the token, or nothing; set in any case, because requests would look into .netrc otherwise."""

    def __init__(self, find_token: Callable[[], str | None]) -> None:
        self._find_token = find_token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if token := self._find_token():
            request.headers["Authorization"] = f"Bearer {token}"
        return request


def _clock_ahead(response: requests.Response, now: float) -> float | None:
    try:
        told = email.utils.parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return None
    return round(now - told.timestamp() - 0.5, 1)  # it was cut to a whole second


def _answer(response: requests.Response) -> Answer:
    return Answer(response.status_code, _document(response), _retry_after(response))


def _document(response: requests.Response) -> dict[str, Any]:
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _retry_after(response: requests.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):  # none, or a date, which only proxies send
        return None


def _reason(error: BaseException) -> str:
    """Return the innermost cause, which names the trouble: requests wraps it thrice."""
    if isinstance(error, requests.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.ReadTimeout):
        return "no answer in time"
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
