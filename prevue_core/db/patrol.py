"""What no batch of records tells: runs that fall silent, trainings that log no more, losses that diverge.

A thread looks every few seconds at the sums that ingest keeps of the runs that are heard of, so ingest itself pays
nothing. What it finds is stored once, whatever is looked at again, by this process after a restart or by another
backend of the same database: each looks whether it is known, with the run's row locked.
"""

import datetime
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from peewee import SQL, fn

from prevue_core.contract import ALERT, ALERT_CAUSES, DIVERGED, LOST, LOST_AFTER_S, RUNNING, STALLED, SYSTEM_SPLIT
from prevue_core.db.committing import in_transaction
from prevue_core.db.connection import FAILURES, db, is_sqlite
from prevue_core.db.divergence import MIN_MEANS, has_diverged
from prevue_core.db.happenings import Happening, is_silenced, store
from prevue_core.db.models import Event, Series, TrainingRun
from prevue_core.db.queries.series import series
from prevue_core.db.stored import to_unix

LOOK_S = 10.0
OLD_S = 24 * 3600.0  # a run that was lost longer ago is no news
MEANS = 400  # of a loss, at most
RUNS_AT_ONCE = 10_000  # that a statement asks for
GREW_BY = 1.05  # a loss is looked at again when it has so many times as many values
USUAL_TIMES = 10.0  # a training has stalled when it logs nothing for so many times as long as it usually takes

log = logging.getLogger("prevue.backend")


@dataclass
class Progress:
    """How far a run's log is, and since when."""

    rows: int
    since: float  # UNIX seconds, by this server's clock


@dataclass
class Patrol:
    """One process's looks at the runs of its database. `stall_s`: without a value for so long a training has stalled.

    `causes`: the alerts to raise.
    """

    stall_s: float
    causes: Iterable[str] = ALERT_CAUSES
    began_at: float = field(default_factory=time.time)
    _progress: dict[str, Progress] = field(default_factory=dict)  # by run
    _counts: dict[tuple[str, int], int] = field(default_factory=dict)  # of losses, when they were last looked at

    def look(self, now: float) -> list[Happening]:
        """Return what has happened to runs and was not known; it is stored. `now`: UNIX seconds."""
        found = []
        # A server that was away has heard of nobody in that time.
        if now - self.began_at >= LOST_AFTER_S:
            found += self._lost(now)
        live = TrainingRun.select(TrainingRun.run_id, TrainingRun.started_at).where(
            _is_running(), TrainingRun.heard_at >= _moment(now - LOST_AFTER_S)
        )
        runs = {str(run.run_id): run.started_at for run in live}
        if STALLED in self.causes:
            found += self._stalled(now, runs)
        if DIVERGED in self.causes:
            found += self._diverged(now, runs)
        return found

    def _lost(self, now: float) -> list[Happening]:
        since, until = _moment(now - OLD_S), _moment(now - LOST_AFTER_S)
        silent = TrainingRun.select(TrainingRun.run_id, TrainingRun.heard_at).where(
            _is_running(), TrainingRun.heard_at.between(since, until), ~_is_told_lost()
        )
        text = f"nothing was heard of it for {LOST_AFTER_S} seconds"
        found = []
        for run in silent:
            lost_at = run.heard_at + datetime.timedelta(seconds=LOST_AFTER_S)
            one = Happening(str(run.run_id), LOST, lost_at, text)
            found += _store_once(one, Event.time == lost_at, TrainingRun.heard_at == run.heard_at)
        return found

    def _stalled(self, now: float, runs: Mapping[str, datetime.datetime]) -> list[Happening]:
        before, self._progress = self._progress, {}
        found = []
        for run_id, logged, values, step in _logged(list(runs)):
            known = before.get(run_id)
            here = self._progress[run_id] = known if known and known.rows == logged else Progress(logged, now)
            usual_s = max(0.0, here.since - to_unix(runs[run_id])) / values
            silent_s = now - here.since
            if silent_s >= max(self.stall_s, USUAL_TIMES * usual_s):
                text = f"nothing was logged for {_duration(silent_s)} behind step {step}, though its process is alive"
                one = Happening(run_id, ALERT, _moment(now), text, step, "warn", STALLED)
                found += _store_once(one, (Event.cause == STALLED) & (Event.step == step))
        return found

    def _diverged(self, now: float, runs: Mapping[str, datetime.datetime]) -> list[Happening]:
        self._counts = {key: count for key, count in self._counts.items() if key[0] in runs}
        found = []
        for row in _losses_up(list(runs)):
            key = (str(row.run_id), row.series_no)
            if row.count >= GREW_BY * self._counts.get(key, 0):
                self._counts[key] = row.count
                found += _store_once(_divergence(now, row), Event.cause == DIVERGED) if _has_diverged(row) else []
        return found


def keep_looking(patrol: Patrol, tell: Callable[[list[Happening]], None], stop: threading.Event) -> None:
    """Look again and again until `stop` is set, and `tell` what was found. For a thread of its own."""
    while not stop.wait(LOOK_S):
        try:
            with db.connection_context():
                tell(patrol.look(time.time()))
        except FAILURES as error:
            log.warning("runs could not be looked at now: %s", str(error).split("\n")[0])
        except Exception:
            log.exception("runs could not be looked at now")


def _is_running() -> Any:
    # As SQL, and not as a value: SQLite uses the index of runs that run only where it sees that it fits.
    return (TrainingRun.state == SQL(f"'{RUNNING}'")) & TrainingRun.deleted_at.is_null()


def _is_told_lost() -> Any:
    told = (Event.run_id == TrainingRun.run_id) & (Event.kind == LOST) & (Event.time > TrainingRun.heard_at)
    return fn.EXISTS(Event.select().where(told))


def _logged(run_ids: list[str]) -> list[tuple[str, int, int, int]]:
    """Return of each run that has logged something how many rows, how many values of a series, and the last step."""
    sums = (fn.SUM(Series.row_count), fn.MAX(Series.count), fn.MAX(Series.last_step))
    found: list[Any] = []
    for part in _parts(run_ids):
        query = Series.select(Series.run_id, *sums).where(Series.run_id.in_(part), Series.split != SYSTEM_SPLIT)
        found.extend(query.group_by(Series.run_id).tuples())
    return [(str(run_id), int(logged), values, step) for run_id, logged, values, step in found]


def _losses_up(run_ids: list[str]) -> Iterable[Any]:
    """Return the rows of losses that may have diverged, by their sums alone: as a rule a loss is near its lowest."""
    fell_by = Series.first_value - Series.low_value
    is_up = Series.last_value - Series.low_value > 0.1 * fell_by
    is_loss = (Series.kind == "loss") & (Series.count >= MIN_MEANS)
    return [row for part in _parts(run_ids) for row in Series.select().where(Series.run_id.in_(part), is_loss, is_up)]


def _parts(run_ids: list[str]) -> Iterator[list[str]]:
    """Yield a part of the runs after the other, as SQLite takes 32 766 values in a statement at most."""
    for start in range(0, len(run_ids), RUNS_AT_ONCE):
        yield run_ids[start : start + RUNS_AT_ONCE]


def _has_diverged(row: Any) -> bool:
    [part] = series([str(row.run_id)], [row.name], [row.split], [row.rank], budget=MEANS, columns=["mean"])
    means = [mean for mean in part.columns.mean if mean is not None]
    return has_diverged(means, is_own=(row.split, row.name) == ("train", "loss"))


def _divergence(now: float, row: Any) -> Happening:
    text = (
        f"{row.split}/{row.name} has diverged: {row.last_value:.4g} at step {row.last_step}, "
        f"after {row.low_value:.4g} at step {row.low_step}"
    )
    return Happening(str(row.run_id), ALERT, _moment(now), text, row.last_step, "error", DIVERGED)


def _store_once(happening: Happening, same: Any, still: Any = True) -> list[Happening]:
    """Store what is not known yet of a run that runs: where no event of its kind is the `same`. Return it if so."""

    def attempt() -> list[Happening]:
        run = TrainingRun.select().where(_is_running(), TrainingRun.run_id == happening.run_id, still)
        if (run if is_sqlite() else run.for_update()).first() is None:
            return []
        if Event.select().where(Event.run_id == happening.run_id, Event.kind == happening.kind, same).exists():
            return []
        if happening.cause is not None and is_silenced(happening.run_id, happening.cause):
            return []
        store(happening)
        return [happening]

    return in_transaction(attempt)


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minute{'s' * (minutes != 1)}" if minutes < 120 else f"{round(minutes / 60)} hours"
