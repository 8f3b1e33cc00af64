"""The webhook: events of runs, posted to the address that the server's operator has set.

Its thread posts them in order and tries again while nobody answers. Nothing else waits for it, and what cannot be
delivered in a few minutes, or is more than 1 000 behind, is dropped with a line in the log: the events of a run are in
the database, and the API tells them.

Messages are as Standard Webhooks has them (https://www.standardwebhooks.com), so that libraries can check them: with a
secret they are signed, and the id is the same in each try. Redirects are not followed: they would let whoever answers
choose another address inside the operator's network.
"""

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from functools import cache
from queue import Full, Queue
from typing import Any
from urllib.parse import urlsplit

from prevue_core.settings import WebhookSettings, webhook_settings

MAX_WAITING = 1_000
WAITS_S = (1.0, 5.0, 25.0, 125.0)  # before each further try
TIMEOUT_S = 10.0
BUSY = (408, 425, 429)  # answers that may be others later, as all from 500 on

log = logging.getLogger("prevue.webhook")


class Webhook:
    """Where events go. `wait(seconds)` is how it waits before it tries again."""

    def __init__(
        self,
        settings: WebhookSettings,
        *,
        waits_s: Sequence[float] = WAITS_S,
        wait: Callable[[float], Any] = time.sleep,
    ) -> None:
        self._settings = settings
        self._host = urlsplit(settings.url).hostname  # all that a log may have: the rest may be secret
        self._waits_s = waits_s
        self._wait = wait
        self._waiting: Queue[dict[str, Any]] = Queue(MAX_WAITING)
        threading.Thread(target=self._run, name="prevue-webhook", daemon=True).start()

    def send(self, event: dict[str, Any]) -> None:
        """Take an event to be posted, if its kind is asked for; never waits."""
        if event["kind"] not in self._settings.kinds:
            return
        try:
            self._waiting.put_nowait(event)
        except Full:
            log.warning("the webhook at %s is too slow: an event of run %s is dropped", self._host, _run_of(event))

    def flush(self) -> None:
        """Wait until all that was taken is posted or dropped."""
        self._waiting.join()

    def _run(self) -> None:
        while True:
            event = self._waiting.get()
            try:
                self._deliver(event)
            except Exception:
                log.exception("the webhook failed at an event of run %s", _run_of(event))
            self._waiting.task_done()

    def _deliver(self, event: dict[str, Any]) -> None:
        message_id, body = f"msg_{uuid.uuid4().hex}", json.dumps(event).encode()
        trouble = ""
        for wait_s in (0.0, *self._waits_s):
            if wait_s:
                self._wait(wait_s)
            trouble, is_final = self._post(message_id, body)
            if not trouble:
                return
            if is_final:
                break
        log.warning("the webhook at %s %s: an event of run %s is dropped", self._host, trouble, _run_of(event))

    def _post(self, message_id: str, body: bytes) -> tuple[str, bool]:
        """Return what went wrong, empty if nothing did, and whether to try again is of no use."""
        import requests  # no training needs it

        headers = {"Content-Type": "application/json", "User-Agent": "Prevue"}
        headers |= signed(self._settings.secret, message_id, int(time.time()), body)
        try:
            answer = requests.post(
                self._settings.url,
                body,
                headers=headers,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                auth=lambda request: request,  # none: requests would look for one in ~/.netrc
                stream=True,  # nobody needs what it says
            )
            answer.close()
        except requests.RequestException as error:
            return f"cannot be reached ({type(error).__name__})", False
        status = answer.status_code
        return ("", True) if 200 <= status < 300 else (f"answers {status}", status < 500 and status not in BUSY)


def signed(secret: bytes | None, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """Return the headers that name a message and its time, UNIX seconds, and with a `secret` prove who has sent it."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(seconds)}
    if secret is not None:
        told = b".".join((message_id.encode(), str(seconds).encode(), body))
        signature = base64.b64encode(hmac.new(secret, told, hashlib.sha256).digest()).decode()
        headers["webhook-signature"] = f"v1,{signature}"
    return headers


@cache
def webhook() -> Webhook | None:
    """Return this process's webhook, begun at the first call; None where none is set."""
    settings = webhook_settings()
    return None if settings is None else Webhook(settings)


def _run_of(event: dict[str, Any]) -> str:
    return f"{event['run']['run_id']} ({event['kind']})"
