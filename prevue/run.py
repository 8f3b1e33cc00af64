"""Runs: `prevue.init` opens one, `Run.log` adds to it, `Run.finish` ends it.

What `log()` has returned from is on disk and will be stored on the server exactly once. It never waits for the network
and never raises: what cannot be logged is left out with one warning.
"""

import itertools
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from prevue import open_runs
from prevue.config import ClientSettings, client_settings
from prevue.describing import model_record
from prevue.ending import Ending, ending_of, storable, watch
from prevue.environment import environment_now
from prevue.notices import notices
from prevue.repository import RepositoryThread, working_tree
from prevue.results import LogsResults
from prevue.run_config import RunConfig
from prevue.sender import EXIT_FAILING_S, EXIT_S, Sender
from prevue.spool import MemorySpool, Spool, encode
from prevue.status import RunStatus
from prevue.system import SystemThread
from prevue.values import Values, whole
from prevue_core.contract import (
    FAILED,
    FINISHED,
    MAX_INT64,
    MIN_INT64,
    SYSTEM_SPLIT,
    check_split,
)
from prevue_core.errors import InvalidValue, shown

if TYPE_CHECKING:
    from prevue.resume import Known

DURATIONS = 1_024  # of log() calls kept for the median
RESUME_TIMEOUT_S = 2.0  # that `init` may wait to ask where a resumed run stands
REPOSITORY_EXIT_S = 0.5  # that the end of a run waits for what git says


class Run(LogsResults):
    """One training or testing. Made by `init`; a context manager, which finishes it and notes an exception.

    May be used by several threads. After a fork, and where it was pickled to, it goes on as another writer of the same
    run. Only the process that called `init` ends it.
    """

    def __init__(self, settings: ClientSettings, start: dict[str, Any]) -> None:
        self.run_id: str = start["run_id"]
        self._settings = settings
        self._start = start
        self.config = RunConfig(start["config"], self._config_changed)
        self._detach()

    def _detach(self) -> None:
        """Begin without a writer: at first, and in a forked child, whose parent goes on with the old one."""
        self._opening = threading.RLock()  # held while the writer is opened or ended
        self._spool: Spool | MemorySpool | None = None
        self._sender: Sender | _NoSender | None = None
        self._is_main = False  # this process ends the run
        self._is_closed = False
        self._values = Values(notices.warn)
        self._steps: Iterator[int] = itertools.count()
        self._last_step = None
        # Never goes back, whatever happens to the machine's clock.
        self._clock = time.time() - time.monotonic()
        self._durations = [0] * DURATIONS
        self._worst = 0
        self._began = time.perf_counter_ns()
        self._inside = 0  # nanoseconds of it that our calls took
        self._ended: int | None = None
        self._repository: RepositoryThread | None = None
        self._system: SystemThread | None = None
        self._run_began: float | None = None  # UNIX seconds; None: when this process began it
        self.logged = 0

    def __repr__(self) -> str:
        name = f"{self._start['run_name']!r} " if "run_name" in self._start else ""
        return f"<Run {name}{self.run_id} of project {self._settings.project!r} at {self.url}>"

    @property
    def url(self) -> str:
        """The server's address."""
        return self._settings.url

    def log(
        self,
        values: Mapping[str, Any],
        step: int | None = None,
        *,
        epoch: int | None = None,
        batch: int | None = None,
        split: str | None = None,
    ) -> None:
        """Log values at a step. Costs microseconds; never raises, never waits for the network.

        `values`: names and numbers: int, float, bool, or an array or tensor with one number; dicts inside are
        flattened with `/`. `val_loss`, `test/accuracy` and the like go to the split `val`, `test`.
        `step`: a whole number; None: one more than the last.
        `split`: names the split of all values; prefixes then stay in the names.
        """
        began = time.perf_counter_ns()
        record: dict[str, Any] = {"type": "metrics", "time": self._clock + time.monotonic()}
        if step is None:
            record["step"] = next(self._steps)
        elif type(step) is int and MIN_INT64 <= step < MAX_INT64:
            record["step"] = step
            self._steps = itertools.count(step + 1)
        else:
            record["step"] = self._other_step(step)
        self._last_step = record["step"]
        if epoch is not None:
            self._add_int(record, "epoch", epoch)
        if batch is not None:
            self._add_int(record, "batch", batch)
        if split is not None:
            self._add_split(record, split)
        encoded = self._values.encode(values)
        if encoded:
            record["values"] = encoded
            self.logged += 1
            self._append(record)
        took = time.perf_counter_ns() - began
        self._durations[(self.logged - 1) % DURATIONS] = took
        self._inside += took
        if took > self._worst:
            self._worst = took

    def describe(self, model: Any) -> None:
        """Store what the run's model is. Do it before the first `log`, so that every row names the model.

        `model`: a framework's model, described by the framework's plugin, or a dict with `name`, `framework` and
        `layers` (see the hook `prevue_describe_model`). A model that nobody can describe costs one warning.
        """
        began = time.perf_counter_ns()
        if (record := model_record(model, self._start["connector_name"])) is not None:
            self._append(record)
        self._inside += time.perf_counter_ns() - began

    def finish(self, state: str = FINISHED, *, message: str = "", timeout: float | None = EXIT_S) -> bool:
        """End the run as `finished` or `failed` (with a `message` why) and wait until the server has everything.

        At most `timeout` seconds, and half a second while the server is failing; None waits for ever. Return whether
        the server has everything; what it has not is kept for `prevue sync` or the next program. Called again, it only
        waits.
        """
        if state not in (FINISHED, FAILED):
            raise InvalidValue(f"state {state!r} does not end a run; use 'finished' or 'failed'")
        return self._end(Ending(state, storable(message), environment_now()), timeout)

    def status(self) -> RunStatus:
        """Return how the records stand."""
        delivery = self._sender.delivery if self._sender else None
        state = delivery.state if delivery else None
        used = sorted(self._durations[: max(1, min(self.logged, DURATIONS))])
        return RunStatus(
            run_id=self.run_id,
            logged=self.logged,
            spooled=self._spool.next_seq if self._spool else 0,
            stored=state.acknowledged if state else 0,
            dropped=self._spool.dropped if self._spool else 0,
            rejected=state.rejected if state else 0,
            left_out=self._values.left_out,
            is_degraded=isinstance(self._spool, MemorySpool),
            log_median_us=used[len(used) // 2] / 1_000,
            log_worst_us=self._worst / 1_000,
            share=self._inside / ((self._ended or time.perf_counter_ns()) - self._began),
            last_error=state.last_error if state else None,
            next_try_s=max(0.0, state.tried_at + state.next_try_s - time.monotonic()) if state else 0.0,
        )

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(ending_of(error), EXIT_S)

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: what was configured; no token, socket or thread."""
        settings = {**vars(self._settings), "token": None}
        return {"settings": settings, "start": {**self._start, "pid": None}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        token = client_settings().token  # that of the new process
        self.__init__(ClientSettings(**{**state["settings"], "token": token}), state["start"])  # type: ignore[misc]

    # opening and closing

    def _go_on(self, known: "Known") -> None:
        """Count steps and seconds on from where a run stands."""
        self._steps = itertools.count(known.last_step + 1)
        self._last_step = None if known.last_step < 0 else known.last_step
        self._run_began = known.began

    def _open(self, *, is_main: bool) -> "Spool | MemorySpool":
        """Make this process's writer."""
        with self._opening:
            if self._spool is not None:
                return self._spool
            self._is_main = is_main
            start = {**self._start, "pid": os.getpid(), "time": self._clock + time.monotonic()}
            try:
                self._spool = Spool(self._settings.server_folder, self.run_id, start, self._settings.bounds)
            except OSError as error:
                self._spool = MemorySpool(self.run_id, start)
                notices.warn(
                    "memory",
                    f"records cannot be kept in {self._settings.spool_root} ({error.strerror or error}); they are kept "
                    "in memory and lost if this process dies. Set PREVUE_SPOOL_DIR to a folder that can be written",
                )
            open_runs.add(self)
            if is_main:
                watch(open_runs.tell_of_thread)
                self._ask_repository()
                self._sample_system(start["time"])
            return self._spool

    def _ask_repository(self) -> None:
        """Add to the run's environment what git says, once it says it; one of several ranks does."""
        folder = working_tree() if self._settings.rank == 0 else None
        if folder is not None:
            self._repository = RepositoryThread(folder, self._add_environment)
            try:
                self._repository.start()
            except RuntimeError:  # no more threads can be had
                self._repository = None

    def _add_environment(self, environment: dict[str, Any]) -> None:
        if not self._is_closed:
            self._keep({"type": "environment", "time": self._clock + time.monotonic(), "environment": environment})

    def _sample_system(self, now: float) -> None:
        """Begin to sample the machine, if that is wanted."""
        self._run_began = now if self._run_began is None else min(self._run_began, now)
        if self._settings.system_metrics:
            settings = self._settings
            system = SystemThread(self._add_sample, on_machine=settings.is_first_on_machine, gpus=settings.gpus)
            with suppress(RuntimeError):  # no more threads can be had
                system.start()
                self._system = system

    def _add_sample(self, values: dict[str, float]) -> None:
        if not self._is_closed and self._run_began is not None:
            now = self._clock + time.monotonic()
            moment = {"time": now, "step": int(now - self._run_began), "split": SYSTEM_SPLIT}
            self._keep({"type": "metrics", **moment, "values": values})

    def _end(self, ending: Ending, timeout: float | None) -> bool:
        """End the run, unless it has ended, and wait for its delivery."""
        if self._repository is not None:  # outside the lock, which its thread may want
            self._repository.join(REPOSITORY_EXIT_S)
        if self._system is not None:
            self._system.stop()
        with self._opening:
            if not self._is_closed:
                self._is_closed = True
                self._ended = time.perf_counter_ns()
                if self._is_main:
                    self._keep(self._end_record(ending))
            if self._spool is not None:
                self._spool.shut()  # another thread may be inside log()
        open_runs.discard(self)
        return self._close(timeout)

    def _end_record(self, ending: Ending) -> dict[str, Any]:
        end = {"type": "end", "time": self._clock + time.monotonic(), "state": ending.state}
        known = self._start["environment"]
        environment = {name: value for name, value in ending.environment.items() if known.get(name) != value}
        if "packages" in environment:  # those that were imported since the start
            environment["packages"] = dict(environment["packages"].items() - known["packages"].items())
        if "exception" in environment and self._settings.rank:
            environment["exception"] = {**environment["exception"], "rank": self._settings.rank}
        given = {"message": ending.message, "environment": environment}
        return {**end, **{name: value for name, value in given.items() if value}}

    @property
    def _is_recording(self) -> bool:
        return self._settings.mode != "disabled"

    def _leave_out(self, kind: Any, text: str) -> None:
        self._values.left_out += 1
        notices.warn(text if kind is None else kind, f"{text}. It is left out; the rest is logged")

    def _append(self, record: dict[str, Any]) -> None:
        if self._is_closed or self._settings.mode == "disabled":
            if self._is_closed:
                notices.warn(("closed", self.run_id), f"run {self.run_id} is finished; what is logged now is left out")
            return
        self._keep(record)

    def _keep(self, record: dict[str, Any]) -> None:
        try:
            body = encode(record)
        except InvalidValue as error:
            notices.warn("record", str(error))
            return
        spool = self._spool or self._open(is_main=False)
        if not spool.append(body):
            notices.warn(
                "dropped", f"there is no room in {self._settings.spool_root} for records; they are dropped and counted"
            )
        (self._sender or self._send_from(spool)).notify()

    def _send_from(self, spool: "Spool | MemorySpool") -> "Sender | _NoSender":
        with self._opening:
            if self._sender is None and self._settings.mode != "online":
                self._sender = _NoSender()
            elif self._sender is None:
                settings = self._settings
                self._sender = Sender(spool, settings.url, settings.bearer, settings.server_folder, settings.bounds)
                try:
                    self._sender.start()
                except RuntimeError as error:  # no more threads can be had
                    self._sender = _NoSender()
                    notices.warn("thread", f"nothing can be sent now ({error}); `prevue sync` sends the records")
            return self._sender

    def _close(self, timeout: float | None) -> bool:
        if self._sender is None or self._spool is None:  # nothing was logged by this process
            return True
        is_delivered = self._sender.flush(timeout, None if timeout is None else min(timeout, EXIT_FAILING_S))
        if isinstance(self._sender, _NoSender):
            self._spool.close(is_delivered=False)
        elif not is_delivered and self._sender.delivery is not None:
            self._sender.delivery.say_waiting()
        return is_delivered

    # what is not the usual call of log()

    def _other_step(self, step: Any) -> int:
        number = whole(step)
        if number is None:
            notices.warn("step", f"step {shown(step)} is not a whole number of 64 bits; the next free step is used")
            return next(self._steps)
        self._steps = itertools.count(number + 1)
        return number

    def _add_int(self, record: dict[str, Any], what: str, value: Any) -> None:
        number = whole(value)
        if number is None:
            notices.warn(what, f"{what} {shown(value)} is not a whole number of 64 bits; it is left out")
        else:
            record[what] = number

    def _add_split(self, record: dict[str, Any], split: Any) -> None:
        try:
            record["split"] = check_split(split)
        except InvalidValue as error:
            notices.warn("split", f"{error}. The values go to the split that their names tell")


class _NoSender:
    """Stands for a sender where records are only kept."""

    delivery = None

    def notify(self) -> None:
        """Nobody is told."""

    def flush(self, timeout_s: float | None, failing_timeout_s: float | None) -> bool:
        """Nothing is sent."""
        return False
