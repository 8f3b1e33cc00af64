"""Telling plugins what happens to runs, after it is committed and from a thread of its own: nothing waits for them."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Full, Queue
from typing import Any
from urllib.parse import quote

import pluggy

from prevue_core.contract import RUN_STATES
from prevue_core.db.connection import FAILURES, db
from prevue_core.db.happenings import Happening, run_of
from prevue_core.db.stored import to_unix

MAX_WAITING = 1_000
STOP_S = 2.0  # that what waits may take when the process ends

log = logging.getLogger("prevue.backend")

Announce = Callable[[Iterable[Happening]], None]


@contextmanager
def announcing(plugins: pluggy.PluginManager, dashboard_url: str | None) -> Iterator[Announce]:
    """Open with what hands happenings over to the hook `prevue_run_event` of all `plugins`. It never waits.

    `dashboard_url`: where links to runs lead, if anywhere. Of more than 1 000 that wait the later ones are dropped.
    """
    waiting: Queue[Happening | None] = Queue(MAX_WAITING)
    thread = threading.Thread(
        target=_call, args=(waiting, plugins, dashboard_url), name="prevue-announcing", daemon=True
    )
    thread.start()

    def announce(happenings: Iterable[Happening]) -> None:
        for one in happenings:
            try:
                waiting.put_nowait(one)
            except Full:
                log.warning("plugins are too slow to be told that run %s is %s", one.run_id, one.kind)

    try:
        yield announce
    finally:
        with suppress(Full):
            waiting.put(None, timeout=STOP_S)
        thread.join(STOP_S)


def _call(waiting: "Queue[Happening | None]", plugins: pluggy.PluginManager, dashboard_url: str | None) -> None:
    while (happening := waiting.get()) is not None:
        try:
            with db.connection_context():
                event = event_of(happening, dashboard_url)
        except FAILURES as error:
            log.warning("run %s could not be told of: %s", happening.run_id, str(error).split("\n")[0])
            continue
        except Exception:
            log.exception("run %s could not be told of", happening.run_id)
            continue
        for hook in plugins.hook.prevue_run_event.get_hookimpls() if event else ():
            try:
                hook.function(**{name: event for name in hook.argnames})
            except Exception:
                log.exception("plugin %s failed at an event", hook.plugin_name)


def event_of(happening: Happening, dashboard_url: str | None) -> dict[str, Any] | None:
    """Return what the hook is given; None where the run was deleted."""
    run = run_of(happening)
    if run is None:
        return None
    owner, project = run.pop("owner"), run.pop("project_name")
    run["project"] = f"{owner}/{project}"
    if happening.kind in RUN_STATES:
        run["state"] = happening.kind
    path = "/".join(quote(part, safe="") for part in (owner, project, "runs", run["run_id"]))
    run["url"] = f"{dashboard_url.rstrip('/')}/p/{path}" if dashboard_url else None
    told = f"{happening.kind}: {happening.text}" if happening.text else happening.kind
    return {
        "kind": happening.kind,
        "time": to_unix(happening.time),
        "run": run,
        **{name: getattr(happening, name) for name in ("step", "level", "cause")},
        "message": happening.text,
        "text": f"{run['project']} {run['run_name']} {told}",
    }
