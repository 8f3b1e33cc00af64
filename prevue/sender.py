"""The sender: the thread that delivers a run's records while it trains, and what earlier processes left."""

import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from importlib.util import find_spec
from pathlib import Path

from prevue import refill
from prevue.delivery import GATHER_S, Delivery, Transport
from prevue.folder import claim, release, writer_folders
from prevue.leftovers import Leftover
from prevue.notices import log
from prevue.notices import notices as default_notices
from prevue.room import Bounds
from prevue.spool import MemorySpool, Spool
from prevue_core.contract import HEARTBEAT_S
from prevue_core.errors import InvalidValue, Unreachable

EXIT_S = 5.0  # that a program's exit may wait for the server
EXIT_FAILING_S = 0.5  # the same while the server is failing
EXIT_OTHERS_S = 0.5  # that it may take besides, to send what earlier processes left


def deliver_leftover(folder: Path, transport: Transport, bounds: Bounds = Bounds()) -> Iterator[Delivery]:  # noqa: B008
    """Send what a dead process left in `folder`, a request at each step; nothing if its process lives.

    Yields its Delivery after each request; go on after a failure only when its `state.next_try_s` are over.
    Raises InvalidValue where the folder cannot be read.
    """
    lock = claim(folder)
    if lock is None:
        return
    try:
        try:
            leftover = Leftover(folder, bounds)
        except FileNotFoundError:  # nothing was logged, or all of it was delivered meanwhile
            return
        # The last record is sent in any case: what was noted is a hint, and only the server knows what it has.
        delivery = Delivery(leftover, transport, acknowledged=min(leftover.acknowledged, leftover.next_seq - 1))
        while not delivery.is_drained:
            delivery.step()
            yield delivery
    finally:
        release(folder, lock)


class Sender(threading.Thread):
    """The thread of a run that sends while the training goes on, and what earlier processes left while it does not."""

    def __init__(
        self,
        source: Spool | MemorySpool,
        url: str,
        find_token: Callable[[], str | None],
        server_folder: Path,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(name="prevue-sender", daemon=True)
        self._source = source
        self._url, self._find_token = url, find_token
        self._server_folder = server_folder
        self._bounds = bounds
        self._store_id: str | None = None  # of the database for which was looked at what is kept
        self._wake = threading.Event()  # there is something to send
        self._hurry = threading.Event()  # do not wait any longer
        self._drained = threading.Event()
        self._is_stopping = self._is_ending = False
        self.delivery: Delivery | None = None
        self.has_imported = threading.Event()  # what it needs, or failed to

    def notify(self) -> None:
        """Tell that there is something to send. Cheap if that was told already."""
        if not self._wake.is_set():
            self._wake.set()

    def flush(self, timeout_s: float | None, failing_timeout_s: float | None) -> bool:
        """Wait until the server has everything, and return whether it has; the thread has closed the source then.

        At most `timeout_s` (None: for ever), and `failing_timeout_s` while requests fail. Behind it the thread sends
        what earlier processes left, at leisure, as long as the program runs.
        """
        began = time.monotonic()
        self.hasten()
        while not self._drained.wait(0.02):
            is_failing = self.delivery is not None and self.delivery.is_failing
            limit_s = failing_timeout_s if is_failing else timeout_s
            if not self.is_alive() or (limit_s is not None and time.monotonic() - began >= limit_s):
                break
        return self._drained.is_set()

    def hasten(self) -> None:
        """Wait no longer, and close the source once the server has everything."""
        self._is_stopping = True
        self._hurry.set()
        self._wake.set()

    def end(self, timeout_s: float) -> None:
        """Give the thread so long to send what earlier processes left, if its own is sent: the program ends."""
        self._is_ending = True
        self._hurry.set()
        if self._drained.is_set():
            self.join(timeout_s)

    def run(self) -> None:
        """Send until `flush` finds everything sent, and what earlier processes left too, or the process ends."""
        try:
            try:
                _leave_out_socks()
                from prevue.transport import HttpTransport  # requests takes 80 ms to import: not in the training's time
            finally:
                self.has_imported.set()
            with HttpTransport(self._url, self._find_token) as transport:
                self._send(Delivery(self._source, transport), transport)
        except Exception:  # noqa: BLE001 - it must not touch the training, whatever it is; the spool keeps all
            log.exception("Prevue's sender stopped; training goes on, and `prevue sync` sends what waits")

    def _send(self, delivery: Delivery, transport: Transport) -> None:
        for wait_s in self.turns(delivery, transport):
            if wait_s is not None:
                self._pause(wait_s)
            elif not self._is_stopping and self._wake.wait(HEARTBEAT_S):
                self._pause(delivery.gather_s)

    def turns(self, delivery: Delivery, transport: Transport) -> Iterator[float | None]:
        """Send all there is, until `hasten` finds everything sent, and then what earlier processes left; a seam for
        tests, which have clocks of their own.

        Yields before each request how many seconds it is to wait; None: until there is something to send and a moment
        for what comes behind it, or for a heartbeat.
        """
        self.delivery = delivery
        others = [self._leftovers(transport)]
        wait_s: float | None = None
        while not (delivery.is_drained and self._is_stopping):
            if self._has_time(delivery, wait_s):  # so that a training that logs without a pause does it, too
                _step(others)
            if wait_s is None and not self._is_stopping:
                while not (self._wake.is_set() or delivery.is_silent) and _step(others):
                    continue
                wait_s = 0.0 if delivery.is_silent else None  # many leftovers take longer than a run may be silent
            yield wait_s
            self._wake.clear()
            wait_s = delivery.step(heartbeat=True)
            if delivery.state.store_id != self._store_id:  # the first answer, or the server was restored
                self._store_id = delivery.state.store_id
                others[1:] = [self._refill(transport, str(self._store_id))]  # no other one that waits its turn
        self._source.close(is_delivered=True)
        self._drained.set()
        while _step(others):  # a program that logs and ends at once had no time for it before
            yield 0.0 if self._is_ending else GATHER_S

    def _has_time(self, delivery: Delivery, wait_s: float | None) -> bool:
        """Return whether a request for others is in nobody's way: the server answers, and this run is not behind."""
        is_well = delivery.state.store_id is not None and not delivery.is_failing
        return is_well and wait_s != 0.0 and not self._is_stopping

    def _pause(self, seconds: float) -> None:
        if self._hurry.wait(seconds):
            self._hurry.clear()

    def _leftovers(self, transport: Transport) -> Iterator[None]:
        """Send what earlier processes left for this server, a request at each step; stop at the first failure."""
        for folder in writer_folders(self._server_folder):
            if not (yield from self._deliver(folder, transport)):
                return

    def _refill(self, transport: Transport, store_id: str) -> Iterator[None]:
        """Give a database what is kept of what another one had, a request at each step."""
        try:
            for found in refill.check_all(self._server_folder, transport, store_id):
                yield
                if found.folder is not None and not (yield from self._deliver(found.folder, transport)):
                    return
        except Unreachable:  # the next program tries again
            return

    def _deliver(self, folder: Path, transport: Transport) -> Generator[None, None, bool]:
        """Send a leftover, a request at each step; return whether the server may take others."""
        try:
            for delivery in deliver_leftover(folder, transport, self._bounds):
                if delivery.is_failing:
                    return delivery.needs_help  # what only a person can change concerns this one
                yield
        except (InvalidValue, OSError) as error:
            default_notices.warn(("leftover", folder), f"what waits in {folder} cannot be sent: {error}")
        return True


def _step(others: list[Iterator[None]]) -> bool:
    """Make the next request for others; return whether there was one."""
    while others:
        for _ in others[0]:
            return True
        del others[0]
    return False


def _leave_out_socks() -> None:
    """Keep requests from trying to import SOCKS where that could only warn that PySocks is missing.

    Requests silences it with a filter for the whole process, which another thread may undo just then: as an error the
    warning would end the sender. It stays left out: several senders may import at once.
    """
    if "socks" not in sys.modules and find_spec("socks") is None:
        sys.modules.setdefault("urllib3.contrib.socks", None)  # type: ignore[arg-type]  # importing it: ImportError
