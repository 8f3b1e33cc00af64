"""Delivery: what a spool holds goes to the server, each record exactly once, whatever the server answers.

`Delivery` decides, one request at a time; who lets it is `sender`.
"""

import json
import random
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol

from prevue.config import login_name
from prevue.notices import Notices
from prevue.notices import notices as default_notices
from prevue.spool import BATCH_BYTES, Batch, Source, gap
from prevue_core.contract import HEARTBEAT_S, MAX_BODY_BYTES, MAX_RECORDS, PROBLEM_DELETED, PROBLEM_GAP, PROBLEM_REFUSED
from prevue_core.errors import Unreachable

GATHER_S = 0.2  # from the first unsent record to the request that takes it and all that came meanwhile
EACH_S = 0.25  # between two requests, unless the first was full: at most four a second
PROBE_S = 60.0  # between tries where only a person can help
BACKOFF_S = (0.5, 60.0)  # the first upper bound, and the last
PATIENCE_S = 5.0  # of failing until it is worth a word: a server that restarts is not
RETURNS = 2  # that a server may send a writer back, for restores, before it has more than ever before
LONGEST_WAIT_S = 3600.0  # that a server may ask for with Retry-After

TRANSIENT = (408, 421, 425, 429)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `document` is its JSON object, or empty where there is none."""

    status: int
    document: dict[str, Any] = field(default_factory=dict)
    retry_after_s: float | None = None


class Transport(Protocol):
    """What a sender needs. `prevue.testing` has one without a network."""

    url: str

    def post_records(self, run_id: str, writer_id: str, first_seq: int, lines: bytes) -> Answer:
        """Send records, one a line. Raises Unreachable without an answer."""


@dataclass
class DeliveryState:
    """How delivery stands."""

    acknowledged: int = 0
    rejected: int = 0
    is_deleted: bool = False
    last_error: str | None = None
    next_try_s: float = 0.0  # from the last answer
    tried_at: float = 0.0  # by the monotonic clock
    store_id: str | None = None  # the database that answered last


class Delivery:
    """Sends one writer's records. `step` makes one request and says when to make the next.

    Not for two threads at once. `now` (seconds, monotonic) and `draw` (low, high) are seams for tests.
    """

    def __init__(
        self,
        source: Source,
        transport: Transport,
        *,
        acknowledged: int = 0,
        notices: Notices = default_notices,
        now: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.state = DeliveryState(acknowledged)
        self._source = source
        self._transport = transport
        self._notices = notices
        self._now = now
        self._draw = draw
        self._limit = MAX_RECORDS
        self._failures = 0
        self._furthest = acknowledged
        self._returns = 0  # since there was anything behind `_furthest`
        self._failing_since: float | None = None
        self._heard_at = now()
        self._told: str | None = None  # what the user knows of why requests fail
        self.needs_help = False  # the last answer was one that only a person can change
        self._user: str | None = None  # whose token was sent, as far as an answer told
        self._in_place_of: dict[int, Batch] = {}  # by number: what goes instead of what the spool has there

    @property
    def is_drained(self) -> bool:
        """Whether the server has everything, or wants nothing more."""
        return self.state.is_deleted or self.state.acknowledged >= self._source.next_seq

    @property
    def waiting(self) -> int:
        """How many records the server does not have yet."""
        return 0 if self.state.is_deleted else self._source.next_seq - self.state.acknowledged

    @property
    def is_failing(self) -> bool:
        """Whether the last request brought nothing on its way."""
        return self._failing_since is not None

    @property
    def gather_s(self) -> float:
        """How many seconds to wait, once there is something to send, for what comes behind it."""
        return max(GATHER_S, self.state.tried_at + EACH_S - self._now())

    @property
    def is_silent(self) -> bool:
        """Whether the server has not heard this writer for so long that a heartbeat is due."""
        return self._now() - self._heard_at >= HEARTBEAT_S

    def step(self, *, heartbeat: bool = False) -> float | None:
        """Send one batch. Return the seconds to wait before the next, or None if nothing more is worth a request yet.

        With `heartbeat`, an empty request tells that the writer lives, if the server has not heard it for a while.
        """
        if self.state.is_deleted:
            return None
        seq = self.state.acknowledged
        batch = self._in_place_of.get(seq) or self._source.read(seq, self._limit)
        if batch is None:
            if not (heartbeat and self.is_silent):
                return None if self.is_drained else GATHER_S
            batch = Batch(seq, seq, b"", 0)
        try:
            answer = self._transport.post_records(
                self._source.run_id, self._source.writer_id, batch.first_seq, batch.lines
            )
        except Unreachable as error:
            wait_s: float | None = self._try_later(str(error))
        else:
            wait_s = self._take(answer, batch)
        self.state.next_try_s, self.state.tried_at = wait_s or 0.0, self._now()
        return wait_s

    def say_waiting(self) -> None:
        """Tell at the end of a run how much could not be sent, and why, unless that was told."""
        if not self.is_drained:
            error = self.state.last_error or f"{self._transport.url} has not answered yet"
            self._say_waiting(("waiting", "end"), None if error == self._told else error)

    def _take(self, answer: Answer, batch: Batch) -> float | None:
        if answer.status == 200:
            return self._advance(answer, batch)
        problem = answer.document.get("type")
        if answer.status == 409 and problem == PROBLEM_GAP:
            return self._go_back(answer, batch)
        if answer.status == 410 and problem == PROBLEM_DELETED:
            return self._give_up_run()
        if problem == PROBLEM_REFUSED or answer.status == 413:
            return self._isolate(answer, batch)
        if is_passing(answer):
            return self._try_later(f"{self._transport.url} answers {told(answer)}", answer.retry_after_s)
        return self._wait_for_help(answer)

    def _advance(self, answer: Answer, batch: Batch) -> float | None:
        next_seq = answer.document.get("next_seq")
        moves = (
            isinstance(next_seq, int)
            and (next_seq > batch.first_seq or not batch.count)
            and "store_id" in answer.document
        )
        if not isinstance(next_seq, int) or not moves:
            # A captive portal, say, answers 200 to everything.
            return self._try_later(f"{self._transport.url} does not answer as Prevue's backend does")
        self.state.store_id = store_id = str(answer.document["store_id"])
        self._tell_rejected(answer.document)
        self._tell_user(answer.document)
        self._note_success()
        self._limit = min(MAX_RECORDS, self._limit * 2)
        self._in_place_of.pop(batch.first_seq, None)
        self._acknowledge(next_seq, store_id)
        if next_seq > self._furthest or self.is_drained:
            self._furthest, self._returns = next_seq, 0
        if self.is_drained:
            return None
        # What came while a small batch was on its way is gathered for a while.
        is_behind = batch.count >= self._limit // 2 or len(batch.lines) >= BATCH_BYTES // 2
        return 0.0 if is_behind else EACH_S

    def _acknowledge(self, next_seq: int, store_id: str) -> None:
        self.state.acknowledged = next_seq
        try:
            self._source.acknowledge(next_seq, store_id)
        except OSError as error:  # the disk is full: the note is only a hint
            self.state.last_error = str(error)

    def _tell_rejected(self, document: dict[str, Any]) -> None:
        count = document.get("rejected_count") or 0
        if count:
            self.state.rejected += count
            first = (document.get("rejected") or [{}])[0]
            self._notices.warn(
                "rejected", f"the server did not accept {count} records; the first: {first.get('reason')}"
            )

    def _tell_user(self, document: dict[str, Any]) -> None:
        """Tell once that a `uid` is not used, where the token decides who logs. The login name is no one's wish."""
        user = document.get("user")
        if user == self._user:
            return
        self._user = user
        uid = None if user is None else json.loads(self._source.start).get("uid")
        if uid not in (None, user, login_name()):
            self._notices.warn(("uid", uid), f"the run is user {user}'s, whose token was sent; uid {uid!r} is not used")

    def _go_back(self, answer: Answer, batch: Batch) -> float:
        """Go on where the server is: it was restored from a backup, or its database is another one."""
        expected = answer.document.get("expected")
        if not isinstance(expected, int) or not 0 <= expected < batch.first_seq:
            return self._try_later(
                f"{self._transport.url} asks for number {expected!r}, which is not before {batch.first_seq}"
            )
        oldest = self._source.recall(expected)
        if expected == 0:
            self._in_place_of[0] = Batch(0, 1, self._source.start, 1)
        missing = max(1, expected)
        if missing < oldest:
            reason = "the server lost them after they were dropped here"
            self._in_place_of[missing] = Batch(missing, oldest, gap(missing, oldest - 1, reason), 1)
        self.state.acknowledged = expected
        self._returns += 1
        if self._returns <= RETURNS:
            return GATHER_S
        error = f"{self._transport.url} has less than it said, again and again: several databases answer there in turn"
        self._notices.warn("returns", f"{error}. Training goes on and every record is kept")
        self._failures = self._returns - RETURNS - 1  # not those in a row: another database answers in between
        return self._try_later(error)

    def _give_up_run(self) -> float:
        self.state.is_deleted = True
        self._source.forget()
        self._notices.warn(
            "deleted", f"run {self._source.run_id} was deleted on the server; nothing more is logged to it"
        )
        return 0.0

    def _isolate(self, answer: Answer, batch: Batch) -> float:
        """Find the record that the server refuses by halving, put it aside and go on behind it."""
        if batch.count > 1:
            self._limit = batch.count // 2
            return 0.0
        is_final = answer.document.get("type") == PROBLEM_REFUSED  # else a proxy refused it, which may change
        if not is_final or batch.first_seq in self._in_place_of or batch.first_seq == 0 or not batch.count:
            return self._wait_for_help(answer)  # nothing can stand in its place
        reason = told(answer)
        try:
            self._source.quarantine(batch, reason)
        except OSError as error:
            return self._try_later(f"a refused record cannot be put aside: {error}")
        self.state.rejected += 1
        self._notices.warn("refused", f"the server refused a record, which was put aside: {reason}")
        seq, until = batch.first_seq, batch.next_seq - 1
        self._in_place_of[seq] = Batch(seq, batch.next_seq, gap(seq, until, f"refused: {reason}"), 1)
        return 0.0

    def _wait_for_help(self, answer: Answer) -> float:
        if self._failing_since is None:
            self._failing_since = self._now()
        self.needs_help = True
        self._told = self.state.last_error = f"{self._transport.url} answers {told(answer)}"
        hint = "check the url and the project"
        if answer.status in (401, 403):
            hint = f"`prevue login {self._transport.url}` gets a token"
        elif answer.status == 413:
            hint = f"let the proxy before it take requests of {MAX_BODY_BYTES >> 20} MiB"
        self._notices.warn(
            ("help", answer.status), f"{self.state.last_error}; {hint}. Training goes on and every record is kept"
        )
        return PROBE_S

    def _try_later(self, error: str, retry_after_s: float | None = None) -> float:
        now = self._now()
        self.state.last_error = error
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since >= PATIENCE_S:
            self._say_waiting("waiting", error)
        first, last = BACKOFF_S
        bound = min(last, first * 2 ** min(self._failures, 10))
        self._failures += 1
        return self._draw(0.0, bound) if retry_after_s is None else min(retry_after_s, LONGEST_WAIT_S)

    def _say_waiting(self, kind: Hashable, error: str | None) -> None:
        self._told = error or self._told
        if self._source.is_kept:
            where = (
                f"Nothing is lost: {self.waiting} records wait on this machine; this program sends them when the "
                "server is back, or the next one, or `prevue sync`"
            )
        else:
            where = f"{self.waiting} records wait in this program's memory and are lost when it ends"
        self._notices.warn(kind, f"{error}. {where}" if error else where)

    def _note_success(self) -> None:
        self._failures = 0
        self._failing_since = None
        self.needs_help = False
        self._told = None
        self._heard_at = self._now()


def is_passing(answer: Answer) -> bool:
    """Return whether the server may answer otherwise in a while, without anybody's help."""
    return answer.status in TRANSIENT or answer.status >= 500 or answer.status < 400


def told(answer: Answer) -> str:
    """Return an answer in words."""
    detail = answer.document.get("detail")
    return f"status {answer.status}{f': {detail}' if detail else ''}"
