"""`prevue.show`: the curves of a run in a notebook, live in a frame of the dashboard, or as a picture of now."""

import time
from contextlib import AbstractContextManager, nullcontext
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from prevue import current
from prevue.api import Api, StoredRun
from prevue.config import normal_url
from prevue.snapshot import picture
from prevue_core.errors import InvalidValue, NotFound

if TYPE_CHECKING:
    from prevue.run import Run

ARRIVAL_S = 10.0  # that the first record of a run may take
LOOK_S = 0.1
SHORT_ID = 12  # characters of a run's id that stand in the address of its curves


class View:
    """What a notebook displays. `url`: of the run's page in the dashboard; None: the server does not know it."""

    def __init__(self, run: StoredRun, url: str | None, html: str) -> None:
        self.url = url
        self._name = f"{run.user}/{run.project_name}: {run.run_name} ({run.state})"
        self._html = html

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return f"{self._name}  {self.url}" if self.url else self._name


def show(
    run: "Run | StoredRun | str | None" = None,
    *,
    live: bool | None = None,
    height: int = 560,
    dashboard: str | None = None,
    url: str | None = None,
) -> View:
    """Return the curves of a run for a notebook, where the last line of a cell displays them.

    `run`: one of `prevue.init`, one of `prevue.Api`, or a run's id; None: the one that `prevue.init` opened last.
    `live`: a frame of the dashboard, which follows the run, or (False) a picture of now, which stays in the notebook's
    file. None: live where the server knows its dashboard and asks for no login, else a picture: browsers keep logins
    from frames of other sites. `height`: of the frame, in CSS pixels. `dashboard`: its address as the browser reaches
    it; None: what the server says. `url`: of the server, for a run's id.
    Raises InvalidValue where there is nothing to show, and ApiError where the server cannot be asked.
    """
    run = run or current._latest
    if run is None:
        raise InvalidValue("there is no run to show; give one, or call prevue.init() first")
    with _api_of(run, url) as api:
        stored = _stored(api, run)
        identity = api.identity()
        address = dashboard or identity["dashboard_url"]
        address = normal_url(address) if address else None
        if live is None:
            live = bool(address) and identity["mode"] == "open"
        if live and address is None:
            raise InvalidValue("the server does not know its dashboard; give dashboard='http://localhost:5006'")
        path = f"/p/{quote(stored.user, safe='')}/{quote(stored.project_name, safe='')}"
        page = f"{address}{path}/runs/{stored.run_id}" if address else None
        shown = _frame(f"{address}/embed{path}?only={stored.run_id[-SHORT_ID:]}", height) if live else picture(stored)
    link = f'<p style="margin:4px 0"><a href="{escape(page)}" target="_blank">Open in Prevue</a></p>' if page else ""
    return View(stored, page, shown + link)


def _frame(address: str, height: int) -> str:
    style = "border:1px solid #8b96a555;border-radius:8px"
    return f'<iframe src="{escape(address)}" width="100%" height="{int(height)}" style="{style}"></iframe>'


def _api_of(run: "Run | StoredRun | str", url: str | None) -> AbstractContextManager[Api]:
    """Return the server of a run, asked with what the run itself is logged with."""
    if isinstance(run, StoredRun):
        return nullcontext(run._api)
    return Api(url) if isinstance(run, str) else Api(run.url, run._settings.token)


def _send(run: "Run") -> None:
    """Let a run's first record go out, which else waits until something is logged."""
    mode = run._settings.mode
    if mode != "online":
        raise InvalidValue(f"the run is {mode}, so the server does not know it; show it after `prevue sync`")
    if run._spool is not None:
        (run._sender or run._send_from(run._spool)).notify()


def _stored(api: Api, run: "Run | StoredRun | str") -> StoredRun:
    """Return the run as the server has it now, once its first record is there."""
    run_id = run if isinstance(run, str) else run.run_id
    if not isinstance(run, str | StoredRun):
        _send(run)
    deadline = time.monotonic() + ARRIVAL_S
    while True:
        try:
            return api.run(run_id)
        except NotFound:
            if isinstance(run, str) or time.monotonic() > deadline:
                raise
            time.sleep(LOOK_S)
