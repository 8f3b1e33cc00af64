"""What the callbacks of all frameworks share, for connectors of ours and of others.

A callback checks its arguments when it is made, and raises; from then on it raises nothing.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec

from prevue.config import ClientSettings, client_settings
from prevue.current import init
from prevue.ending import ending_of
from prevue.notices import notices
from prevue.run import RESUME_TIMEOUT_S, Run
from prevue.run_config import checked_config
from prevue.sender import EXIT_S
from prevue_core.contract import check_label
from prevue_core.errors import InvalidValue, shown

P = ParamSpec("P")

# The arguments of `init` that are settings; and what callbacks call two of its arguments.
WHERE = ("url", "project", "uid", "run_id", "resume", "token", "mode", "system_metrics")
CONSTRUCTORS = {"project": "project_name", "name": "run_name"}


def harmless(function: Callable[P, None]) -> Callable[P, None]:
    """Make a function warn instead of raising, so that no failure of ours ends a training."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - calling hooks: whatever it is
            text = f"{function.__qualname__} failed: {type(error).__name__}: {error}"
            notices.warn(
                ("callback", function.__qualname__), f"{text}. Training goes on, but is not logged as it should"
            )

    return guarded


class RateMarks:
    """Marks on a run's curves where a learning rate leaves a level: it was the same twice or more, and is not now.

    A rate that changes each time is a curve, which tells that itself.
    """

    def __init__(self) -> None:
        """Begin without any rate."""
        self._levels: dict[str, tuple[float, int]] = {}  # by name: the rate, and how often it was so

    def look(self, run: Run, rates: Mapping[str, float], step: int | None) -> None:
        """Take rates as they are at a step."""
        for name, rate in rates.items():
            before, times = self._levels.get(name, (rate, 0))
            self._levels[name] = rate, times + 1 if rate == before else 1
            if rate != before and times > 1:
                run.add_event("lr_change", f"{name}: {before:g} to {rate:g}", step=step)


_late: Run | None = None  # the latest whose delivery was waited for in vain


def end_run(run: Run, error: BaseException | None = None) -> None:
    """End a run as its `with` does, as failed with an `error`, and wait until the server has it.

    Of many fits one after another only one waits for a server that does not answer: not before that server has what
    that one left does the next one wait for it again.
    """
    global _late
    is_down = _late is not None and _late.url == run.url and not _late._close(0)
    is_delivered = run._end(ending_of(error), 0 if is_down else EXIT_S)
    _late = None if is_delivered or run._settings.mode != "online" else run


@contextmanager
def ended(run: Run) -> Iterator[Run]:
    """End a run so behind the block, as failed with what the block raises."""
    try:
        yield run
    except BaseException as error:
        end_run(run, error)
        raise
    end_run(run)


def check_arguments(
    name: str | None = None,
    group: str | None = None,
    config: Mapping[str, Any] | None = None,
    tags: list[str] | None = None,
) -> None:
    """Raise now what `prevue.init` would raise when training begins: InvalidValue."""
    for what, label in (("run_name", name), ("group", group)):
        if label is not None:
            check_label(what, label)
    if isinstance(tags, str):
        raise InvalidValue(f"tags {tags!r} is one text; use a list of text")
    for tag in tags or []:
        check_label("tag", tag)
    checked_config(config)


def check_given(run: Any, others: Mapping[str, Any]) -> None:
    """Raise InvalidValue unless `run` is one, and all `others`, which would open a run, are None."""
    if not isinstance(run, Run):
        raise InvalidValue(f"run {shown(run)} is not a run; give what prevue.init() returned")
    if extra := [name for name, value in others.items() if value is not None]:  # not their values: one is the token
        raise InvalidValue(f"{', '.join(extra)} cannot be given with run {run.run_id}; give them to prevue.init()")


class Opening:
    """A callback's run: what opens it is checked when the callback is made, and opened when training begins.

    What comes after the run's end goes on with it. `run` is the one that is open now, or None.
    """

    def __init__(self, connector_name: str, run: Run | None = None, **arguments: Any) -> None:
        """`arguments`: those of `prevue.init`. `run`: one that is open already, instead of them; it stays open.

        Raises InvalidValue for a value that cannot be used.
        """
        if run is not None:
            check_given(run, arguments)
        self._arguments = arguments
        self.settings()
        check_arguments(**{name: arguments.get(name) for name in ("name", "group", "config", "tags")})
        self._connector_name = check_label("connector_name", connector_name)
        self._given = run
        self._run_id: str | None = None  # of the run that this process opened
        self.run: Run | None = None

    def settings(self) -> ClientSettings:
        """Return where a run would be opened now: launchers may set RANK after the callback was made."""
        return client_settings(**{name: value for name, value in self._arguments.items() if name in WHERE})

    def open(self, config: Mapping[str, Any] | None = None, **instead: Any) -> Run:
        """Return the open run, opened if need be.

        `config`: what the framework tells; names that the user gave count. `instead`: of arguments given before.
        """
        if self.run is None and self._given is not None:
            self.run = self._given
            self.run.config.update({key: value for key, value in (config or {}).items() if key not in self.run.config})
        elif self.run is None:
            self.run = self._opened({**(config or {}), **(self._arguments.get("config") or {})}, instead)
        self._run_id = self.run.run_id
        return self.run

    def _opened(self, config: Mapping[str, Any], instead: Mapping[str, Any]) -> Run:
        again = {} if self._run_id is None else {"run_id": self._run_id, "resume": None}
        arguments = {name: value for name, value in self._arguments.items() if value is not None}
        return init(connector_name=self._connector_name, **{**arguments, "config": config, **instead, **again})

    def close(self, error: BaseException | None = None) -> None:
        """End the run, as failed with an `error`, unless it was given."""
        run, self.run = self.run, None
        if run is not None and run is not self._given:
            end_run(run, error)

    def last_step(self) -> int:
        """Return the highest step that the run has from a process before this one, or -1."""
        settings = self.settings()
        if settings.run_id is None:
            return -1
        from prevue.resume import last_step  # only here, as it imports requests

        return last_step(settings, settings.run_id, RESUME_TIMEOUT_S)

    def for_copy(self) -> dict[str, Any]:
        """Return the arguments of a copy's constructor: what was configured; no token, and no run but a given one."""
        arguments = {CONSTRUCTORS.get(name, name): value for name, value in self._arguments.items()}
        return {"connector_name": self._connector_name, **arguments, "token": None, "run": self._given}


def batches_between(update_freq: object) -> int:
    """Return after how many batches one is logged; 0: never. Raises InvalidValue."""
    if update_freq in ("epoch", "batch"):
        return ("epoch", "batch").index(str(update_freq))
    if isinstance(update_freq, int) and not isinstance(update_freq, bool) and update_freq > 0:
        return update_freq
    raise InvalidValue(f"update_freq {update_freq!r:.60} is not known; use 'epoch', 'batch' or a number of batches")
