"""Network and server of `test_model`: faults strike requests on their way to the real backend, and by hand.

The backend's database is in memory. Whoever sends finds a `Wire`, in the place of the transport over HTTP.
"""

import sqlite3
from collections import Counter, deque
from dataclasses import dataclass
from datetime import timedelta

from prevue.delivery import PROBE_S, Answer
from prevue_core.contract import LOST_AFTER_S, PROBLEM_REFUSED
from prevue_core.db import connection, schema
from prevue_core.db.models import TrainingRun, utc_now
from prevue_core.errors import Unreachable

URL = "http://model"
RETRY_AFTER_S = 40.0

# What happens to a request: first those that never reach the database.
LOST_ON_ITS_WAY = "lost on its way"
HELD_UP = "held up"  # and comes later, when nobody waits for its answer
PORTAL = "a captive portal's 200"
BUSY = "429 with Retry-After"
DOWN = "502 of a proxy"
FORBIDDEN = "403"
TOO_LARGE = "413 of a proxy"
REFUSED = "refused"
PROGRAM_DIES = "the program dies before it"
SERVER_DIES = "the server dies before the commit"
ANSWER_LOST = "the answer is lost"
ANSWER_TORN = "the answer is torn"
DOUBLED = "doubled on its way"
PROGRAM_DIES_LATE = "the program dies before the answer"
FAULTS = (
    LOST_ON_ITS_WAY, HELD_UP, PORTAL, BUSY, DOWN, FORBIDDEN, TOO_LARGE, REFUSED, PROGRAM_DIES, SERVER_DIES,
    ANSWER_LOST, ANSWER_TORN, DOUBLED, PROGRAM_DIES_LATE,
)  # fmt: skip
_ANSWERS = {
    PORTAL: Answer(200),
    BUSY: Answer(429, {}, RETRY_AFTER_S),
    DOWN: Answer(502),
    FORBIDDEN: Answer(403),
    TOO_LARGE: Answer(413),
    REFUSED: Answer(400, {"type": PROBLEM_REFUSED}),
}
_NOT_HEARD = (LOST_ON_ITS_WAY, HELD_UP, SERVER_DIES, ANSWER_LOST)


class Violation(AssertionError):
    """Something is not true that has to be, whatever happens."""


def hold(is_so: bool, otherwise: str) -> None:
    """Raise Violation unless something is so."""
    if not is_so:
        raise Violation(otherwise)


class Killed(BaseException):
    """SIGKILL in the middle of a request: nothing of the program goes on."""


@dataclass(frozen=True)
class Request:
    """A request as it goes over the wire."""

    run_id: str
    writer_id: str
    first_seq: int
    lines: bytes


class Server:
    """The backend, over a database in memory that begins as `empty`."""

    def __init__(self, app, empty: sqlite3.Connection) -> None:
        self._client = app.test_client()
        self.silent: set[str] = set()  # runs not heard of for long
        self.backups = [(empty, frozenset())]
        self.has_changed = True  # since somebody looked
        self._load(empty)

    def post(self, request: Request) -> Answer:
        path = f"/api/v1/runs/{request.run_id}/writers/{request.writer_id}/records"
        asked = {"query_string": {"first_seq": request.first_seq}, "content_type": "application/x-ndjson"}
        response = self._client.post(path, data=request.lines, **asked)
        if response.status_code == 200:
            self.silent.discard(request.run_id)
            self.has_changed = True
        return Answer(response.status_code, response.get_json(force=True))

    def die_before_the_commit(self, request: Request) -> None:
        silent = set(self.silent)
        with connection.db.atomic() as transaction:
            self.post(request)
            transaction.rollback()
        self.silent = silent

    def back_up(self) -> None:
        backup = sqlite3.connect(":memory:")
        connection.db.connection().backup(backup)
        self.backups.append((backup, frozenset(self.silent)))

    def put_back(self, which: int) -> None:
        """Restore a backup, counted from the latest."""
        backup, silent = self.backups[-1 - which % len(self.backups)]
        self._load(backup)
        self.silent = set(silent)
        schema.renew_store_id(connection.db)

    def close(self) -> None:
        """Drop the backups."""
        for backup, _ in self.backups[1:]:
            backup.close()

    def let_time_pass(self) -> None:
        """Let no run be heard of for longer than a living one is silent."""
        TrainingRun.update(heard_at=utc_now() - timedelta(seconds=LOST_AFTER_S + 1)).execute()
        self.silent = {run_id for (run_id,) in self.rows("SELECT run_id FROM runs")}

    def state(self, run_id: str) -> str:
        """Return the state that a reader is told."""
        return self._client.get(f"/api/v1/runs/{run_id}").get_json()["state"]

    def rows(self, sql: str) -> list[tuple]:
        return connection.db.execute_sql(sql).fetchall()

    def _load(self, database: sqlite3.Connection) -> None:
        database.backup(connection.db.connection())
        self.has_changed = True


class Network:
    """Carries requests to the server. `faults` strike the next ones, one after the other; None: that one is spared."""

    def __init__(self, server: Server, tally: Counter) -> None:
        self.faults: deque[str | None] = deque()
        self.held_up: list[Request] = []
        self.refused: set[tuple[str, int]] = set()  # writer and number of records
        self._server, self._tally = server, tally

    def carry(self, request: Request) -> tuple[str | None, Answer]:
        """Return what struck a request, and its answer; one of status 0 stands for none."""
        self._tally["requests"] += 1
        fault = self.faults.popleft() if self.faults else None
        if fault is not None:
            self._tally["faults"] += 1
        return fault, self._outcome(fault, request)

    def _outcome(self, fault: str | None, request: Request) -> Answer:
        if fault == PROGRAM_DIES:
            raise Killed
        if fault in _ANSWERS:
            if fault == REFUSED and request.lines.count(b"\n") == 1:
                self.refused.add((request.writer_id, request.first_seq))
            return _ANSWERS[fault]
        if fault == HELD_UP:
            self.held_up.append(request)
        elif fault == SERVER_DIES:
            self._server.die_before_the_commit(request)
        elif fault != LOST_ON_ITS_WAY:
            answer = self._server.post(request)
            if fault == DOUBLED:
                return self._server.post(request)
            if fault == PROGRAM_DIES_LATE:
                raise Killed
            if fault == ANSWER_TORN:
                return Answer(200)
            if fault != ANSWER_LOST:
                return answer
        return Answer(0)


@dataclass
class Clock:
    """Seconds since the history began."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class Wire:
    """A program's way to the network. Holds its own writer to the pauses that it owes a server."""

    url = URL

    def __init__(self, network: Network, clock: Clock, writer_id: str = "") -> None:
        self._network, self._clock, self._writer_id = network, clock, writer_id
        self._failures = 0
        self.not_before = 0.0

    def post_records(self, run_id: str, writer_id: str, first_seq: int, lines: bytes) -> Answer:
        is_own = writer_id == self._writer_id
        hold(not is_own or self._clock.now >= self.not_before, "a request came before its time")
        fault, answer = self._network.carry(Request(run_id, writer_id, first_seq, lines))
        if is_own:
            is_single = fault == TOO_LARGE and lines.count(b"\n") <= 1
            self.not_before = self._clock.now + (PROBE_S if is_single else self._pause_after(fault, answer))
        if not answer.status:
            raise Unreachable(f"cannot reach {URL}: {fault}")
        return answer

    def _pause_after(self, fault: str | None, answer: Answer) -> float:
        if answer.status == 200 and "store_id" in answer.document:
            self._failures = 0
        if fault == FORBIDDEN:
            return PROBE_S
        if fault not in (PORTAL, BUSY, DOWN, ANSWER_TORN, *_NOT_HEARD):
            return 0.0
        self._failures += 1
        return RETRY_AFTER_S if fault == BUSY else min(60.0, 0.5 * 2 ** (self._failures - 1))
