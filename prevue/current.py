"""The run that a script works on: `init` opens it, `log`, `finish` and the others are for the one opened last."""

import functools
import inspect
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from prevue.config import ClientSettings, client_settings
from prevue.describing import PLAIN_CONNECTOR
from prevue.notices import notices
from prevue.run import RESUME_TIMEOUT_S, Run
from prevue.start import start_record
from prevue_core.contract import FINISHED

if TYPE_CHECKING:
    from prevue.resume import Known

P = ParamSpec("P")

_latest: Run | None = None


def init(
    project: str | None = None,
    name: str | None = None,
    *,
    uid: str | None = None,
    url: str | None = None,
    token: str | None = None,
    config: Mapping[str, Any] | None = None,
    tags: list[str] | None = None,
    notes: str | None = None,
    group: str | None = None,
    run_id: str | None = None,
    resume: str | None = None,
    rank: int | None = None,
    connector_name: str = PLAIN_CONNECTOR,
    mode: str | None = None,
    system_metrics: bool | None = None,
) -> Run:
    """Return a new run, open for `log`. What is not given comes from the environment (`PREVUE_URL` and the others).

    `run_id`: a UUID; further processes that give the same one log into the same run, and a run that ended goes on.
    `resume`: whether the run of `run_id` may exist: `allow` (as None), `never` (it must be new) or `must`.
    `rank`: the number of this process in a distributed training; None: from `RANK`, else 0.
    `mode`: `online`; `offline` (kept on disk for `prevue sync`); `disabled` (nothing is kept).
    `system_metrics`: whether to sample CPU, memory, disk, network and NVIDIA GPUs each 10 seconds, as metrics of the
    split `system`; None: as PREVUE_SYSTEM_METRICS says, else yes.
    Raises InvalidValue, a ValueError, for a value that cannot be used. A server that is away raises nothing.
    """
    began = time.perf_counter_ns()
    settings = client_settings(
        url=url,
        project=project,
        uid=uid,
        run_id=run_id,
        mode=mode,
        token=token,
        rank=rank,
        resume=resume,
        system_metrics=system_metrics,
    )
    run = Run(settings, start_record(settings, connector_name, name, config, tags, notes, group))
    if settings.mode != "disabled":
        if settings.run_id is not None:  # others open in log(), which never waits for the network
            run._go_on(_known(settings, run.run_id))
        run._open(is_main=True)
    global _latest
    _latest = run
    run._began, run._inside = began, time.perf_counter_ns() - began
    return run


def log(
    values: Mapping[str, Any],
    step: int | None = None,
    *,
    epoch: int | None = None,
    batch: int | None = None,
    split: str | None = None,
) -> None:
    """Log into the run that `init` opened last; without one, warn once and do nothing."""
    if (run := _current()) is not None:
        run.log(values, step, epoch=epoch, batch=batch, split=split)


def finish(state: str = FINISHED) -> None:
    """Finish the run that `init` opened last."""
    if (run := _current()) is not None:
        run.finish(state)


def _of_latest(method: Callable[Concatenate[Run, P], None]) -> Callable[P, None]:
    """Return a method of `Run` as a function for the run that `init` opened last."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        if (run := _current()) is not None:
            method(run, *args, **kwargs)

    signature = inspect.signature(method)
    parameters = [parameter for name, parameter in signature.parameters.items() if name != "self"]
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return call


log_histogram = _of_latest(Run.log_histogram)
log_table = _of_latest(Run.log_table)
log_text = _of_latest(Run.log_text)
log_image = _of_latest(Run.log_image)
log_result = _of_latest(Run.log_result)
add_event = _of_latest(Run.add_event)
alert = _of_latest(Run.alert)


def _current() -> Run | None:
    if _latest is None:
        notices.warn("no run", "there is no run to log to; call prevue.init() first")
    return _latest


def _known(settings: ClientSettings, run_id: str) -> "Known":
    """Return where a run stands that may exist. Raises InvalidValue where it may not, or must."""
    from prevue.resume import known_and_allowed  # only where a run_id was given, as it imports requests

    return known_and_allowed(settings, run_id, RESUME_TIMEOUT_S)
