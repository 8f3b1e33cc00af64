"""How a run ends: what an exception, or the program's exit, says of it.

Python tells its exit handlers of an exception that nobody caught, but not of `sys.exit(3)`. So `sys.exit`, `exit` and
`quit` raise a SystemExit of ours, which knows where it dies: while Python code runs somebody has caught it, else it
ended the program. `raise SystemExit(3)` outside a `with` remains unseen, and so does `os._exit(3)`: the interpreter has
thrown the exception away before it calls anybody, and with a class of ours in the place of SystemExit, `except
SystemExit` would not catch those of others.
"""

import builtins
import os
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, cast

from prevue.environment import environment_now
from prevue.masking import masked, utf8
from prevue_core.contract import FAILED, FINISHED

MESSAGE_CHARS = 10_000  # kept of why a run failed
INTERRUPTED = 130  # what shells call the exit of a program that Ctrl-C ended

_LIBRARY = os.path.dirname(os.__file__)


@dataclass(frozen=True)
class Ending:
    """State and message of a run that ended, and what is added to its environment."""

    state: str = FINISHED
    message: str = ""
    environment: dict[str, Any] = field(default_factory=dict)


def ending_of(error: BaseException | None) -> Ending:
    """Return the ending that an exception brings: one that leaves a `with` block, say. `sys.exit(0)` is a success."""
    if error is None:
        return Ending(environment=environment_now())
    if isinstance(error, SystemExit):
        return _exited(error.code)
    what = {"type": _type_name(error), "message": _text(error), "where": _where(error.__traceback__)}
    told = {"exception": {name: value for name, value in what.items() if value}}
    return Ending(FAILED, told_of(error), {**environment_now(), **told})


def ending_of_program() -> Ending:
    """Return the ending that the program's exit brings. For exit handlers."""
    if hasattr(sys, "ps1"):  # an interactive one, where an exception ends nothing
        return ending_of(None)
    # The interpreter sets this before exit handlers run. In a worker of multiprocessing the exception is on its way
    # still; from Python 3.13 on it is not to be had any more.
    error = getattr(sys, "last_value", None) or sys.exc_info()[1]
    if error is None:
        return ending_of(None) if _Exit.ended_with is None else _exited(*_Exit.ended_with)
    ending = ending_of(error)
    code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return Ending(ending.state, ending.message, {"exit_code": code, **ending.environment})


def told_of(error: BaseException) -> str:
    """Return an exception's type and message, without secrets and as UTF-8 can hold them."""
    text = _text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def storable(text: str) -> str:
    """Return a message as it is kept: not all of a long one, and without secrets."""
    return utf8(masked(text[:MESSAGE_CHARS]))


def watch(tell_of_thread: Callable[[str], None]) -> None:
    """See from now on with what `sys.exit` is called, and `tell_of_thread` what ended a thread. What others have put
    there is called as before."""
    global _is_watching
    if _is_watching:
        return
    _is_watching = True
    sys.exit = cast(Any, partial(_exit, sys.exit))
    _watch_quitter(type(getattr(builtins, "exit", None)))
    threading.excepthook = partial(_thread_failed, cast(Any, threading.excepthook), tell_of_thread)


_is_watching = False


class _Exit(SystemExit):
    """A SystemExit that notes whether it ended the program."""

    ended_with: tuple[Any] | None = None
    latest: "weakref.ref[_Exit] | None" = None

    def __reduce__(self) -> tuple[Any, ...]:
        return SystemExit, self.args  # in another process it is a plain one


_Exit.__module__, _Exit.__name__, _Exit.__qualname__ = "builtins", "SystemExit", "SystemExit"  # what tracebacks show


def _exit(usual: Callable[[Any], None], status: Any = None, /) -> None:
    try:
        usual(status)
    except SystemExit as error:
        if type(error) is not SystemExit or threading.current_thread() is not threading.main_thread():
            raise
    raise _noted(status)  # no name for it here: its traceback has this frame, which would keep it alive


def _watch_quitter(kind: Any) -> None:
    """See with what `exit` and `quit` are called, unless they are somebody else's, as IPython's."""
    if kind.__module__ != "_sitebuiltins":
        return
    usual = kind.__call__

    def call(self: Any, code: Any = None) -> None:
        _exit(partial(usual, self), code)

    kind.__call__ = call


def _noted(status: Any) -> SystemExit:
    error = _Exit() if status is None else _Exit(status)
    _Exit.latest = weakref.ref(error, partial(_died, status))
    return error


def _died(status: Any, _: object) -> None:
    try:
        sys._getframe(1)
    except ValueError:  # no Python code runs: the interpreter took it
        _Exit.ended_with = (status,)


def _exited(status: Any) -> Ending:
    code = status & 0xFF if isinstance(status, int) else int(status is not None)  # a text is printed, and is a failure
    environment = {"exit_code": code, **environment_now()}
    return (
        Ending(FAILED, f"SystemExit: {storable(str(status))}", environment)
        if code
        else Ending(FINISHED, "", environment)
    )


def _thread_failed(usual: Callable[[Any], None], tell: Callable[[str], None], told: Any) -> None:
    usual(told)
    if told.exc_type is not SystemExit and told.exc_value is not None:
        where = _where(told.exc_traceback)
        name = told.thread.name if told.thread else "unknown"
        tell(storable(f"thread {name!r} ended with {told_of(told.exc_value)}{f' ({where})' if where else ''}"))


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return utf8(f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.").removeprefix("__main__."))


def _text(error: BaseException) -> str:
    try:
        return storable(str(error))
    except Exception:  # noqa: BLE001 - foreign code: an exception's own text
        return ""


def _where(trace: TracebackType | None) -> str | None:
    """Return file and line of the innermost call in code that is not a library's, or else of the innermost."""
    where = inner = None
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        inner = f"{path}:{trace.tb_lineno}"
        if not (path.startswith(("<", _LIBRARY)) or "site-packages" in path or "dist-packages" in path):
            where = inner
        trace = trace.tb_next
    return utf8(where or inner or "") or None
