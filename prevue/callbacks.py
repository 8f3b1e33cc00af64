"""What the callbacks of all frameworks share, for connectors of ours and of others.

A callback checks its arguments when it is made, and raises; from then on it raises nothing.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

from prevue.notices import notices
from prevue.run import Run
from prevue.spool import encode
from prevue_core.contract import check_label
from prevue_core.errors import InvalidValue, shown

P = ParamSpec("P")


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
    if config is not None and not isinstance(config, Mapping):
        raise InvalidValue(f"config {shown(config)} is not a dict; use names and values")
    encode({"type": "config", "config": dict(config or {})})


def check_given(run: Any, others: Mapping[str, Any]) -> None:
    """Raise InvalidValue unless `run` is one, and all `others`, which would open a run, are None."""
    if not isinstance(run, Run):
        raise InvalidValue(f"run {shown(run)} is not a run; give what prevue.init() returned")
    if extra := [name for name, value in others.items() if value is not None]:  # not their values: one is the token
        raise InvalidValue(f"{', '.join(extra)} cannot be given with run {run.run_id}; give them to prevue.init()")
